"""People of the registry a page at a time, with the names of what bounds them."""

from dataclasses import dataclass
from typing import Final

import msgspec

from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.text import like_of

# As many as somebody reads.
PAGE: Final = 50

# Names are looked up in one value: a join of what was just put together is planned as if it were a
# single row, and goes through all firms once a person.
_FOUND: Final = """
WITH newest AS (
    SELECT DISTINCT ON (kind, id) kind, id, body FROM registry_entry
    WHERE kind IN ('person', 'enterprise', 'agency') ORDER BY kind, id, version DESC
), names AS MATERIALIZED (
    SELECT jsonb_object_agg(kind || ' ' || id, body ->> 'name') AS known FROM newest
    WHERE kind <> 'person'
), people AS (
    SELECT p.id, p.body, coalesce(n.known ->> ('enterprise ' || (p.body ->> 'enterprise')),
        n.known ->> ('agency ' || (p.body ->> 'agency')), '') AS scope
    FROM newest AS p CROSS JOIN names AS n
    WHERE p.kind = 'person' AND p.body IS NOT NULL AND p.id > $3
        AND ($2::text IS NULL OR p.body ->> 'role' = $2)
)
SELECT body, scope FROM people
WHERE $1 = '' OR concat_ws(' ', id, body ->> 'name', body ->> 'phone', scope) ILIKE $4
ORDER BY id LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A person and the name of their firm or agency; "" for the city's."""

    person: Person
    scope: str


@dataclass(frozen=True, slots=True)
class People:
    """A page of people, by id; ``after`` is where the next begins, None where there is none."""

    people: list[Listed]
    after: str | None


async def find_people(connection: Connection, said: str, role: Role | None, after: str) -> People:
    """Return people whose id, name, telephone, firm or agency holds a text.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing people"):
        rows = await connection.fetch(_FOUND, said, role, after, like_of(said), PAGE + 1)
    people = [
        Listed(msgspec.json.decode(row["body"], type=Person), row["scope"]) for row in rows[:PAGE]
    ]
    return People(people, people[-1].person.id if len(rows) > PAGE else None)
