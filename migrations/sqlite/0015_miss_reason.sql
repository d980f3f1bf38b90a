-- The reason of a miss stands beside the state, so that it outlives it: a customer who is cleared after the deadline was missed all the same.
UPDATE obligation
SET body = json_remove(json_set(body, '$.miss_reason', json_extract(body, '$.why')), '$.why')
WHERE state = 'missed' AND json_type(body, '$.why') = 'object';
