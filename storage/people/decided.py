"""Decisions a page at a time, for whoever audits: number, who, when, what, of whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.storage.database import Connection, errors

MOST: Final = 9_223_372_036_854_775_807


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision as the chain holds it; ``body`` is JSON, ``who`` and ``firm`` are names."""

    id: int
    kind: str
    actor: str
    who: str
    entered_at: datetime
    enterprise: str | None
    firm: str
    body: str
    digest: str


_FOUND: Final = """
SELECT d.id, d.kind, d.actor, coalesce(p.body ->> 'name', d.actor) AS who, d.entered_at,
    d.enterprise, coalesce(f.body ->> 'name', d.enterprise, '') AS firm, d.body::text AS body,
    encode(d.digest, 'hex') AS digest
FROM (SELECT * FROM decision WHERE id < $1 AND ($2 = '' OR kind = $2) AND ($3 = '' OR actor = $3)
    ORDER BY id DESC LIMIT $4) AS d
LEFT JOIN LATERAL (SELECT body FROM registry_entry WHERE kind = 'person' AND id = d.actor
    ORDER BY version DESC LIMIT 1) AS p ON TRUE
LEFT JOIN LATERAL (SELECT body FROM registry_entry WHERE kind = 'enterprise' AND id = d.enterprise
    ORDER BY version DESC LIMIT 1) AS f ON TRUE
ORDER BY d.id DESC
"""


async def decisions_before(
    connection: Connection, before: int, limit: int, kind: str = "", actor: str = ""
) -> list[Decided]:
    """Return decisions with a number below one, the newest first; of a kind, by somebody, or all.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading decisions"):
        rows = await connection.fetch(_FOUND, before, kind, actor, limit)
    return [Decided(**row) for row in rows]
