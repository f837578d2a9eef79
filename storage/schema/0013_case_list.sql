-- Lists of cases are chosen and counted without folding them; declarations end, and are revoked.

-- When the firm's part was done: rectified, or closed; null while it is not.
ALTER TABLE alarm_case ADD COLUMN done timestamptz;

-- Since when the condition is gone is the alarm's; whose part is not done is told here.
INSERT INTO case_touched (alarm, enterprise)
SELECT alarm, enterprise FROM alarm_case WHERE state IN ('rectified', 'verified', 'closed')
ON CONFLICT DO NOTHING;

-- The alarm before each, of the same rule and subject.
CREATE INDEX alarm_subject ON alarm (rule, subject, raised);

-- Which alarms a declaration was to explain.
CREATE INDEX decision_declared ON decision ((body ->> 'declaration'))
    WHERE kind = 'action' AND body ->> 'declaration' IS NOT NULL;

CREATE OR REPLACE FUNCTION touch_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'action' THEN
        INSERT INTO case_touched (alarm, enterprise)
        VALUES ((NEW.body ->> 'alarm')::bigint, NEW.enterprise) ON CONFLICT DO NOTHING;
    ELSIF NEW.kind = 'declaration' THEN
        INSERT INTO case_touched (alarm, enterprise)
        SELECT DISTINCT (d.body ->> 'alarm')::bigint, d.enterprise FROM decision AS d
        WHERE d.kind = 'action' AND d.body ->> 'declaration' IS NOT NULL
        AND d.body ->> 'declaration' = NEW.body ->> 'id'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
