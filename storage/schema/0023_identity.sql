-- Sign-in by a provider of identities: whom administrators let in by which identity, and what was begun.
--
-- An identity is what a claim of a provider says.  None makes an account by itself: it is bound.

CREATE TABLE identity (
    issuer text NOT NULL,
    -- sub, email
    claim text NOT NULL,
    subject text NOT NULL,
    person text NOT NULL REFERENCES account (person) ON DELETE CASCADE,
    bound timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    PRIMARY KEY (issuer, claim, subject),
    UNIQUE (issuer, claim, person)
);

CREATE INDEX identity_person ON identity (person);

-- A browser that left for the provider; its row is taken when it comes back, once.
CREATE TABLE leave (
    token bytea PRIMARY KEY CHECK (length(token) = 32),
    -- Where it wanted to go on to, and whether it stays signed in for the day.
    onward text NOT NULL,
    keep boolean NOT NULL,
    expires timestamptz NOT NULL
);

CREATE INDEX leave_expires ON leave (expires);

-- Where an attempt came from, as it is counted: an address, of IPv6 the network that one line has.
ALTER TABLE sign_in_attempt ADD COLUMN place text NOT NULL DEFAULT '';
UPDATE sign_in_attempt SET place = address;
DROP INDEX sign_in_attempt_address;
CREATE INDEX sign_in_attempt_place ON sign_in_attempt (place, at);
