"""Segment files: entries of the journal, at rest.

    <archive>/<stream>/<first>-<last>.zst    zstd of: (length, 4 bytes big-endian; record)…
    <archive>/<stream>/<first>-<last>.json   its manifest; without one, a file counts for nothing

A record is one msgpack array: sequence, kind, msg_id, stored_at (microseconds UTC), payload.
Sequences in the names have 20 digits, so that names sort like numbers.  Each manifest names the
SHA-256 of the manifest before it: the last one vouches for all.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import msgspec
import zstandard

from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry, Kind

FORMAT: Final = 1
# zstd's own default: fast enough for a thread beside the loop.
ZSTD_LEVEL: Final = 3
# nats-server takes no message above 64 MiB, whatever its configuration.
MAX_RECORD_BYTES: Final = 65 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
LENGTH_BYTES: Final = 4

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class SegmentCorrupt(StorageError):  # noqa: N818  # a state of the file, like the journal's errors
    """A segment file or its manifest is not what was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment file holds, and which manifest came before.

    ``bytes`` and ``sha256`` are of the uncompressed content, ``file_bytes`` and ``file_sha256`` of
    the file.  ``previous_sha256`` is the hash of the previous manifest's bytes, "" for a first one.
    """

    format: int
    stream: str
    first: int
    last: int
    count: int
    bytes: int
    sha256: str
    file_bytes: int
    file_sha256: str
    first_stored_at: datetime
    last_stored_at: datetime
    previous_sha256: str

    @property
    def name(self) -> str:
        """Name of the segment's files, without their ending."""
        return segment_name(self.first, self.last)


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """An entry in the file."""

    sequence: int
    kind: Kind
    msg_id: str
    stored_at_us: int
    payload: bytes


_encoder: Final = msgspec.msgpack.Encoder()
_records: Final = msgspec.msgpack.Decoder(_Record)
_manifests: Final = msgspec.json.Decoder(Manifest)
# A text that is no UTF-8, lists within lists without end, a time before or after all calendars.
_NONE_OF_OURS: Final = (
    msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError
)  # fmt: skip


@dataclass(slots=True)
class _Tally:
    """What has gone through so far."""

    first: Entry | None = None
    last: Entry | None = None
    count: int = 0
    bytes: int = 0


class SegmentWriter:
    """Writes one segment under a temporary name, which ``finish`` replaces and ``abandon`` removes.

    Blocks on the disk: call it in a thread.
    """

    def __init__(self, folder: Path, stream: str, previous_sha256: str) -> None:
        self._folder = folder
        self._stream = stream
        self._previous_sha256 = previous_sha256
        self._tally = _Tally()
        self._sha256 = hashlib.sha256()
        self._part = folder / "segment.part"
        self._file = self._part.open("wb")
        self._packer = zstandard.ZstdCompressor(
            level=ZSTD_LEVEL, write_checksum=True
        ).stream_writer(self._file, closefd=False)

    def write(self, entries: list[Entry]) -> None:
        """Append ``entries``, which follow those written before."""
        for entry in entries:
            record = _encoder.encode(_record_of(entry))
            piece = len(record).to_bytes(LENGTH_BYTES, "big") + record
            self._sha256.update(piece)
            self._packer.write(piece)
            self._tally.first = self._tally.first or entry
            self._tally.last = entry
            self._tally.count += 1
            self._tally.bytes += len(piece)

    def finish(self) -> Manifest:
        """Bring file, then manifest to disk under their names."""
        first, last = self._tally.first, self._tally.last
        if first is None or last is None:
            raise ValueError("a segment without entries")
        self._packer.flush(zstandard.FLUSH_FRAME)
        _sync(self._file)
        file_sha256, file_bytes = _hash_of(self._part)
        manifest = Manifest(
            format=FORMAT,
            stream=self._stream,
            first=first.sequence,
            last=last.sequence,
            count=self._tally.count,
            bytes=self._tally.bytes,
            sha256=self._sha256.hexdigest(),
            file_bytes=file_bytes,
            file_sha256=file_sha256,
            first_stored_at=first.stored_at,
            last_stored_at=last.stored_at,
            previous_sha256=self._previous_sha256,
        )
        put_in_place(self._part, self._folder / f"{manifest.name}.zst")
        note = self._folder / "manifest.part"
        with note.open("wb") as file:
            file.write(manifest_bytes(manifest))
            _sync(file)
        put_in_place(note, self._folder / f"{manifest.name}.json")
        return manifest

    def abandon(self) -> None:
        """Close and remove what was not finished."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def segment_name(first: int, last: int) -> str:
    """Name of a segment's files, without their ending."""
    return f"{first:020}-{last:020}"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def digest_of(manifest: Manifest) -> str:
    """Return the SHA-256 by which the next manifest names this one."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def load_manifest(path: Path) -> Manifest:
    """Read the manifest at ``path``.

    Raises:
        SegmentCorrupt: it is none, or belongs to another file.
        StorageError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        manifest = _manifests.decode(data)
    except OSError as error:
        raise _unreadable(path, error) from error
    except _NONE_OF_OURS as error:
        text = f"{path.name} is no manifest: {error}"
        raise SegmentCorrupt(text) from error
    if manifest.name != path.stem or manifest_bytes(manifest) != data:
        text = f"{path.name} was changed, or belongs to {manifest.name}"
        raise SegmentCorrupt(text)
    return manifest


def read_segment(path: Path) -> Iterator[Entry]:
    """Yield the entries of the segment file at ``path`` in order.

    Checked against the manifest beside it as far as it goes: the end is vouched for only once the
    iterator ran out.  ``verify_segment`` first where that matters.

    Raises:
        SegmentCorrupt: the file is not what its manifest says.
        StorageError: file or manifest cannot be read.
    """
    manifest = load_manifest(path.with_suffix(".json"))
    sha256 = hashlib.sha256()
    due = manifest.first
    with _opened(path) as file:
        for piece in _pieces(file, path.name):
            sha256.update(len(piece).to_bytes(LENGTH_BYTES, "big"))
            sha256.update(piece)
            entry = _entry_of(piece, path.name)
            if entry.sequence != due or due > manifest.last:
                text = f"{path.name} holds entry {entry.sequence} where {due} is due"
                raise SegmentCorrupt(text)
            due += 1
            yield entry
    if due != manifest.last + 1 or sha256.hexdigest() != manifest.sha256:
        text = f"{path.name} differs from its manifest: ends at {due - 1}, {manifest.last} is due"
        raise SegmentCorrupt(text)


def verify_segment(path: Path) -> Manifest:
    """Read the whole segment file back and return its manifest.

    Raises:
        SegmentCorrupt: file or content are not what the manifest says.
        StorageError: file or manifest cannot be read.
    """
    manifest = load_manifest(path.with_suffix(".json"))
    try:
        found = _hash_of(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if found != (manifest.file_sha256, manifest.file_bytes):
        text = f"{path.name} has {found[1]} bytes, SHA-256 {found[0]}, its manifest differs"
        raise SegmentCorrupt(text)
    count = sum(1 for _ in read_segment(path))
    if count != manifest.count:
        text = f"{path.name} holds {count} entries, its manifest says {manifest.count}"
        raise SegmentCorrupt(text)
    return manifest


def put_in_place(part: Path, path: Path) -> None:
    """Rename, and bring the folder's new entry to disk."""
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in ``folder`` to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _record_of(entry: Entry) -> _Record:
    stored_at_us = (entry.stored_at - _EPOCH) // _MICROSECOND
    return _Record(entry.sequence, entry.kind, entry.msg_id, stored_at_us, entry.payload)


def _entry_of(piece: bytes, name: str) -> Entry:
    try:
        record = _records.decode(piece)
        stored_at = _EPOCH + record.stored_at_us * _MICROSECOND
    except _NONE_OF_OURS as error:
        text = f"{name} holds a record that is none: {error}"
        raise SegmentCorrupt(text) from error
    return Entry(record.sequence, record.kind, record.msg_id, record.payload, stored_at)


def _pieces(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The records' bytes."""
    reader = zstandard.ZstdDecompressor().stream_reader(file, closefd=False)
    try:
        while head := _exactly(reader.read, LENGTH_BYTES, name):
            length = int.from_bytes(head, "big")
            if not 0 < length <= MAX_RECORD_BYTES:
                text = f"{name} holds a record of {length} bytes, {MAX_RECORD_BYTES} at most"
                raise SegmentCorrupt(text)
            piece = _exactly(reader.read, length, name)
            if not piece:
                text = f"{name} ends before a record of {length} bytes"
                raise SegmentCorrupt(text)
            yield piece
    except zstandard.ZstdError as error:
        text = f"{name} does not decompress: {error}"
        raise SegmentCorrupt(text) from error


def _exactly(read: Callable[[int], bytes], size: int, name: str) -> bytes:
    """``size`` bytes, or none at the end."""
    data = b""
    while len(data) < size:
        more = read(size - len(data))
        if not more:
            break
        data += more
    if 0 < len(data) < size:
        text = f"{name} ends in the middle of a record"
        raise SegmentCorrupt(text)
    return data


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _hash_of(path: Path) -> tuple[str, int]:
    sha256 = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            sha256.update(piece)
            size += len(piece)
    return sha256.hexdigest(), size


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _unreadable(path: Path, error: OSError) -> StorageError:
    text = f"{path.name} cannot be read: {error.strerror}"
    return StorageError(text, retryable=not isinstance(error, FileNotFoundError))
