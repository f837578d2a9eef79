"""What the archivist does, chore by chore."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from wattwarden.server.archivist import Chore
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.database import connect
from wattwarden.storage.journal.journal import Entry, Kind
from wattwarden.storage.journal.segments import SegmentLimits, Source, export_segment
from wattwarden.storage.rollups import recompute_due

# The hour that goes on is computed anew each time, at the cost of a second of the database.
ROLLUP_INTERVAL: Final = timedelta(minutes=1)

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
    last: list[datetime] = []

    async def recompute(now: datetime) -> None:
        if last and now - last[0] < ROLLUP_INTERVAL:
            return
        last[:] = [now]
        connection = await connect(dsn, name="rollups")
        try:
            await recompute_due(connection)
        finally:
            connection.terminate()

    return Chore("rollups", recompute)


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
