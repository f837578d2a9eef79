-- Decisions about another thing are asked for by that thing: the files of an alarm, the steps of a
-- request or a response, the changes of a part.  Each kind alone: no other body has the field.

CREATE INDEX decision_evidence_subject ON decision ((body ->> 'subject'), id)
    WHERE kind = 'evidence';
CREATE INDEX decision_assistance ON decision ((body ->> 'assistance'), id)
    WHERE kind = 'assistance_step';
CREATE INDEX decision_response ON decision ((body ->> 'response'), id)
    WHERE kind = 'response_step';
CREATE INDEX decision_consumable ON decision ((body ->> 'consumable'), id)
    WHERE kind IN ('replacement', 'carbon');
