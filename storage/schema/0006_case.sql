-- Cases: what people do about alarms.  Their actions are decisions; nothing here is the only copy.

-- One row where the history was written by a simulation: the time is then that of the last tick.
CREATE TABLE simulated (
    one boolean PRIMARY KEY DEFAULT TRUE CHECK (one),
    at timestamptz NOT NULL DEFAULT now()
);
