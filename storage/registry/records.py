"""Single records of the registry, without loading all of it."""

from collections.abc import Collection
from typing import TypeVar

import msgspec

from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.storage.database import Connection, errors

_N = TypeVar("_N", bound=Noun)


async def load_record(connection: Connection, kind: type[_N], identity: str) -> _N | None:
    """Return a record as it is entered now; None where there is none, or it was removed."""
    with errors(f"reading {kind.__name__.lower()} {identity}"):
        body = await connection.fetchval(
            "SELECT body FROM registry_entry WHERE kind = $1 AND id = $2"
            " ORDER BY version DESC LIMIT 1",
            _name(kind),
            identity,
        )
    return None if body is None else msgspec.json.decode(body, type=kind)


async def load_kind(connection: Connection, kind: type[_N]) -> list[_N]:
    """Return all records of a kind as they are entered now, by id."""
    with errors(f"reading all of kind {kind.__name__.lower()}"):
        rows = await connection.fetch(
            "SELECT body FROM (SELECT DISTINCT ON (id) * FROM registry_entry WHERE kind = $1"
            ' ORDER BY id, version DESC) AS newest WHERE NOT removed ORDER BY id COLLATE "C"',
            _name(kind),
        )
    return [msgspec.json.decode(row["body"], type=kind) for row in rows]


async def load_some(
    connection: Connection, kind: type[_N], identities: Collection[str]
) -> list[_N]:
    """Return the records of some ids as they are entered now, those that there are, by id."""
    with errors(f"reading some of kind {kind.__name__.lower()}"):
        rows = await connection.fetch(
            "SELECT body FROM (SELECT DISTINCT ON (id) * FROM registry_entry WHERE kind = $1"
            " AND id = ANY($2) ORDER BY id, version DESC) AS newest"
            ' WHERE NOT removed ORDER BY id COLLATE "C"',
            _name(kind),
            list(identities),
        )
    return [msgspec.json.decode(row["body"], type=kind) for row in rows]


def _name(kind: type[Noun]) -> str:
    return next(name for name, one in KINDS.items() if one is kind)
