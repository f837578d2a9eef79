-- Back-tests that were asked for on pages: which rules on what, how far they are, what they came to.
--
-- running ─► done | failed | cancelled        one at a time, whatever number of consoles there is

CREATE TABLE backtest (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text NOT NULL,
    -- The proposal, and the version that its file gives itself.
    draft text NOT NULL,
    version text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (since < until),
    -- Empty: all.
    enterprises text[] NOT NULL,
    state text NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    -- Enterprises that are done, of how many.
    done integer NOT NULL DEFAULT 0,
    total integer NOT NULL DEFAULT 0,
    -- Somebody wants it ended; whoever runs it looks.
    unwanted boolean NOT NULL DEFAULT FALSE,
    entered_at timestamptz NOT NULL DEFAULT now(),
    -- When whoever runs it was last heard of: a console that died leaves no row that stays running.
    seen_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome jsonb
);

CREATE UNIQUE INDEX backtest_running ON backtest (state) WHERE state = 'running';
