-- The register of changes, told to customers where they are substantial for security.
CREATE TABLE change (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    course TEXT COLLATE "C" NOT NULL,
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
ALTER TABLE notice DROP CONSTRAINT notice_incident_fkey;
ALTER TABLE notice RENAME COLUMN incident TO matter;
ALTER INDEX notice_by_incident RENAME TO notice_by_matter;

ALTER TABLE delivery DROP CONSTRAINT delivery_incident_fkey;
ALTER TABLE delivery RENAME COLUMN incident TO matter;
ALTER INDEX delivery_by_incident RENAME TO delivery_by_matter;

ALTER TABLE receipt RENAME COLUMN incident TO matter;
ALTER INDEX receipt_incident RENAME TO receipt_by_matter;

ALTER TABLE timeline_entry DROP CONSTRAINT timeline_entry_incident_fkey;
ALTER TABLE timeline_entry RENAME COLUMN incident TO matter;
ALTER INDEX timeline_entry_by_incident RENAME TO timeline_entry_by_matter;
