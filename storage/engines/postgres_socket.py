"""Where the embedded PostgreSQL's unix socket is, and the address made from it."""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

from wattwarden.storage.engines.embedded import PRIVATE, RUN_FOLDER, EngineUser, make_folder
from wattwarden.storage.errors import EngineError

SOCKET_NAME: Final = ".s.PGSQL.5432"
# sun_path holds 108 bytes with its closing NUL.
MAX_SOCKET_PATH_BYTES: Final = 107
# An address is split at commas and colons by those who read it.
PLAIN_PATH: Final = re.compile(r"[\w./+-]+")
SHORT_FOLDERS: Final = Path("/tmp")  # noqa: S108  what we make there is 0700, ours, and checked


def socket_folder(data: Path) -> Path:
    """The socket's folder: ``D/run``, or a short one named by a hash when that is no address."""
    folder = data.resolve() / RUN_FOLDER
    short_enough = len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
    if short_enough and PLAIN_PATH.fullmatch(str(folder)):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return SHORT_FOLDERS / f"wattwarden-{digest}"


def dsn_for(data: Path, role: str, database: str) -> str:
    """Address of a database of the embedded server, for asyncpg; holds no secret."""
    return f"postgresql://{role}@/{database}?host={quote(str(socket_folder(data)))}&port=5432"


def make_socket_folder(folder: Path, user: EngineUser) -> None:
    """Make the folder and remove what a killed server left in it.

    Call it only while holding the data folder's lock, with no server working there: PostgreSQL
    refuses a left-over lock file whose process id has gone to somebody else.

    Raises:
        EngineError: The name is taken by somebody else.
    """
    if folder.parent != SHORT_FOLDERS:
        make_folder(folder, user, PRIVATE)
    elif not _make_in_public(folder, user):
        message = f"{folder} is not a folder of {user.name} with mode 0700"
        raise EngineError(message, cure=f"remove it, and ask who made it: ls -ld {folder}")
    _clear(folder)


def remove_socket_folder(folder: Path) -> None:
    """Remove what is left of the socket, and the folder if it is a short one."""
    _clear(folder)
    if folder.parent == SHORT_FOLDERS and folder.is_dir():
        folder.rmdir()


def _make_in_public(folder: Path, user: EngineUser) -> bool:
    """Make it where anybody may make anything; links and strangers' folders do not count."""
    try:
        folder.mkdir(mode=PRIVATE)
    except FileExistsError:
        status = folder.lstat()
        return (
            stat.S_ISDIR(status.st_mode)
            and stat.S_IMODE(status.st_mode) == PRIVATE
            and status.st_uid == user.uid
        )
    os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    return True


def _clear(folder: Path) -> None:
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (folder / name).unlink(missing_ok=True)
