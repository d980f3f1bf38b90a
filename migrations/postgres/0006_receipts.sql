-- What recipients did with a letter on the portal.
CREATE TABLE receipt (
    letter TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    incident TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    unanswered BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX receipt_incident ON receipt (incident, opened_at);
