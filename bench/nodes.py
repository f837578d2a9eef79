"""The nodes of a cluster on this machine: their processes, a balancer and a door to the database.

    meters ─► Door(gateways) ─► g1, g2 ─► n1, n2, n3 ─► w1, w2 ─► Door(database) ◄─ d1, d2

A door hands on bytes: as a balancer of layer 4 it takes another gateway where one does not answer.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.hosts import Hosts

PROGRAM: Final = str(Path(sys.executable).with_name("wattwarden"))
READY_S: Final = 120.0
# A gateway that was cut off is noticed by its silence.
DIAL_S: Final = 1.0
CHUNK_BYTES: Final = 65_536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ClusterError(Exception):
    """Something of a cluster does not do what it has to."""


class Node:
    """A process on a host of its own; ``role`` is "" for what tells nothing when it is ready."""

    def __init__(
        self,
        hosts: Hosts,
        name: str,
        command: Sequence[str | Path],
        environment: dict[str, str],
        folder: Path,
    ) -> None:
        self.name = name
        self.report: dict[str, Any] = {}
        self._hosts = hosts
        self._command = [str(word) for word in command]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("WATTWARDEN_")}
        self._environment |= environment
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_role(self) -> bool:
        """Whether it says in a line of JSON when it is ready."""
        return self._command[0] == PROGRAM

    async def start(self) -> None:
        """Start it; roles are waited for."""
        # Killed with us, however we die.
        words = [*self._hosts.command(self.name), "setpriv", "--pdeathsig", "KILL", *self._command]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.is_role else log,
                stderr=log,
                env=self._environment,
            )
        if self.is_role and self._process.stdout is not None:
            async with asyncio.timeout(READY_S):
                line = await self._process.stdout.readline()
            if not line:
                message = f"{self.name} did not start: {self.tail()}"
                raise ClusterError(message)
            self.report = json.loads(line)

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it as a service manager does."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(READY_S):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()

    def ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process is not None and self._process.returncode is not None

    def cut(self) -> None:
        """Let nothing come to or from it."""
        self._hosts.cut(self.name, self.pid)

    def heal(self) -> None:
        """Let it through again."""
        self._hosts.heal(self.name, self.pid)

    def tail(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-2000:]


class Door:
    """Hands bytes on to whom ``dial`` reaches."""

    def __init__(self, dial: Callable[[], Awaitable[Streams]]) -> None:
        self._dial = dial
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address."""
        self._server = await asyncio.start_server(self._accepted, host, port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def close(self) -> None:
        """Listen no more, and hang up on all."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._joined((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _joined(self, outside: Streams) -> None:
        try:
            inside = await self._dial()
        except (OSError, TimeoutError):
            outside[1].close()
            return
        both = [
            asyncio.create_task(_pumped(outside[0], inside[1])),
            asyncio.create_task(_pumped(inside[0], outside[1])),
        ]
        try:
            # Whoever hangs up ends both ways: meters and databases know no half of a connection.
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for _, writer in (outside, inside):
                writer.close()


def balanced(addresses: Sequence[tuple[str, int]], chance: random.Random) -> Door:
    """Return a balancer: anyone of these, else another."""

    async def dial() -> Streams:
        error: Exception = OSError("nobody is there")
        for address in chance.sample(addresses, len(addresses)):
            try:
                async with asyncio.timeout(DIAL_S):
                    return await asyncio.open_connection(*address)
            except (OSError, TimeoutError) as failed:
                error = failed
        raise error

    return Door(dial)


def to_socket(path: str) -> Door:
    """Return a door to a unix socket."""
    return Door(lambda: asyncio.open_unix_connection(path))


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


def must(holds: bool, complaint: str) -> None:  # noqa: FBT001  a condition, as of an assertion
    """Insist on something.

    Raises:
        ClusterError: It does not hold.
    """
    if not holds:
        raise ClusterError(complaint)
