"""Keys and passwords of meters: files of the secrets folder that nobody else can read.

A key file holds 16 bytes, or their 32 hexadecimal digits; a password file the password, and blanks
and line feeds around it do not count.
"""

import contextlib
import errno
import re
from pathlib import Path
from typing import Final

# Keys of SM4 and of AES-128.
KEY_BYTES: Final = 16
SECRET_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# PW of HJ 212 has 6 to 9 letters by version; some loggers take more.
MAX_PASSWORD_BYTES: Final = 64
# A process or its machine has too little of something: that passes, and says nothing of a file.
SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})

_FOR_OTHERS: Final = 0o077


def read_key(secrets: Path, name: str) -> bytes:
    """Read a key from the secrets folder.

    Raises:
        ValueError: There is none, others can read it, or it is no key; the message says the cure.
        OSError: It cannot be read at this moment.
    """
    return _key_of(_read_private(secrets, name, "key"), secrets / name)


def read_password(secrets: Path, name: str) -> bytes:
    """Read a password from the secrets folder.

    Raises:
        ValueError: There is none, others can read it, or it is none of 1 to MAX_PASSWORD_BYTES
            bytes; the message says the cure.
        OSError: It cannot be read at this moment.
    """
    content = _read_private(secrets, name, "password").strip()
    if not 0 < len(content) <= MAX_PASSWORD_BYTES:
        text = (
            f"password file {secrets / name} holds {len(content)} bytes, not 1 to"
            f" {MAX_PASSWORD_BYTES}"
        )
        raise ValueError(text)
    return content


def _read_private(secrets: Path, name: str, what: str) -> bytes:
    """Read a file of the secrets folder that nobody else can read."""
    if not SECRET_NAME.fullmatch(name):
        text = f"{name!r} is no name of a {what} file"
        raise ValueError(text)
    path = secrets / name
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        text = f"{what} file {path}: {error.strerror}; put the {what} there, mode 0600"
        raise ValueError(text) from error
    if mode & _FOR_OTHERS:
        text = f"{what} file {path} is open to others: chmod 600 {path}"
        raise ValueError(text)
    return content


def _key_of(content: bytes, path: Path) -> bytes:
    for raw in (content, content.rstrip(b"\r\n")):
        if len(raw) == KEY_BYTES:
            return raw
    with contextlib.suppress(ValueError):
        raw = bytes.fromhex(content.decode("ascii", "replace"))
        if len(raw) == KEY_BYTES:
            return raw
    text = f"key file {path} holds {len(content)} bytes: a key is 16 bytes or 32 hex digits"
    raise ValueError(text)
