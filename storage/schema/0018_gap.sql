-- What is missing of meters, what was asked for again, and how far off their clocks are.
--
-- writer ─► rollup_due ─► archivist ─► gap, meter_clock, with the rollups of the same rows
-- gap ─► archivist ─► recall ─► command ─► gateway ─► meter ─► rows, marked ─► rollup_due ─► no gap
--
-- A gap stands between two readings that came: what a meter that is away still owes is not here.

CREATE TABLE gap (
    meter integer NOT NULL,
    -- The moments of the readings before and behind it.
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    -- How many readings its cycle makes in between.
    missing integer NOT NULL CHECK (missing > 0),
    PRIMARY KEY (meter, since),
    CHECK (since < until)
);

CREATE INDEX gap_until ON gap (until);

-- The hour with rows before another, or behind it.
CREATE INDEX collected_hour_meter ON collected_hour (meter, start);

-- How often an hour of a meter was asked for again, and by which command last.
CREATE TABLE recall (
    meter integer NOT NULL,
    hour timestamptz NOT NULL,
    tries smallint NOT NULL,
    asked_at timestamptz NOT NULL,
    command bigint NOT NULL,
    PRIMARY KEY (meter, hour)
);

CREATE INDEX recall_asked ON recall (meter, asked_at);

-- How far a meter's clock is ahead (below 0: behind), by its live readings of one hour.
CREATE TABLE meter_clock (
    meter integer PRIMARY KEY,
    skew_s real NOT NULL,
    readings smallint NOT NULL,
    measured_at timestamptz NOT NULL,
    -- When it was last to be set right, by which command, and how often.
    synced_at timestamptz,
    command bigint,
    syncs integer NOT NULL DEFAULT 0
);

-- Hours that were rolled up before these tables were there are due again.
INSERT INTO rollup_due (touched)
SELECT array_agg(DISTINCT (extract(epoch FROM start)::bigint / 3600 << 32) | meter)
FROM rollup_hour GROUP BY start;
