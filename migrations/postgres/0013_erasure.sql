-- Personal data stands outside of the audit log, which has salted digests of it, and can be erased. What was append-only until now can be
-- changed in one way: `erased` counts how often somebody was taken out of a row. Nothing else of it may change.
ALTER TABLE timeline_entry ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery_message ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE transcript ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bounce_report ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;

DROP TRIGGER timeline_entry_change ON timeline_entry;
CREATE TRIGGER timeline_entry_update BEFORE UPDATE ON timeline_entry
    FOR EACH ROW WHEN (NEW.erased <> OLD.erased + 1 OR NEW.id <> OLD.id OR NEW.matter <> OLD.matter OR NEW.recorded_at <> OLD.recorded_at
        OR NEW.position <> OLD.position)
    EXECUTE FUNCTION refuse_change('a timeline entry is never changed or removed; write another one');
CREATE TRIGGER timeline_entry_delete BEFORE DELETE ON timeline_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a timeline entry is never changed or removed; write another one');
DROP TRIGGER delivery_message_change ON delivery_message;
CREATE TRIGGER delivery_message_update BEFORE UPDATE ON delivery_message
    FOR EACH ROW WHEN (NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR length(NEW.message) > 0)
    EXECUTE FUNCTION refuse_change('a message in the outbox is never changed or removed');
CREATE TRIGGER delivery_message_delete BEFORE DELETE ON delivery_message
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a message in the outbox is never changed or removed');
DROP TRIGGER transcript_change ON transcript;
CREATE TRIGGER transcript_update BEFORE UPDATE ON transcript
    FOR EACH ROW WHEN (NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR NEW.at <> OLD.at OR NEW.position <> OLD.position)
    EXECUTE FUNCTION refuse_change('a transcript is never changed or removed');
CREATE TRIGGER transcript_delete BEFORE DELETE ON transcript
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a transcript is never changed or removed');
DROP TRIGGER bounce_report_change ON bounce_report;
CREATE TRIGGER bounce_report_update BEFORE UPDATE ON bounce_report
    FOR EACH ROW WHEN (NEW.erased <> OLD.erased + 1 OR NEW.delivery <> OLD.delivery OR NEW.digest <> OLD.digest
        OR NEW.received_at <> OLD.received_at OR NEW.effect <> OLD.effect OR length(NEW.raw) > 0)
    EXECUTE FUNCTION refuse_change('a bounce report is never changed or removed');
CREATE TRIGGER bounce_report_delete BEFORE DELETE ON bounce_report
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a bounce report is never changed or removed');
