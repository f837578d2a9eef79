"""Commands, for whoever asked and whoever looks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import orjson

from wattwarden.storage.commands.queue import note
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError

OPEN: Final = frozenset(("queued", "sent"))
STATES: Final = ("queued", "sent", "answered", "refused", "expired", "cancelled")
PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Entered:
    """A command, and what has become of it."""

    id: int
    meter: str
    channel: str
    body: dict[str, Any]
    actor: str
    entered_at: datetime
    expires_at: datetime
    state: str
    gateway: str | None
    sent_at: datetime | None
    finished_at: datetime | None
    reply: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Happened:
    """A row of a command's record."""

    at: datetime
    what: str
    actor: str
    detail: dict[str, Any]


_SELECT: Final = (
    "SELECT c.*, m.codec || ':' || m.address AS name FROM command AS c"
    " JOIN meter AS m ON m.id = c.meter"
)


async def list_commands(
    connection: Connection,
    *,
    meter: int | None = None,
    state: str | None = None,
    meters: Collection[str] | None = None,
    before: int | None = None,
    most: int = PAGE,
) -> list[Entered]:
    """Return commands, the newest first.

    Args:
        connection: To the store.
        meter: Only this meter's, by its number.
        state: Only those in this state.
        meters: Only those of these meters (``codec:address``), None for all.
        before: Only those with a smaller number.
        most: How many.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing commands"):
        rows = await connection.fetch(
            f"{_SELECT} WHERE ($1::integer IS NULL OR c.meter = $1)"
            " AND ($2::text IS NULL OR c.state = $2)"
            " AND ($3::text[] IS NULL OR m.codec || ':' || m.address = ANY($3))"
            " AND ($5::bigint IS NULL OR c.id < $5) ORDER BY c.id DESC LIMIT $4",
            *(meter, state, None if meters is None else list(meters), most, before),
        )
    return [_entered(row) for row in rows]


async def find_command(connection: Connection, number: int) -> Entered | None:
    """Return one command, None where there is none.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a command"):
        row = await connection.fetchrow(f"{_SELECT} WHERE c.id = $1", number)
    return None if row is None else _entered(row)


async def record_of(connection: Connection, number: int) -> list[Happened]:
    """Return what happened to a command, in order.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading the record of a command"):
        rows = await connection.fetch(
            "SELECT at, what, actor, detail FROM command_event WHERE command = $1 ORDER BY id",
            number,
        )
    return [
        Happened(row["at"], row["what"], row["actor"], orjson.loads(row["detail"])) for row in rows
    ]


async def cancel(connection: Connection, number: int, *, actor: str, now: datetime) -> None:
    """Take back a command that still waits.

    Raises:
        StorageError: it waits no more; or the database is away.
    """
    with errors("cancelling a command"):
        async with connection.transaction():
            done = await connection.fetchval(
                "UPDATE command SET state = 'cancelled', finished_at = $2"
                " WHERE id = $1 AND state = 'queued' RETURNING id",
                *(number, now),
            )
            if done is None:
                message = (
                    f"命令 {number} 已不在等待,下发后不能撤销"
                    f" / command {number} waits no more: what was sent cannot be taken back"
                )
                raise StorageError(message, retryable=False)
            await note(connection, number, now, "cancelled", actor, {})


def _entered(row: asyncpg.Record) -> Entered:
    reply = row["reply"]
    return Entered(
        id=row["id"],
        meter=row["name"],
        channel=row["channel"],
        body=orjson.loads(row["body"]),
        actor=row["actor"],
        entered_at=row["entered_at"],
        expires_at=row["expires_at"],
        state=row["state"],
        gateway=row["gateway"],
        sent_at=row["sent_at"],
        finished_at=row["finished_at"],
        reply={} if reply is None else orjson.loads(reply),
    )
