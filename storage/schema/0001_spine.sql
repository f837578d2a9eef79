-- The spine: meters, what they said, what could not be read, and how far the journal has been taken.
--
-- journal -> journal_position, chain_position, tick          how far
--         -> reading, factor (a partition a UTC day), revision, step_part   what meters said
--         -> quarantine                                       what gave no row
--         -> session_event, alive                             who was there
--
-- Times of rows come from frames and from the journal; no default reads the clock where a row's
-- meaning would depend on it.  Rows that arrive by the thousand carry no foreign keys: the writer
-- resolves meters itself, and a trigger per row would cost as much as the row.

CREATE TABLE meter (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    codec text NOT NULL,
    address text NOT NULL CHECK (char_length(address) BETWEEN 1 AND 64),
    state text NOT NULL CHECK (state IN ('unconfirmed', 'accepted')),
    -- When its first reading came, or when somebody registered it.
    enrolled_at timestamptz NOT NULL,
    -- The peer's address without port; null when somebody registered it by hand.
    enrolled_from text,
    accepted_at timestamptz,
    accepted_by text,
    UNIQUE (codec, address)
);

-- Enrolments are counted by address and hour.
CREATE INDEX meter_enrolled ON meter (enrolled_from, enrolled_at) WHERE enrolled_from is NOT NULL;
CREATE INDEX meter_address ON meter (address);

-- Configuration of a meter; the highest version is in force, none is ever changed.
-- body: zone (IANA name), cycle_s, key (the name of a file in the secrets folder, never the key),
-- listener (the listener profile), options (as the codec documents them).
CREATE TABLE meter_profile (
    meter integer NOT NULL REFERENCES meter (id),
    version integer NOT NULL CHECK (version > 0),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    entered_at timestamptz NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (meter, version)
);

-- One row per meter, channel, period and instant, as the meter reports it.
-- period: i instant, m minute, h hour, d day, r runtime.  quality: bits, 0 is good.
-- step: the tick under which the row was stored, or last completed.  Units: V A W var VA 1 Hz Wh varh.
-- The first seven columns fill 32 + 36 bytes without a gap when the channel has eight letters.
CREATE TABLE reading (
    meter integer NOT NULL,
    step integer NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    quality smallint NOT NULL,
    period "char" NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    voltage_a real,
    voltage_b real,
    voltage_c real,
    current_a real,
    current_b real,
    current_c real,
    power_total real,
    power_a real,
    power_b real,
    power_c real,
    reactive_total real,
    reactive_a real,
    reactive_b real,
    reactive_c real,
    apparent_total real,
    apparent_a real,
    apparent_b real,
    apparent_c real,
    power_factor_total real,
    power_factor_a real,
    power_factor_b real,
    power_factor_c real,
    frequency real,
    voltage_thd_a real,
    voltage_thd_b real,
    voltage_thd_c real,
    current_thd_a real,
    current_thd_b real,
    current_thd_c real,
    energy_forward bigint,
    energy_reverse bigint,
    energy_combined bigint,
    energy_forward_sharp bigint,
    energy_forward_peak bigint,
    energy_forward_flat bigint,
    energy_forward_valley bigint,
    energy_forward_deep_valley bigint,
    energy_reverse_sharp bigint,
    energy_reverse_peak bigint,
    energy_reverse_flat bigint,
    energy_reverse_valley bigint,
    energy_reverse_deep_valley bigint,
    reactive_energy_forward bigint,
    reactive_energy_reverse bigint,
    PRIMARY KEY (meter, channel, period, at)
) PARTITION BY RANGE (at);

CREATE INDEX reading_step ON reading USING brin (step)
    WITH (pages_per_range = 16, autosummarize = ON);

-- Days that no partition may cover: clocks that are years off.
CREATE TABLE reading_default PARTITION OF reading DEFAULT;

-- Which factors a frame names, in order; factor rows refer to it instead of repeating it.
CREATE TABLE factor_layout (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    codes text [] NOT NULL,
    -- SHA-256 of the codes, each followed by a line feed: an index entry cannot hold the list itself.
    digest bytea NOT NULL UNIQUE,
    -- Whose frame showed it first and when: a meter that invents lists is limited by these.
    first_meter integer NOT NULL,
    first_at timestamptz NOT NULL
);

CREATE INDEX factor_layout_first ON factor_layout (first_meter, first_at);

-- What is no electricity: one row a frame.  amounts[i] belongs to codes[i] of the layout, null where
-- the text was no number; the i-th letter of flags is what the meter said of it, blank for nothing.
CREATE TABLE factor (
    meter integer NOT NULL,
    step integer NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    layout integer NOT NULL,
    quality smallint NOT NULL,
    period "char" NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    amounts real [] NOT NULL,
    flags text,
    PRIMARY KEY (meter, channel, period, at, layout)
) PARTITION BY RANGE (at);

CREATE INDEX factor_step ON factor USING brin (step)
    WITH (pages_per_range = 16, autosummarize = ON);

CREATE TABLE factor_default PARTITION OF factor DEFAULT;

-- A later frame said something else for a key that had its row: the row stays, this is what was said.
-- offered: the quantities (or codes) that differ from the row, with the later values.
CREATE TABLE revision (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter integer NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    period "char" NOT NULL,
    at timestamptz NOT NULL,
    -- 0 for a reading.
    layout integer NOT NULL,
    offered jsonb NOT NULL,
    digest bytea NOT NULL,
    received_at timestamptz NOT NULL,
    step integer NOT NULL,
    shard integer NOT NULL,
    sequence bigint NOT NULL,
    frame integer NOT NULL,
    -- How often exactly this was said.
    times integer NOT NULL DEFAULT 1,
    UNIQUE (meter, channel, period, at, layout, digest)
);

CREATE INDEX revision_at ON revision (at);

-- What gave no row, or not all of its rows.  Kept after it was resolved, as the rows' origin.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard integer NOT NULL,
    sequence bigint NOT NULL,
    -- The frame's place in its envelope.
    frame integer NOT NULL,
    codec text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('unknown', 'length', 'checksum', 'decode')),
    reason text NOT NULL,
    message text NOT NULL,
    byte_offset integer NOT NULL,
    raw bytea NOT NULL,
    -- The frame's true size; more than raw holds when it was cut.
    raw_size integer NOT NULL,
    peer text NOT NULL,
    IDENTITY text,
    meter text,
    received_at timestamptz NOT NULL,
    -- What the frame answers, where replies do not name their registers.
    request bytea,
    -- The program that last tried to read it.
    program text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    resolved_at timestamptz,
    tries integer NOT NULL DEFAULT 1,
    UNIQUE (shard, sequence, frame, reason)
);

CREATE INDEX quarantine_open ON quarantine (shard, id) WHERE state = 'open';
CREATE INDEX quarantine_meter ON quarantine (codec, meter, id) WHERE state = 'open';

-- How far a shard's journal has been taken; written in the transaction of what was taken.
CREATE TABLE journal_position (
    shard integer PRIMARY KEY,
    sequence bigint NOT NULL,
    tick integer NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The last envelope of each chain, by which repeats and losses are noticed.
CREATE TABLE chain_position (
    chain text PRIMARY KEY,
    shard integer NOT NULL,
    number bigint NOT NULL,
    -- SHA-256 of that envelope, which its successor names.
    digest bytea NOT NULL,
    sealed_at timestamptz NOT NULL
);

-- Seconds that the journal has passed.
CREATE TABLE tick (
    shard integer NOT NULL,
    number integer NOT NULL,
    second bigint NOT NULL,
    covers_s integer NOT NULL,
    PRIMARY KEY (shard, number)
);

-- In which partitions the rows of a step lie.
CREATE TABLE step_part (
    step integer NOT NULL,
    shard integer NOT NULL,
    partition text NOT NULL,
    rows integer NOT NULL,
    PRIMARY KEY (step, shard, partition)
);

-- What happened to connections; kept for a bounded time.
CREATE TABLE session_event (
    shard integer NOT NULL,
    sequence bigint NOT NULL,
    place integer NOT NULL,
    at timestamptz NOT NULL,
    gateway text NOT NULL,
    epoch bigint NOT NULL,
    what text NOT NULL,
    peer text NOT NULL,
    codec text,
    IDENTITY text,
    reason text NOT NULL,
    PRIMARY KEY (shard, sequence, place)
);

CREATE INDEX session_event_at ON session_event USING brin (at);
CREATE INDEX session_event_identity ON session_event (IDENTITY, at) WHERE IDENTITY is NOT NULL;

-- That a gateway served, and when it refused; kept for a bounded time.
CREATE TABLE alive (
    gateway text NOT NULL,
    at timestamptz NOT NULL,
    sessions integer NOT NULL,
    -- [[from, to, reason], ...], microseconds UTC.
    refused jsonb NOT NULL,
    PRIMARY KEY (gateway, at)
);

CREATE INDEX alive_at ON alive USING brin (at);
