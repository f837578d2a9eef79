-- What came of each meter's channel in an hour, for the shares of what should have come.
--
-- writer ─► rollup_due ─► archivist ─► collected_hour, together with the rollups of the same rows
--
-- A month of a city is two million of these instead of a hundred million readings.

CREATE TABLE collected_hour (
    meter integer NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    -- Electricity (readings), or factors.
    factors boolean NOT NULL,
    start timestamptz NOT NULL,
    -- Moments with a row, and those of them that nothing is the matter with.
    received smallint NOT NULL,
    valid smallint NOT NULL,
    -- Of the hour's twelve slots of 5 minutes, those with a row.
    slots smallint NOT NULL,
    PRIMARY KEY (meter, channel, factors, start)
);

-- Hours that were rolled up before this table was there are due again.
INSERT INTO rollup_due (touched)
SELECT array_agg(DISTINCT (extract(epoch FROM start)::bigint / 3600 << 32) | meter)
FROM rollup_hour GROUP BY start;
