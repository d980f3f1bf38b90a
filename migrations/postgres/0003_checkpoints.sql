-- What stands for the audit log: the Merkle tree over it, and signed checkpoints of the tree.
-- Only nodes over 256, 65,536 … leaves are kept; those between are made from them, and leaves from the records.
CREATE TABLE audit_node (
    level BIGINT NOT NULL,
    position BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (level, position)
);
CREATE TABLE audit_checkpoint (
    size BIGINT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE TRIGGER audit_node_change BEFORE UPDATE OR DELETE ON audit_node
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a node of the audit tree is never changed or removed');
CREATE TRIGGER audit_node_truncate BEFORE TRUNCATE ON audit_node
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a node of the audit tree is never changed or removed');
CREATE TRIGGER audit_checkpoint_change BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change('a checkpoint of the audit log is never changed or removed');
CREATE TRIGGER audit_checkpoint_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a checkpoint of the audit log is never changed or removed');
