"""The journal in a backup: all of it, as segments, and its end as a restored stream begins with it.

    archive   1 … 60 │ 61 … 120 │                        copied, or linked from the backup before
    stream                      │ 121 ……… │ tick … last │   the open part as one more segment
    backup    segments  1 … 60, 61 … 120, 121 … (tick − 1)   tail  tick … last

Numbers stay what they were: a database's position means the same before and after, and whoever
reads history finds segments and stream as one.  The tail begins with the last tick, since the next
gateway counts on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import BackupFolder, disk_errors
from wattwarden.storage.backup.manifest import ShardFact
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.journal.history import History, Live
from wattwarden.storage.journal.segment_file import (
    Manifest,
    SegmentCorrupt,
    SegmentWriter,
    digest_of,
    load_manifest,
)

PAGE_ENTRIES: Final = 512
PAGE_BYTES: Final = 4 * 1024 * 1024
# As large as the archivist's own on a busy day.
SEGMENT_BYTES: Final = 1024**3
JOURNAL: Final = "journal"
TAIL: Final = "tail"

_CURE: Final = "bring it back from an earlier backup, or move it and its .json away"


class Source(Live, Protocol):
    """The part of the journal that is needed here."""

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        """The last entry of a kind."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Entries from ``first`` to ``last`` that go into a folder of the backup."""

    shard: int
    first: int
    last: int
    folder: str


async def take_shard(
    journal: Source, shard: int, archive: Path, position: int, folder: BackupFolder
) -> ShardFact:
    """Take all of a shard that is there now; whatever is appended later is not in it.

    Args:
        journal: Where it runs.
        shard: Its number.
        archive: The folder of closed segments.
        position: How far the backup's database has it.
        folder: Where it goes.

    Raises:
        SegmentCorrupt: A segment of the archive is not what was archived.
        BackupError: The journal ends before the database's position.
        StorageError: The journal is away.
    """
    stream = journal.stream_name(shard)
    tick = await journal.last(shard, Kind.TICK)
    status = await journal.status(shard)
    if status.last < position:
        message = f"{stream} ends at {status.last}, yet the database has it up to {position}"
        cure = "see that --nats and --dsn belong to one system"
        raise BackupError(message, cure=cure)
    tail = status.last + 1 if tick is None else tick.sequence
    with disk_errors("reading the archive"):
        paths = sorted((archive / stream).glob("*.json"))
        closed = [load_manifest(one) for one in paths]
        chain = [one for one in closed if one.last < tail]
    for one in chain:
        await folder.share.aside(_take_segment, archive / stream, one, folder)
    if chain != closed:
        # The tick lies in a segment that was closed since.
        start = closed[len(chain)].first
    else:
        start = max(chain[-1].last + 1 if chain else 1, min(status.first, tail))
    history = History(journal, archive)
    previous = digest_of(chain[-1]) if chain else ""
    await _write(history, _Stretch(shard, start, tail - 1, f"{JOURNAL}/{stream}"), previous, folder)
    tail_folder = f"{JOURNAL}/{stream}/{TAIL}"
    await _write(history, _Stretch(shard, tail, status.last, tail_folder), "", folder)
    return ShardFact(shard, stream, position, tail, status.last, _holes(chain, start))


def segments_of(shard: ShardFact, paths: Mapping[str, object]) -> list[str]:
    """Return the paths of a shard's segments in a backup, the tail left out, in order."""
    start = f"{JOURNAL}/{shard.stream}/"
    return sorted(p for p in paths if p.startswith(start) and "/" not in p.removeprefix(start))


def tail_of(shard: ShardFact, paths: Mapping[str, object]) -> list[str]:
    """Return the paths of the segments that a restored stream begins with, in order."""
    start = f"{JOURNAL}/{shard.stream}/{TAIL}/"
    return sorted(p for p in paths if p.startswith(start) and p.endswith(".zst"))


def _holes(chain: Sequence[Manifest], start: int) -> tuple[tuple[int, int], ...]:
    """Return what is missing before the segments, between them, and before ``start``.

    Numbers begin at 1, and nothing removes segments: whatever is in none of them was lost.
    """
    due = (1, *(one.last + 1 for one in chain))
    found = (*(one.first for one in chain), start)
    return tuple((one, other - 1) for one, other in zip(due, found, strict=True) if one < other)


def _take_segment(archive: Path, manifest: Manifest, folder: BackupFolder) -> None:
    path = f"{JOURNAL}/{archive.name}/{manifest.name}"
    folder.write(f"{path}.json", (archive / f"{manifest.name}.json").read_bytes())
    if folder.take_over(f"{path}.zst", manifest.file_sha256):
        return
    place = archive / f"{manifest.name}.zst"
    if not place.exists():
        message = f"{place} is gone, and its .json is not: {_CURE}"
        raise SegmentCorrupt(message)
    with disk_errors(f"reading {place}"), place.open("rb") as file:
        fact = folder.copy(f"{path}.zst", file)
    if fact.sha256 != manifest.file_sha256:
        message = f"{place} is not what was archived: {_CURE}"
        raise SegmentCorrupt(message)


async def _write(history: History, stretch: _Stretch, previous: str, folder: BackupFolder) -> None:
    """Write a stretch as segments of a bounded size, each naming the one before it."""
    after, stream = stretch.first - 1, stretch.folder.split("/")[1]
    while after < stretch.last:
        place = folder.place(f"{stretch.folder}/segment")
        writer = SegmentWriter(place.parent, stream, previous)
        try:
            after = await _fill(writer, history, stretch, after)
            manifest = await folder.share.aside(writer.finish)
        finally:
            writer.abandon()
        previous = digest_of(manifest)
        for ending in ("zst", "json"):
            folder.adopt(f"{stretch.folder}/{manifest.name}.{ending}")


async def _fill(writer: SegmentWriter, history: History, stretch: _Stretch, after: int) -> int:
    """Write entries until the segment is large enough or all are in; return the last number."""
    size = 0
    while after < stretch.last and size < SEGMENT_BYTES:
        page = await history.read(stretch.shard, after, most=PAGE_ENTRIES, most_bytes=PAGE_BYTES)
        page = [one for one in page if one.sequence <= stretch.last]
        if not page or page[0].sequence != after + 1:
            message = f"the journal has no entry {after + 1} of shard {stretch.shard} any more"
            raise BackupError(message, cure="see that --data names the archive of this journal")
        writer.write(page)
        size += sum(len(one.payload) for one in page)
        after = page[-1].sequence
    return after
