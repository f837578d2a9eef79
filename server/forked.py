"""A child that somebody else has forked for us, as a process of asyncio's own is seen."""

import asyncio
import contextlib
import os
import signal
from typing import BinaryIO, Final

# What asyncio itself says of a child whose status another has taken.
UNKNOWN_STATUS: Final = 255


class Forked:
    """A child of this process; ``stdout`` is what it says, once there is a pipe to ``hear``.

    Its status is taken as soon as it ends, whether anybody waits or not.

    Raises:
        ChildProcessError: It is no child of ours.
        OSError: Too much is open.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout = asyncio.StreamReader()
        self.returncode: int | None = None
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        self._handle = os.pidfd_open(pid)
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._handle, self._end)

    async def hear(self, pipe: BinaryIO) -> None:
        """Read what it says, until it says nothing more."""
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self.stdout), pipe)

    async def wait(self) -> int:
        """Wait for its end; return the exit status, negative for a signal."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101  it has ended
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal.

        Raises:
            ProcessLookupError: It has ended.
        """
        if self.returncode is not None:
            raise ProcessLookupError
        # Nobody else has its number before its status is taken, which is done here alone.
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end; see ``send_signal``."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it; see ``send_signal``."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        status = UNKNOWN_STATUS
        with contextlib.suppress(ChildProcessError):
            found, raw = os.waitpid(self.pid, os.WNOHANG)
            if not found:
                return
            status = os.waitstatus_to_exitcode(raw)
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self.returncode = status
        self._ended.set()
