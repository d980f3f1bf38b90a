-- The foundation. Instants are microseconds since 1970-01-01T00:00:00Z, truths are 0 or 1, ids are prefixed text. An aggregate is
-- kept whole as JSON in `body`; the other columns repeat what queries filter and sort by. The same tables and columns exist in
-- both databases; a test compares them.

-- The record that cannot be quietly changed. The head's row is the lock that puts appends in one order.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE INDEX audit_by_action ON audit (action, seq);
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Gap-free numbers: the row is locked until the transaction ends, and a rollback takes the number back.
CREATE TABLE counter (
    name TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('incident', 0);

CREATE TABLE incident (
    id TEXT PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    search TEXT NOT NULL,
    severity TEXT NOT NULL,
    phase TEXT NOT NULL,
    is_open BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    last_alert_at BIGINT NOT NULL,
    next_due_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX incident_by_opening ON incident (opened_at, id);
CREATE INDEX incident_by_due ON incident (next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX incident_open ON incident (last_alert_at) WHERE is_open = 1;

CREATE TABLE timeline_entry (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    incident TEXT NOT NULL REFERENCES incident (id),
    recorded_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX timeline_entry_by_incident ON timeline_entry (incident, recorded_at, position);

CREATE TABLE alert (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    dedupe_key TEXT NOT NULL,
    detector TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    incident TEXT REFERENCES incident (id),
    last_at BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX alert_by_time ON alert (last_at, id);
CREATE INDEX alert_by_key ON alert (dedupe_key, opened_at) WHERE state <> 'resolved';
CREATE INDEX alert_by_incident ON alert (incident);
CREATE INDEX alert_by_detector ON alert (detector, last_at);

CREATE TABLE customer (
    id TEXT PRIMARY KEY NOT NULL,
    key TEXT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    sort_name TEXT NOT NULL,
    search TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX customer_by_name ON customer (sort_name, id);
CREATE TABLE customer_tenant (
    tenant TEXT PRIMARY KEY NOT NULL,
    customer TEXT NOT NULL REFERENCES customer (id)
);
CREATE INDEX customer_tenant_by_customer ON customer_tenant (customer);

CREATE TABLE obligation (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    incident TEXT NOT NULL REFERENCES incident (id),
    customer TEXT NOT NULL REFERENCES customer (id),
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    next_step_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX obligation_by_due ON obligation (due_at, id);
CREATE INDEX obligation_by_step ON obligation (next_step_at) WHERE next_step_at IS NOT NULL;
CREATE INDEX obligation_by_incident ON obligation (incident, customer);
CREATE INDEX obligation_by_customer ON obligation (customer, due_at);

CREATE TABLE notice (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    incident TEXT NOT NULL REFERENCES incident (id),
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX notice_by_incident ON notice (incident, created_at);
CREATE INDEX notice_submitted ON notice (created_at) WHERE state = 'submitted';
CREATE TABLE letter (
    id TEXT PRIMARY KEY NOT NULL,
    notice TEXT NOT NULL REFERENCES notice (id),
    customer TEXT NOT NULL REFERENCES customer (id),
    check_code TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);
CREATE INDEX letter_by_notice ON letter (notice, customer);

-- The outbox. `next_at` is when a queued delivery may be tried, or when the lease of a claimed one runs out.
CREATE TABLE delivery (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    incident TEXT NOT NULL REFERENCES incident (id),
    notice TEXT,
    customer TEXT,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    next_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX delivery_by_next ON delivery (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_by_incident ON delivery (incident, created_at);
CREATE INDEX delivery_by_notice ON delivery (notice, customer) WHERE notice IS NOT NULL;
CREATE INDEX delivery_by_customer ON delivery (customer, created_at) WHERE customer IS NOT NULL;
CREATE TABLE delivery_message (
    delivery TEXT PRIMARY KEY NOT NULL REFERENCES delivery (id),
    message BLOB NOT NULL
);
CREATE TABLE transcript (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL REFERENCES delivery (id),
    at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    lines TEXT NOT NULL
);
CREATE INDEX transcript_by_delivery ON transcript (delivery, position);

CREATE TABLE user_account (
    id TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL UNIQUE,
    sort_name TEXT NOT NULL,
    password_hash TEXT,
    body TEXT NOT NULL
);
CREATE TABLE session (
    id TEXT PRIMARY KEY NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES user_account (id),
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_by_expiry ON session (expires_at);
CREATE TABLE api_token (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE TABLE sign_in_failure (
    key TEXT PRIMARY KEY NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

-- The checkpoint: source cursors and the detectors' state are committed with the alerts that follow from them.
CREATE TABLE source_cursor (
    source TEXT PRIMARY KEY NOT NULL,
    cursor TEXT NOT NULL
);
CREATE TABLE source_status (
    source TEXT PRIMARY KEY NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE detector_state (
    id TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL,
    state BLOB NOT NULL
);
CREATE TABLE unparsed_line (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    line BLOB NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX unparsed_line_by_source ON unparsed_line (source, position);

-- The demo's mailbox: every mail that came, twice when it came twice.
CREATE TABLE mail (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    received_at BIGINT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX mail_by_time ON mail (received_at, position);

CREATE TABLE setting (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- What is written once stays as it is.
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'an audit record is never changed or removed');
END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'an audit record is never changed or removed');
END;
CREATE TRIGGER timeline_entry_update BEFORE UPDATE ON timeline_entry BEGIN
    SELECT RAISE(ABORT, 'a timeline entry is never changed or removed; write another one');
END;
CREATE TRIGGER timeline_entry_delete BEFORE DELETE ON timeline_entry BEGIN
    SELECT RAISE(ABORT, 'a timeline entry is never changed or removed; write another one');
END;
CREATE TRIGGER delivery_message_update BEFORE UPDATE ON delivery_message BEGIN
    SELECT RAISE(ABORT, 'a message in the outbox is never changed or removed');
END;
CREATE TRIGGER delivery_message_delete BEFORE DELETE ON delivery_message BEGIN
    SELECT RAISE(ABORT, 'a message in the outbox is never changed or removed');
END;
CREATE TRIGGER transcript_update BEFORE UPDATE ON transcript BEGIN
    SELECT RAISE(ABORT, 'a transcript is never changed or removed');
END;
CREATE TRIGGER transcript_delete BEFORE DELETE ON transcript BEGIN
    SELECT RAISE(ABORT, 'a transcript is never changed or removed');
END;
CREATE TRIGGER audit_head_delete BEFORE DELETE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the head of the audit log is never removed');
END;
CREATE TRIGGER audit_head_back BEFORE UPDATE ON audit_head WHEN NEW.seq < OLD.seq BEGIN
    SELECT RAISE(ABORT, 'the head of the audit log never goes back');
END;
