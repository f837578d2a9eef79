-- Ledgers (台账): what happened at each enterprise, entered by the system or by a person, kept for
-- ever (the law asks for five years: nothing here can be removed, whatever its age).
--
-- ledger            entries, numbered and sealed into one chain an enterprise
-- ledger_due        what readings gave since, until it is settled and entered
-- ledger_position   up to which decision each slice's are entered
--
-- An entry is corrected by another that names it, once; that one may be corrected in its turn.

CREATE TABLE ledger (
    enterprise text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    -- What it rests on: decision:17, unit:U1, alarm:12.
    source text NOT NULL CHECK (source <> ''),
    occurred_at timestamptz NOT NULL,
    -- By the clock of the system, never before the entry that stands before it.
    entered_at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    corrects bigint,
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    -- SHA-256 of the entry before it (32 zero bytes for the first), and of this one with it.
    predecessor bytea NOT NULL CHECK (length(predecessor) = 32),
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    PRIMARY KEY (enterprise, number),
    UNIQUE (enterprise, corrects),
    FOREIGN KEY (enterprise, corrects) REFERENCES ledger (enterprise, number),
    CHECK (corrects < number),
    CHECK (occurred_at <= entered_at)
);

CREATE INDEX ledger_source ON ledger (enterprise, source, occurred_at);

CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record;
BEGIN
    SELECT number, digest, entered_at INTO last FROM ledger
        WHERE enterprise = NEW.enterprise ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.predecessor <> coalesce(last.digest, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'an entry of a ledger follows its last one';
    END IF;
    IF NEW.entered_at < last.entered_at THEN
        RAISE EXCEPTION 'an entry of a ledger is not entered before its last one';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger
FOR EACH ROW EXECUTE FUNCTION guard_ledger();

CREATE TABLE ledger_due (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise text NOT NULL,
    -- A unit's transition, or an alarm's raising or end.
    unit text,
    alarm bigint,
    at timestamptz NOT NULL,
    state text,
    -- A transition that is no more, or what stood of an alarm before it was corrected: a day was
    -- folded again.
    gone boolean NOT NULL DEFAULT FALSE,
    before jsonb,
    CHECK ((unit IS NULL) <> (alarm IS NULL))
);

CREATE INDEX ledger_due_at ON ledger_due (at);
CREATE INDEX ledger_due_gone ON ledger_due (enterprise) WHERE gone;
CREATE INDEX ledger_due_enterprise ON ledger_due (enterprise, id);

CREATE TABLE ledger_position (
    slice smallint PRIMARY KEY CHECK (slice BETWEEN 0 AND 31),
    decision bigint NOT NULL
);

CREATE FUNCTION note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO ledger_due (enterprise, unit, at, state, gone)
            VALUES (OLD.enterprise, OLD.unit, OLD.at, OLD.state, TRUE);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO ledger_due (enterprise, unit, at, state)
            VALUES (NEW.enterprise, NEW.unit, NEW.at, NEW.state);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transition AFTER INSERT OR UPDATE OR DELETE ON unit_transition
FOR EACH ROW EXECUTE FUNCTION note_transition();

CREATE FUNCTION note_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO ledger_due (enterprise, alarm, at)
            VALUES (NEW.enterprise, NEW.id, NEW.raised);
    END IF;
    IF NEW.ended IS NOT NULL THEN
        INSERT INTO ledger_due (enterprise, alarm, at)
            VALUES (NEW.enterprise, NEW.id, NEW.ended);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_alarm AFTER INSERT ON alarm
FOR EACH ROW EXECUTE FUNCTION note_alarm();
CREATE TRIGGER ledger_alarm_ended AFTER UPDATE ON alarm
FOR EACH ROW WHEN (OLD.ended IS DISTINCT FROM NEW.ended) EXECUTE FUNCTION note_alarm();

CREATE FUNCTION note_correction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_due (enterprise, alarm, at, gone, before)
        SELECT enterprise, id, raised, TRUE, NEW.before FROM alarm WHERE id = NEW.alarm;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_correction AFTER INSERT ON correction
FOR EACH ROW EXECUTE FUNCTION note_correction();

-- What was found before there were ledgers is entered as well.
INSERT INTO ledger_due (enterprise, unit, at, state)
SELECT
    enterprise,
    unit,
    at,
    state
FROM unit_transition ORDER BY at, enterprise, unit;
INSERT INTO ledger_due (enterprise, alarm, at)
SELECT
    enterprise,
    id,
    coalesce(ended, raised)
FROM alarm ORDER BY id;
