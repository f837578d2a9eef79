"""Lists that people named for themselves, to come back to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.storage.database import Connection, errors

# As many as fit beside the views that everybody has.
MOST_SAVED: Final = 12
# A name stands on a tab.
NAME_LETTERS: Final = 24
# Every filter set, each an id of 64 letters.
QUERY_LETTERS: Final = 500


@dataclass(frozen=True, slots=True)
class SavedView:
    """A list by the name that its person gave it; ``query`` is what its address asks for."""

    name: str
    query: str


async def load_saved(connection: Connection, person: str) -> list[SavedView]:
    """Return the lists of a person, the oldest first.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading saved views"):
        rows = await connection.fetch(
            "SELECT name, query FROM saved_view WHERE person = $1 ORDER BY entered_at, name",
            person,
        )
    return [SavedView(**row) for row in rows]


async def save_view(connection: Connection, person: str, view: SavedView, now: datetime) -> bool:
    """Keep a list under a name, in place of what had that name; False where there are too many.

    Raises:
        StorageError: The database is away.
    """
    with errors("saving a view"):
        kept = await connection.fetchval(
            "INSERT INTO saved_view (person, name, query, entered_at) SELECT $1, $2, $3, $4"
            " WHERE (SELECT count(*) FROM saved_view WHERE person = $1 AND name <> $2) < $5"
            " ON CONFLICT (person, name) DO UPDATE SET query = excluded.query RETURNING TRUE",
            person,
            view.name,
            view.query,
            now,
            MOST_SAVED,
        )
    return kept is not None


async def drop_view(connection: Connection, person: str, name: str) -> None:
    """Forget a list; one that is not there is no error.

    Raises:
        StorageError: The database is away.
    """
    with errors("forgetting a view"):
        await connection.execute(
            "DELETE FROM saved_view WHERE person = $1 AND name = $2", person, name
        )
