"""The embedded PostgreSQL: our own child, on a unix socket, in our data folder D.

    start:  user, folders, programs -> lock D -> nobody else works in D/postgres/<major>
            -> initdb, once -> spawn -> a connection answers -> role and database exist
    stop:   SIGINT (fast shutdown) -> SIGQUIT -> SIGKILL -> nobody works there -> unlock D

Killed, it starts again in place under the same address.  When we are killed the kernel sends it
SIGINT, and the next start waits for it.
"""

import asyncio
import logging
import os
import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from wattwarden.storage.database import errors
from wattwarden.storage.engines.binaries import find_postgres, program_version, reachable_postgres
from wattwarden.storage.engines.child import OwnedChild, up_or_down, wait_until_alone
from wattwarden.storage.engines.embedded import (
    ENGINES_FOLDER,
    LOG_FOLDER,
    POSTGRES_FOLDER,
    PRIVATE,
    EngineUser,
    FolderLock,
    choose_user,
    make_folder,
    prepare_data,
    write_private,
)
from wattwarden.storage.engines.postgres_settings import (
    ADMIN_ROLE,
    DATABASE,
    INITDB_ARGUMENTS,
    ROLE,
    fixed_arguments,
    machine_memory_bytes,
    written_files,
)
from wattwarden.storage.engines.postgres_socket import (
    dsn_for,
    make_socket_folder,
    remove_socket_folder,
    socket_folder,
)
from wattwarden.storage.engines.postmaster import clear_predecessor
from wattwarden.storage.errors import EngineError, StorageError

# The oldest server whose SQL the schema is written for.
MIN_MAJOR: Final = 15
# It takes a second, and notices a signal at its next step.
INITDB_PATIENCE_S: Final = 30.0
# A recovery replays up to max_wal_size: 2 GB at 10 MB/s of an old disk.
START_TIMEOUT_S: Final = 300.0
# A fast shutdown writes one checkpoint: up to 2 GB of shared buffers at 35 MB/s.
STOP_TIMEOUT_S: Final = 60.0
# An immediate shutdown kills its own children after 5 s.
QUIT_PATIENCE_S: Final = 6.0
# One answer over a local socket takes milliseconds, on a machine in trouble a second.
PROBE_TIMEOUT_S: Final = 5.0
# The first intervals decide how fast a start is; each refused probe is a line in the log, and a
# recovery may last minutes.
FIRST_PROBE_INTERVAL_S: Final = 0.02
LAST_PROBE_INTERVAL_S: Final = 1.0
# Shared memory that a dying predecessor holds is free after a second or two.
MAX_ATTEMPTS: Final = 20
ATTEMPT_PAUSE_S: Final = 0.25
PASSING_REASON: Final = re.compile(r"is still in use|lock file .* already exists")

# Quoted: generic for type checkers only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_log = logging.getLogger(__name__)


def postgres_dsn(data: Path) -> str:
    """Address of the embedded server of a data folder, whether or not it runs; no secret in it."""
    return dsn_for(data, ROLE, DATABASE)


class EmbeddedPostgres:
    """A PostgreSQL server that is ours alone.

    Call it from the main thread, ``start`` and ``stop`` one at a time.

    Args:
        data: Data folder D of this ``wattwarden up``; made when missing.
        binaries: Folder with ``postgres`` and ``initdb``; None to look for one.
    """

    def __init__(self, data: Path, *, binaries: Path | None = None) -> None:
        self._data = data.resolve()
        self._log_file = self._data / LOG_FOLDER / "postgres.log"
        self._sockets = socket_folder(self._data)
        self._lock = FolderLock(self._data / "postgres.lock")
        self._explicit = binaries
        self._child: OwnedChild | None = None
        self._cluster: Path | None = None

    @property
    def dsn(self) -> str:
        """Address for asyncpg; the same at every start."""
        return postgres_dsn(self._data)

    @property
    def pid(self) -> int:
        """Process id of the postmaster last started.

        Raises:
            EngineError: It was never started.
        """
        return self._started().pid

    def poll(self) -> int | None:
        """None while the server runs, else its exit status, negative for a signal.

        Ask every second or so: it also keeps the log bounded.

        Raises:
            EngineError: It was never started.
        """
        return self._started().poll()

    async def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start it, also again after it died, and wait until it answers.

        Returns:
            The address, see ``dsn``.

        Raises:
            EngineError: It cannot run here, or did not answer in time; nothing is left running.
        """
        if self._child is None or self._child.poll() is not None:
            await up_or_down("PostgreSQL", self._bring_up, self.stop, timeout_s)
        return self.dsn

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Shut it down, politely for ``timeout_s``, and leave no process; harmless when it is down.

        Raises:
            EngineError: Not even SIGKILL ended it.
        """
        if not self._lock.held:
            return
        try:
            if self._child is not None:
                polite = (signal.SIGINT, timeout_s)
                await self._child.stop(polite, (signal.SIGQUIT, QUIT_PATIENCE_S))
            if self._cluster is not None:
                await clear_predecessor(self._cluster)
                remove_socket_folder(self._sockets)
        finally:
            self._lock.release()

    async def _bring_up(self) -> None:
        self._child = self._cluster = None
        user = choose_user(self._data)
        prepare_data(self._data, user)
        self._lock.acquire()
        make_folder(self._data / POSTGRES_FOLDER, user, PRIVATE)
        found = find_postgres(self._explicit)
        programs = reachable_postgres(found, self._data / ENGINES_FOLDER, user)
        cluster = self._cluster_for(programs)
        if not cluster.is_dir():
            await self._initialise(cluster, programs, user)
        await clear_predecessor(cluster)
        make_socket_folder(self._sockets, user)
        self._cluster = cluster
        system_users = (user, EngineUser("root", 0, 0))
        for name, text in written_files(cluster, machine_memory_bytes(), system_users).items():
            write_private(cluster / name, text, user)
        command: list[str | Path] = [
            programs / "postgres",
            *fixed_arguments(cluster, self._sockets),
        ]
        await self._spawn_until_it_answers(command, user)

    def _cluster_for(self, programs: Path) -> Path:
        """The data of this major version; refuses when only another's is there."""
        major, *_ = program_version(programs / "postgres")
        cluster = self._data / POSTGRES_FOLDER / str(major)
        others = [path.name for path in cluster.parent.iterdir() if path.name.isdigit()]
        if major < MIN_MAJOR:
            message = f"{programs} holds PostgreSQL {major}, {MIN_MAJOR} or newer is needed"
            raise EngineError(message, cure="install a newer one, or use the wheel's")
        if others and not cluster.is_dir():
            message = f"{cluster.parent} holds data of PostgreSQL {others[0]}, programs are {major}"
            cure = f"run pg_upgrade to {cluster}, or name a bin folder of version {others[0]}"
            raise EngineError(message, cure=cure)
        return cluster

    async def _initialise(self, cluster: Path, programs: Path, user: EngineUser) -> None:
        """Make an empty cluster; interrupted, it leaves none."""
        draft = cluster.with_suffix(".new")
        # One whose parent was killed removes its draft as it ends.
        await wait_until_alone(cluster.parent, "initdb", INITDB_PATIENCE_S)
        if draft.exists():
            await clear_predecessor(draft)
            shutil.rmtree(draft)
        self._child = self._own([programs / "initdb", *INITDB_ARGUMENTS, "-D", draft], user)
        if (status := await self._child.wait()) != 0:
            raise self._failure("initdb", status)
        draft.rename(cluster)
        _sync_folder(cluster.parent)

    async def _spawn_until_it_answers(
        self, command: Sequence[str | Path], user: EngineUser
    ) -> None:
        for _ in range(MAX_ATTEMPTS):
            self._child = self._own(command, user)
            interval_s = FIRST_PROBE_INTERVAL_S
            while (status := self._child.poll()) is None:
                if await _is_ready(dsn_for(self._data, ADMIN_ROLE, ADMIN_ROLE)):
                    return
                await asyncio.sleep(interval_s)
                interval_s = min(interval_s * 1.3, LAST_PROBE_INTERVAL_S)
            failure = self._failure("postgres", status)
            if not PASSING_REASON.search(failure.message):
                raise failure
            _log.warning("trying again: %s", failure.message)
            await asyncio.sleep(ATTEMPT_PAUSE_S)
        raise failure

    def _own(self, command: Sequence[str | Path], user: EngineUser) -> OwnedChild:
        # Should we be killed, a fast shutdown leaves nothing to recover.
        return OwnedChild(
            command,
            user=user,
            folder=self._data / POSTGRES_FOLDER,
            log=self._log_file,
            death_signal=signal.SIGINT,
        )

    def _failure(self, program: str, status: int) -> EngineError:
        message = f"{program} ended with status {status}: {self._started().reason()}"
        return EngineError(message, cure=f"see the end of {self._log_file}")

    def _started(self) -> OwnedChild:
        if self._child is None:
            raise EngineError("PostgreSQL was not started", cure="call start first")
        return self._child


async def _is_ready(admin_dsn: str) -> bool:
    """Whether the server answers; then our role and database exist.

    Raises:
        EngineError: It answers and refuses us.
    """
    try:
        with errors("asking whether it is ready"):
            connection = await asyncpg.connect(admin_dsn, timeout=PROBE_TIMEOUT_S)
            try:
                await _ensure_database(connection)
            finally:
                await connection.close(timeout=PROBE_TIMEOUT_S)
    except StorageError as error:
        # Whatever passes, being killed amid our question too, is over when we ask again.
        if error.retryable:
            return False
        message = f"the embedded PostgreSQL refuses its owner: {error}"
        raise EngineError(message, cure="start as the user who made the data folder") from error
    return True


async def _ensure_database(connection: Connection) -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", ROLE):
        await connection.execute(f"CREATE ROLE {ROLE} LOGIN")
    known = "SELECT true FROM pg_database WHERE datname = $1"
    if not await connection.fetchval(known, DATABASE):
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
