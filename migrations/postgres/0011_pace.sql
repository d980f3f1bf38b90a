-- How fast messages go to a domain: the instant at which its bucket is full again. What has none was not written to.
CREATE TABLE destination_pace (
    destination TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    full_at BIGINT NOT NULL
);
