-- The same bytes again are counted instead of kept again.
--
-- Same means: same bytes, codec, reason, what they answer, and who sent them (its identity, else the
-- peer's address without port).  The row keeps where the first lies in the journal; each further
-- moment of receipt is noted, up to 255 a row, after which the next opens a row of its own.
--
-- No reading is lost that way.  What did not decode does not say whether it carries its own time;
-- where it does not, a reading's time is that of receipt, and each moment is another reading.  So a
-- retry reads the bytes once for every moment noted: bytes with a time give one and the same row
-- each time, bytes without give all of theirs.  A row is resolved only if nothing came meanwhile.

ALTER TABLE quarantine
-- SHA-256 of what must be the same; null in rows from before, which are not counted up.
ADD COLUMN digest bytea,
ADD COLUMN times integer NOT NULL DEFAULT 1,
-- Null while it came once.
ADD COLUMN last_received_at timestamptz,
-- The moments after received_at, each once, in the order in which they were filed.
ADD COLUMN received_again timestamptz [] NOT NULL DEFAULT '{}';

CREATE UNIQUE INDEX quarantine_again ON quarantine (digest)
WHERE state = 'open' AND cardinality(received_again) < 255;
