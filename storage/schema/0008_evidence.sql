-- Files as they arrived.  Their hashes, and what they are about, are sealed in decisions.

CREATE TABLE evidence (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- Of the system's clock; a file that comes again keeps the time at which it first came.
    received_at timestamptz NOT NULL,
    -- 16 MiB.
    bytes bytea NOT NULL CHECK (length(bytes) BETWEEN 1 AND 16777216)
);

-- Photos and films are compressed already.
ALTER TABLE evidence ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE INDEX decision_evidence ON decision ((body ->> 'sha256')) WHERE kind = 'evidence';
