"""Keys of meters in the secrets folder: the database and the command line know their names only."""

import hashlib
import os
import re
from pathlib import Path
from typing import Final, TextIO

from wattwarden.storage.meter_secrets import KEY_BYTES, read_key, read_password
from wattwarden.tools.errors import CommandError, UsageError

MAX_NAME_LETTERS: Final = 64
# More than the digits of any key, with spaces between them.
MAX_INPUT_LETTERS: Final = 4096

_OTHER_LETTERS: Final = re.compile(r"[^A-Za-z0-9._-]")


def key_name(codec: str, address: str) -> str:
    """Return the file name for a meter's key; different meters never share one.

    >>> key_name("hj212", "010000A8900016F000169DC0")
    'hj212-010000A8900016F000169DC0'
    """
    plain = f"{codec}-{address}"
    name = _OTHER_LETTERS.sub("_", plain)
    if name == plain and len(name) <= MAX_NAME_LETTERS:
        return name
    mark = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME_LETTERS - len(mark) - 1]}-{mark}"


def read_key_from(stream: TextIO) -> bytes:
    """Read a key as hexadecimal digits, spaces allowed.

    Raises:
        UsageError: it is none; what was given is never shown.
    """
    text = stream.read(MAX_INPUT_LETTERS)
    try:
        key = bytes.fromhex("".join(text.split()))
    except ValueError as error:
        raise UsageError("standard input holds no key", _CURE) from error
    if len(key) != KEY_BYTES:
        message = f"a key is {KEY_BYTES} bytes, standard input holds {len(key)}"
        raise UsageError(message, _CURE)
    return key


_CURE: Final = f"give {2 * KEY_BYTES} hexadecimal digits: … --key-from-stdin < key.txt"


def write_key(secrets: Path, name: str, key: bytes) -> None:
    """Put a key into the secrets folder, readable by the folder's owner alone.

    Raises:
        CommandError: there is no such folder here, or it is somebody else's.
    """
    check_folder(secrets)
    owner = secrets.stat()
    draft = secrets / f"{name}.{os.getpid()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            # Started as root the system may run as somebody else, who owns the folder.
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
        draft.replace(secrets / name)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = f"cannot write into {secrets}: {error.strerror}"
        raise CommandError(message, "run as the user that runs wattwarden, or as root") from error


def check_key(secrets: Path, name: str) -> None:
    """Make sure that a key can be used.

    Raises:
        CommandError: there is no such file here, or it holds no key.
    """
    check_folder(secrets)
    try:
        read_key(secrets, name)
    except ValueError as error:
        raise CommandError(str(error)) from error


def check_password(secrets: Path, name: str) -> None:
    """Make sure that a password can be used.

    Raises:
        CommandError: there is no such file here, or it holds none.
    """
    check_folder(secrets)
    try:
        read_password(secrets, name)
    except ValueError as error:
        raise CommandError(str(error)) from error


def check_folder(secrets: Path) -> None:
    """Make sure that the secrets folder is on this machine.

    Raises:
        CommandError: it is not.
    """
    if not secrets.is_dir():
        message = f"no secrets folder {secrets}"
        raise CommandError(message, "run this where the system runs, or name its --data")
