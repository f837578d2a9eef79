-- What grows by the second and by the hour is kept for a bounded time: finding the old rows of it
-- must not read the rest.

CREATE INDEX tick_second ON tick (second);

-- Written in order of time, but for late rows: a few pages of index where a tree would have millions.
CREATE INDEX rollup_15min_start ON rollup_15min USING brin (start) WITH (autosummarize = on);
CREATE INDEX collected_hour_start ON collected_hour USING brin (start) WITH (autosummarize = on);
