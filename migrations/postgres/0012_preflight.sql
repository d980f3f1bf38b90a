-- What is done regularly, at an instant that survives restarts, with what must be remembered from one time to the next.
CREATE TABLE routine (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
-- Pre-flights as they came out, the newest so many.
CREATE TABLE preflight (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    began_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX preflight_by_beginning ON preflight (began_at, id);
-- Contacts that were asked whether they are still the right ones. The id follows from customer, address and year.
CREATE TABLE asking (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    customer TEXT COLLATE "C" NOT NULL REFERENCES customer (id),
    email TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    asked_at BIGINT NOT NULL,
    next_due_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX asking_by_contact ON asking (customer, email, asked_at);
CREATE INDEX asking_by_due ON asking (next_due_at, id) WHERE next_due_at IS NOT NULL;
-- A message can be about the house itself, or about a contact, and belong to no incident and no change.
ALTER TABLE delivery ALTER COLUMN matter DROP NOT NULL;
