"""Parents and children among our processes, as Linux has them."""

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.launcher import PR_SET_PDEATHSIG

# linux/prctl.h
PR_SET_CHILD_SUBREAPER: Final = 36
# proc(5): where the words of the command line lie in memory, counted behind the process's name.
_ARGUMENTS_BEGIN: Final = 45
_ARGUMENTS_END: Final = 46
MOST_STANDARD: Final = 2
# Whoever waits for a child does so at once; what nobody waits for costs a number until then.
BURY_EVERY_S: Final = 30.0


def adopt_orphans(*, yes: bool) -> None:
    """Become the parent of descendants whose own parents end, or cease to.

    Raises:
        OSError: The kernel does not know how.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, int(yes))


def die_with_parent(parent: int, death_signal: int) -> None:
    """Get a signal when our parent ends; end now if it has.

    Raises:
        SystemExit: It is not our parent, or no more.
        OSError: The kernel does not know how.
    """
    _prctl(PR_SET_PDEATHSIG, int(death_signal))
    # One that ended before sends no signal.
    if os.getppid() != parent:
        sys.exit(f"process {parent} ended before its child began")


def take_command_line(words: Sequence[bytes]) -> None:
    """Let others (ps, pgrep, /proc) see this command line, where the one there is is as long."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    begin, end = int(fields[_ARGUMENTS_BEGIN]), int(fields[_ARGUMENTS_END])
    line = b"\0".join(words) + b"\0"
    # What a process that may not be looked into sees of itself is 0.
    if begin and len(line) <= end - begin:
        ctypes.memmove(begin, line.ljust(end - begin, b"\0"), end - begin)


def threads() -> int:
    """Return how many threads this process has, whoever began them."""
    return len(list(Path("/proc/self/task").iterdir()))


def zombies() -> set[int]:
    """Return our children that have ended, and whose end nobody has asked for."""
    with contextlib.suppress(ChildProcessError):
        # The usual answer, without a look at every process.
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return set()
        return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _is_ours(folder)}
    return set()


async def bury(look: Callable[[], set[int]] = zombies, every_s: float = BURY_EVERY_S) -> None:
    """Take the exit status of adopted orphans, which nobody waits for, until cancelled.

    An orphan is a child that has ended and is still there at the next look: who waits for one of
    his own takes its status at once.
    """
    before: set[int] = set()
    while True:
        await asyncio.sleep(every_s)
        now = look()
        for pid in now & before:
            _take_status(pid)
        before = now - before


def close_all_but(*kept: int) -> None:
    """Let go of what whoever started us left open, standard descriptors aside."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        if (number := int(entry.name)) > MOST_STANDARD and number not in kept:
            # The one by which they were listed is gone already.
            with contextlib.suppress(OSError):
                os.close(number)


def _take_status(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _is_ours(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        state, parent = (folder / "stat").read_bytes().rpartition(b")")[2].split()[:2]
        return state == b"Z" and int(parent) == os.getpid()
    return False


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} refused")
