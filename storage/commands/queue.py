"""Commands to meters, from whoever wants something to the gateway that holds the session.

    enter ─► queued ── claim ──► sent ── finish ──► answered | refused | expired
               │                  └ its gateway ended ── orphans ──► expired
               └── expire, cancel ──► expired | cancelled

A gateway claims a command in a transaction of its own before it sends it, so that nothing is sent
twice; whoever ends holding one leaves it sent, and others see by its lock that it has ended.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zlib import crc32

import asyncpg
import msgspec
import orjson

from wattwarden.protocol.both import Both
from wattwarden.protocol.command import CannotAskError, Command
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.text import storable

CHANNEL: Final = "wattwarden_commands"
"""On which channel the database says that a command waits or has ended."""
# Re-calls of a month of gaps; a meter that was away for longer gets them in turn.
MOST_QUEUED: Final = 256
# All that a gateway looks at in one go; the next look goes on behind it.
MOST_WAITING: Final = 10_000
# Any number that nobody else takes in the same database: "gate" as bytes.
LOCK_CLASS: Final = int.from_bytes(b"gate", "big")
# What is shown of an answer: no value of a meter is longer, nested deeper or wider than 64 bits.
MOST_LETTERS: Final = 4096
MOST_DEPTH: Final = 12
MOST_BITS: Final = 63
UNKNOWN_OUTCOME: Final = Both(
    "网关在应答到达前退出，设备是否已执行不明",
    "sent, and its gateway ended before an answer came: whether the meter did it is not known",
)
AWAY: Final = Both("设备在有效期内未上线", "the meter did not dial in before it expired")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command that waits for its meter.

    ``meter`` is (codec, address).
    """

    id: int
    meter: tuple[str, str]
    channel: str
    command: Command
    expires_at: datetime


async def enter(
    connection: Connection,
    meter: int,
    command: Command,
    *,
    actor: str,
    now: datetime,
    expires_at: datetime,
    channel: str = "",
) -> int:
    """Queue a command and return its id; the same that still waits, by the same actor, is that one.

    Whoever calls has asked for rights (``entering``) or is the system itself.

    Raises:
        CannotAskError: Too many wait for the meter.
        StorageError: The database is away.
    """
    body = msgspec.json.encode(command).decode()
    with errors("entering a command"):
        async with connection.transaction():
            # Commands of a meter are entered one after another.
            await connection.execute("SELECT id FROM meter WHERE id = $1 FOR UPDATE", meter)
            same = await _same(connection, meter, actor, channel, body)
            if same is not None:
                return same
            number: int = await connection.fetchval(
                "INSERT INTO command (meter, channel, body, actor, entered_at, expires_at)"
                " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                *(meter, channel, body, actor, now, expires_at),
            )
            detail = {"meter": meter, "channel": channel, "body": orjson.loads(body)}
            await note(connection, number, now, "entered", actor, detail)
            await _tell(connection)
    return number


async def waiting(connection: Connection, behind: int = 0) -> list[Waiting]:
    """Return the commands that wait, the oldest first: MOST_WAITING at most, ``behind`` a number.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for commands"):
        rows = await connection.fetch(
            "SELECT c.id, m.codec, m.address, c.channel, c.body, c.expires_at FROM command AS c"
            " JOIN meter AS m ON m.id = c.meter WHERE c.state = 'queued' AND c.id > $2"
            " ORDER BY c.id LIMIT $1",
            MOST_WAITING,
            behind,
        )
    return [_waiting(row) for row in rows]


async def claim(
    connection: Connection, numbers: Collection[int], gateway: str, now: datetime
) -> list[int]:
    """Take commands for sending, and return those that nobody else took and that may still go.

    Raises:
        StorageError: The database is away; nothing may be sent then.
    """
    with errors("claiming commands"):
        async with connection.transaction():
            rows = await connection.fetch(
                "UPDATE command SET state = 'sent', gateway = $2, sent_at = $3 WHERE id IN ("
                "SELECT id FROM command WHERE id = ANY($1) AND state = 'queued'"
                " AND expires_at > $3 ORDER BY id FOR UPDATE SKIP LOCKED) RETURNING id",
                *(list(numbers), gateway, now),
            )
            claimed = sorted(row["id"] for row in rows)
            for number in claimed:
                await note(connection, number, now, "sent", gateway, {})
    return claimed


async def finish(
    connection: Connection,
    number: int,
    state: str,
    reply: Mapping[str, Any],
    *,
    gateway: str,
    now: datetime,
) -> None:
    """Say what came of a command that ``gateway`` sent.

    One that was taken for lost while the database was away gets its answer nevertheless.

    Raises:
        StorageError: The database is away.
    """
    plain = _plain(reply, MOST_DEPTH)
    text = orjson.dumps(plain).decode()
    with errors("finishing a command"):
        async with connection.transaction():
            done = await connection.fetchval(
                "UPDATE command SET state = $2, reply = $3, finished_at = $4"
                " WHERE id = $1 AND gateway = $5 AND state IN ('sent', 'expired') RETURNING id",
                *(number, state, text, now, gateway),
            )
            if done is not None:
                await note(connection, number, now, state, gateway, plain)
                await _tell(connection)


async def expire(connection: Connection, now: datetime, by: str) -> int:
    """End what waited beyond its time, and what a gateway that has ended left; return how many.

    Raises:
        StorageError: The database is away.
    """
    with errors("expiring commands"):
        async with connection.transaction():
            ended = [
                (row["id"], AWAY)
                for row in await connection.fetch(
                    "SELECT id FROM command WHERE state = 'queued' AND expires_at <= $1"
                    " FOR UPDATE SKIP LOCKED",
                    now,
                )
            ]
            ended += [(number, UNKNOWN_OUTCOME) for number in await _orphans(connection, by)]
            for number, message in ended:
                reply = said(message)
                await connection.execute(
                    "UPDATE command SET state = 'expired', reply = $2, finished_at = $3"
                    " WHERE id = $1",
                    *(number, orjson.dumps(reply).decode(), now),
                )
                await note(connection, number, now, "expired", by, reply)
            if ended:
                await _tell(connection)
    return len(ended)


def said(message: Both | None) -> dict[str, str]:
    """Return, as a reply holds it, why something was not done; nothing where it was."""
    zh, en = ("", "") if message is None else message
    return {"message": en, "zh": zh}


async def in_hand(connection: Connection, gateway: str) -> list[int]:
    """Return what a gateway has taken for sending and not ended.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for commands in hand"):
        rows = await connection.fetch(
            "SELECT id FROM command WHERE state = 'sent' AND gateway = $1", gateway
        )
    return [row["id"] for row in rows]


async def hold(connection: Connection, gateway: str) -> None:
    """Show that a gateway lives, as long as the connection lasts.

    Raises:
        StorageError: The database is away.
    """
    with errors("holding the gateway's lock"):
        await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, _key(gateway))


async def note(
    connection: Connection,
    number: int,
    at: datetime,
    what: str,
    actor: str,
    detail: Mapping[str, Any],
) -> None:
    """Add to the record of a command."""
    await connection.execute(
        "INSERT INTO command_event (command, at, what, actor, detail) VALUES ($1, $2, $3, $4, $5)",
        *(number, at, what, actor, orjson.dumps(detail).decode()),
    )


async def _same(
    connection: Connection, meter: int, actor: str, channel: str, body: str
) -> int | None:
    """Return the one that waits already, None where there is none and still room for one."""
    waiting = await connection.fetch(
        "SELECT id, actor = $2 AND channel = $3 AND body = $4::jsonb AS same"
        " FROM command WHERE meter = $1 AND state = 'queued'",
        *(meter, actor, channel, body),
    )
    found = next((row["id"] for row in waiting if row["same"]), None)
    if found is None and len(waiting) >= MOST_QUEUED:
        message = Both(
            f"此表已有 {len(waiting)} 条命令在等待，最多 {MOST_QUEUED} 条",
            f"{len(waiting)} commands wait for this meter, at most {MOST_QUEUED} may",
        )
        raise CannotAskError(message, Both("先撤销一些，或等其过期", "cancel some, or wait"))
    return None if found is None else int(found)


async def _orphans(connection: Connection, by: str) -> list[int]:
    """Return what gateways that have ended had sent: those whose lock is free."""
    # A connection may take its own lock again: who looks would find itself dead.
    rows = await connection.fetch(
        "SELECT DISTINCT gateway FROM command WHERE state = 'sent' AND gateway <> $1", by
    )
    found: list[int] = []
    for gateway in [row["gateway"] for row in rows]:
        # Held to the end of the transaction, so that of two who look one ends them.
        free = await connection.fetchval(
            "SELECT pg_try_advisory_xact_lock($1, $2)", LOCK_CLASS, _key(gateway)
        )
        if free:
            lost = await connection.fetch(
                "SELECT id FROM command WHERE state = 'sent' AND gateway = $1"
                " FOR UPDATE SKIP LOCKED",
                gateway,
            )
            found += [row["id"] for row in lost]
    return found


def _plain(value: Any, depth: int) -> Any:
    """Return what a meter said as a column of JSON takes it, whatever it is."""
    if isinstance(value, str):
        return storable(value, MOST_LETTERS)
    if isinstance(value, bool | float | None) or (
        isinstance(value, int) and abs(value) < 2**MOST_BITS
    ):
        return value
    if depth and isinstance(value, Mapping):
        return {
            storable(str(name), MOST_LETTERS): _plain(one, depth - 1) for name, one in value.items()
        }
    if depth and isinstance(value, list | tuple):
        return [_plain(one, depth - 1) for one in value]
    return storable(str(value), MOST_LETTERS)


def _key(gateway: str) -> int:
    # A lock's key is signed.
    return crc32(gateway.encode()) - 2**31


def _waiting(row: asyncpg.Record) -> Waiting:
    command = msgspec.json.decode(row["body"], type=Command)
    meter = (row["codec"], row["address"])
    return Waiting(row["id"], meter, row["channel"], command, row["expires_at"])


async def _tell(connection: Connection) -> None:
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
