-- Cases: what people do about alarms.  Their actions are decisions; nothing here is the only copy.
--
-- alarm, decision ─► case_touched ─► follower ─► alarm_case, case_event ─► lists, couriers

-- One row where the history was written by a simulation: the time is then that of the last tick.
CREATE TABLE simulated (
    one boolean PRIMARY KEY DEFAULT TRUE CHECK (one),
    at timestamptz NOT NULL DEFAULT now()
);

-- Since when grade_up counts; null: since the raise.
ALTER TABLE alarm ADD COLUMN graded timestamptz;

-- Where each case stands, as of the last pass that had to do with it.
CREATE TABLE alarm_case (
    alarm bigint PRIMARY KEY REFERENCES alarm (id) ON DELETE CASCADE,
    enterprise text NOT NULL,
    state text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
    deadline timestamptz NOT NULL,
    -- The alarm that this one repeats.
    parent bigint,
    -- Whatever fell due until then is in case_event.
    told_until timestamptz NOT NULL,
    -- When the case is to be looked at next, if nobody touches it before; null: never.
    next_due timestamptz
);

CREATE INDEX alarm_case_due ON alarm_case (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX alarm_case_state ON alarm_case (enterprise, state);

-- What fell due for a case: whom to tell what, once each, at the time at which it fell due.
CREATE TABLE case_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm bigint NOT NULL REFERENCES alarm (id) ON DELETE CASCADE,
    enterprise text NOT NULL,
    at timestamptz NOT NULL,
    why text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
    -- Roles.
    told text [] NOT NULL,
    task text NOT NULL,
    mutable boolean NOT NULL,
    digest boolean NOT NULL,
    UNIQUE (alarm, at, why)
);

CREATE INDEX case_event_enterprise ON case_event (enterprise, at);

-- Alarms that changed, or of which somebody decided something, since they were looked at.
CREATE TABLE case_touched (
    alarm bigint PRIMARY KEY REFERENCES alarm (id) ON DELETE CASCADE,
    enterprise text NOT NULL
);

CREATE FUNCTION touch_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_touched (alarm, enterprise) VALUES (NEW.id, NEW.enterprise)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER alarm_touched AFTER INSERT OR UPDATE ON alarm
FOR EACH ROW EXECUTE FUNCTION touch_alarm();

CREATE FUNCTION touch_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'action' THEN
        INSERT INTO case_touched (alarm, enterprise)
        VALUES ((NEW.body ->> 'alarm')::bigint, NEW.enterprise) ON CONFLICT DO NOTHING;
    ELSIF NEW.kind = 'declaration' THEN
        INSERT INTO case_touched (alarm, enterprise)
        SELECT c.alarm, c.enterprise FROM alarm_case AS c
        WHERE c.enterprise = NEW.enterprise AND c.state = 'declared'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER decision_touched AFTER INSERT ON decision
FOR EACH ROW EXECUTE FUNCTION touch_decided();

CREATE INDEX decision_alarm ON decision ((body ->> 'alarm'), id) WHERE kind = 'action';

-- Alarms that were found before there were cases.
INSERT INTO case_touched (alarm, enterprise) SELECT id, enterprise FROM alarm;
