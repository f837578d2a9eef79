"""Back-tests as they are kept: begun one at a time, followed, ended, read again.

begin ─► follow … follow ─► finish          end_early ─► the next follow says so

One at a time: it takes a core for minutes, and a second one would take the core of whoever stores
readings.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import asyncpg
import msgspec

from wattwarden.storage.database import Connection, errors

# Heard of every other second; whoever was silent for so long is not there any more.
LOST_AFTER: Final = timedelta(seconds=60)
# Each has up to a megabyte; nobody looks for older ones.
KEPT: Final = 100
# As many as somebody reads.
PAGE: Final = 20


class State(StrEnum):
    """Where a back-test stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Times(msgspec.Struct, frozen=True):
    """When an alarm began, was raised and ended; None: it had not ended."""

    began: datetime
    raised: datetime
    ended: datetime | None


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that would appear, vanish, move or be regraded; grades are classes A to F."""

    change: str
    rule: str
    kind: str
    subject: str
    enterprise: str
    line: str
    before: Times | None
    after: Times | None
    grade_before: str
    grade_after: str
    zh: str
    en: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a back-test came to; ``refused_zh`` and ``refused_en`` say why it came to nothing.

    ``by_rule`` counts all differences, by change and rule; ``differences`` are the first of them.
    """

    in_force: str = ""
    tried: str = ""
    same: int = 0
    by_rule: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    differences: list[Differing] = []
    refused_zh: str = ""
    refused_en: str = ""

    def count(self, change: str) -> int:
        """How many alarms change so."""
        return sum(self.by_rule.get(change, {}).values())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants tried: a proposal, a span, some enterprises or, with none, all."""

    person: str
    draft: str
    version: str
    text: str
    since: datetime
    until: datetime
    enterprises: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """A back-test as it stands; ``done`` enterprises of ``total`` are folded."""

    id: int
    person: str
    draft: str
    version: str
    since: datetime
    until: datetime
    enterprises: tuple[str, ...]
    state: State
    done: int
    total: int
    entered_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None

    @property
    def enterprise(self) -> str | None:
        """Whose it is; None: the city's, as one of several firms or of all is."""
        return self.enterprises[0] if len(self.enterprises) == 1 else None


class BusyError(Exception):
    """Another back-test runs."""


async def begin(connection: Connection, wanted: Wanted) -> int:
    """Keep that a back-test runs now, and return its number; the oldest are forgotten.

    Raises:
        BusyError: Another runs.
        StorageError: The database is away.
    """
    with errors("beginning a back-test"):
        async with connection.transaction():
            await connection.execute(
                "UPDATE backtest SET state = 'failed', finished_at = seen_at"
                " WHERE state = 'running' AND seen_at < now() - $1::interval",
                LOST_AFTER,
            )
            await connection.execute(
                "DELETE FROM backtest WHERE id IN (SELECT id FROM backtest ORDER BY id DESC"
                " OFFSET $1)",
                KEPT - 1,
            )
            number: int | None = await connection.fetchval(
                "INSERT INTO backtest (person, draft, version, since, until, enterprises)"
                " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (state) WHERE state = 'running'"
                " DO NOTHING RETURNING id",
                wanted.person,
                wanted.draft,
                wanted.version,
                wanted.since,
                wanted.until,
                list(wanted.enterprises),
            )
    if number is None:
        raise BusyError
    return number


async def follow(connection: Connection, number: int, done: int, total: int) -> bool:
    """Keep how far a back-test is, and tell whether it is to go on.

    Raises:
        StorageError: The database is away.
    """
    with errors("following a back-test"):
        wanted = await connection.fetchval(
            "UPDATE backtest SET done = $2, total = $3, seen_at = now()"
            " WHERE id = $1 AND state = 'running' RETURNING NOT unwanted",
            number,
            done,
            total,
        )
    return bool(wanted)


async def finish(
    connection: Connection, number: int, state: State, outcome: Outcome | None = None
) -> None:
    """Keep what a back-test came to; one that has ended already stays as it is.

    Raises:
        StorageError: The database is away.
    """
    with errors("ending a back-test"):
        await connection.execute(
            "UPDATE backtest SET state = $2, outcome = $3::jsonb, finished_at = now()"
            " WHERE id = $1 AND state = 'running'",
            number,
            state,
            None if outcome is None else msgspec.json.encode(outcome).decode(),
        )


async def end_early(connection: Connection, number: int) -> bool:
    """Have a back-test ended; False: it does not run.

    Raises:
        StorageError: The database is away.
    """
    with errors("cancelling a back-test"):
        said = await connection.execute(
            "UPDATE backtest SET unwanted = TRUE WHERE id = $1 AND state = 'running'", number
        )
    return said.endswith(" 1")


async def find_backtest(connection: Connection, number: int) -> Backtest | None:
    """Return a back-test with what it came to; None where there is none.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading back-test {number}"):
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS}, outcome FROM backtest WHERE id = $2",  # noqa: S608  our own words
            LOST_AFTER,
            number,
        )
    return None if row is None else _backtest(row)


async def list_backtests(
    connection: Connection,
    firms: Collection[str] | None,
    before: int | None = None,
    most: int = PAGE,
) -> list[Backtest]:
    """Return back-tests without what they came to, the newest first.

    With ``firms`` only those of one of them alone: what is of several is the city's.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing back-tests"):
        rows = await connection.fetch(
            f"SELECT {_COLUMNS}, NULL AS outcome FROM backtest"  # noqa: S608  our own words
            " WHERE ($2::bigint IS NULL OR id < $2) AND ($4::text[] IS NULL"
            " OR enterprises <@ $4 AND cardinality(enterprises) = 1) ORDER BY id DESC LIMIT $3",
            LOST_AFTER,
            before,
            most,
            None if firms is None else list(firms),
        )
    return [_backtest(row) for row in rows]


def _backtest(row: asyncpg.Record) -> Backtest:
    outcome = row["outcome"]
    known = None if outcome is None else msgspec.json.decode(outcome, type=Outcome)
    plain = {name: row[name] for name in Backtest.__dataclass_fields__}
    return Backtest(
        **plain
        | {
            "state": State(row["state"]),
            "enterprises": tuple(row["enterprises"]),
            "outcome": known,
        }
    )


# A row whose runner is gone says that it runs until the next one begins.
_COLUMNS: Final = (
    "id, person, draft, version, since, until, enterprises, done, total, entered_at, finished_at,"
    " CASE WHEN state = 'running' AND seen_at < now() - $1::interval THEN 'failed' ELSE state END"
    " AS state"
)
