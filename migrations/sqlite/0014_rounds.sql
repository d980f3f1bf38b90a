-- A customer is told from the beginning again where what was told was withdrawn and the customer is affected after all: which round it is.
ALTER TABLE obligation ADD COLUMN round INTEGER NOT NULL DEFAULT 1;

-- For which obligation a letter was written, so that a letter of an earlier round tells nobody in a later one.
ALTER TABLE delivery ADD COLUMN obligation TEXT;
