-- The reason of a miss stands beside the state, so that it outlives it: a customer who is cleared after the deadline was missed all the same.
UPDATE obligation
SET body = ((body::jsonb - 'why') || jsonb_build_object('miss_reason', body::jsonb -> 'why'))::text
WHERE state = 'missed' AND jsonb_typeof(body::jsonb -> 'why') = 'object';
