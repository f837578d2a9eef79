-- What machines are told, who cannot be reached, and what becomes too old to be kept.

-- The alarm as it stood when the notice fell due; null of notices that were written before.
ALTER TABLE outbox ADD COLUMN facts jsonb;

-- Addresses that a gateway refused for good, until it takes one again.  "" is the endpoint itself.
-- Times are the system's own.
CREATE TABLE faulty_contact (
    endpoint text NOT NULL,
    address text NOT NULL,
    since timestamptz NOT NULL,
    last timestamptz NOT NULL,
    times integer NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (endpoint, address)
);

-- What is old enough to be forgotten.
CREATE INDEX outbox_created ON outbox (created);
CREATE INDEX attempt_started ON attempt USING brin (started);
