-- Whether a deadline was missed and nobody has said why, whatever became of the obligation: so that whoever has to say it finds it.
ALTER TABLE obligation ADD COLUMN wants_reason INTEGER NOT NULL DEFAULT 0;
UPDATE obligation SET wants_reason = 1
WHERE COALESCE(json_type(body, '$.miss_reason'), 'null') = 'null'
  AND (
    state = 'missed'
    OR (state = 'told' AND json_extract(body, '$.in_time') = 0)
    OR EXISTS (
        SELECT 1 FROM json_each(body, '$.steps') AS taken
        WHERE json_extract(taken.value, '$.step') = 'overdue'
    )
  );
CREATE INDEX obligation_wanting_reason ON obligation (due_at, id) WHERE wants_reason = 1;
