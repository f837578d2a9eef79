"""A package out of a store that a writer and a warden have filled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.storage.fakes import MemoryJournal, readers
from tests.storage.folding import fold
from tests.storage.proof.scene import (
    DAY_MIN,
    PLOT,
    START,
    WHEN,
    address,
    entries,
    envelope,
    firm,
    frame,
)
from tests.storage.rows.written import FAST

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.registry import Registry
from wattwarden.codecs import load_codecs
from wattwarden.protocol.envelope import Tick, encode
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import day
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.container import unpacked
from wattwarden.storage.proof.day import Taken
from wattwarden.storage.proof.export import NoSuchAlarmError, Wanted, export
from wattwarden.storage.proof.keys import open_signer, rotate
from wattwarden.storage.proof.roots import load_leaves, load_roots, sign_days
from wattwarden.storage.proof.showing import Source
from wattwarden.storage.proof.statement import LeafKind, follows
from wattwarden.storage.proof.verdict import Report, Standing
from wattwarden.storage.proof.verify import verify
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
        made = readers(codecs=load_codecs())
        writer = Writer(0, self.journal, self.dsn, made, FAST)
        while await writer.round():
            pass
        await writer.close()
        await fold(self.dsn)

    def source(self) -> Source:
        signer = open_signer(self.secrets, WHEN)
        return Source(Shards(self.journal.entries), self.journal, signer, WHEN)

    async def export(self) -> bytes:
        return await export(self.store, self.source(), WANTED)


@pytest.fixture
def place(store: Connection, store_dsn: str, tmp_path: Path) -> Place:
    return Place(store, store_dsn, tmp_path)


def failed(report: Report) -> list[str]:
    return [one.en for one in report.points if one.standing is Standing.FAILED]


def proven(report: Report) -> set[str]:
    return {one.name for one in report.points if one.standing is Standing.PROVEN}


async def test_a_package_proves_the_alarm_from_its_frames_to_the_signed_roots(
    place: Place,
) -> None:
    await place.fill()
    await place.store.execute(
        "INSERT INTO meter_profile (meter, version, entered_at, actor, body) VALUES"
        """ (1, 1, now(), 'x', '{"zone": "Asia/Shanghai", "options": {"password": "sesame"}}')"""
    )
    data = await place.export()

    report = verify(data)
    assert b"Asia/Shanghai" in unpacked(data)[docs.TERMS]
    assert b"sesame" not in data

    assert failed(report) == []
    assert proven(report) >= {
        "container", "parts", "seal", "roots", "frames", "readings", "state", "episode", "end",
        "curve",
    }  # fmt: skip
    parts = unpacked(data)
    senders = {
        file.identity
        for name in parts
        if name.startswith("roots/")
        for file in docs.read(parts[name], docs.RootRecord).files
    }
    assert senders == {address(1), address(2)}, "frames of another firm's meter are shown"
    roots = await load_roots(place.store)
    assert [one.statement.day.day for one in roots] == [1, 2]
    assert follows(roots[1], roots[0])
    kinds = {leaf.kind for leaf in await load_leaves(place.store, roots[0].statement.day)}
    assert kinds >= {LeafKind.FRAMES, LeafKind.SHARD, LeafKind.DECISION, LeafKind.AUDIT}
    source = place.source()
    again = await sign_days(place.store, source.shards, source.journal, source.signer, WHEN)
    assert again == [], "a day is signed once"

    rotate(place.secrets, WHEN)
    report = verify(await place.export(), pinned=source.signer.public)
    assert failed(report) == []
    assert "key" in proven(report)

    await place.store.execute("UPDATE reading SET power_total = power_total + 1 WHERE meter = 1")
    report = verify(await place.export())
    assert any("differ" in one for one in failed(report)), "readings that no frame says"

    second_day = [one.stored_at.day for one in place.journal.entries].index(2)
    changed = place.journal.entries[second_day]
    payload = changed.payload.replace(b"10.0.0.", b"10.0.1.")
    place.journal.entries[second_day] = replace(changed, payload=payload)
    with pytest.raises(StorageError, match="not what was signed"):
        await place.export()


def beyond(place: Place, minutes: float) -> Entry:
    """An entry behind the last one, in which both meters speak once more."""
    last = place.journal.entries[-1]
    at = START + timedelta(minutes=PLOT.days * DAY_MIN + minutes)
    frames = [(name, frame(name, at, 0.8, 7), us_of(at) + 1) for name in (address(1), address(2))]
    number = len(place.journal.entries)
    return Entry(
        last.sequence + 1, Kind.FRAMES, "late", envelope(frames, number), at + timedelta(seconds=1)
    )


async def test_what_comes_while_a_package_is_made_does_not_contradict_it(place: Place) -> None:
    await place.fill()
    place.journal.entries.append(beyond(place, -10))

    report = verify(await place.export())
    assert failed(report) == [], "frames are shown that the writer had not stored"


async def test_frames_of_a_closed_day_wait_for_the_writer(place: Place) -> None:
    await place.fill()
    await place.store.execute("UPDATE journal_position SET sequence = 3")
    with pytest.raises(StorageError, match="has stored up to 3, the root of 2026-03-0") as error:
        await place.export()
    assert error.value.retryable


async def test_a_meter_behind_another_s_connection_is_found_without_holding_the_city_s_day(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day, "PAGE_ENTRIES", 8)
    held: list[int] = []
    keep = Taken.kept

    def watched(taken: Taken) -> dict[tuple[str, str | None], bytes]:
        kept = keep(taken)
        held.append(sum(len(data) for name, data in kept.items() if name[1] == address(900)))
        return kept

    monkeypatch.setattr(Taken, "kept", watched)
    place.journal.entries = with_ticks(entries(through=(address(2), "gateway")))
    await place.fill()

    data = await place.export()
    assert failed(verify(data)) == []
    parts = unpacked(data)
    senders = {
        file.identity
        for name in parts
        if name.startswith("roots/")
        for file in docs.read(parts[name], docs.RootRecord).files
    }
    assert senders == {address(1), "gateway"}
    page = 4 * len(place.journal.entries[0].payload)
    assert 0 < max(held) < page, "more of a stranger than a page was held"


async def test_an_alarm_that_never_was_has_no_package(place: Place) -> None:
    with pytest.raises(NoSuchAlarmError):
        await place.export()
