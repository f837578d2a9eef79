"""The outbox as people look at it, and what they send again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.outbox.follow import CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which notices: all conditions that are given."""

    states: Collection[str] | None = None
    recipient: str | None = None
    endpoint: str | None = None
    alarm: int | None = None
    numbers: Collection[int] | None = None
    since: datetime | None = None
    # Whose alarms, and to whom, where somebody may see but a part.
    enterprises: Collection[str] | None = None
    recipients: Collection[str] | None = None
    # Those with a smaller number.
    before: int | None = None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A notice as people look at it."""

    id: int
    message: UUID
    alarm: int
    enterprise: str
    at: datetime
    why: str
    level: int
    recipient: str
    reason: str
    detail: str
    endpoint: str
    addressed: list[str]
    title: str
    state: str
    due: datetime
    expires: datetime
    attempts: int
    late: bool
    provider_id: str
    outcome: str
    head: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An attempt as people look at it."""

    number: int
    kind: str
    endpoint: str
    addressed: list[str]
    started: datetime
    ended: datetime
    outcome: str
    reason: str
    provider_id: str


async def list_outbox(connection: Connection, wanted: Wanted) -> list[Listed]:
    """Return notices, the newest first, each with the words of its last attempt.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading the outbox"):
        rows = await connection.fetch(
            _LIST,
            *_conditions(wanted),
            wanted.limit,
        )
    return [Listed(**dict(row)) for row in rows]


async def attempts_of(connection: Connection, number: int) -> list[Tried]:
    """Return every attempt of a notice, in order of time; those of what took it along."""
    with errors("reading attempts"):
        rows = await connection.fetch(
            "SELECT a.number, a.kind, a.endpoint, a.addressed, a.started, a.ended, a.outcome,"
            " a.reason, a.provider_id FROM outbox AS o JOIN attempt AS a"
            " ON a.outbox = coalesce(o.head, o.id)"
            " WHERE o.id = $1 ORDER BY a.started",
            number,
        )
    return [Tried(**dict(row)) for row in rows]


async def count_states(connection: Connection, wanted: Wanted) -> dict[str, int]:
    """Return how many notices there are in each state; all that are wanted, whatever its limit."""
    with errors("counting the outbox"):
        rows = await connection.fetch(_COUNT, *_conditions(wanted))
    return {row["state"]: row["n"] for row in rows}


async def resend(
    connection: Connection, wanted: Wanted, now: datetime, expires: datetime
) -> list[int]:
    """Let notices that failed or expired be sent again, under the ids that they have.

    Args:
        connection: To the store.
        wanted: Which; of other states than these nothing is touched.
        now: The system's time.
        expires: Until when they are worth sending now.

    Raises:
        StorageError: The database is away.
    """
    with errors("sending notices again"):
        rows = await connection.fetch(
            _AGAIN,
            *_conditions(wanted),
            wanted.limit,
            now,
            expires,
        )
        await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
    return sorted(row["id"] for row in rows)


_WHERE: Final = (
    "($1::text[] IS NULL OR state = ANY($1)) AND ($2::text IS NULL OR recipient = $2)"
    " AND ($3::text IS NULL OR endpoint = $3) AND ($4::bigint IS NULL OR alarm = $4)"
    " AND ($5::bigint[] IS NULL OR id = ANY($5)) AND ($6::timestamptz IS NULL OR at >= $6)"
    " AND ($7::text[] IS NULL OR enterprise = ANY($7))"
    " AND ($8::text[] IS NULL OR recipient = ANY($8)) AND ($9::bigint IS NULL OR id < $9)"
)
_COUNT: Final = f"SELECT state, count(*) AS n FROM outbox WHERE {_WHERE} GROUP BY state"  # noqa: S608  ours
_LIST: Final = (
    "SELECT id, message, alarm, enterprise, at, why, level, recipient, reason, detail, endpoint,"  # noqa: S608  ours
    " addressed, title, state, due, expires, attempts, late, provider_id, outcome, head"
    f" FROM outbox WHERE {_WHERE} ORDER BY id DESC LIMIT $10"
)
_AGAIN: Final = (
    "UPDATE outbox SET state = 'waiting', not_before = $11, expires = $12, ambiguous = 0,"  # noqa: S608  ours
    " head = NULL, ended = NULL, fallback_at = NULL WHERE id IN (SELECT id FROM outbox"
    f" WHERE state IN ('dead', 'expired') AND {_WHERE} ORDER BY id DESC LIMIT $10) RETURNING id"
)


def _conditions(wanted: Wanted) -> Sequence[Any]:
    return (
        None if wanted.states is None else list(wanted.states),
        wanted.recipient,
        wanted.endpoint,
        wanted.alarm,
        None if wanted.numbers is None else list(wanted.numbers),
        wanted.since,
        None if wanted.enterprises is None else list(wanted.enterprises),
        None if wanted.recipients is None else list(wanted.recipients),
        wanted.before,
    )
