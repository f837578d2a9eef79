"""One process that we start, watch and end.

It runs in a session of its own (a Ctrl-C at our terminal is not for it), without our environment
(our secrets are not for it), writes into a log file of bounded size, and gets a signal from the
kernel when we die however we die.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.embedded import EngineUser
from wattwarden.storage.engines.launcher import KEEP
from wattwarden.storage.errors import EngineError

LAUNCHER: Final = Path(__file__).with_name("launcher.py")
# Half of what a person notices at a start or a stop; 50 wake-ups a second cost nothing beside it.
POLL_INTERVAL_S: Final = 0.02
# A killed process is gone at once, unless the disk it writes to hangs.
KILL_PATIENCE_S: Final = 10.0
# Two files of this size: weeks of an engine's log when all is well, a bounded disk when it is not.
MAX_LOG_BYTES: Final = 16 * 1024 * 1024
# Enough for the last dozen lines, which hold the reason.
LOG_TAIL_BYTES: Final = 2048
# PostgreSQL's FATAL, DETAIL and HINT.
REASON_LINES: Final = 3


class OwnedChild:
    """A started process.

    Start it from the main thread: the kernel's parent-death signal follows the thread that
    started the child, not the process.

    Args:
        command: The program, absolute, and its arguments; never a secret among them.
        user: Whose rights it gets; ours when we are not root.
        folder: Its working directory, by which ``processes_in`` knows it again.
        log: File that takes its standard output and error, appended, mode 0640.
        death_signal: What the kernel sends to it when we die.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        user: EngineUser,
        folder: Path,
        log: Path,
        death_signal: signal.Signals,
    ) -> None:
        rights = (str(user.uid), str(user.gid)) if os.geteuid() == 0 else (KEEP, KEEP)
        start = [str(os.getpid()), str(int(death_signal)), *rights]
        self.name = Path(command[0]).name
        self._log = log
        with os.fdopen(_open_private(log, os.O_APPEND), "ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603  a fixed list, no shell
                [sys.executable, "-I", "-S", LAUNCHER, *start, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, stable until the exit status has been taken by ``poll``."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs.  Leaves no zombie."""
        bound_log(self._log, MAX_LOG_BYTES)
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for its end; returns the exit status, see ``poll``."""
        while True:
            if (status := self.poll()) is not None:
                return status
            await asyncio.sleep(POLL_INTERVAL_S)

    async def stop(self, *steps: tuple[signal.Signals, float]) -> int:
        """Signal it, ever less politely, until it ends; SIGKILL is the last step of all.

        Args:
            steps: Pairs of a signal and the seconds to wait after it.

        Returns:
            Its exit status.

        Raises:
            EngineError: Not even SIGKILL ended it.
        """
        for number, patience_s in (*steps, (signal.SIGKILL, KILL_PATIENCE_S)):
            self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    return await self.wait()
        message = f"{self.name} (process {self.pid}) survived SIGKILL"
        raise EngineError(message, cure="look for a hanging disk with dmesg, then restart the host")

    def log_tail(self) -> str:
        """The last lines it wrote, at most 2,048 bytes, only from this start."""
        if not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(min(self._log_start, size), size - LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace").strip()

    def reason(self) -> str:
        """The last lines it wrote, as one, for an error message."""
        return " / ".join(self.log_tail().splitlines()[-REASON_LINES:])


async def up_or_down(
    name: str,
    bring_up: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    timeout_s: float,
) -> None:
    """Bring an engine up, or take down again what there is of it.

    Raises:
        EngineError: It did not come up in time, or a file or folder is in its way; or whatever
            ``bring_up`` raises.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await bring_up()
    except TimeoutError as error:
        await stop()
        message = f"{name} did not answer within {timeout_s:g} s"
        cure = "see its log; a recovery after a crash may need a longer start"
        raise EngineError(message, cure=cure, retryable=True) from error
    except OSError as error:
        await stop()
        cure = "mend what it names: its rights, or a full disk"
        message = f"cannot start {name}: {error}"
        raise EngineError(message, cure=cure) from error
    except BaseException:
        await stop()
        raise


async def wait_until_alone(folder: Path, program: str, patience_s: float) -> None:
    """Wait until no process of the program works in the folder, see ``processes_in``.

    Raises:
        EngineError: One still does after ``patience_s``.
    """
    deadline = asyncio.get_running_loop().time() + patience_s
    while others := processes_in(folder, program):
        if asyncio.get_running_loop().time() > deadline:
            message = f"another {program} (process {others[0]}) works in {folder}"
            raise EngineError(message, cure=f"stop it: kill {others[0]}")
        await asyncio.sleep(POLL_INTERVAL_S)


def processes_in(folder: Path, program: str) -> tuple[int, ...]:
    """Ids of the processes that have the folder as working directory, zombies not among them.

    Neither a process id used again nor a deleted file can fake that.  Sees the processes of our
    own user; all of them as root.

    Args:
        folder: An existing folder.
        program: What the name of the executed file begins with.
    """
    place = folder.stat()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # Gone meanwhile, a zombie, or somebody else's.
            with contextlib.suppress(OSError):
                at_work = os.path.samestat(place, (entry / "cwd").stat())
                if at_work and (entry / "exe").readlink().name.startswith(program):
                    found.append(int(entry.name))
    return tuple(found)


def bound_log(log: Path, max_bytes: int) -> None:
    """Move a grown log aside to ``<name>.1``, replacing an older one.

    Copies and truncates: the writer keeps its descriptor, which appends.  Lines written between
    the two are lost.
    """
    # Somebody may remove it; the writer then goes on into nothing, which hurts nobody.
    if not log.exists() or log.stat().st_size <= max_bytes:
        return
    older = _open_private(log.with_name(log.name + ".1"), os.O_TRUNC)
    with log.open("rb") as grown, os.fdopen(older, "wb") as old:
        shutil.copyfileobj(grown, old)
    os.truncate(log, 0)


def _open_private(path: Path, flag: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flag, 0o640)
