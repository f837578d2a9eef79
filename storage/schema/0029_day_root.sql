-- Signed daily roots over the journal, decisions, the audit log and ledgers.
--
-- statement ─ names the one before by its SHA-256, and the key that signed it
-- leaves    ─ what its tree stands over: proofs are made from them, they prove nothing themselves

CREATE TABLE day_root (
    -- Of the journal's clock, UTC.
    day date PRIMARY KEY,
    -- Canonical JSON, as it was signed.
    statement bytea NOT NULL,
    -- ed25519, hexadecimal.
    signature text NOT NULL,
    -- JSON of all leaves, zstd.
    leaves bytea NOT NULL,
    -- The answer of a time-stamping authority (RFC 3161), once there is one.
    token bytea
);

CREATE FUNCTION keep_root() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.statement <> OLD.statement OR NEW.signature <> OLD.signature THEN
        RAISE EXCEPTION 'what was signed is never changed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER day_root_kept BEFORE UPDATE ON day_root
FOR EACH ROW EXECUTE FUNCTION keep_root();
