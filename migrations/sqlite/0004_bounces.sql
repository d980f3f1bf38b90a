-- What mail servers reported about messages: each report as it came, at most so many bytes of it, with the message that it is about.
CREATE TABLE bounce_report (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL REFERENCES delivery (id),
    digest TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    effect TEXT NOT NULL,
    body TEXT NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (delivery, digest)
);
-- How often what came instead changed nothing: unknown, forged, repeated. One row a kind, so that nobody can fill the database.
CREATE TABLE bounce_tally (
    kind TEXT PRIMARY KEY NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    last_detail TEXT NOT NULL
);
-- The domain of the recipient, so that no domain gets more messages at a time than it can take.
ALTER TABLE delivery ADD COLUMN destination TEXT NOT NULL DEFAULT '';
UPDATE delivery SET destination = lower(substr(recipient, instr(recipient, '@') + 1)) WHERE instr(recipient, '@') > 0;
CREATE TRIGGER bounce_report_update BEFORE UPDATE ON bounce_report BEGIN
    SELECT RAISE(ABORT, 'a bounce report is never changed or removed');
END;
CREATE TRIGGER bounce_report_delete BEFORE DELETE ON bounce_report BEGIN
    SELECT RAISE(ABORT, 'a bounce report is never changed or removed');
END;
