-- The registry and people's decisions: both only ever grow.
--
-- slice_position     how far each slice of enterprises is folded; who folds it
-- decision           what people decided, each row sealing the one before it
-- registry_entry     every version of every record of the registry, by the decision that made it
--
-- A fold locks its slice's row FOR UPDATE before it reads decisions.  A decision's transaction holds
-- the row of every slice that it concerns FOR SHARE, and takes effect one step after the furthest.
-- So none slips behind a step that was read already.

CREATE TABLE slice_position (
    slice smallint PRIMARY KEY CHECK (slice BETWEEN 0 AND 31),
    -- The last step whose rows and decisions are folded.
    step integer NOT NULL DEFAULT 0 CHECK (step >= 0),
    -- Grows with every holder: who writes under an older one has lost the slice.
    epoch bigint NOT NULL DEFAULT 0,
    holder text,
    renewed_at timestamptz
);

INSERT INTO slice_position (slice) SELECT generate_series(0, 31);

CREATE TABLE decision (
    -- 1, 2, 3 without gaps: given under the chain's lock.
    id bigint PRIMARY KEY CHECK (id > 0),
    kind text NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    entered_at timestamptz NOT NULL,
    -- From when on it is meant; in the past it re-evaluates as late rows do.
    effective_at timestamptz NOT NULL,
    -- Whom it concerns, and that enterprise's slice; null for the whole city.
    enterprise text,
    slice smallint CHECK (slice BETWEEN 0 AND 31),
    -- The first step that is folded with it.
    step integer NOT NULL CHECK (step > 0),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    -- SHA-256 of the decision before it (32 zero bytes for the first), and of this one with it.
    predecessor bytea NOT NULL UNIQUE CHECK (length(predecessor) = 32),
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    CHECK ((enterprise IS NULL) = (slice IS NULL))
);

CREATE INDEX decision_step ON decision (step, slice);
CREATE INDEX decision_body ON decision (kind, (body ->> 'id'), id);
CREATE INDEX decision_enterprise ON decision (enterprise, id) WHERE enterprise IS NOT NULL;

-- The highest version of a (kind, id) is in force; at a step, the highest whose decision had taken
-- effect.  body is null where the record was removed.
CREATE TABLE registry_entry (
    kind text NOT NULL,
    id text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 64),
    version integer NOT NULL CHECK (version > 0),
    body jsonb CHECK (jsonb_typeof(body) = 'object'),
    removed boolean NOT NULL,
    decision bigint NOT NULL REFERENCES decision (id),
    PRIMARY KEY (kind, id, version),
    CHECK (removed = (body IS NULL))
);

CREATE INDEX registry_entry_decision ON registry_entry (decision);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows are only ever added to it', TG_OP, TG_TABLE_NAME;
END $$;

CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER registry_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registry_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
