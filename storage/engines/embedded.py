"""What every embedded engine needs: a user without rights, folders it owns, one owner at a time.

An engine lives in the data folder D of its ``wattwarden up``:

    D/postgres, D/journal   what it keeps, mode 0700, the engine's user
    D/run                   sockets, ports, written configuration, mode 0700, the engine's user
    D/log, D/secrets        ours, mode 0700; engines get an open descriptor, never a name
    D/engines               copies of programs that the engine's user cannot reach otherwise
    D/.restore.part         all of these while they are made from a backup
    D/*.lock                held while an engine is ours
"""

import contextlib
import fcntl
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattwarden.storage.errors import EngineError

POSTGRES_FOLDER: Final = "postgres"
JOURNAL_FOLDER: Final = "journal"
RUN_FOLDER: Final = "run"
LOG_FOLDER: Final = "log"
SECRETS_FOLDER: Final = "secrets"
ENGINES_FOLDER: Final = "engines"
# What a restore builds in; where it stands, one was killed.
RESTORING_FOLDER: Final = ".restore.part"
# Debian's and most images' user for the purpose, then one that exists on every Linux.
UNPRIVILEGED_USERS: Final = ("postgres", "nobody")
PRIVATE: Final = 0o700
PASSABLE: Final = 0o755


@dataclass(frozen=True, slots=True)
class EngineUser:
    """Whose rights an engine runs with."""

    name: str
    uid: int
    gid: int


def choose_user(data: Path) -> EngineUser:
    """Find whose rights the engines of a data folder run with.

    We ourselves, unless we are root: then the owner of what is already there, else ``postgres``,
    else ``nobody``.

    Raises:
        EngineError: Nobody suitable exists.
    """
    if os.geteuid() != 0:
        return _entry(os.geteuid())
    for folder in (data / POSTGRES_FOLDER, data / JOURNAL_FOLDER, data):
        with contextlib.suppress(FileNotFoundError):
            if owner := folder.stat().st_uid:
                return _entry(owner)
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return EngineUser(name, entry.pw_uid, entry.pw_gid)
    message = f"started as root, and none of the users {', '.join(UNPRIVILEGED_USERS)} exists"
    raise EngineError(
        message, cure="create one: useradd --system --shell /usr/sbin/nologin postgres"
    )


def ourselves() -> EngineUser:
    """The user this process runs as, for what no engine needs to write."""
    return EngineUser("us", os.geteuid(), os.getegid())


def prepare_data(data: Path, user: EngineUser) -> None:
    """Make the data folder and those inside it that belong to no single engine.

    Raises:
        EngineError: The engine's user cannot enter, a folder belongs to somebody else, or a
            restore into it was not finished.
    """
    if (data / RESTORING_FOLDER).exists():
        message = f"{data} waits for the end of a restore that was interrupted"
        cure = f"restore once more (wattwarden restore … --data {data}), or remove the folder"
        raise EngineError(message, cure=cure)
    blocked = first_blocked(data, user)
    if blocked is not None:
        message = f"{blocked} is closed to the user {user.name}, whose rights the engines have"
        cure = f"take another folder (--data /var/lib/wattwarden) or chmod o+x {blocked}"
        raise EngineError(message, cure=cure)
    ours = ourselves()
    for folder in reversed((data, *data.parents)):
        if not folder.exists():
            make_folder(folder, ours, PASSABLE)
    make_folder(data / RUN_FOLDER, user, PRIVATE)
    for name in (LOG_FOLDER, SECRETS_FOLDER):
        make_folder(data / name, ours, PRIVATE)


def make_folder(folder: Path, owner: EngineUser, mode: int) -> None:
    """Make a folder, or see that the one there is the owner's and open to nobody else than wanted.

    An empty folder of root's is handed over when we are root.

    Raises:
        EngineError: It belongs to somebody else, or cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
        status = folder.stat()
        if status.st_uid != owner.uid and status.st_uid == os.geteuid() and _is_empty(folder):
            os.chown(folder, owner.uid, owner.gid)
            status = folder.stat()
        if status.st_uid == owner.uid and status.st_mode & 0o777 != mode:
            folder.chmod(mode)
    except OSError as error:
        message = f"cannot make the folder {folder}: {error.strerror}"
        raise EngineError(
            message, cure="choose a folder you may write to: --data FOLDER"
        ) from error
    if status.st_uid != owner.uid:
        message = f"{folder} belongs to {_name(status.st_uid)}, not to {_name(owner.uid)}"
        cure = (
            f"chown -R {_name(owner.uid)} {folder}, or start as {_name(status.st_uid)} or as root"
        )
        raise EngineError(message, cure=cure)


def first_blocked(path: Path, user: EngineUser) -> Path | None:
    """The topmost folder on the way into ``path``, itself included, that the user cannot enter.

    Looks at owner, group and mode; not at access control lists, nor at parts that do not exist.
    """
    for folder in reversed((path, *path.parents)):
        with contextlib.suppress(FileNotFoundError):
            if not may_execute(folder.stat(), user):
                return folder
    return None


def may_execute(status: os.stat_result, user: EngineUser) -> bool:
    """Whether owner, group and mode let the user enter the folder or execute the file."""
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def write_private(path: Path, text: str, owner: EngineUser) -> None:
    """Write a file that its owner alone may read, all of it or nothing.

    A link standing at ``path`` is replaced, never followed: the folder may be the engine's.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.uid, owner.gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


class FolderLock:
    """The right to run one engine in one data folder, held by at most one process.

    The kernel frees it when we die, however we die; a process forked from us without executing a
    program would hold it on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours now."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take it; nothing happens when we hold it already.

        Raises:
            EngineError: Another process, or another engine object of ours, holds it.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace") or "unknown"
            os.close(descriptor)
            message = f"{self._path.parent} is in use by another wattwarden (process {holder})"
            cure = "stop that one, or give this one a folder of its own: --data FOLDER"
            raise EngineError(message, cure=cure) from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; nothing happens when we do not hold it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _entry(uid: int) -> EngineUser:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        message = f"user id {uid} has no name, and PostgreSQL refuses to run without one"
        raise EngineError(message, cure="add the user to /etc/passwd, or start as root") from error
    return EngineUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None
