"""Files that commands send along."""

from pathlib import Path

from wattwarden.storage.cases.evidence import MAX_FILE_BYTES
from wattwarden.tools.errors import UsageError


def read_file(file: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        UsageError: It cannot be read, or is larger than evidence may be.
    """
    try:
        # Looked at before it is read: it may be a disk.
        if not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
            most = MAX_FILE_BYTES // 2**20
            message = f"{file} is no file of at most {most} MiB"
            raise UsageError(message, "send a smaller one")
        return file.read_bytes()
    except OSError as error:
        message = f"{file}: {error.strerror}"
        raise UsageError(message, "name a file that can be read") from error
