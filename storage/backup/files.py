"""Files of a backup: written and hashed in one pass, on the disk before they count.

source ──► copied  ──► name, bytes, SHA-256
previous backup ──► linked, where the file there is known to be the same
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from wattwarden.storage.backup.errors import BackupError, DamagedError
from wattwarden.storage.backup.share import Share
from wattwarden.storage.journal.segment_file import sync_folder

PIECE_BYTES: Final = 1024 * 1024
# Readings, people, their numbers: the one who makes a backup may read it, and nobody else.
PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700

Tell = Callable[[int], object]
"""Takes the bytes done since."""


class FileFact(msgspec.Struct, frozen=True):
    """A file of a backup: its path below the folder, with / between the parts."""

    path: str
    bytes: int
    sha256: str


class Reader(Protocol):
    """What is read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end."""


class BackupFolder:
    """The folder that a backup is written into.

    Args:
        root: The folder; it exists.
        share: Hears of bytes copied or linked.
        previous: An earlier backup, and its files by path.
    """

    def __init__(
        self,
        root: Path,
        share: Share,
        previous: tuple[Path, Mapping[str, FileFact]] | None = None,
    ) -> None:
        self.root = root
        self.files: dict[str, FileFact] = {}
        self.linked = 0
        self.share = share
        self._previous = previous

    def place(self, path: str) -> Path:
        """Return where a file of the backup is to lie; the folders above it exist."""
        place = self.root / path
        place.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        return place

    @contextlib.contextmanager
    def create(self, path: str) -> Iterator["HashedFile"]:
        """Give a file to write to; it counts when the block ends well."""
        with disk_errors(f"writing {path}"):
            opened = os.fdopen(_created(self.place(path)), "wb")
        with opened:
            file = HashedFile(opened)
            yield file
            with disk_errors(f"writing {path}"):
                opened.flush()
                os.fsync(opened.fileno())
        self.files[path] = FileFact(path, file.size, file.digest.hexdigest())

    def write(self, path: str, data: bytes) -> None:
        """Write a small file whole."""
        with self.create(path) as file:
            file.write(data)

    def copy(self, path: str, source: Reader) -> FileFact:
        """Copy what a reader gives."""
        with self.create(path) as file:
            while piece := source.read(PIECE_BYTES):
                file.write(piece)
                self.share(len(piece))
        return self.files[path]

    def take_over(self, path: str, sha256: str) -> bool:
        """Link a file of the previous backup, where it has this very content; say whether.

        That is as its manifest has it: whether the file still is so, only ``verify`` tells.
        """
        if self._previous is None:
            return False
        root, files = self._previous
        known = files.get(path)
        if known is None or known.sha256 != sha256:
            return False
        try:
            if (root / path).stat().st_size != known.bytes:
                # Cut short, as by a copy that was broken off: the file itself is there to copy.
                return False
            os.link(root / path, self.place(path))
        except OSError:
            # Another disk, or one without links: then it is copied.
            return False
        self.files[path] = known
        self.linked += 1
        self.share(known.bytes)
        return True

    def adopt(self, path: str) -> FileFact:
        """Count a file that somebody else has written to its place."""
        sha256, size = measure(self.root / path)
        (self.root / path).chmod(PRIVATE_FILE)
        self.files[path] = FileFact(path, size, sha256)
        return self.files[path]


class HashedFile:
    """A file that is written to, and knows what passed through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Write, and count."""
        with disk_errors("writing the backup"):
            self._file.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)


def measure(path: Path, tell: Tell = int) -> tuple[str, int]:
    """Return SHA-256 (hex) and size of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            tell(len(piece))
    return digest.hexdigest(), size


def copy_checked(source: Path, target: Path, known: FileFact, tell: Tell = int) -> None:
    """Copy a file of a backup to where it belongs, onto the disk; its content is checked again.

    Raises:
        DamagedError: It changed since the backup was verified.
    """
    target.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".part")
    with source.open("rb") as came, os.fdopen(_created(draft), "wb") as opened:
        file = HashedFile(opened)
        while piece := came.read(PIECE_BYTES):
            file.write(piece)
            tell(len(piece))
        opened.flush()
        os.fsync(opened.fileno())
    if file.digest.hexdigest() != known.sha256:
        draft.unlink()
        message = f"{known.path} changed while it was read"
        raise DamagedError(message)
    draft.replace(target)
    sync_folder(target.parent)


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn what a disk refuses into BackupError; ``doing`` begins the message."""
    try:
        yield
    except OSError as error:
        message = f"{doing}: {error.strerror or error}"
        cure = "see that there is room and that this user may write there"
        raise BackupError(message, cure=cure) from error


def _created(place: Path) -> int:
    return os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE)
