-- Personal data stands outside of the audit log, which has salted digests of it, and can be erased. What was append-only until now can be
-- changed in one way: `erased` counts how often somebody was taken out of a row. Nothing else of it may change.
ALTER TABLE timeline_entry ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery_message ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE transcript ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bounce_report ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;

DROP TRIGGER timeline_entry_update;
CREATE TRIGGER timeline_entry_update BEFORE UPDATE ON timeline_entry
WHEN NEW.erased <> OLD.erased + 1 OR NEW.id <> OLD.id OR NEW.matter <> OLD.matter OR NEW.recorded_at <> OLD.recorded_at
    OR NEW.position <> OLD.position BEGIN
    SELECT RAISE(ABORT, 'a timeline entry is never changed or removed; write another one');
END;
DROP TRIGGER delivery_message_update;
CREATE TRIGGER delivery_message_update BEFORE UPDATE ON delivery_message
WHEN NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR length(NEW.message) > 0 BEGIN
    SELECT RAISE(ABORT, 'a message in the outbox is never changed or removed');
END;
DROP TRIGGER transcript_update;
CREATE TRIGGER transcript_update BEFORE UPDATE ON transcript
WHEN NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR NEW.at <> OLD.at OR NEW.position <> OLD.position BEGIN
    SELECT RAISE(ABORT, 'a transcript is never changed or removed');
END;
DROP TRIGGER bounce_report_update;
CREATE TRIGGER bounce_report_update BEFORE UPDATE ON bounce_report
WHEN NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR NEW.digest <> OLD.digest
    OR NEW.received_at <> OLD.received_at OR NEW.effect <> OLD.effect OR length(NEW.raw) > 0 BEGIN
    SELECT RAISE(ABORT, 'a bounce report is never changed or removed');
END;
