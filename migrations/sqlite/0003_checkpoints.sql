-- What stands for the audit log: the Merkle tree over it, and signed checkpoints of the tree.
-- Only nodes over 256, 65,536 … leaves are kept; those between are made from them, and leaves from the records.
CREATE TABLE audit_node (
    level BIGINT NOT NULL,
    position BIGINT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (level, position)
);
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE TRIGGER audit_node_update BEFORE UPDATE ON audit_node BEGIN
    SELECT RAISE(ABORT, 'a node of the audit tree is never changed or removed');
END;
CREATE TRIGGER audit_node_delete BEFORE DELETE ON audit_node BEGIN
    SELECT RAISE(ABORT, 'a node of the audit tree is never changed or removed');
END;
CREATE TRIGGER audit_checkpoint_update BEFORE UPDATE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'a checkpoint of the audit log is never changed or removed');
END;
CREATE TRIGGER audit_checkpoint_delete BEFORE DELETE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'a checkpoint of the audit log is never changed or removed');
END;
