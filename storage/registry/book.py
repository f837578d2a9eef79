"""Records of the registry a page at a time, whatever their kind."""

from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.text import like_of

# As many as somebody reads.
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record by its name, "" where its kind has none, and what it belongs to."""

    id: str
    name: str
    belongs: str
    version: int


_FOUND: Final = """
SELECT n.id, coalesce(n.body ->> 'name', '') AS name, n.version,
    concat_ws('，', n.body ->> 'enterprise', n.body ->> 'agency', n.body ->> 'meter',
        n.body ->> 'unit', n.body ->> 'outlet', n.body ->> 'line', n.body ->> 'parent') AS belongs
FROM (SELECT DISTINCT ON (id) id, version, body FROM registry_entry WHERE kind = $1
    ORDER BY id, version DESC) AS n
WHERE n.body IS NOT NULL AND n.id COLLATE "C" > $2
    AND ($3 = '' OR n.id || ' ' || n.body::text ILIKE $4)
ORDER BY n.id COLLATE "C" LIMIT $5
"""


async def find_records(connection: Connection, kind: str, said: str, after: str) -> list[Recorded]:
    """Return the records of a kind that hold a text, by id, one more than a page if there are more.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"listing records of kind {kind}"):
        rows = await connection.fetch(_FOUND, kind, after, said, like_of(said), PAGE + 1)
    return [Recorded(**row) for row in rows]


async def count_kinds(connection: Connection) -> dict[str, int]:
    """Return how many records of each kind there are.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting records"):
        rows = await connection.fetch(
            "SELECT kind, count(*) AS count FROM (SELECT DISTINCT ON (kind, id) kind, removed"
            " FROM registry_entry ORDER BY kind, id, version DESC) AS n WHERE NOT removed"
            " GROUP BY kind"
        )
    found = {row["kind"]: row["count"] for row in rows}
    return {kind: found.get(kind, 0) for kind in KINDS}
