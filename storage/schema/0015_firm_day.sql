-- Shares of firms' days, beside what they are counted from: a report of a month adds up days.
--
-- archivist ─► firm_day ─► reports
-- transitions ─► firm_day_stale        late rows ─► gone at once, with the rollups of their hours
--
-- Every row can be counted again from transitions, rollups and readings, and is, when any changed.

CREATE TABLE firm_day (
    enterprise text NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    -- SHA-256 of what is registered of the firm, and of how shares are counted.
    basis bytea NOT NULL,
    -- Whose rows are in it.
    meters integer [] NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (enterprise, start)
);

CREATE INDEX firm_day_stop ON firm_day (stop);

-- From when on a unit's states changed: days that end later are counted again.  A row a change, so
-- that whoever counts a day meanwhile and whoever changes it never wait for each other.
CREATE TABLE firm_day_stale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise text NOT NULL,
    since timestamptz NOT NULL
);

CREATE FUNCTION touch_firm_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO firm_day_stale (enterprise, since) VALUES (OLD.enterprise, OLD.at);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO firm_day_stale (enterprise, since) VALUES (NEW.enterprise, NEW.at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER unit_transition_touched AFTER INSERT OR UPDATE OR DELETE ON unit_transition
FOR EACH ROW EXECUTE FUNCTION touch_firm_day();
