-- What mail servers reported about messages: each report as it came, at most so many bytes of it, with the message that it is about.
CREATE TABLE bounce_report (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery TEXT COLLATE "C" NOT NULL REFERENCES delivery (id),
    digest TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    effect TEXT NOT NULL,
    body TEXT NOT NULL,
    raw BYTEA NOT NULL,
    UNIQUE (delivery, digest)
);
-- How often what came instead changed nothing: unknown, forged, repeated. One row a kind, so that nobody can fill the database.
CREATE TABLE bounce_tally (
    kind TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    last_detail TEXT NOT NULL
);
-- The domain of the recipient, so that no domain gets more messages at a time than it can take.
ALTER TABLE delivery ADD COLUMN destination TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE delivery SET destination = lower(split_part(recipient, '@', 2)) WHERE position('@' IN recipient) > 0;
CREATE TRIGGER bounce_report_change BEFORE UPDATE OR DELETE ON bounce_report
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a bounce report is never changed or removed');
CREATE TRIGGER bounce_report_truncate BEFORE TRUNCATE ON bounce_report
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a bounce report is never changed or removed');
