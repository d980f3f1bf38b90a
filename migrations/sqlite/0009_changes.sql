-- The register of changes, told to customers where they are substantial for security.
CREATE TABLE change (
    id TEXT PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    course TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    next_step_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX change_by_next_step ON change (next_step_at, id) WHERE next_step_at IS NOT NULL;
CREATE INDEX change_by_proposal ON change (proposed_at, id);
INSERT INTO counter (name, value) VALUES ('change', 0);

-- Whoever pays is told of changes.
ALTER TABLE customer ADD COLUMN paying BIGINT NOT NULL DEFAULT 1;

-- Notices, messages, receipts and timelines belong to an incident or to a change: a matter, whose id says by its prefix which it is.
ALTER TABLE notice ADD COLUMN matter TEXT NOT NULL DEFAULT '';
UPDATE notice SET matter = incident;
DROP INDEX notice_by_incident;
ALTER TABLE notice DROP COLUMN incident;
CREATE INDEX notice_by_matter ON notice (matter, created_at);

ALTER TABLE delivery ADD COLUMN matter TEXT NOT NULL DEFAULT '';
UPDATE delivery SET matter = incident;
DROP INDEX delivery_by_incident;
ALTER TABLE delivery DROP COLUMN incident;
CREATE INDEX delivery_by_matter ON delivery (matter, created_at);

ALTER TABLE receipt ADD COLUMN matter TEXT NOT NULL DEFAULT '';
UPDATE receipt SET matter = incident;
DROP INDEX receipt_incident;
ALTER TABLE receipt DROP COLUMN incident;
CREATE INDEX receipt_by_matter ON receipt (matter, opened_at);

-- What an entry says is not changed; only the column that finds it has another name.
DROP TRIGGER timeline_entry_update;
ALTER TABLE timeline_entry ADD COLUMN matter TEXT NOT NULL DEFAULT '';
UPDATE timeline_entry SET matter = incident;
DROP INDEX timeline_entry_by_incident;
ALTER TABLE timeline_entry DROP COLUMN incident;
CREATE INDEX timeline_entry_by_matter ON timeline_entry (matter, recorded_at, position);
CREATE TRIGGER timeline_entry_update BEFORE UPDATE ON timeline_entry BEGIN
    SELECT RAISE(ABORT, 'a timeline entry is never changed or removed; write another one');
END;
