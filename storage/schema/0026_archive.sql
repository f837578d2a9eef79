-- Days of rows that lie in files, and where (docs/archive.md).
--
-- reading_20261122 ─► archive_file (written, read back) ─► archive_day, the partition dropped
-- late rows make the partition anew ─► the file's rows join them ─► archive_file, one generation on
--
-- A day's rows are in its partition, or, where archive_day has it, in that generation's file and in
-- whatever came since.

CREATE TABLE archive_file (
    kind text NOT NULL CHECK (kind IN ('reading', 'factor')),
    day date NOT NULL,
    generation integer NOT NULL CHECK (generation > 0),
    -- Where the store is (file:///…, s3://…), never with a secret, and the file's place in it.
    store text NOT NULL,
    path text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    bytes bigint NOT NULL,
    rows bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    -- How the file is laid out, and SHA-256 (hex) of the values of each column, by its name.
    layout integer NOT NULL,
    digests jsonb NOT NULL,
    -- As of when its rows were read: transactions from here on are not in it.
    seen_before xid8 NOT NULL,
    written_at timestamptz NOT NULL,
    -- A later generation stands in its place, or nothing does: readers had an hour to finish.
    replaced_at timestamptz,
    PRIMARY KEY (kind, day, generation)
);

-- The days whose partition is gone, and which generation stands for it.
CREATE TABLE archive_day (
    kind text NOT NULL,
    day date NOT NULL,
    generation integer NOT NULL,
    archived_at timestamptz NOT NULL,
    PRIMARY KEY (kind, day),
    FOREIGN KEY (kind, day, generation) REFERENCES archive_file (kind, day, generation)
);

-- Days that were brought back by hand stay in the database until then.
CREATE TABLE archive_pin (
    day date PRIMARY KEY,
    until timestamptz NOT NULL
);

-- When channels were heard last in days that lie in files: whoever asks since when a meter is
-- silent need not open them.
CREATE TABLE archive_last (
    kind text NOT NULL,
    meter integer NOT NULL,
    channel varchar(8) COLLATE "C" NOT NULL,
    period "char" NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (kind, meter, channel, period)
);
