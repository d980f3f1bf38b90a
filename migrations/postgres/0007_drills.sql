-- Drills are told from what really happens where figures are counted.
ALTER TABLE incident ADD COLUMN drill BIGINT NOT NULL DEFAULT 0;
CREATE INDEX incident_drill ON incident (number) WHERE drill = 1;
