"""The process that has imported every role once, and from which roles are forked.

A role that starts by itself imports for a second of a processor; of ten that died together, the
last is back when all have.  Forked, it is back at once, and they share the memory of what was
imported.

    none, one that does not answer, no more processes ─► the role is executed by itself, as ever
    something else is installed now                   ─► a new nursery, which imports that

So it never stands in the way.  Roles are children of `up` (see ``births``): a nursery that ends is
replaced when the next role starts, and nobody else notices.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

import msgspec
import structlog

from wattwarden.server.births import BEGIN, Answer, Born, Order, Ready, Refused
from wattwarden.server.family import adopt_orphans
from wattwarden.server.forked import Forked
from wattwarden.server.inherited import VARIABLE, Sockets, descriptors
from wattwarden.storage.engines.child import LAUNCHER
from wattwarden.storage.engines.launcher import KEEP

PROGRAM: Final = ("-m", "wattwarden.tools.nursery")
# Importing takes two seconds, on a machine with twenty times as much to do as it can a minute, and
# roles that import for themselves would take longer there.
IMPORT_S: Final = 60.0
# Two forks take 20 ms, what is installed 50 ms to look through.
FORK_S: Final = 10.0
# One that does not work costs as much as what it was to save: not to be paid at each start.
REST_S: Final = 60.0
_MOST_ANSWER_BYTES: Final = 4096

_log: Final = structlog.get_logger(__name__)


class NurseryError(Exception):
    """It has forked nothing; the message says why.  ``is_stale``: another one may."""

    def __init__(self, message: str, *, is_stale: bool = False) -> None:
        super().__init__(message)
        self.is_stale = is_stale


class NurseryEndedError(NurseryError):
    """It ended, which nobody has noticed yet."""

    def __init__(self) -> None:
        super().__init__("it has ended", is_stale=True)


class Nursery:
    """The nursery of one `up`: begun when it is wanted, and again when it has ended."""

    def __init__(self, environment: Mapping[str, str], program: Sequence[str] = PROGRAM) -> None:
        self._environment = dict(environment)
        self._program = program
        self._running: _Running | None = None
        self._turn = asyncio.Lock()
        self._rests_until_s = 0.0

    @property
    def pid(self) -> int:
        """Process id of the one that runs now, 0 for none."""
        return self._running.process.pid if self._running is not None else 0

    async def begin(self) -> None:
        """Let it import while others have other things to do."""
        async with self._turn:
            try:
                await self._begun()
            except OSError as error:
                await self._rest(error)

    async def fork(
        self, words: Sequence[str], environment: Mapping[str, str], sockets: Sockets
    ) -> Forked | None:
        """Return a new process for these words of the program; None: execute it by itself."""
        async with self._turn:
            if asyncio.get_running_loop().time() < self._rests_until_s:
                return None
            try:
                try:
                    return await self._forked(words, environment, sockets)
                except NurseryError as error:
                    if not error.is_stale:
                        raise
                    if not isinstance(error, NurseryEndedError):
                        _log.info("the nursery begins anew", reason=str(error))
                    await self._end()
                    return await self._forked(words, environment, sockets)
            except Exception as error:  # noqa: BLE001  whatever it is: roles start without it
                await self._rest(error)
                return None
            except BaseException:
                # The answer on its way is not to be taken for that to another order.
                await self._end()
                raise

    async def close(self) -> None:
        """End it; what it has forked lives on."""
        async with self._turn:
            await self._end()

    async def _forked(
        self, words: Sequence[str], environment: Mapping[str, str], sockets: Sockets
    ) -> Forked:
        running = await self._begun()
        order = _order(words, environment, sockets)
        (hearing, output), (word, giving) = _pipe(), _pipe()
        try:
            with output, word, giving:
                given = (output.fileno(), word.fileno(), *descriptors(sockets))
                child = Forked(_pid_of(await running.ask(order, given)))
                await child.hear(hearing)
                giving.write(BEGIN)
                return child
        except BaseException:
            hearing.close()
            raise

    async def _begun(self) -> "_Running":
        if self._running is not None and self._running.process.returncode is not None:
            await self._end()
        if self._running is None:
            adopt_orphans(yes=True)
            self._running = await _begun(self._program, self._environment)
        return self._running

    async def _rest(self, error: Exception) -> None:
        _log.warning("roles start without the nursery for a while", reason=str(error))
        self._rests_until_s = asyncio.get_running_loop().time() + REST_S
        await self._end()

    async def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.end()


class _Running:
    """A nursery that runs, and our end of its door."""

    def __init__(self, process: asyncio.subprocess.Process, door: socket.socket) -> None:
        self.process = process
        self._door = door
        self._is_ready = False

    async def ask(self, order: bytes, given: Sequence[int]) -> Answer:
        """Give it an order with descriptors, and return its answer.

        Raises:
            NurseryError: It does not answer, or not in time.
            OSError: The order does not go through the door.
        """
        if not self._is_ready:
            first = await self._answer(IMPORT_S)
            if not isinstance(first, Ready):
                return first
            self._is_ready = True
        try:
            socket.send_fds(self._door, [order], given)
        except BrokenPipeError as error:
            raise NurseryEndedError from error
        return await self._answer(FORK_S)

    async def end(self) -> None:
        """End it at once: it has nothing to finish."""
        self._door.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def _answer(self, within_s: float) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                raw = await loop.sock_recv(self._door, _MOST_ANSWER_BYTES)
        except ConnectionResetError:
            raw = b""  # it had not read all
        except TimeoutError as error:
            message = f"it has said nothing for {within_s:g} s"
            raise NurseryError(message) from error
        if not raw:
            raise NurseryEndedError
        answer: Answer = msgspec.msgpack.decode(raw, type=Answer)
        return answer


async def _begun(program: Sequence[str], environment: Mapping[str, str]) -> _Running:
    """Start one; it dies with us, however we die.

    Raises:
        OSError: No process can be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.setblocking(False)  # noqa: FBT003  theirs
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", KEEP, KEEP,
                sys.executable, *program, str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
    return _Running(process, ours)


def _pid_of(answer: Answer) -> int:
    match answer:
        case Born(pid=pid):
            return pid
        case Refused(reason=reason, is_stale=is_stale):
            raise NurseryError(reason, is_stale=is_stale)
        case _:
            raise NurseryError("it spoke out of turn")


def _order(words: Sequence[str], environment: Mapping[str, str], sockets: Sockets) -> bytes:
    places, at = {}, 0
    for name, held in sockets.items():
        places[name] = list(range(at, at + len(held)))
        at += len(held)
    order = Order(
        line=[os.fsencode(word) for word in (sys.executable, "-m", "wattwarden", *words)],
        words=list(words),
        environment=[os.fsencode(f"{name}={text}") for name, text in environment.items()],
        parent=os.getpid(),
        sockets=places,
        sockets_in=VARIABLE,
    )
    return msgspec.msgpack.encode(order)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    hearing, saying = os.pipe()
    return os.fdopen(hearing, "rb", 0), os.fdopen(saying, "wb", 0)
