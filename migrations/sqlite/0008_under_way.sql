-- What is under way to a destination, without looking at all that waits.
CREATE INDEX delivery_under_way ON delivery (destination) WHERE state = 'claimed';
