"""The embedded nats-server: our own child, on loopback with a token, its journal in D/journal.

    start:  user, folders, program -> lock D -> nobody else works in D/journal
            -> D/run/nats.conf with the token, store limit and port of the last time
            -> spawn -> it tells its port -> JetStream answers -> remember the port
    stop:   SIGTERM -> SIGKILL -> unlock D

The server tells the port it really took in a file of its own, so no token is ever sent to a
stranger who holds the port we remember.  Killed, or ended as a full disk had
left its streams unusable, it starts again in place, under the same address unless the port went to
somebody else meanwhile.
"""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import Final

import msgspec
import nats.errors

from wattwarden.storage.engines.binaries import (
    NATS_PROGRAM,
    find_nats_server,
    program_version,
    reachable_nats_server,
)
from wattwarden.storage.engines.child import OwnedChild, up_or_down, wait_until_alone
from wattwarden.storage.engines.embedded import (
    ENGINES_FOLDER,
    JOURNAL_FOLDER,
    LOG_FOLDER,
    PRIVATE,
    RUN_FOLDER,
    EngineUser,
    FolderLock,
    choose_user,
    make_folder,
    prepare_data,
    write_private,
)
from wattwarden.storage.engines.nats_address import Remembered, nats_url, recall, remember, token_of
from wattwarden.storage.engines.nats_settings import ANY_PORT, configuration, store_limit_bytes
from wattwarden.storage.engines.nats_wounds import Wounds
from wattwarden.storage.errors import EngineError
from wattwarden.storage.journal.connection import Connection

# The first with the batch reads and the stream checks that the journal client relies on.
MIN_VERSION: Final = (2, 12)
# It reads back what it stored: 20 GiB at 100 MB/s.
START_TIMEOUT_S: Final = 300.0
# It flushes what is open, milliseconds; a hanging disk shows itself before this.
STOP_TIMEOUT_S: Final = 15.0
# A predecessor whose parent was killed got SIGTERM when it happened.
PREDECESSOR_PATIENCE_S: Final = 15.0
PROBE_INTERVAL_S: Final = 0.02
PROBE_TIMEOUT_S: Final = 2
PORT_TAKEN: Final = "address already in use"

_log = logging.getLogger(__name__)


class _Ports(msgspec.Struct):
    """What the server writes into its ports file; ``nats://127.0.0.1:4222`` first."""

    nats: tuple[str, ...]


class EmbeddedNats:
    """A nats-server with JetStream that is ours alone.

    Call it from the main thread, ``start`` and ``stop`` one at a time.

    Args:
        data: Data folder D of this ``wattwarden up``; made when missing.
        program: The nats-server program; None to look for one.
        monitor_port: Port on loopback for its monitoring pages; None for none.
        store_limit_bytes: What the journal may take of the disk; None for the one remembered, or
            the smaller of 20 GiB and half of what is free.
    """

    def __init__(
        self,
        data: Path,
        *,
        program: Path | None = None,
        monitor_port: int | None = None,
        store_limit_bytes: int | None = None,
    ) -> None:
        self._data = data.resolve()
        self._run = self._data / RUN_FOLDER
        self._journal = self._data / JOURNAL_FOLDER
        self._log_file = self._data / LOG_FOLDER / "nats.log"
        self._lock = FolderLock(self._data / "nats.lock")
        self._explicit = program
        self._monitor_port = monitor_port
        self._explicit_limit = store_limit_bytes
        self._child: OwnedChild | None = None
        self._wounds: Wounds | None = None

    @property
    def url(self) -> str:
        """Address with its token; keep it in memory, out of logs and arguments.

        Raises:
            EngineError: It never ran.
        """
        return nats_url(self._data)

    @property
    def store_limit_bytes(self) -> int:
        """What the journal may take of the disk, as the running server was told.

        Raises:
            EngineError: It never ran.
        """
        remembered = recall(self._data)
        if remembered is None:
            raise EngineError("nats-server was not started", cure="call start first")
        return remembered.store_limit_bytes

    @property
    def pid(self) -> int:
        """Process id of the server last started.

        Raises:
            EngineError: It was never started.
        """
        return self._started().pid

    def poll(self) -> int | None:
        """None while the server runs, else its exit status, negative for a signal.

        Ask every second or so: it also keeps the log bounded, and ends a server whose streams
        cannot be written any more, once the disk has room; start it again then.

        Raises:
            EngineError: It was never started.
        """
        child = self._started()
        # Looked at first: whoever polls the child may cut its log.
        is_wounded = self._wounds is not None and self._wounds.can_heal()
        status = child.poll()
        if status is None and is_wounded:
            _log.error("a stream could not be written, so that nats-server has to start again")
            self._wounds = None
            os.kill(child.pid, signal.SIGTERM)
        return status

    async def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start it, also again after it died, and wait until JetStream answers.

        Returns:
            The address, see ``url``.

        Raises:
            EngineError: It cannot run here, or did not answer in time; nothing is left running.
        """
        if self._child is None or self._child.poll() is not None:
            await up_or_down("nats-server", self._bring_up, self.stop, timeout_s)
        return self.url

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Shut it down, politely for ``timeout_s``, and leave no process; harmless when it is down.

        Raises:
            EngineError: Not even SIGKILL ended it.
        """
        if not self._lock.held:
            return
        try:
            if self._child is not None:
                await self._child.stop((signal.SIGTERM, timeout_s))
        finally:
            self._lock.release()

    async def _bring_up(self) -> None:
        self._child = None
        user = choose_user(self._data)
        prepare_data(self._data, user)
        self._lock.acquire()
        make_folder(self._journal, user, PRIVATE)
        found = find_nats_server(self._explicit)
        program = reachable_nats_server(found, self._data / ENGINES_FOLDER, user)
        _check_version(program)
        # Two servers in one journal would spoil it, and the server itself does not look.
        await wait_until_alone(self._journal, NATS_PROGRAM, PREDECESSOR_PATIENCE_S)
        token = token_of(self._data)
        plan = self._plan()
        for port in (plan.port, ANY_PORT):
            plan = msgspec.structs.replace(plan, port=port)
            child = self._child = self._spawn(program, user, plan, token)
            port_taken = await _serving_port(child, self._run, token)
            if port_taken is not None:
                remember(self._data, msgspec.structs.replace(plan, port=port_taken))
                return
            if PORT_TAKEN not in child.log_tail():
                break
            _log.warning("port %d is taken, asking the kernel for another", port)
        message = f"nats-server ended with status {child.poll()}: {child.reason()}"
        raise EngineError(message, cure=f"see the end of {self._log_file}")

    def _plan(self) -> Remembered:
        """What to ask for: as the last time, or as the administrator wants it now."""
        last = recall(self._data)
        # Kept, not computed anew: a stream's reservation must fit after a restart too.
        limit = self._explicit_limit or (last and last.store_limit_bytes)
        return Remembered(
            port=last.port if last else ANY_PORT,
            store_limit_bytes=limit or store_limit_bytes(self._journal),
        )

    def _spawn(self, program: Path, user: EngineUser, plan: Remembered, token: str) -> OwnedChild:
        file = self._run / "nats.conf"
        for left_over in self._run.glob("*.ports"):
            left_over.unlink()
        text = configuration(
            port=plan.port,
            token=token,
            journal=self._journal,
            run=self._run,
            store_limit_bytes=plan.store_limit_bytes,
            monitor_port=self._monitor_port,
        )
        write_private(file, text, user)
        self._wounds = Wounds(self._log_file, self._journal)
        return OwnedChild(
            [program, "-c", file],
            user=user,
            folder=self._journal,
            log=self._log_file,
            death_signal=signal.SIGTERM,
        )

    def _started(self) -> OwnedChild:
        if self._child is None:
            raise EngineError("nats-server was not started", cure="call start first")
        return self._child


def _check_version(program: Path) -> None:
    version = program_version(program)
    if version < MIN_VERSION:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, MIN_VERSION))
        message = f"{program} is version {found}, {wanted} or newer is needed"
        raise EngineError(message, cure="install a newer one, or use the wheel's")


async def _serving_port(child: OwnedChild, run: Path, token: str) -> int | None:
    """The port on which the child serves JetStream; None when it ended before."""
    told = run / f"{child.name}_{child.pid}.ports"
    while child.poll() is None:
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            address, *_ = msgspec.json.decode(told.read_bytes(), type=_Ports).nats
            port = int(address.rpartition(":")[2])
            if await _jetstream_answers(f"nats://{token}@127.0.0.1:{port}"):
                return port
        await asyncio.sleep(PROBE_INTERVAL_S)
    return None


async def _jetstream_answers(url: str) -> bool:
    # A task of its own: nats-py swallows a cancellation that meets it while it flushes, and ours
    # must arrive.
    probe = asyncio.create_task(_ask_jetstream(url))
    try:
        await asyncio.wait({probe})
    finally:
        if probe.cancel():
            await asyncio.wait({probe}, timeout=2 * PROBE_TIMEOUT_S)
    return probe.result()


async def _ask_jetstream(url: str) -> bool:
    client = Connection("unused.", lambda _message: None)
    try:
        # One try each: without the limit nats-py goes on for two minutes.
        await client.connect(
            url,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=PROBE_TIMEOUT_S,
            error_cb=_ignore,
        )
        await client.jetstream(timeout=PROBE_TIMEOUT_S).account_info()
    except (OSError, nats.errors.Error) as error:
        _log.debug("nats-server does not answer yet: %s", error)
        return False
    finally:
        await client.close()
    return True


async def _ignore(_error: Exception) -> None:
    """Take what nats-py would print; the call that failed raises it too."""
