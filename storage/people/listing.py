"""People of the registry a page at a time, with the names of what bounds them."""

from dataclasses import dataclass
from typing import Final

import msgspec

from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.text import like_of

# As many as somebody reads.
PAGE: Final = 50

_FOUND: Final = """
WITH newest AS (
    SELECT DISTINCT ON (kind, id) kind, id, body FROM registry_entry
    WHERE kind IN ('person', 'enterprise', 'agency') ORDER BY kind, id, version DESC
)
SELECT p.body, coalesce(f.body ->> 'name', a.body ->> 'name', '') AS scope
FROM newest AS p
LEFT JOIN newest AS f ON f.kind = 'enterprise' AND f.id = p.body ->> 'enterprise'
LEFT JOIN newest AS a ON a.kind = 'agency' AND a.id = p.body ->> 'agency'
WHERE p.kind = 'person' AND p.body IS NOT NULL AND p.id > $3
    AND ($2::text IS NULL OR p.body ->> 'role' = $2)
    AND ($1 = '' OR concat_ws(' ', p.id, p.body ->> 'name', p.body ->> 'phone',
        f.body ->> 'name', a.body ->> 'name') ILIKE $4)
ORDER BY p.id LIMIT $5
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
