-- Rollups: what each meter's channel said in 15 minutes, an hour, a day (UTC).
--
-- writer ─► rollup_due ─► archivist ─► rollup_15min, rollup_hour, rollup_day
--
-- Recomputed from the rows whenever some of them came, so that late ones count as well.  A meter
-- that belongs to no unit is rolled up like any other.

-- Hours that got rows, as one row a batch: two writers never meet in it, and what is written while
-- somebody recomputes waits for the next time.
CREATE TABLE rollup_due (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Hours since 1970-01-01 UTC times 2^32, plus the meter.
    touched bigint [] NOT NULL
);

CREATE TABLE rollup_15min (
    meter integer NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    start timestamptz NOT NULL,
    -- How many rows, and how many the meter's cycle makes (0 where no cycle is known).
    received integer NOT NULL,
    expected integer NOT NULL,
    power_mean real,
    power_min real,
    power_max real,
    voltage_mean real,
    voltage_min real,
    voltage_max real,
    current_mean real,
    current_min real,
    current_max real,
    power_factor_mean real,
    power_factor_min real,
    power_factor_max real,
    -- Wh: the counter's first and last value, and by how much it rose since the last row before.
    energy_first bigint,
    energy_last bigint,
    energy_used bigint,
    PRIMARY KEY (meter, channel, start)
);

CREATE TABLE rollup_hour (LIKE rollup_15min INCLUDING ALL);
CREATE TABLE rollup_day (LIKE rollup_15min INCLUDING ALL);

CREATE INDEX rollup_hour_start ON rollup_hour (start);
CREATE INDEX rollup_day_start ON rollup_day (start);
