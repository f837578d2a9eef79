-- What programs were answered, so that a deed they send again is done once.
--
-- POST + Idempotency-Key ─► row, with the deed's transaction ─► the same answer for a day

CREATE TABLE api_answer (
    person text NOT NULL,
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of what was asked: another question under the same key is refused.
    asked bytea NOT NULL CHECK (octet_length(asked) = 32),
    -- Null until the deed is done, which nobody else sees.
    answer jsonb,
    -- By the wall, as whoever sends again counts.
    entered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, key)
);

CREATE INDEX api_answer_age ON api_answer (entered_at);
