-- Pages that stand open hear of it when something of a firm changes, and fetch what they show anew.
--
-- alarm, alarm_case, decision ─► NOTIFY live, the enterprise's id ('' where it is nobody's)
--
-- Told when the change is committed, once a transaction; where nobody listens, nothing is kept.

CREATE FUNCTION tell_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('live', coalesce(NEW.enterprise, ''));
    RETURN NULL;
END $$;

CREATE TRIGGER alarm_live AFTER INSERT OR UPDATE ON alarm
FOR EACH ROW EXECUTE FUNCTION tell_live();
CREATE TRIGGER alarm_case_live AFTER INSERT OR UPDATE OF state, level, deadline ON alarm_case
FOR EACH ROW EXECUTE FUNCTION tell_live();
CREATE TRIGGER decision_live AFTER INSERT ON decision
FOR EACH ROW EXECUTE FUNCTION tell_live();
