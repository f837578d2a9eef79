"""The role processes of one `wattwarden up`: started, watched, started again, stopped in order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import orjson
import structlog

from wattwarden.server.backoff import Backoff
from wattwarden.server.inherited import VARIABLE, Sockets, descriptors, handed_over
from wattwarden.server.notify_systemd import untold
from wattwarden.storage.engines.child import LAUNCHER
from wattwarden.storage.engines.launcher import KEEP

if TYPE_CHECKING:
    from wattwarden.server.nursery import Nursery

READY_TIMEOUT_S: Final = 60.0

_log: Final = structlog.get_logger(__name__)


class RoleError(Exception):
    """A role did not become ready; what it said stands above, on standard error."""


class Child(Protocol):
    """A process of ours, forked or executed, as asyncio has them."""

    @property
    def pid(self) -> int:
        """Its process id, ours until its status is taken."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it says."""

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""

    async def wait(self) -> int:
        """Wait for its end; return the exit status."""

    def send_signal(self, signal: int) -> None:
        """Send a signal; raises ProcessLookupError when it has ended, as those below do."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Role:
    """One role process and its successors; ``process`` is its number where several share the work.

    ``sockets`` outlive the process: whoever dials in meanwhile waits for its successor.  It is
    forked from the ``nursery``, where there is one that works.
    """

    def __init__(self, name: str, environment: Mapping[str, str], process: int = 0) -> None:
        self.name = name
        self.process = process
        self.sockets: Sockets = {}
        self.nursery: Nursery | None = None
        self.restarts = 0
        self.report: dict[str, object] = {}
        self._given = dict(environment)
        self._environment = {**untold(os.environ), **environment}
        self._is_ready = False
        self._process: Child | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        """Process id of the one that runs now, 0 for none."""
        return self._process.pid if self._process is not None else 0

    @property
    def address(self) -> str:
        """Where it answers monitors, "" where that is switched off."""
        return str(self.report.get("metrics") or "")

    @property
    def label(self) -> str:
        """What tells it from the others of its role."""
        return f"{self.name}-{self.process}" if self.process else self.name

    async def start(self) -> None:
        """Start the process and wait until it reports that it is ready.

        Raises:
            RoleError: it ended before, or said nothing in time.
        """
        self._is_ready = False
        self._process = await self._forked() or await self._executed()
        self.report = await self._first_line(self._process)
        self._is_ready = True
        self._keep_address()

    async def _forked(self) -> Child | None:
        if self.nursery is None:
            return None
        return await self.nursery.fork([self.name], self._environment, self.sockets)

    async def _executed(self) -> Child:
        environment = self._environment
        if self.sockets:
            environment = environment | {VARIABLE: handed_over(self.sockets)}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()),
            str(int(signal.SIGTERM)), KEEP, KEEP,
            sys.executable, "-m", "wattwarden", self.name,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            pass_fds=descriptors(self.sockets),
            start_new_session=True,
        )  # fmt: skip

    def renew(self, environment: Mapping[str, str]) -> None:
        """Start with these settings from now on, in place of those given before."""
        kept = {name: text for name, text in self._environment.items() if name not in self._given}
        self._given = dict(environment)
        self._environment = {**kept, **environment}
        self._keep_address()

    def reload(self) -> None:
        """Have the process that runs read its settings again; one that starts has read them."""
        if self._is_ready and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    def _keep_address(self) -> None:
        if "console" in self.report:
            # Started again it serves where it is known, even when the kernel chose the port.
            self._environment["WATTWARDEN_CONSOLE__LISTEN"] = str(self.report["console"])

    async def watch(self, started: Callable[[], None]) -> None:
        """Start the process again whenever it ends, until ``stop``; tell ``started`` each time."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(loop.time())
        while self._process is not None:
            status = await self._process.wait()
            if self._stopping:
                return
            self.restarts += 1
            _log.error("role ended", name=self.label, status=status, restarts=self.restarts)
            await asyncio.sleep(backoff.ended(loop.time()))
            with contextlib.suppress(RoleError, OSError):
                await self.start()
                started()
            backoff.started(loop.time())

    def kill(self) -> None:
        """End the process at once; whoever watches begins the next one."""
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self._process.kill()

    async def stop(self, patience_s: float) -> None:
        """Ask the process to finish, and end it when it does not."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            _log.error("role did not finish in time", name=self.label)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _first_line(self, process: Child) -> dict[str, object]:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                line = await process.stdout.readline() if process.stdout else b""
        except TimeoutError:
            process.kill()
            line = b""
        if not line:
            message = f"{self.label} did not start, see above"
            raise RoleError(message)
        try:
            report: dict[str, object] = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            message = f"{self.label} said {line[:80]!r} instead of being ready"
            raise RoleError(message) from error
        return report
