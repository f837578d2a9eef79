-- More that ledgers follow: what was done about alarms, whom they were told, days of plans.
--
-- decision ─► ledger_unentered ─► entered with it, or by the next pass
--         └► ledger_due (handled, rectified, declared; a plan's first day)
-- case_event ─► ledger_due (an officer was told)

-- Decisions that ledgers have yet to take up: an import enters many at once.
CREATE TABLE ledger_unentered (
    decision bigint PRIMARY KEY,
    slice smallint NOT NULL
);

CREATE INDEX ledger_unentered_slice ON ledger_unentered (slice);

INSERT INTO ledger_unentered (decision, slice)
SELECT
    d.id,
    d.slice
FROM decision AS d LEFT JOIN ledger_position AS p USING (slice)
WHERE d.enterprise IS NOT NULL AND d.id > coalesce(p.decision, 0);

DROP TABLE ledger_position;

-- A plan's row is at the end of the next of its days that is to be entered.
ALTER TABLE ledger_due ADD COLUMN plan text;
ALTER TABLE ledger_due DROP CONSTRAINT ledger_due_check;
ALTER TABLE ledger_due ADD CONSTRAINT ledger_due_check CHECK (num_nonnulls(unit, alarm, plan) = 1);

CREATE FUNCTION note_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_unentered (decision, slice) VALUES (NEW.id, NEW.slice);
    IF NEW.kind = 'plan' THEN
        INSERT INTO ledger_due (enterprise, plan, at)
            VALUES (NEW.enterprise, NEW.body ->> 'id', NEW.entered_at);
    ELSIF NEW.kind = 'action' AND NEW.body ->> 'verb' IN ('handle', 'rectify', 'declare') THEN
        INSERT INTO ledger_due (enterprise, alarm, at)
            VALUES (NEW.enterprise, (NEW.body ->> 'alarm')::bigint, NEW.entered_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_decision AFTER INSERT ON decision
FOR EACH ROW WHEN (NEW.enterprise IS NOT NULL) EXECUTE FUNCTION note_decision();

-- Only the first time that an officer hears of an alarm changes what its ledger says.
CREATE FUNCTION note_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_due (enterprise, alarm, at)
        SELECT NEW.enterprise, NEW.alarm, NEW.at WHERE NOT EXISTS (
            SELECT FROM case_event AS e WHERE e.alarm = NEW.alarm AND e.at < NEW.at
            AND e.told && ARRAY['district_officer', 'city_officer', 'leader']);
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_told AFTER INSERT ON case_event FOR EACH ROW
WHEN (NEW.told && ARRAY['district_officer', 'city_officer', 'leader'])
EXECUTE FUNCTION note_told();

-- Statistics count what was entered in a span.
CREATE INDEX ledger_entered ON ledger (entered_at);

-- What was decided and told before this is looked at once.
INSERT INTO ledger_due (enterprise, plan, at)
SELECT
    enterprise,
    body ->> 'id',
    min(entered_at)
FROM decision WHERE kind = 'plan' AND enterprise IS NOT NULL GROUP BY enterprise, body ->> 'id';
INSERT INTO ledger_due (enterprise, alarm, at)
SELECT
    enterprise,
    alarm,
    max(at)
FROM case_event GROUP BY enterprise, alarm;
