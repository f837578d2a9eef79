"""What gave no row waits here with its bytes, until it is read after all.

writer ── filing ──► open ── retry (the cause was mended) ──► resolved, kept as the rows' origin
└─ retry (it was not) ──► open, tried once more
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from wattwarden.storage.database import Connection, errors


@dataclass(frozen=True, slots=True)
class Held:
    """A frame in quarantine, and how often it came.

    ``raw_size`` exceeds ``len(raw)`` when it was cut.  ``received_again`` are the moments after
    ``received_at``; ``last_received_at`` is None while it came once.
    """

    id: int
    shard: int
    sequence: int
    frame: int
    codec: str
    kind: str
    reason: str
    message: str
    byte_offset: int
    raw: bytes = field(repr=False)
    raw_size: int
    peer: str
    identity: str | None
    meter: str | None
    received_at: datetime
    request: bytes | None
    program: str
    state: str
    resolved_at: datetime | None
    tries: int
    digest: bytes | None = field(repr=False)
    times: int
    last_received_at: datetime | None
    received_again: list[datetime] = field(repr=False)

    def occurrences(self) -> Iterator["Held"]:
        """Yield the frame as it came, once for each moment."""
        yield self
        for moment in self.received_again:
            yield replace(self, received_at=moment)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames: all conditions that are set.  ``state`` is open or resolved.

    ``meter`` finds frames of that address: decoded, logged in under it, or unattributed and
    containing it.
    """

    ids: tuple[int, ...] | None = None
    codec: str | None = None
    meter: str | None = None
    kind: str | None = None
    reason: str | None = None
    state: str | None = None


async def list_held(
    connection: Connection, selection: Selection, *, before_id: int | None = None, most: int = 100
) -> list[Held]:
    """Return frames in quarantine, the latest first; ``before_id`` goes on after a page.

    Raises:
        StorageError: The database is away.
    """
    where, values = conditions_of(selection)
    if before_id is not None:
        values.append(before_id)
        where += f" AND id < ${len(values)}"
    values.append(most)
    with errors("listing the quarantine"):
        rows = await connection.fetch(
            f"SELECT * FROM quarantine WHERE {where} ORDER BY id DESC LIMIT ${len(values)}",  # noqa: S608  conditions of this module
            *values,
        )
    return [Held(**dict(row)) for row in rows]


def conditions_of(selection: Selection) -> tuple[str, list[Any]]:
    """Return the conditions of a selection as SQL, and their values."""
    conditions = ["true"]
    values: list[Any] = []
    for column in ("codec", "kind", "reason", "state"):
        wanted = getattr(selection, column)
        if wanted is not None:
            values.append(wanted)
            conditions.append(f"{column} = ${len(values)}")
    if selection.ids is not None:
        values.append(list(selection.ids))
        conditions.append(f"id = ANY(${len(values)})")
    if selection.meter is not None:
        values += [selection.meter, selection.meter.encode()]
        conditions.append(
            f"(${len(values) - 1} IN (meter, identity) OR meter IS NULL AND identity IS NULL"
            f" AND position(${len(values)} IN raw) > 0)"
        )
    return " AND ".join(conditions), values
