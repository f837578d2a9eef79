"""A process that does one piece of work: asked once, it answers in lines, and can be ended.

question ─► standard input        a line an answer ◄─ standard output        end of block ─► killed

A thread would not do: what computes holds the interpreter, and pages would wait for it; nor can a
thread be ended, or its memory be bounded and given back.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

from wattwarden.server.aside.bounds import MOST_LINE_BYTES
from wattwarden.storage.engines.child import LAUNCHER
from wattwarden.storage.engines.launcher import KEEP


class Work:
    """What runs, as whoever asked sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> bytes:
        """Return the next line that it said, without its end; b"" when it says nothing more."""
        assert self._process.stdout is not None  # noqa: S101  it was started with a pipe
        try:
            return (await self._process.stdout.readline()).rstrip(b"\n")
        except ValueError:
            # More than any answer of ours: whatever it is, it is none.
            return b""

    async def status(self) -> int:
        """Wait until it ended, and return its exit status."""
        return await self._process.wait()


@contextlib.asynccontextmanager
async def aside(task: str, question: bytes) -> AsyncIterator[Work]:
    """Begin a piece of work by its name; whatever of it still runs at the end is killed.

    Nothing secret stands in its arguments: what it needs is in the question.

    Raises:
        OSError: No process can be started.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(signal.SIGKILL)),
        KEEP, KEEP, sys.executable, "-m", "wattwarden.server.aside", task,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MOST_LINE_BYTES,
        start_new_session=True,
    )  # fmt: skip
    asking = asyncio.create_task(_ask(process, question))
    try:
        yield Work(process)
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process, question: bytes) -> None:
    assert process.stdin is not None  # noqa: S101  it was started with a pipe
    # One that ended already says so by its status.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(question)
        await process.stdin.drain()
        process.stdin.close()
