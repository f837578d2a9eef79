"""What was once received comes out of the journal again, at rest or not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.message import encode
from wattwarden.protocol.codec import Message
from wattwarden.protocol.envelope import FORMAT, Envelope, SessionRow, Tick
from wattwarden.protocol.envelope import encode as encode_envelope
from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.settings import Settings
from wattwarden.storage.journal.journal import Entry, Kind, ShardStatus
from wattwarden.storage.journal.segments import SegmentLimits, export_segment
from wattwarden.tools import journal_source
from wattwarden.tools.errors import CommandError
from wattwarden.tools.journal_source import JournalRange, journal_shots, merged
from wattwarden.tools.shots import Shot

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
START_US = round(START.timestamp() * 1_000_000)
HOUR_US = 3_600_000_000
HEARTBEAT = encode(Message("heartbeat"))


def named(serial: str) -> bytes:
    return encode(Message("upload", fields={"serial": serial, "sections": []}))


def envelope(at: int, *frames: tuple[bytes, str | None], codec: str = CODEC.name) -> bytes:
    count = len(frames)
    made = Envelope(
        format=FORMAT,
        codec=codec,
        chain="gw-1.0",
        number=1,
        previous=b"",
        sealed_at=at,
        sessions=[SessionRow(n, "10.0.0.2:1", identity) for n, (_, identity) in enumerate(frames)],
        requests=[],
        received_at=np.arange(at, at + count, dtype="<i8").tobytes(),
        lengths=np.array([len(frame) for frame, _ in frames], "<u4").tobytes(),
        session=np.arange(count, dtype="<u4").tobytes(),
        request=np.full(count, -1, "<i4").tobytes(),
        data=b"".join(frame for frame, _ in frames),
    )
    return encode_envelope(made)


class FakeJournal:
    """Two shards in memory; purging drops entries as the real one does."""

    shards = 2

    def __init__(self) -> None:
        self.entries: list[list[Entry]] = [[], []]
        self.closed = False

    def add(self, shard: int, payload: bytes, hours: float = 0.0, kind: Kind = Kind.FRAMES) -> None:
        last = self.entries[shard][-1].sequence if self.entries[shard] else 0
        stored_at = START + timedelta(hours=hours)
        self.entries[shard].append(Entry(last + 1, kind, "", payload, stored_at))

    def stream_name(self, shard: int) -> str:
        return f"TEST_{shard}"

    async def status(self, shard: int) -> ShardStatus:
        entries = self.entries[shard]
        if not entries:
            return ShardStatus(0, 0, 1, 0, 1000)
        return ShardStatus(len(entries), 1, entries[0].sequence, entries[-1].sequence, 1000)

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        del most_bytes
        return [entry for entry in self.entries[shard] if entry.sequence > after][:most]

    async def purge(self, shard: int, before_sequence: int) -> int:
        self.entries[shard] = [e for e in self.entries[shard] if e.sequence >= before_sequence]
        return 1

    def first_available(self, shard: int) -> int:
        return self.entries[shard][0].sequence if self.entries[shard] else 1

    async def wait(self, shard: int, after: int) -> None:
        del shard, after
        raise AssertionError("a replay ends where the journal ended")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    made = FakeJournal()

    async def joined(_settings: Settings, url: str) -> FakeJournal:
        assert url == "nats://journal:1"
        return made

    monkeypatch.setattr(journal_source, "join_journal", joined)
    monkeypatch.setattr(journal_source, "READ_ENTRIES", 2)
    return made


async def shots(data: Path, wanted: JournalRange | None = None) -> list[Shot]:
    settings = Settings(data=data, nats="nats://journal:1")
    return [shot async for shot in journal_shots(wanted or JournalRange(), settings)]


async def test_frames_come_in_order_of_receipt_over_all_shards(
    journal: FakeJournal, tmp_path: Path
) -> None:
    journal.add(0, envelope(START_US + 5, (named("A"), "A"), (HEARTBEAT, "A")))
    journal.add(1, envelope(START_US, (named("B"), "B")))
    journal.add(1, envelope(START_US + 9, (HEARTBEAT, "B")))
    found = await shots(tmp_path)
    assert [(shot.raw, shot.group, shot.at) for shot in found] == [
        (named("B"), ("acrel", "B"), START_US),
        (named("A"), ("acrel", "A"), START_US + 5),
        (HEARTBEAT, ("acrel", "A"), START_US + 6),
        (HEARTBEAT, ("acrel", "B"), START_US + 9),
    ]
    assert journal.closed


async def test_what_is_no_frame_is_left_out(journal: FakeJournal, tmp_path: Path) -> None:
    journal.add(0, encode_envelope(Tick(FORMAT, 1, 1, 1)), kind=Kind.TICK)
    journal.add(0, envelope(START_US, (b"GET /", None), codec="unknown"))
    assert await shots(tmp_path) == []


async def test_frames_of_peers_without_name_keep_their_connection(
    journal: FakeJournal, tmp_path: Path
) -> None:
    journal.add(0, envelope(START_US, (HEARTBEAT, None), (HEARTBEAT, None)))
    assert [shot.group for shot in await shots(tmp_path)] == [("gw-1", 0), ("gw-1", 1)]


async def test_archived_segments_come_before_what_the_journal_still_holds(
    journal: FakeJournal, tmp_path: Path
) -> None:
    for hour in range(4):
        journal.add(0, envelope(START_US + hour * HOUR_US, (named(f"M{hour}"), f"M{hour}")), hour)
    archive = tmp_path / "archive"
    limits = SegmentLimits(max_age=timedelta(minutes=30))
    while await export_segment(journal, 0, archive, position=3, limits=limits):
        pass
    assert len(journal.entries[0]) < 4
    assert [shot.group[1] for shot in await shots(tmp_path)] == ["M0", "M1", "M2", "M3"]
    late = JournalRange(since=START + timedelta(hours=1, minutes=30))
    assert [shot.group[1] for shot in await shots(tmp_path, late)] == ["M2", "M3"]


async def test_the_archive_is_where_the_running_system_has_it(
    journal: FakeJournal, tmp_path: Path
) -> None:
    for hour in range(3):
        journal.add(0, envelope(START_US + hour * HOUR_US, (named(f"M{hour}"), f"M{hour}")), hour)
    elsewhere = tmp_path / "elsewhere"
    assert await export_segment(journal, 0, elsewhere, position=3)
    said = Running("127.0.0.1:1", {}, None, "nats://journal:1", 2, str(elsewhere))
    write_running(Places(tmp_path), said)
    assert [shot.group[1] for shot in await shots(tmp_path)] == ["M0", "M1", "M2"]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(None, None, "ABC"), (1, None, "BC"), (None, 1, "A"), (1, 2, "B")],
    ids=["all", "since", "until", "both"],
)
async def test_a_span_is_chosen_by_receipt(
    since: int | None, until: int | None, expected: str, journal: FakeJournal, tmp_path: Path
) -> None:
    for hour, name in enumerate("ABC"):
        journal.add(0, envelope(START_US + hour * HOUR_US, (named(name), name)), hour)
    wanted = JournalRange(
        None if since is None else START + timedelta(hours=since),
        None if until is None else START + timedelta(hours=until),
    )
    assert [shot.group[1] for shot in await shots(tmp_path, wanted)] == list(expected)


@pytest.mark.parametrize("meter", ["B", "acrel:B"])
async def test_a_meter_is_chosen_by_its_connection_or_its_frame(
    meter: str, journal: FakeJournal, tmp_path: Path
) -> None:
    journal.add(0, envelope(START_US, (named("A"), "A"), (HEARTBEAT, "B"), (named("B"), "gateway")))
    journal.add(0, envelope(START_US + 9, (b"{{broken}}", "A")))
    found = await shots(tmp_path, JournalRange(meters=frozenset({meter})))
    assert [shot.raw for shot in found] == [HEARTBEAT, named("B")]


async def test_an_entry_that_is_no_envelope_is_named(journal: FakeJournal, tmp_path: Path) -> None:
    journal.add(0, b"garbage")
    with pytest.raises(CommandError, match="entry 1 of the journal"):
        await shots(tmp_path)
    assert journal.closed


async def test_streams_are_merged_by_time() -> None:
    async def stream(*times: int) -> AsyncIterator[Shot]:
        for at in times:
            yield Shot(b"", (), at)

    found = [shot.at async for shot in merged([stream(1, 4, 5), stream(), stream(2, 3, 9)])]
    assert found == [1, 2, 3, 4, 5, 9]
