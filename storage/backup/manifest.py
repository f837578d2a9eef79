"""What a backup holds: read before anything else, and held against the files.

manifest.json   what is inside, table by table and shard by shard, and every file's SHA-256
SHA256SUMS      the same hashes and the manifest's, for `sha256sum -c` where no program is
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from wattwarden.storage.backup.errors import BackupError, DamagedError
from wattwarden.storage.backup.files import BackupFolder, FileFact, Tell, measure

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
# Millions of files would be some 200 MB; whatever is larger was not written by us.
MAX_MANIFEST_BYTES: Final = 512 * 1024**2
# More of them say nothing that the first ones do not.
MOST_FAULTS: Final = 10


class Applied(msgspec.Struct, frozen=True):
    """A migration that the database had."""

    number: int
    name: str
    sha256: str


class TableFact(msgspec.Struct, frozen=True):
    """A table, and the file of its rows: COPY's text, zstd.

    ``parent`` and ``bound`` are set for a partition that no migration makes; the bound is as
    PostgreSQL writes it.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    path: str
    parent: str | None = None
    bound: str | None = None


class SequenceFact(msgspec.Struct, frozen=True):
    """A sequence that gave a value, and the last one."""

    name: str
    last: int


class ShardFact(msgspec.Struct, frozen=True):
    """A shard of the journal: all up to ``last`` is inside, as far as the installation had it.

    ``position`` is how far the database of the same backup has it; ``tail`` is the first entry
    that a restored stream holds, those before it lie in segments.  ``holes`` are stretches of
    entries (first, last), both inside, that the installation had lost before.
    """

    shard: int
    stream: str
    position: int
    tail: int
    last: int
    holes: tuple[tuple[int, int], ...] = ()


class DayFact(msgspec.Struct, frozen=True):
    """A file of a closed day, inside the backup."""

    kind: str
    day: str
    generation: int
    place: str
    """Its path in the store."""
    path: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int
    program: str
    began_at: datetime
    ended_at: datetime
    schema: tuple[Applied, ...]
    tables: tuple[TableFact, ...]
    sequences: tuple[SequenceFact, ...]
    shards: tuple[ShardFact, ...]
    days: tuple[DayFact, ...]
    days_elsewhere: dict[str, int]
    """Stores whose files of closed days are not inside, and how many each has."""
    settings: tuple[str, ...]
    secrets: tuple[str, ...]
    """Names of the secrets inside, sealed; none when they were left out."""
    files: tuple[FileFact, ...]

    @property
    def rows(self) -> int:
        """Return how many rows of tables are inside."""
        return sum(one.rows for one in self.tables)

    @property
    def lost(self) -> int:
        """Return how many entries of the journal the installation had lost before."""
        return sum(last - first + 1 for one in self.shards for first, last in one.holes)

    @property
    def bytes(self) -> int:
        """Return how large the files are."""
        return sum(one.bytes for one in self.files)

    def named(self) -> Iterator[str]:
        """Yield every path that files are read from or written to when it is restored."""
        yield from (one.path for one in self.files)
        yield from (one.path for one in self.tables)
        yield from (path for one in self.days for path in (one.path, one.place))
        yield from (one.stream for one in self.shards)
        yield from self.settings


_manifests: Final = msgspec.json.Decoder(Manifest)
_NO_MANIFEST: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def write_manifest(folder: BackupFolder, manifest: Manifest) -> None:
    """Write the manifest and the sums, last of all."""
    folder.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    about = folder.files[MANIFEST]
    folder.write(SUMS, _sums((*manifest.files, about)))


def load_manifest(root: Path) -> Manifest:
    """Read what a backup holds; its files are not looked at.

    Raises:
        BackupError: There is none, or one of a newer program.
        DamagedError: It is not what was written.
    """
    place = root / MANIFEST
    try:
        if place.stat().st_size > MAX_MANIFEST_BYTES:
            message = f"{place} is no manifest: it is too large"
            raise DamagedError(message)
        data = place.read_bytes()
    except OSError as error:
        message = f"{root} is no backup: {error.strerror} ({MANIFEST})"
        cure = "name the folder that wattwarden backup made; one ending in .part is none yet"
        raise BackupError(message, cure=cure) from error
    try:
        form = msgspec.json.decode(data, type=_Form).format
    except _NO_MANIFEST as error:
        message = f"{place} cannot be read: {error}"
        raise DamagedError(message) from error
    if form != FORMAT:
        message = f"{root} is of format {form}, this program knows {FORMAT}"
        raise BackupError(
            message, cure="use the version of the program that made it, or a newer one"
        )
    try:
        manifest = _manifests.decode(data)
    except _NO_MANIFEST as error:
        message = f"{place} cannot be read: {error}"
        raise DamagedError(message) from error
    for path in manifest.named():
        if not _stays_inside(path):
            message = f"{place} names {path!r}, which leads out of where it is restored"
            raise DamagedError(message)
    return manifest


def verify(root: Path, manifest: Manifest, tell: Tell = int) -> None:
    """Read every file of a backup and hold it against the manifest; nothing is changed.

    Raises:
        DamagedError: One is missing, is too many or differs.
    """
    faults = []
    for fault in _faults(root, manifest, tell):
        faults.append(fault)
        if len(faults) == MOST_FAULTS:
            faults.append("and perhaps more")
            break
    if faults:
        message = f"{root} is damaged: {'; '.join(faults)}"
        raise DamagedError(message)


def _stays_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\x00" not in path


class _Form(msgspec.Struct, frozen=True):
    format: int


def _faults(root: Path, manifest: Manifest, tell: Tell) -> Iterator[str]:
    known = {one.path: one for one in manifest.files}
    if len(known) != len(manifest.files):
        yield f"{MANIFEST} names a file twice"
    there = {str(one.relative_to(root)) for one in root.rglob("*") if not one.is_dir()}
    for path in sorted(there - known.keys() - {MANIFEST, SUMS}):
        yield f"{path} is not in {MANIFEST}"
    for path in sorted(known):
        yield from _fault(root, known[path], tell)
    sha256, size = measure(root / MANIFEST)
    about = FileFact(MANIFEST, size, sha256)
    try:
        sums = (root / SUMS).read_bytes()
    except OSError as error:
        yield f"{SUMS}: {error.strerror}"
        return
    if sums != _sums((*manifest.files, about)):
        yield f"{SUMS} and {MANIFEST} differ"


def _fault(root: Path, known: FileFact, tell: Tell) -> Iterator[str]:
    place = root / known.path
    if not place.resolve().is_relative_to(root.resolve()):
        yield f"{known.path} leads out of the backup"
        return
    try:
        sha256, size = measure(place, tell)
    except OSError as error:
        yield f"{known.path}: {error.strerror}"
        return
    if (sha256, size) != (known.sha256, known.bytes):
        wanted = f"{known.bytes} of {known.sha256[:12]}"
        yield f"{known.path} has {size} bytes of {sha256[:12]}, not {wanted}"


def _sums(files: tuple[FileFact, ...]) -> bytes:
    lines = [f"{one.sha256}  {one.path}\n" for one in sorted(files, key=lambda one: one.path)]
    return "".join(lines).encode()
