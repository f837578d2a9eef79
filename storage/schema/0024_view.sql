-- Lists of alarms that people named for themselves: the address's query, by person and name.

CREATE TABLE saved_view (
    person text NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 24),
    query text NOT NULL CHECK (char_length(query) <= 500),
    entered_at timestamptz NOT NULL,
    PRIMARY KEY (person, name)
);
