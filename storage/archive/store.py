"""Where files of the archive lie: a folder, or a store that speaks S3.

    file:///var/lib/wattwarden/archive/days
    s3://bucket/prefix?endpoint_override=HOST:PORT&scheme=https&region=REGION

A file is there whole or not at all.  In a folder it gets its name when it is on the disk; a store
shows an object when its last part has come.  Who may use the store is said outside of the address,
as its own tools are told: AWS_ACCESS_KEY_ID and the like, or AWS_SHARED_CREDENTIALS_FILE.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from wattwarden.storage.errors import StorageError

READ_BYTES: Final = 1024 * 1024
# What a name in the making ends with; one that stayed is of a process that died.
DRAFT: Final = ".part"


def is_folder(url: str) -> bool:
    """Whether an address is that of a folder of this machine."""
    return urlsplit(url).scheme == "file"


class Store:
    """Files by their path below a root, with / between its parts."""

    def __init__(self, url: str) -> None:
        """Open a store; nothing is asked of it yet, but for where a bucket without a region lies.

        Raises:
            StorageError: No store can be at this address.
        """
        self.url = url
        with _errors(url):
            self.files, self._root = fs.FileSystem.from_uri(url)
        self.folder = Path(self._root) if is_folder(url) else None

    def located(self, path: str) -> str:
        """Return where a file lies within ``files``."""
        return f"{self._root}/{path}"

    @contextlib.contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """Give a file to write to; it stands under its name when the block ends well.

        Raises:
            StorageError: The store is away, or full.
        """
        with _errors(f"{self.url}/{path}"):
            if self.folder is None:
                with _uploaded(self.files, self.located(path)) as stream:
                    yield stream
            else:
                with _written(self.folder / path) as file:
                    yield file

    def open(self, path: str) -> Any:
        """Open a file for reading anywhere in it.

        Raises:
            StorageError: It is not there, or the store is away.
        """
        with _errors(f"{self.url}/{path}"):
            return self.files.open_input_file(self.located(path))

    def measure(self, path: str) -> tuple[bytes, int]:
        """Return SHA-256 and size of a file.

        Raises:
            StorageError: It is not there, or the store is away.
        """
        digest, size = hashlib.sha256(), 0
        with (
            _errors(f"{self.url}/{path}"),
            self.files.open_input_stream(self.located(path)) as stream,
        ):
            while piece := stream.read(READ_BYTES):
                digest.update(piece)
                size += len(piece)
        return digest.digest(), size

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is no fault.

        Raises:
            StorageError: The store is away, or refuses.
        """
        with _errors(f"{self.url}/{path}"), contextlib.suppress(FileNotFoundError):
            self.files.delete_file(self.located(path))

    def free_bytes(self) -> int | None:
        """Return the room that is left; None where a store does not say.

        Raises:
            StorageError: The folder cannot be looked at.
        """
        if self.folder is None:
            return None
        with _errors(self.url):
            return shutil.disk_usage(self._existing(self.folder)).free

    @staticmethod
    def _existing(folder: Path) -> Path:
        """The folder, or the first above it that is there."""
        return next(one for one in (folder, *folder.parents) if one.is_dir())

    def try_out(self) -> None:
        """See whether a folder may be written to; write, read and remove an object of a store.

        Raises:
            StorageError: It may not, or one of these fails.
        """
        if self.folder is not None:
            there = self._existing(self.folder)
            if not os.access(there, os.W_OK | os.X_OK):
                message = f"{there} may not be written to"
                raise StorageError(message, retryable=False)
            return
        name, text = f"trial-{os.getpid()}", b"wattwarden"
        with self.create(name) as file:
            file.write(text)
        try:
            digest, _ = self.measure(name)
        finally:
            self.remove(name)
        if digest != hashlib.sha256(text).digest():
            message = f"{self.url} gives back other bytes than were written"
            raise StorageError(message, retryable=False)


Opener = Callable[[str], Store]
"""How a store is opened by its address."""


@contextlib.contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + DRAFT)
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        # On a disk that is full it would stand in the way of the next attempt.
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _uploaded(files: fs.FileSystem, place: str) -> Iterator[IO[bytes]]:
    """An object that is there when the block ends well."""
    stream = files.open_output_stream(place)
    try:
        yield stream
    except BaseException:
        # A stream knows no other end than to make an object of what came.
        with contextlib.suppress(OSError, pa.ArrowException):
            stream.close()
            files.delete_file(place)
        raise
    stream.close()


@contextlib.contextmanager
def _errors(place: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        message = f"{place} is not there"
        raise StorageError(message, retryable=False) from error
    except (OSError, pa.ArrowException) as error:
        message = f"{place}: {str(error) or type(error).__name__}"
        raise StorageError(message, retryable=True) from error
