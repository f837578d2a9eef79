-- What the warden makes of rows and decisions: states kept to go on from, transitions, alarms.
--
-- slice_position (0002)   how far each slice is folded, and by whom
-- warden                  who could fold slices
-- kept_state              where each enterprise's fold stands, as of a step
-- day_state               the same at the beginning of each of its days, for late rows
-- refold                  days that are to be folded again
-- unit_transition, alarm  what was found
-- correction              what folding a day again changed in it
--
-- All of a slice changes in one transaction together with its position.

-- Processes that fold; they share the slices evenly among those seen lately.
CREATE TABLE warden (
    holder text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

CREATE TABLE kept_state (
    enterprise text PRIMARY KEY,
    slice smallint NOT NULL,
    -- The step whose rows are in it; the steps up to the slice's are folded again from there.
    step integer NOT NULL,
    body bytea NOT NULL
);

CREATE INDEX kept_state_slice ON kept_state (slice);

CREATE TABLE day_state (
    enterprise text NOT NULL,
    day date NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (enterprise, day)
);

CREATE INDEX day_state_day ON day_state (day);

CREATE TABLE refold (
    enterprise text NOT NULL,
    day date NOT NULL,
    slice smallint NOT NULL,
    -- Seconds (Unix, of ticks) in which the first and the last late row came, and how many came.
    first_second bigint NOT NULL,
    last_second bigint NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (enterprise, day)
);

CREATE INDEX refold_slice ON refold (slice);

-- Rows older than any state that is kept: stored, counted here, never folded.
CREATE TABLE too_old (
    enterprise text PRIMARY KEY,
    rows bigint NOT NULL
);

CREATE TABLE unit_transition (
    enterprise text NOT NULL,
    unit text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (enterprise, unit, at)
);

-- An episode: one continuous abnormality of one subject.
CREATE TABLE alarm (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    subject text NOT NULL,
    kind text NOT NULL,
    began timestamptz NOT NULL,
    enterprise text NOT NULL,
    line text NOT NULL,
    raised timestamptz NOT NULL,
    ended timestamptz,
    -- The episode that says more, as [rule, subject, kind, began in ms]; people hear of that one.
    suppressed_by jsonb,
    -- Levels above its class's, where another episode makes it graver.
    grade_up smallint NOT NULL DEFAULT 0,
    -- What it was found in: readings, which late ones correct, or ticks, which nothing corrects.
    found_in text NOT NULL CHECK (found_in IN ('readings', 'ticks')),
    -- Of the rules that found it.
    version text NOT NULL,
    explanation jsonb NOT NULL,
    -- Found or changed by late rows; gone again where they took it back.
    found_late boolean NOT NULL DEFAULT FALSE,
    withdrawn boolean NOT NULL DEFAULT FALSE,
    UNIQUE (rule, subject, kind, began)
);

CREATE INDEX alarm_enterprise ON alarm (enterprise, raised);
CREATE INDEX alarm_raised ON alarm (raised);
CREATE INDEX alarm_open ON alarm (enterprise) WHERE ended IS NULL AND NOT withdrawn;

-- What late rows changed in an episode; before is null where there was none, after where none is.
CREATE TABLE correction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm bigint NOT NULL REFERENCES alarm (id) ON DELETE CASCADE,
    step integer NOT NULL,
    before jsonb,
    after jsonb
);

CREATE INDEX correction_alarm ON correction (alarm);
