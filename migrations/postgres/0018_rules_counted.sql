-- The files of rules and calendars that something was counted on, by their SHA-256: they outlive what stands in the folder today.
CREATE TABLE rule_file (
    sha256 TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    path TEXT NOT NULL,
    body TEXT NOT NULL
);

-- Since when what is owed for an incident was counted on which file.
CREATE TABLE rule_counted (
    incident TEXT COLLATE "C" NOT NULL REFERENCES incident (id),
    path TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL REFERENCES rule_file (sha256),
    PRIMARY KEY (incident, path, since)
);
