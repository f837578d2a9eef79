-- Readings on their way to the platforms above us.
--
-- rows, step by step ─► forward_item ─► HJ 212 ─► 9014 ─► gone
--                  └► forward_position: how far rows were taken, in the same transaction
--
-- What one platform is owed stands in the order of the steps, a bounded number of rows at a time;
-- the rest waits where it is, in the readings.

CREATE TABLE forward_position (
    platform text PRIMARY KEY,
    -- Rows up to this step have become items.
    step integer NOT NULL,
    -- The greatest QN given out; every item has one of its own, greater than those before it.
    qn bigint NOT NULL,
    taken bigint NOT NULL DEFAULT 0,
    -- Rows that say nothing the platform has a code for.
    silent bigint NOT NULL DEFAULT 0,
    sent bigint NOT NULL DEFAULT 0,
    repeated bigint NOT NULL DEFAULT 0,
    acknowledged bigint NOT NULL DEFAULT 0,
    connected_at timestamptz,
    acknowledged_at timestamptz,
    -- What is in the way, "" for nothing.
    trouble text NOT NULL DEFAULT '',
    trouble_at timestamptz
);

-- No secret is here: the password joins the header when it is sent.
CREATE TABLE forward_item (
    platform text NOT NULL REFERENCES forward_position (platform) ON DELETE CASCADE,
    qn bigint NOT NULL,
    mn text NOT NULL,
    cn text NOT NULL,
    -- RF=1 of the 2025 edition: a later repetition.
    repeated boolean NOT NULL,
    -- What stands between && and &&.
    data text NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    -- The platform takes what comes behind it, and never this: it goes on without.
    aside boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (platform, qn)
);
