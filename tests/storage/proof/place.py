"""A store that is filled, the journal that it was filled from, and what a report says."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from tests.storage.fakes import MemoryJournal, readers
from tests.storage.folding import fold
from tests.storage.proof.scene import PLOT, START, WHEN, entries, firm
from tests.storage.rows.written import FAST

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.envelope import Tick, encode
from wattwarden.storage.database import Connection
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import us_of
from wattwarden.storage.profiles import ProfileBook
from wattwarden.storage.proof.export import Wanted, export
from wattwarden.storage.proof.keys import open_signer
from wattwarden.storage.proof.showing import Source
from wattwarden.storage.proof.verdict import Report, Standing
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.writer import Writer

WANTED = Wanted(alarm=1, program="test", bounds=ClockBounds())


class Shards:
    """How far the journal in memory is."""

    shards = 1

    def __init__(self, kept: Sequence[Entry]) -> None:
        self._kept = kept

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        assert shard == 0
        return next((one for one in reversed(self._kept) if one.kind is kind), None)


def with_ticks(some: Sequence[Entry]) -> list[Entry]:
    """The same entries, each followed by the tick of its cycle."""
    made: list[Entry] = []
    for number, one in enumerate(some, 1):
        second = us_of(START) // 1_000_000 + number * PLOT.cycle_s
        tick = encode(Tick(1, number, second, PLOT.cycle_s))
        made.append(Entry(2 * number - 1, one.kind, one.msg_id, one.payload, one.stored_at))
        later = one.stored_at + timedelta(seconds=1)
        made.append(Entry(2 * number, Kind.TICK, f"t{number}", tick, later))
    return made


class Place:
    """A store that is filled, and the journal that it was filled from."""

    def __init__(self, store: Connection, dsn: str, secrets: Path) -> None:
        self.store, self.dsn, self.secrets = store, dsn, secrets
        self.journal = MemoryJournal()
        self.journal.entries = with_ticks(entries())

    async def fill(self) -> None:
        await save_registry(self.store, difference(Registry(), firm()), "test", now=START)
        await self.write({})
        await fold(self.dsn)

    async def write(self, profiles: Mapping[tuple[str, str], Profile]) -> None:
        """Store what is in the journal and not stored yet, read by profiles."""
        book = ProfileBook()
        book.replace(profiles)
        made = readers(codecs=load_codecs(), profile_of=book.of)
        writer = Writer(0, self.journal, self.dsn, made, FAST)
        while await writer.round():
            pass
        await writer.close()

    def source(self) -> Source:
        signer = open_signer(self.secrets, WHEN)
        return Source(Shards(self.journal.entries), self.journal, signer, WHEN)

    async def export(self) -> bytes:
        return await export(self.store, self.source(), WANTED)


def failed(report: Report) -> list[str]:
    return [one.en for one in report.points if one.standing is Standing.FAILED]


def proven(report: Report) -> set[str]:
    return {one.name for one in report.points if one.standing is Standing.PROVEN}
