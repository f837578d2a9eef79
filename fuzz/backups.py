"""Invariant: whatever lies in a backup or an archive, it is what was written, or said not to be.

Allowed: BackupError of manifests and sealed secrets, SegmentCorrupt of segments.  A backup in which
a file was changed is never found sound; no name in a manifest that is taken leads out of the place
that is restored into; a segment gives the entries that its manifest tells of, or is refused.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

import msgspec
import zstandard
from fuzz.chosen import changed, check_said, names_in, own_folder, put_together, taken_apart
from fuzz.harness import Target

from wattwarden.storage.backup import sealed as sealed_module
from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.manifest import (
    FORMAT,
    MANIFEST,
    SUMS,
    Applied,
    DayFact,
    Manifest,
    SequenceFact,
    ShardFact,
    TableFact,
    load_manifest,
    verify,
    write_manifest,
)
from wattwarden.storage.backup.sealed import seal, unseal
from wattwarden.storage.backup.share import Share
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.journal.segment_file import Manifest as SegmentManifest
from wattwarden.storage.journal.segment_file import (
    SegmentCorrupt,
    SegmentWriter,
    read_segment,
    verify_segment,
)
from wattwarden.storage.journal.segment_file import manifest_bytes as segment_manifest

PHRASE: Final = "correct horse battery staple"
# What stretches a passphrase is no part of what is read.
QUICK_SCRYPT_N: Final = 2
BEGAN: Final = datetime(2026, 11, 23, 1, tzinfo=UTC)
MOST_SAID_LETTERS: Final = 1_000
TABLE: Final = "database/meter.copy.zst"
DAY: Final = "days/day.parquet"
PAYLOADS: Final = [b"frames 0", b"", b"frames 2"]


def run(data: bytes) -> None:
    """Hold the invariant for one file."""
    name, body = taken_apart(data, NAMES)
    RUNS[name](body)


@contextlib.contextmanager
def _instead(path: Path, body: bytes) -> Iterator[bytes]:
    """Put other bytes into a file's place, and its own back; give its own."""
    was = path.read_bytes()
    path.write_bytes(body)
    try:
        yield was
    finally:
        path.write_bytes(was)


def _manifest(body: bytes) -> None:
    """A manifest as it stands in a folder in which nothing else changed."""
    root = _backup()
    with _instead(root / MANIFEST, body) as whole:
        try:
            manifest = load_manifest(root)
        except BackupError as error:
            check_said(error, len(body) + len(str(root)) + MOST_SAID_LETTERS)
            return
        for path in manifest.named():
            there = os.path.normpath(os.path.join("/place", path))  # noqa: PTH118  not joined as ours
            assert there.startswith("/place/"), f"{path!r} leads out of the place"
        with contextlib.suppress(BackupError):
            verify(root, manifest)
            assert body == whole, "a manifest was changed and nobody says so"


def _table(body: bytes) -> None:
    """Another file in the place of one that the manifest knows."""
    root = _backup()
    with _instead(root / TABLE, body) as was:
        try:
            verify(root, load_manifest(root))
        except BackupError:
            assert body != was, "what was written is said to be damaged"
        else:
            assert body == was, "a file was changed and nobody says so"


def _secrets(body: bytes) -> None:
    with mock.patch.object(sealed_module, "SCRYPT_N", QUICK_SCRYPT_N):
        try:
            found = unseal(body, PHRASE)
        except BackupError:
            return
    assert all(isinstance(one, bytes) for one in found.values()), "a secret that is no bytes"


def _segment(body: bytes) -> None:
    """A file of entries beside the manifest of another."""
    path = _archive()
    with _instead(path, body) as was:
        try:
            verify_segment(path)
        except SegmentCorrupt:
            assert body != was, "what was written is said to be corrupt"
        else:
            assert body == was, "a segment was changed and nobody says so"


def _records(body: bytes) -> None:
    """Records packed anew, and a manifest that fits: what somebody else's program writes."""
    path = _archive()
    packed = zstandard.ZstdCompressor().compress(body)
    manifest = msgspec.structs.replace(
        msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=SegmentManifest),
        sha256=hashlib.sha256(body).hexdigest(),
        file_sha256=hashlib.sha256(packed).hexdigest(),
        file_bytes=len(packed),
    )
    fitting = segment_manifest(manifest)
    with _instead(path, packed), _instead(path.with_suffix(".json"), fitting):
        try:
            entries = list(read_segment(path))
        except SegmentCorrupt:
            return
    due = list(range(manifest.first, manifest.last + 1))
    assert [one.sequence for one in entries] == due, "entries that the manifest does not tell of"


def _segment_manifest(body: bytes) -> None:
    """Another manifest beside a segment; what it says of itself the next one's hash vouches for."""
    path = _archive()
    with _instead(path.with_suffix(".json"), body), contextlib.suppress(SegmentCorrupt):
        verify_segment(path)
        assert [one.payload for one in read_segment(path)] == PAYLOADS, "other entries"


RUNS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "manifest": _manifest,
    "table": _table,
    "secrets": _secrets,
    "segment": _segment,
    "records": _records,
    "segment manifest": _segment_manifest,
}
NAMES: Final = tuple(RUNS)

# --- inputs ---------------------------------------------------------------------------------------


@cache
def _made() -> Path:
    return own_folder()


@cache
def _backup() -> Path:
    """A small backup, of every kind of file."""
    root = _made() / "backup"
    root.mkdir()
    folder = BackupFolder(root, Share(max))
    for path in (TABLE, DAY, "journal/WATTWARDEN_0/1-2.zst", "settings/wattwarden.toml"):
        folder.write(path, path.encode())
    manifest = Manifest(
        format=FORMAT, program="0.1.0", began_at=BEGAN, ended_at=BEGAN,
        schema=(Applied(1, "first", "00" * 32),),
        tables=(TableFact("meter", ("id", "codec"), 1, TABLE),),
        sequences=(SequenceFact("meter_id_seq", 4),),
        shards=(ShardFact(0, "WATTWARDEN_0", 1, 1, 2),),
        days=(DayFact("reading", "2026-08-01", 1, "2026/day.parquet", DAY),),
        days_elsewhere={"s3://bucket/days": 12}, settings=("wattwarden.toml",), secrets=("a.key",),
        files=tuple(folder.files.values()),
    )  # fmt: skip
    write_manifest(folder, manifest)
    return root


@cache
def _archive() -> Path:
    folder = _made() / "WATTWARDEN_0"
    folder.mkdir()
    writer = SegmentWriter(folder, folder.name, "")
    at = [BEGAN + timedelta(seconds=number) for number in range(3)]
    writer.write([Entry(n, Kind.FRAMES, f"m{n}", PAYLOADS[n], at[n]) for n in range(len(PAYLOADS))])
    manifest = writer.finish()
    writer.abandon()
    return folder / f"{manifest.name}.zst"


def _entries() -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(_archive().read_bytes())


@cache
def _seeds() -> list[bytes]:
    with mock.patch.object(sealed_module, "SCRYPT_N", QUICK_SCRYPT_N):
        secrets = [seal(one, PHRASE) for one in ({}, {"a.key": b"1"}, {"b": bytes(40)})]
    whole, sums = ((_backup() / name).read_bytes() for name in (MANIFEST, SUMS))
    bodies = [
        ("manifest", whole), ("manifest", b"{}"), ("manifest", b'{"format": 2}'),
        ("table", (_backup() / TABLE).read_bytes()), ("table", sums),
        *(("secrets", one) for one in secrets),
        ("segment", _archive().read_bytes()), ("records", _entries()),
        ("segment manifest", _archive().with_suffix(".json").read_bytes()),
    ]  # fmt: skip
    return [put_together(NAMES, name, body) for name, body in bodies]


def _mend(data: bytes, rng: Random) -> bytes:
    """Change values of a manifest, lengths of records; at times make the sums fit."""
    name, body = taken_apart(data, NAMES)
    if name == "records":
        return put_together(NAMES, name, _with_lengths(body, rng))
    if name not in {"manifest", "segment manifest"}:
        return data
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = msgspec.json.decode((_backup() / MANIFEST).read_bytes())
    names = tuple(sorted(names_in(tree))) or ("x",)
    for _ in range(rng.randrange(3)):
        tree = changed(tree, names, rng)
    return put_together(NAMES, name, _json(tree))


def _json(tree: Any) -> bytes:
    try:
        return msgspec.json.encode(tree)
    except (OverflowError, UnicodeEncodeError):
        return b"null"


def _with_lengths(body: bytes, rng: Random) -> bytes:
    """Cut it into records anew, or put others before what there is."""
    if rng.random() < 0.5:
        return body
    record = msgspec.msgpack.encode(
        (rng.choice((0, 1, 2**63)), rng.choice((0, 1, 99)), rng.choice(("m", "\u202e", "x" * 99)),
         rng.choice((0, -1, 2**62, -(2**62), 10**15)), b"x")
    )  # fmt: skip
    if rng.random() < 0.3:
        record = record.replace(b"m", b"\xff", 1)
    return len(record).to_bytes(4, "big") + record + body


TOKENS: Final = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"../", b"/", b'"format":1', b"1e999",
    b"WWSEAL1\n", b"\x28\xb5\x2f\xfd", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\xc0", b"\xdb", b"\xff",
    b"[" * 3_000, b'"path":"..', b"9" * 30,
)  # fmt: skip
TARGET: Final = Target("backups", run, _seeds, _mend, TOKENS)
