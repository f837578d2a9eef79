"""Days signed one after another, whatever the journal's clock says meanwhile."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from structlog.testing import capture_logs
from tests.storage.fakes import MemoryJournal
from tests.storage.proof.place import Shards

from wattwarden.storage.database import Connection
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.proof.day import Taken, walk_extents
from wattwarden.storage.proof.keys import FILE, open_signer, rotate
from wattwarden.storage.proof.roots import load_leaves, sign_days
from wattwarden.storage.proof.statement import LeafKind, Root, follows

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
LATER = MIDNIGHT + timedelta(days=9)


class Clocked(MemoryJournal, Shards):
    """A journal of ticks that were stored at some minutes around a midnight."""

    def __init__(self, *minutes: int) -> None:
        MemoryJournal.__init__(self)
        Shards.__init__(self, self.entries)
        self.extend(*minutes)

    def extend(self, *minutes: int) -> None:
        for minute in minutes:
            stored = self.tick(len(self.entries) + 1)
            self.entries[-1] = replace(stored, stored_at=MIDNIGHT + timedelta(minutes=minute))

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        self._kept = self.entries
        return await Shards.last(self, shard, kind)

    async def sign(self, store: Connection, secrets: Path) -> list[Root]:
        signer = open_signer(secrets, MIDNIGHT)
        async with asyncio.timeout(10):
            return await sign_days(store, self, self, signer, LATER)


async def is_as_signed(store: Connection, journal: Clocked, root: Root) -> bool:
    """Whether the journal is what a root was signed over."""
    taken = Taken()
    await walk_extents(journal, root.statement.shards, taken)
    leaves = await load_leaves(store, root.statement.day)
    return [one for one in leaves if one.kind is LeafKind.SHARD] == taken.leaves()


async def test_a_clock_put_back_at_midnight_leaves_no_entry_out_between_others(
    store: Connection, tmp_path: Path
) -> None:
    journal = Clocked(-2, -1, 1, -1, 2, 1500)
    roots = await journal.sign(store, tmp_path)

    assert [one.statement.shards[0].last for one in roots] == [2, 5]
    assert [await is_as_signed(store, journal, one) for one in roots] == [True, True]


async def test_a_clock_put_back_over_a_signed_midnight_gives_no_day_twice(
    store: Connection, tmp_path: Path
) -> None:
    journal = Clocked(-2, 11)
    (first,) = await journal.sign(store, tmp_path)
    assert first.statement.day == (MIDNIGHT - timedelta(days=1)).date()
    # What is left of the next day is what an hour more would have given the one before.
    journal.entries[1:] = [
        replace(one, sequence=place, stored_at=MIDNIGHT + timedelta(minutes=minute))
        for place, (one, minute) in enumerate(
            zip([journal.entries[1]] * 3, (-50, -40, 1460), strict=True), 2
        )
    ]
    (second,) = await journal.sign(store, tmp_path)

    assert second.statement.day == MIDNIGHT.date()
    assert follows(second, first)
    assert second.statement.records == 2
    assert await is_as_signed(store, journal, second)


async def test_a_key_that_nobody_vouched_for_is_said_once(
    store: Connection, tmp_path: Path
) -> None:
    journal = Clocked(-2, 11)
    await journal.sign(store, tmp_path)
    rotate(tmp_path, MIDNIGHT)
    journal.extend(1460)
    with capture_logs() as of_heir:
        assert len(await journal.sign(store, tmp_path)) == 1
    (tmp_path / FILE).unlink()
    journal.extend(2900)
    with capture_logs() as of_stranger:
        assert len(await journal.sign(store, tmp_path)) == 1
    journal.extend(4340)
    with capture_logs() as later:
        assert len(await journal.sign(store, tmp_path)) == 1

    assert [one["log_level"] for one in (*of_heir, *later)] == []
    assert ["nobody vouched for" in one["event"] for one in of_stranger] == [True]
