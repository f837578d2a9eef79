-- Enforcement: everything that officers do is a decision; nothing here is the only copy.

-- Up to when the enterprises of a slice were reviewed for what calls for a task.
CREATE TABLE enforcement_review (
    slice smallint PRIMARY KEY CHECK (slice BETWEEN 0 AND 31),
    at timestamptz NOT NULL
);

-- Which alarms ended since the last review.
CREATE INDEX alarm_ended ON alarm (ended) WHERE ended IS NOT NULL;
