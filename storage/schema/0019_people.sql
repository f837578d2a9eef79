-- Who signs in: what persons of the registry are known by.  Times are the wall's, never a simulation's.
--
-- invitation ─► account ─► console_session, api_token      sign_in_attempt: what holds guessing up
--
-- No secret stands here: of tokens and links their SHA-256, of passwords their argon2 hash, of the
-- second factor the name of a file.

CREATE TABLE account (
    person text PRIMARY KEY,
    -- NULL: nobody can sign in with a password until one is set by an invitation.
    password text,
    -- A file of the secrets folder.
    totp text,
    -- The same of one that was begun and not yet proven by a code.
    totp_begun text,
    -- The last step of the clock whose code was taken: a code holds once.
    totp_step bigint NOT NULL DEFAULT 0,
    must_change boolean NOT NULL DEFAULT FALSE,
    locked timestamptz,
    created timestamptz NOT NULL DEFAULT now(),
    changed timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE console_session (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token bytea NOT NULL UNIQUE CHECK (length(token) = 32),
    person text NOT NULL REFERENCES account (person) ON DELETE CASCADE,
    created timestamptz NOT NULL DEFAULT now(),
    seen timestamptz NOT NULL DEFAULT now(),
    idle interval NOT NULL,
    expires timestamptz NOT NULL,
    revoked timestamptz,
    address text NOT NULL,
    agent text NOT NULL
);

CREATE INDEX console_session_person ON console_session (person);
CREATE INDEX console_session_expires ON console_session (expires);

CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token bytea NOT NULL UNIQUE CHECK (length(token) = 32),
    person text NOT NULL REFERENCES account (person) ON DELETE CASCADE,
    name text NOT NULL,
    -- read, act
    scopes text [] NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    used timestamptz,
    revoked timestamptz
);

CREATE INDEX api_token_person ON api_token (person);

CREATE TABLE sign_in_attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- As it was typed, shortened: there need not be such an account.
    account text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL
);

CREATE INDEX sign_in_attempt_account ON sign_in_attempt (account, at);
CREATE INDEX sign_in_attempt_address ON sign_in_attempt (address, at);
CREATE INDEX sign_in_attempt_at ON sign_in_attempt (at);

-- What was done about accounts, and by whom; decisions have a chain of their own.
CREATE TABLE access_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    person text NOT NULL,
    actor text NOT NULL,
    deed text NOT NULL,
    detail text NOT NULL DEFAULT '',
    address text NOT NULL
);

CREATE INDEX access_event_person ON access_event (person, id);
CREATE INDEX access_event_at ON access_event (at);

CREATE TABLE invitation (
    token bytea PRIMARY KEY CHECK (length(token) = 32),
    -- NULL: whoever opens it is the first administrator.
    person text,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL,
    used timestamptz
);

CREATE INDEX invitation_person ON invitation (person);
