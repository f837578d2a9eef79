"""Export, verification and purge of closed segments; crashes in between."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal import segments
from wattwarden.storage.journal.journal import (
    Entry,
    Journal,
    JournalAway,
    JournalGap,
    Kind,
    ShardStatus,
    StreamLimits,
)
from wattwarden.storage.journal.segment_file import (
    SegmentWriter,
    digest_of,
    load_manifest,
    segment_name,
)
from wattwarden.storage.journal.segments import (
    Manifest,
    SegmentCorrupt,
    SegmentLimits,
    export_segment,
    load_chain,
    read_segment,
    verify_segment,
)

START = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)
STREAM = "FAKE_0"


class FakeJournal:
    """A shard in memory that can be purged and can fail."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.fail_purges = 0
        self.pages = 0

    def stream_name(self, shard: int) -> str:
        return f"FAKE_{shard}"

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        assert shard == 0
        assert most_bytes > 0
        self.pages += 1
        return [entry for entry in self.entries if entry.sequence > after][:most]

    async def status(self, shard: int) -> ShardStatus:
        assert shard == 0
        first, last = self.entries[0].sequence, self.entries[-1].sequence
        size = sum(len(entry.payload) for entry in self.entries)
        return ShardStatus(len(self.entries), size, first, last, 10**9)

    async def purge(self, shard: int, before_sequence: int) -> int:
        assert shard == 0
        if self.fail_purges:
            self.fail_purges -= 1
            raise JournalAway("crashed before the purge")
        self.entries = [entry for entry in self.entries if entry.sequence >= before_sequence]
        return 0


def entry(sequence: int, *, minutes: float = 0.0, size: int = 100) -> Entry:
    kind = Kind.TICK if sequence % 7 == 0 else Kind.FRAMES
    payload = bytes((sequence + i) % 251 for i in range(size))
    return Entry(sequence, kind, f"c:{sequence}", payload, START + timedelta(minutes=minutes))


def two_hours() -> list[Entry]:
    """Entries 1 … 120, one a minute: 1 … 60 make the first hour."""
    return [entry(number, minutes=number - 1) for number in range(1, 121)]


def path_of(folder: Path, manifest: Manifest) -> Path:
    return folder / STREAM / f"{manifest.name}.zst"


async def exported(archive: Path) -> tuple[FakeJournal, Manifest, Path]:
    """A journal whose first hour was exported."""
    journal = FakeJournal(two_hours())
    manifest = await export_segment(journal, 0, archive, position=120)
    assert manifest is not None
    return journal, manifest, path_of(archive, manifest)


async def test_an_hour_is_exported_and_read_back_as_it_was(tmp_path: Path) -> None:
    journal, manifest, path = await exported(tmp_path)
    assert path == tmp_path / STREAM / "00000000000000000001-00000000000000000060.zst"
    assert list(read_segment(path)) == two_hours()[:60]
    assert (manifest.first, manifest.last, manifest.count) == (1, 60, 60)
    assert manifest.first_stored_at == START
    assert manifest.last_stored_at == START + timedelta(minutes=59)
    assert manifest.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest.file_bytes == path.stat().st_size
    assert manifest.bytes > 60 * 100
    assert journal.entries == two_hours()[60:]
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".json", ".zst"]


async def test_the_open_hour_stays(tmp_path: Path) -> None:
    journal, _, path = await exported(tmp_path)
    assert await export_segment(journal, 0, tmp_path, position=120) is None
    assert len(journal.entries) == 60
    assert len(list(path.parent.iterdir())) == 2


async def test_a_segment_is_closed_by_its_bytes_before_the_hour(tmp_path: Path) -> None:
    journal = FakeJournal([entry(number, size=1000) for number in range(1, 11)])
    limits = SegmentLimits(max_bytes=3500)
    names = []
    while manifest := await export_segment(journal, 0, tmp_path, position=10, limits=limits):
        names.append((manifest.first, manifest.last))
    assert names == [(1, 3), (4, 6), (7, 9)]
    assert [e.sequence for e in journal.entries] == [10]


async def test_an_entry_larger_than_a_segment_is_one(tmp_path: Path) -> None:
    journal = FakeJournal([entry(1, size=5000), entry(2), entry(3, minutes=61)])
    limits = SegmentLimits(max_bytes=1000)
    manifest = await export_segment(journal, 0, tmp_path, position=3, limits=limits)
    assert manifest is not None
    assert (manifest.first, manifest.last) == (1, 1)


@pytest.mark.parametrize(
    ("position", "last"),
    [
        pytest.param(0, None, id="nothing_written"),
        pytest.param(59, None, id="one_entry_missing"),
        pytest.param(61, 60, id="one_beyond"),
        pytest.param(10_000, 60, id="beyond_the_end"),
    ],
)
async def test_nothing_beyond_the_writers_position_is_exported(
    tmp_path: Path, position: int, last: int | None
) -> None:
    journal = FakeJournal(two_hours())
    manifest = await export_segment(journal, 0, tmp_path, position=position)
    assert (manifest and manifest.last) == last
    assert journal.entries[0].sequence == (1 if last is None else last + 1)


async def test_a_segment_that_is_closed_beyond_the_position_is_left(tmp_path: Path) -> None:
    entries = [entry(n, size=1) for n in range(1, 11)]
    entries += [entry(n, size=1000) for n in range(11, 21)]
    journal = FakeJournal(entries)
    limits = SegmentLimits(max_bytes=3000)
    assert await export_segment(journal, 0, tmp_path, position=11, limits=limits) is None
    assert list((tmp_path / STREAM).iterdir()) == []
    manifest = await export_segment(journal, 0, tmp_path, position=12, limits=limits)
    assert manifest is not None
    assert manifest.last == 12


async def test_what_was_exported_is_not_purged_before_every_writer_has_it(tmp_path: Path) -> None:
    journal = FakeJournal(two_hours())
    journal.fail_purges = 1
    with pytest.raises(JournalAway):
        await export_segment(journal, 0, tmp_path, position=120)
    assert await export_segment(journal, 0, tmp_path, position=30) is None
    assert len(journal.entries) == 120


async def test_an_open_segment_costs_a_look_and_no_pass_over_its_entries(tmp_path: Path) -> None:
    journal = FakeJournal(two_hours()[:50])
    assert await export_segment(journal, 0, tmp_path, position=50) is None
    assert journal.pages == 2
    assert not (tmp_path / STREAM).exists()


async def test_manifests_form_a_chain(tmp_path: Path) -> None:
    journal, first, path = await exported(tmp_path)
    journal.entries += [entry(number, minutes=number - 1) for number in range(121, 200)]
    second = await export_segment(journal, 0, tmp_path, position=199)
    assert second is not None
    assert first.previous_sha256 == ""
    manifest_file = path.with_suffix(".json")
    assert second.previous_sha256 == hashlib.sha256(manifest_file.read_bytes()).hexdigest()
    assert second.previous_sha256 == digest_of(first)
    assert load_chain(path.parent) == [first, second]


async def test_a_changed_manifest_breaks_the_chain(tmp_path: Path) -> None:
    journal, _, path = await exported(tmp_path)
    journal.entries += [entry(number, minutes=number - 1) for number in range(121, 200)]
    await export_segment(journal, 0, tmp_path, position=199)
    note = path.with_suffix(".json")
    note.write_text(note.read_text().replace('"count": 60', '"count": 61'))
    with pytest.raises(SegmentCorrupt, match="does not name"):
        load_chain(path.parent)


async def test_a_missing_segment_breaks_the_chain(tmp_path: Path) -> None:
    journal, _, path = await exported(tmp_path)
    journal.entries += [entry(number, minutes=number - 1) for number in range(121, 260)]
    while await export_segment(journal, 0, tmp_path, position=259):
        pass
    assert len(load_chain(path.parent)) == 4
    (path.parent / f"{segment_name(61, 120)}.json").unlink()
    with pytest.raises(SegmentCorrupt, match="does not name"):
        load_chain(path.parent)


async def test_entries_purged_before_their_export_are_a_hole_in_the_chain(tmp_path: Path) -> None:
    journal, _, path = await exported(tmp_path)
    journal.entries = [entry(number, minutes=number) for number in range(70, 200)]
    manifest = await export_segment(journal, 0, tmp_path, position=199)
    assert manifest is not None
    assert manifest.first == 70
    with pytest.raises(SegmentCorrupt, match="entries 61 to 69 are in no segment"):
        load_chain(path.parent)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def append_garbage(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def recompress(path: Path) -> None:
    content = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    path.write_bytes(zstandard.ZstdCompressor(level=1).compress(content))


def change_count(path: Path) -> None:
    note = path.with_suffix(".json")
    note.write_text(note.read_text().replace('"count": 60', '"count": 61'))


def pad_manifest(path: Path) -> None:
    note = path.with_suffix(".json")
    note.write_text(note.read_text() + " ")


def change_manifest(path: Path) -> None:
    note = path.with_suffix(".json")
    note.write_text(note.read_text().replace('"last": 60', '"last": 59'))


def spoil_manifest(path: Path) -> None:
    path.with_suffix(".json").write_text("{}")


@pytest.mark.parametrize(
    "harm",
    [
        flip,
        truncate,
        empty,
        append_garbage,
        recompress,
        change_count,
        pad_manifest,
        change_manifest,
        spoil_manifest,
    ],
)
async def test_a_corrupted_segment_is_found(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    _, _, path = await exported(tmp_path)
    harm(path)
    with pytest.raises(SegmentCorrupt):
        verify_segment(path)


@pytest.mark.parametrize("harm", [flip, truncate, empty])
async def test_reading_a_corrupted_segment_never_ends_well(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    _, _, path = await exported(tmp_path)
    harm(path)
    with pytest.raises(SegmentCorrupt):
        list(read_segment(path))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"\0\0", "in the middle of a record", id="half_a_length"),
        pytest.param(b"\0\0\0\5", "before a record of 5 bytes", id="length_alone"),
        pytest.param(b"\0\0\0\5abc", "in the middle of a record", id="half_a_record"),
        pytest.param(b"\0\0\0\0", "record of 0 bytes, 68157440 at most", id="no_length"),
        pytest.param(b"\x7f\0\0\0", "record of 2130706432 bytes, 68157440 at most", id="2_GiB"),
        pytest.param(b"\0\0\0\1\1", "record that is none", id="no_record"),
        pytest.param(b"", "ends at 0, 60 is due", id="nothing"),
    ],
)
async def test_hostile_content_is_refused_by_name(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    _, _, path = await exported(tmp_path)
    path.write_bytes(zstandard.ZstdCompressor().compress(content))
    with pytest.raises(SegmentCorrupt, match=complaint):
        list(read_segment(path))


async def test_entries_of_another_segment_are_not_taken_for_these(tmp_path: Path) -> None:
    _, _, path = await exported(tmp_path)
    other = FakeJournal([replace(e, payload=e.payload[::-1]) for e in two_hours()])
    twin = await export_segment(other, 0, tmp_path / "other", position=120)
    assert twin is not None
    path.write_bytes(path_of(tmp_path / "other", twin).read_bytes())
    with pytest.raises(SegmentCorrupt, match="differs from its manifest"):
        list(read_segment(path))


async def test_a_renamed_segment_is_refused(tmp_path: Path) -> None:
    _, _, path = await exported(tmp_path)
    renamed = path.with_name(f"{segment_name(2, 61)}.zst")
    path.with_suffix(".json").rename(renamed.with_suffix(".json"))
    path.rename(renamed)
    with pytest.raises(SegmentCorrupt, match=f"belongs to {segment_name(1, 60)}"):
        verify_segment(renamed)


async def test_a_missing_file_is_told_as_such(tmp_path: Path) -> None:
    _, _, path = await exported(tmp_path)
    path.unlink()
    with pytest.raises(StorageError, match="cannot be read: No such file") as missing:
        verify_segment(path)
    assert not missing.value.retryable


async def test_a_file_that_reads_back_differently_is_not_purged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(path: Path) -> Manifest:
        flip(path)
        return verify_segment(path)

    journal = FakeJournal(two_hours())
    monkeypatch.setattr(segments, "verify_segment", spoiled)
    with pytest.raises(SegmentCorrupt):
        await export_segment(journal, 0, tmp_path, position=120)
    assert len(journal.entries) == 120


async def test_a_crash_between_export_and_purge_ends_in_verification_and_purge(
    tmp_path: Path,
) -> None:
    journal = FakeJournal(two_hours())
    journal.fail_purges = 1
    with pytest.raises(JournalAway):
        await export_segment(journal, 0, tmp_path, position=120)
    (before,) = load_chain(tmp_path / STREAM)
    assert await export_segment(journal, 0, tmp_path, position=120) == before
    assert journal.entries[0].sequence == 61


async def test_what_was_exported_and_then_spoiled_is_not_purged(tmp_path: Path) -> None:
    journal = FakeJournal(two_hours())
    journal.fail_purges = 1
    with pytest.raises(JournalAway):
        await export_segment(journal, 0, tmp_path, position=120)
    flip(next((tmp_path / STREAM).glob("*.zst")))
    with pytest.raises(SegmentCorrupt):
        await export_segment(journal, 0, tmp_path, position=120)
    assert len(journal.entries) == 120


@pytest.mark.parametrize("work", ["write", "finish"])
async def test_a_crash_while_writing_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    journal = FakeJournal(two_hours())
    with monkeypatch.context() as patch:
        patch.setattr(SegmentWriter, work, crash)
        with pytest.raises(StorageError, match="No space left") as full:
            await export_segment(journal, 0, tmp_path, position=120)
    assert full.value.retryable
    assert list((tmp_path / STREAM).iterdir()) == []
    assert len(journal.entries) == 120
    manifest = await export_segment(journal, 0, tmp_path, position=120)
    assert manifest is not None
    assert manifest.last == 60


async def test_a_crash_between_file_and_manifest_is_done_over(tmp_path: Path) -> None:
    _, manifest, path = await exported(tmp_path)
    content = path.read_bytes()
    path.with_suffix(".json").unlink()
    path.with_name(f"{segment_name(1, 44)}.zst").write_bytes(b"of other limits")
    (path.parent / "segment.part").write_bytes(b"half")
    (path.parent / "manifest.part").write_bytes(b"half")
    journal = FakeJournal(two_hours())
    assert await export_segment(journal, 0, tmp_path, position=120) == manifest
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.glob("*.zst")] == [path.name]
    assert list(path.parent.glob("*.part")) == []


@pytest.mark.parametrize("count", [pytest.param(30, id="shorter"), pytest.param(120, id="longer")])
async def test_an_archive_of_another_stream_purges_nothing(tmp_path: Path, count: int) -> None:
    await exported(tmp_path)
    later = timedelta(days=1)
    anew = [replace(e, stored_at=e.stored_at + later) for e in two_hours()[:count]]
    journal = FakeJournal(anew)
    with pytest.raises(JournalGap):
        await export_segment(journal, 0, tmp_path, position=120)
    assert journal.entries == anew


async def test_an_entry_lost_before_its_export_stops_the_export(tmp_path: Path) -> None:
    journal = FakeJournal(two_hours())
    del journal.entries[30]
    with pytest.raises(SegmentCorrupt, match="holds entry 32 where 31 is due"):
        await export_segment(journal, 0, tmp_path, position=120)
    assert len(journal.entries) == 119


@pytest.mark.integration
class TestOnARealServer:
    @pytest.fixture
    async def journal(self, nats_url: str, prefix: str) -> AsyncIterator[Journal]:
        limits = StreamLimits(max_bytes=16 * 1024**2)
        journal = await Journal.connect(nats_url, prefix=prefix, shards=1, limits=limits)
        yield journal
        await journal.close()

    async def test_segments_leave_the_journal_and_give_back_its_entries(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        payloads = enumerate((b"%d " % number * 100 for number in range(1, 151)), start=1)
        appends = (journal.append(0, Kind.FRAMES, p, f"c:{number}") for number, p in payloads)
        await asyncio.gather(*appends)
        everything: list[Entry] = []
        while page := await journal.read(0, len(everything), most=500, most_bytes=10**6):
            everything += page
        limits = SegmentLimits(max_bytes=20_000)
        while await export_segment(journal, 0, tmp_path, position=150, limits=limits):
            pass
        folder = tmp_path / journal.stream_name(0)
        chain = load_chain(folder)
        assert len(chain) >= 2
        archived = [e for m in chain for e in read_segment(folder / f"{m.name}.zst")]
        status = await journal.status(0)
        assert status.first == archived[-1].sequence + 1 == len(archived) + 1
        rest = await journal.read(0, len(archived), most=2000, most_bytes=10**6)
        assert archived + rest == everything
        assert all(load_manifest(path) in chain for path in folder.glob("*.json"))
