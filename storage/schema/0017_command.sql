-- What people and chores want of meters: asked, set, brought from the past.
--
-- queued ─► sent ─► answered | refused | expired        queued ─► cancelled | expired | refused
--
-- A command is sent by the gateway that holds its meter's session, and never twice: it is sent when
-- the row says so.  One whose gateway ended before an answer came is expired, and says that nobody
-- knows whether the meter carried it out.

CREATE TABLE command (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter integer NOT NULL REFERENCES meter (id),
    channel text NOT NULL DEFAULT '',
    -- verb, items, values, since, until: as protocol/command.py has them.
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    actor text NOT NULL CHECK (actor <> ''),
    entered_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'sent', 'answered', 'refused', 'expired', 'cancelled')),
    -- The gateway process that sent it, or tried to.
    gateway text,
    sent_at timestamptz,
    finished_at timestamptz,
    -- values, message, heard (frames that came), requests and frames in hex, the first of them.  Not
    -- jsonb, which puts values into an order of its own.
    reply json CHECK (json_typeof(reply) = 'object'),
    CHECK (expires_at > entered_at)
);

CREATE INDEX command_queued ON command (id) WHERE state = 'queued';
CREATE INDEX command_sent ON command (gateway) WHERE state = 'sent';
CREATE INDEX command_meter ON command (meter, id);
CREATE INDEX command_finished ON command (finished_at) WHERE finished_at IS NOT NULL;

-- Who wanted what, and what became of it: only ever grows.
CREATE TABLE command_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command bigint NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    -- A person's id, the name of a gateway, or whoever runs the system.
    actor text NOT NULL CHECK (actor <> ''),
    detail json NOT NULL CHECK (json_typeof(detail) = 'object')
);

CREATE INDEX command_event_command ON command_event (command, id);

CREATE TRIGGER command_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON command_event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What came of polls on the present or last connection of a meter, as its gateway counts.
CREATE TABLE poll_count (
    codec text NOT NULL,
    address text NOT NULL,
    told_at timestamptz NOT NULL,
    asked bigint NOT NULL,
    answered bigint NOT NULL,
    timed_out bigint NOT NULL,
    silenced bigint NOT NULL,
    late bigint NOT NULL,
    PRIMARY KEY (codec, address)
);
