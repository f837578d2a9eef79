-- Notices on their way to people and machines.
--
-- case_event ─► notice_due ─► follower ─► outbox ─► courier ─► attempt
--
-- Addresses and texts stand here as they were when the notice fell due.  Times in outbox are the
-- system's own; those of attempts are the wall's, by which gateways judge them.

-- Events that nobody has routed yet.
CREATE TABLE notice_due (
    event bigint PRIMARY KEY REFERENCES case_event (id) ON DELETE CASCADE,
    enterprise text NOT NULL
);

CREATE FUNCTION notice_falls_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notice_due (event, enterprise) VALUES (NEW.id, NEW.enterprise);
    RETURN NULL;
END $$;

CREATE TRIGGER case_event_due AFTER INSERT ON case_event
FOR EACH ROW EXECUTE FUNCTION notice_falls_due();

-- One notice for one recipient by one way.
--
-- waiting ─► sending ─► delivered          a courier has it; what it took with it is merged
--    ▲          ├─────► asking             accepted or not: the receipt is to be asked for
--    └──────────┴─────► dead, expired      listed, and sent again by hand
-- silent: who does not get it, and why
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What receivers tell duplicates by: the same in every attempt.
    message uuid NOT NULL DEFAULT gen_random_uuid(),
    alarm bigint NOT NULL,
    enterprise text NOT NULL,
    at timestamptz NOT NULL,
    why text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
    recipient text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    -- "" of what is silent.
    endpoint text NOT NULL DEFAULT '',
    addressed text [] NOT NULL DEFAULT '{}',
    language text NOT NULL DEFAULT 'zh',
    title text NOT NULL DEFAULT '',
    body text NOT NULL DEFAULT '',
    fields jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL CHECK (
        state IN ('waiting', 'sending', 'asking', 'merged', 'delivered', 'dead', 'expired', 'silent')
    ),
    -- Whether it may be merged with others for the same reader.
    merges boolean NOT NULL DEFAULT FALSE,
    due timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    -- Ways that are left, [endpoint, address, merges] each, from when on the first of them is tried,
    -- and how long each is given.
    fallbacks jsonb NOT NULL DEFAULT '[]',
    fallback_at timestamptz,
    fallback_wait interval,
    created timestamptz NOT NULL DEFAULT now(),
    -- The courier's: when it may be looked at again, the message that took it along.
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    head bigint,
    attempts smallint NOT NULL DEFAULT 0,
    ambiguous smallint NOT NULL DEFAULT 0,
    started timestamptz,
    ended timestamptz,
    late boolean NOT NULL DEFAULT FALSE,
    provider_id text NOT NULL DEFAULT '',
    outcome text NOT NULL DEFAULT '',
    UNIQUE (alarm, at, why, recipient, endpoint)
) WITH (fillfactor = 70);

CREATE INDEX outbox_single ON outbox (level DESC, id) WHERE state = 'waiting' AND NOT merges;
CREATE INDEX outbox_merging ON outbox (level DESC, id) WHERE state = 'waiting' AND merges;
CREATE INDEX outbox_open ON outbox (endpoint, recipient, alarm, id)
WHERE state IN ('waiting', 'sending', 'asking', 'merged');
CREATE INDEX outbox_sending ON outbox (endpoint, recipient) WHERE state = 'sending';
CREATE INDEX outbox_asking ON outbox (not_before) WHERE state = 'asking';
CREATE INDEX outbox_fallback ON outbox (fallback_at) WHERE fallback_at IS NOT NULL;
CREATE INDEX outbox_expiry ON outbox (expires) WHERE state IN ('waiting', 'asking');
CREATE INDEX outbox_head ON outbox (head) WHERE head IS NOT NULL;
CREATE INDEX outbox_recipient ON outbox (recipient, id);
CREATE INDEX outbox_failed ON outbox (id) WHERE state IN ('dead', 'expired');

-- Every time that a gateway was spoken to about a message, and what it said.
CREATE TABLE attempt (
    outbox bigint NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    number smallint NOT NULL,
    -- send, or receipt.
    kind text NOT NULL,
    endpoint text NOT NULL,
    addressed text [] NOT NULL,
    started timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    provider_id text NOT NULL,
    PRIMARY KEY (outbox, number, kind, started)
);

-- What was sent of late, for the limits of gateways.
CREATE INDEX attempt_sent ON attempt (endpoint, started) WHERE kind = 'send';
