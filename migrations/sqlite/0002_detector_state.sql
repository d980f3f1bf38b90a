-- The detectors' state in pieces: a base, and what each checkpoint changed since. The one row before it held the whole state in the
-- layout of an older engine, which this one cannot read: windows start anew.
DROP TABLE detector_state;
-- Deltas have base 0 and are numbered from 1; pieces of a base have the number of the last delta that is in it, and count from 0.
CREATE TABLE detector_state_piece (
    base BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (base, seq)
);
-- The base in force: its pieces and the deltas after it are the state, everything else is waste. 0: there is none yet.
CREATE TABLE detector_state_base (
    id TEXT PRIMARY KEY NOT NULL,
    base BIGINT NOT NULL
);
INSERT INTO detector_state_base (id, base) VALUES ('engine', 0);
