"""Closed segments of the journal: exported, verified, and only then purged from the stream.

    stream   … purged │ segment: an hour or 1 GiB │ open …            last
                      └─ all at or before every writer's position ─┘
    archive  <first>-<last>.zst + .json ──► read back, hashes equal ──► purge to <last>

Where a segment ends depends on its entries alone, and a file counts only once its manifest is on
disk: a crash anywhere leaves nothing, or a file that the next run replaces, or a segment that the
next run verifies again and purges.  One archivist per shard at a time, under a lease.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, ParamSpec, Protocol, TypeVar

import structlog

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Entry, JournalGap, ShardStatus
from wattwarden.storage.journal.segment_file import (
    Manifest,
    SegmentCorrupt,
    SegmentWriter,
    digest_of,
    load_manifest,
    read_segment,
    sync_folder,
    verify_segment,
)

__all__ = [
    "Manifest",
    "SegmentCorrupt",
    "SegmentLimits",
    "Source",
    "export_segment",
    "load_chain",
    "read_segment",
    "verify_segment",
]

# One read while exporting: large enough for the disk, small enough to leave the loop responsive.
PAGE_ENTRIES: Final = 512
PAGE_BYTES: Final = 4 * 1024 * 1024
# What a factory used and when is its own business and the agency's.
ARCHIVE_MODE: Final = 0o700

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log: Final = structlog.get_logger(__name__)


class Source(Protocol):
    """The part of the journal that is needed here."""

    def stream_name(self, shard: int) -> str:
        """Name of the shard's stream."""

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Entries after a sequence."""

    async def status(self, shard: int) -> ShardStatus:
        """How full the shard is."""

    async def purge(self, shard: int, before_sequence: int) -> int:
        """Delete what is before a sequence."""


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """A segment is closed by the first entry that it would be too old or too large with.

    An hour keeps the journal small on a quiet day, 1 GiB of payload on a busy one.
    """

    max_age: timedelta = timedelta(hours=1)
    max_bytes: int = 1024**3


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the next segment starts, how far it may reach, and where it goes."""

    shard: int
    start: int
    position: int
    stream: str
    folder: Path
    previous_sha256: str
    limits: SegmentLimits


@dataclass(slots=True)
class _Cut:
    """The segment being cut."""

    started_at: datetime
    bytes: int = 0

    def takes(self, entry: Entry, limits: SegmentLimits) -> bool:
        """Whether ``entry`` still belongs to it; count it if so."""
        if self.bytes and self.bytes + len(entry.payload) > limits.max_bytes:
            return False
        if entry.stored_at - self.started_at >= limits.max_age:
            return False
        self.bytes += len(entry.payload)
        return True


async def export_segment(
    journal: Source,
    shard: int,
    archive: Path,
    *,
    position: int,
    limits: SegmentLimits | None = None,
) -> Manifest | None:
    """Export the oldest closed segment, verify it and purge it from the journal.

    ``position`` is the last sequence that every consumer has stored.  Returns what was purged, None
    when no segment is closed at or before ``position``; call again until None.

    Raises:
        JournalAway: try again later; nothing is lost.
        JournalGap: the journal lost entries, or the archive is ahead of it.
        SegmentCorrupt: the file read back differs; it was not purged.
        StorageError: the archive's disk failed or is full; nothing was purged.
    """
    folder = archive / journal.stream_name(shard)
    previous = await _on_disk(_newest, folder)
    status = await journal.status(shard)
    if previous is not None and status.first <= previous.last <= position:
        return await _purge(journal, shard, folder, previous)
    start = max(previous.last + 1 if previous else 1, status.first)
    if previous is not None and start > previous.last + 1:
        _log.warning("archive has a hole", folder=folder.name, after=previous.last, next=start)
    plan = _Plan(
        shard=shard,
        start=start,
        position=min(position, status.last),
        stream=journal.stream_name(shard),
        folder=folder,
        previous_sha256=digest_of(previous) if previous else "",
        limits=limits or SegmentLimits(),
    )
    if not await _looks_closed(journal, plan):
        return None
    manifest = await _write(journal, plan)
    return await _purge(journal, shard, folder, manifest) if manifest else None


def load_chain(folder: Path) -> list[Manifest]:
    """Return the manifests of a stream's folder in order, after checking how they hang together.

    Raises:
        SegmentCorrupt: one was changed, or does not follow the one before.
    """
    chain: list[Manifest] = []
    for path in sorted(folder.glob("*.json")):
        manifest = load_manifest(path)
        if chain and manifest.previous_sha256 != digest_of(chain[-1]):
            text = f"{path.name} does not name {chain[-1].name}.json as the manifest before it"
            raise SegmentCorrupt(text)
        if chain and manifest.first != chain[-1].last + 1:
            text = f"entries {chain[-1].last + 1} to {manifest.first - 1} are in no segment"
            raise SegmentCorrupt(text)
        chain.append(manifest)
    return chain


async def _looks_closed(journal: Source, plan: _Plan) -> bool:
    """Whether a whole pass over the entries is likely to end in a segment; cheap."""
    if plan.position < plan.start:
        return False
    first = await _one(journal, plan.shard, plan.start)
    last = await _one(journal, plan.shard, plan.position)
    if last.stored_at - first.stored_at >= plan.limits.max_age:
        return True
    status = await journal.status(plan.shard)
    share = (plan.position - plan.start + 1) / max(status.messages, 1)
    return status.bytes * share >= plan.limits.max_bytes


async def _write(journal: Source, plan: _Plan) -> Manifest | None:
    """Write the segment, None when nothing closes it within the plan."""
    writer = await _on_disk(_begin, plan)
    try:
        cut: _Cut | None = None
        after = plan.start - 1
        while after < plan.position:
            page = await journal.read(plan.shard, after, most=PAGE_ENTRIES, most_bytes=PAGE_BYTES)
            _check_follows(page, after, plan.stream)
            cut = cut or _Cut(page[0].stored_at)
            taken = next((i for i, e in enumerate(page) if not cut.takes(e, plan.limits)), None)
            await _on_disk(writer.write, page[:taken])
            if taken is not None:
                closed = page[taken].sequence <= plan.position + 1
                return await _on_disk(writer.finish) if closed else None
            after = page[-1].sequence
        return None
    finally:
        await _on_disk(writer.abandon)


async def _purge(journal: Source, shard: int, folder: Path, manifest: Manifest) -> Manifest:
    """Purge what ``manifest`` holds, once the file was read back and is of this very stream."""
    path = folder / f"{manifest.name}.zst"
    found = await _on_disk(verify_segment, path)
    last = await _one(journal, shard, manifest.last)
    if found != manifest or last.stored_at != manifest.last_stored_at:
        text = f"{path.name} was archived from another stream of this name; move the archive away"
        raise JournalGap(text)
    await journal.purge(shard, manifest.last + 1)
    _log.info("journal segment archived", file=path.name, entries=manifest.count)
    return manifest


async def _one(journal: Source, shard: int, sequence: int) -> Entry:
    """Entry ``sequence``, which was not purged."""
    page = await journal.read(shard, sequence - 1, most=1, most_bytes=1)
    _check_follows(page, sequence - 1, journal.stream_name(shard))
    return page[0]


def _check_follows(page: list[Entry], after: int, stream: str) -> None:
    if not page or page[0].sequence != after + 1:
        text = f"{stream} has no entry {after + 1}, though it was neither archived nor purged here"
        raise JournalGap(text)


def _newest(folder: Path) -> Manifest | None:
    paths = sorted(folder.glob("*.json"))
    return load_manifest(paths[-1]) if paths else None


def _begin(plan: _Plan) -> SegmentWriter:
    """A writer in the folder, which is made, and cleared of what a crash left of this segment."""
    if not plan.folder.is_dir():
        plan.folder.parent.mkdir(ARCHIVE_MODE, parents=True, exist_ok=True)
        plan.folder.mkdir(ARCHIVE_MODE)
        sync_folder(plan.folder.parent)
    for stale in plan.folder.glob(f"{plan.start:020}-*.zst"):
        stale.unlink()
    return SegmentWriter(plan.folder, plan.stream, plan.previous_sha256)


async def _on_disk(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run ``work`` in a thread, with the disk's errors as ours."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        text = f"archive: {error.strerror}"
        raise StorageError(text, retryable=True) from error
