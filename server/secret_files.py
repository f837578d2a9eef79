"""Secrets by reference: files of the secrets folder, which nothing else names by their contents."""

from pathlib import Path
from typing import Final

from wattwarden.protocol.secret import Secret

# A key, a token, a password; a file that is longer is none of ours.
MAX_SECRET_BYTES: Final = 4096


class SecretError(ValueError):
    """A secret that is not where a table or a setting says."""


def stamp_of(file: Path) -> tuple[int, ...]:
    """Return what changes with the contents of a file, and when it comes or goes."""
    try:
        status = file.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def read_secret(folder: Path, file: str) -> Secret:
    """Return what a file of the secrets folder holds.

    Raises:
        SecretError: It cannot be read, is empty or too long.
    """
    try:
        with (folder / file).open("rb") as opened:
            text = opened.read(MAX_SECRET_BYTES + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"secret file {file} cannot be read"
        raise SecretError(message) from error
    if not text or len(text) > MAX_SECRET_BYTES:
        message = f"secret file {file} is empty or too long"
        raise SecretError(message)
    return Secret(text)
