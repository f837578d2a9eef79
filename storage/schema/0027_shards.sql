-- Which writer takes which shard of the journal.
--
-- writer       who could write, seen lately        shard_lease   who has which shard, under which epoch
--
-- A lease only says who works.  That nothing is stored twice is held by journal_position, which moves
-- on from where its writer left it or not at all.

CREATE TABLE writer (
    holder text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

CREATE TABLE shard_lease (
    shard smallint PRIMARY KEY,
    holder text,
    -- Grows with every claim by anybody.
    epoch integer NOT NULL DEFAULT 0
);
