"""What the archivist does, chore by chore."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from wattwarden.server.archivist import Chore, Due, Rested
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.commands.retention import forget_commands
from wattwarden.storage.database import connect
from wattwarden.storage.journal.journal import Entry, Kind
from wattwarden.storage.journal.segments import SegmentLimits, Source, export_segment
from wattwarden.storage.outbox.retention import forget_attempts, forget_notices
from wattwarden.storage.rollups import recompute_due

# The hour that goes on is computed anew each time, at the cost of a second of the database.
ROLLUP_INTERVAL: Final = timedelta(minutes=1)
# A report counts by itself what changed since; what stands still costs a look at the registry.
FIRM_DAYS_INTERVAL: Final = timedelta(minutes=10)
# What is kept for months may be kept for an hour more.
RETENTION_INTERVAL: Final = timedelta(hours=1)
# A transaction of less than a second; couriers are not kept waiting.
FORGOTTEN_AT_ONCE: Final = 5000

_log: Final = structlog.get_logger(__name__)

StoredUpTo = Callable[[], Awaitable[dict[int, int]]]
"""The sequence up to which each shard is stored in the database, by shard."""


class Shards(Source, Protocol):
    """The part of the journal that the export needs."""

    @property
    def shards(self) -> int:
        """How many there are."""

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        """The last entry of a kind."""


def rollup_chore(dsn: str) -> Chore:
    """Return the chore that recomputes the rollups of hours that got rows, once a minute."""
    due = Due(ROLLUP_INTERVAL)

    async def recompute(now: datetime) -> Rested | None:
        if not due.begins(now):
            return Rested.NOT_DUE
        connection = await connect(dsn, name="rollups")
        try:
            await recompute_due(connection)
        finally:
            connection.terminate()
        due.done(now)
        return None

    return Chore("rollups", recompute)


def firm_days_chore(dsn: str) -> Chore:
    """Return the chore that counts shares of days that are over, before reports ask for them."""
    due = Due(FIRM_DAYS_INTERVAL)

    async def keep(now: datetime) -> Rested | None:
        if not due.begins(now):
            return Rested.NOT_DUE
        # Reports know the alarms: a break there must not keep the other chores from being done.
        from wattwarden.storage.registry.registry import load_registry  # noqa: PLC0415  # see above
        from wattwarden.storage.statistics.days import keep_days  # noqa: PLC0415  # see above

        connection = await connect(dsn, name="firm days")
        try:
            kept = await keep_days(connection, await load_registry(connection), now)
        finally:
            connection.terminate()
        if kept:
            _log.info("kept shares of days", firm_days=kept)
        due.done(now)
        return None

    return Chore("firm days", keep)


@dataclass(slots=True)
class RetentionCounters:
    """What was forgotten since the process started."""

    notices: int = 0
    attempts: int = 0
    commands: int = 0


def wall_now() -> datetime:
    """Return the wall's time, by which attempts are kept."""
    return datetime.now(UTC)


def retention_chore(
    dsn: str,
    settings: ArchivistSettings,
    counters: RetentionCounters,
    wall: Callable[[], datetime] = wall_now,
) -> Chore:
    """Return the chore that forgets old notices, attempts and commands, never what is open."""
    due = Due(RETENTION_INTERVAL)

    async def forget(now: datetime) -> Rested | None:
        if not due.begins(now):
            return Rested.NOT_DUE
        tried_before = wall() - timedelta(days=settings.attempts_days)
        told_before = now - timedelta(days=settings.notices_days)
        ended_before = now - timedelta(days=settings.commands_days)
        before = replace(counters)
        connection = await connect(dsn, name="retention")
        try:
            while gone := await forget_attempts(connection, tried_before, FORGOTTEN_AT_ONCE):
                counters.attempts += gone
            while gone := await forget_notices(connection, told_before, FORGOTTEN_AT_ONCE):
                counters.notices += gone
            while gone := await forget_commands(connection, ended_before, FORGOTTEN_AT_ONCE):
                counters.commands += gone
        finally:
            connection.terminate()
        if counters != before:
            _log.info("forgot", **asdict(counters))
        due.done(now)
        return None

    return Chore("retention", forget)


def segment_chores(
    journal: Shards, stored_up_to: StoredUpTo, archive: Path, settings: ArchivistSettings
) -> list[Chore]:
    """Return a chore for each shard: its closed segments go to ``archive`` and out of the stream.

    Only what every writer has stored goes, and never the last tick: whoever ticks next counts on
    from it.
    """
    limits = SegmentLimits(timedelta(seconds=settings.segment_age_s), settings.segment_bytes)

    def chore(shard: int) -> Chore:
        async def export(_now: datetime) -> None:
            position = (await stored_up_to()).get(shard, 0)
            tick = await journal.last(shard, Kind.TICK)
            if tick is not None:
                position = min(position, tick.sequence - 1)
            while await export_segment(journal, shard, archive, position=position, limits=limits):
                pass

        return Chore(f"segments of {journal.stream_name(shard)}", export)

    return [chore(shard) for shard in range(journal.shards)]
