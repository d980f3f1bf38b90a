-- Whether a deadline was missed and nobody has said why, whatever became of the obligation: so that whoever has to say it finds it.
ALTER TABLE obligation ADD COLUMN wants_reason BIGINT NOT NULL DEFAULT 0;
UPDATE obligation SET wants_reason = 1
WHERE COALESCE(jsonb_typeof(body::jsonb -> 'miss_reason'), 'null') = 'null'
  AND (
    state = 'missed'
    OR (state = 'told' AND body::jsonb -> 'in_time' = 'false'::jsonb)
    OR body::jsonb -> 'steps' @> '[{"step": "overdue"}]'::jsonb
  );
CREATE INDEX obligation_wanting_reason ON obligation (due_at, id) WHERE wants_reason = 1;
