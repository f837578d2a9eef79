"""Whether a process outlives what it does: tried in a child, which may die of it.

work ─► fork, while no thread computes ─► the child does it ─► "", or how it ended

A child has one thread, and whatever others held when it was forked stays held in it: the lock of a
module that one of them was importing, say.  It would wait for that until it is ended.
"""

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from wattwarden.storage.errors import StorageError

# The largest batch takes a second; what takes this long will not end.
TRIAL_S: Final = 30
# Whoever computes longer than this does not end, and is not waited for.
QUIET_S: Final = 5.0
# A child that had a tenth of its time on a processor was slow or endless; with less it waited.
_COMPUTED_SHARE: Final = 0.1
# Who held what it waited for has let go long before the second.
_MOST_TRIALS: Final = 2
# Said by a child that has come to its end; whoever ends its process says anything else.
_LIVED: Final = 83


class Quiet:
    """Lets threads compute together, and forks while none does."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._computing = 0
        self._own = threading.local()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Compute; whoever is about to fork waits for the end."""
        self._count(1)
        self._own.depth = self._depth() + 1
        try:
            yield
        finally:
            self._own.depth -= 1
            self._count(-1)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Do not compute meanwhile: others may fork, also where this is part of a computation."""
        depth = self._depth()
        self._count(-depth)
        try:
            yield
        finally:
            self._count(depth)

    def fork(self) -> int:
        """Fork, as ``os.fork``, once nobody computes, ``QUIET_S`` later at most.

        Call it while resting.

        Raises:
            OSError: There is no room for another process.
        """
        with self._turn:
            self._turn.wait_for(lambda: not self._computing, QUIET_S)
            return os.fork()

    def _depth(self) -> int:
        depth: int = getattr(self._own, "depth", 0)
        return depth

    def _count(self, more: int) -> None:
        with self._turn:
            self._computing += more
            self._turn.notify_all()


_quiet: Final = Quiet()

computing = _quiet.computing
"""Threads compute in here what others try in children."""


def ending_of(work: Callable[[], object], patience_s: int = TRIAL_S) -> str:
    """Do something in a child process: return "" if that lived, else how it ended.

    What the work returns or raises is lost with the child.  One that hardly computed was waiting,
    which may not be the work's fault: it is tried once more.

    Raises:
        StorageError: The machine has no room for another process; retryable.
    """
    ending = ""
    for _ in range(_MOST_TRIALS):
        ending, computed_s = _tried(work, patience_s)
        if not ending or computed_s > patience_s * _COMPUTED_SHARE:
            break
    return ending


def _tried(work: Callable[[], object], patience_s: int) -> tuple[str, float]:
    """Return how a child ended, and for how many seconds it had computed; 0 counts as waiting."""
    with _quiet.resting():
        try:
            child = _quiet.fork()
        except OSError as error:
            message = f"no process for a trial: {error.strerror}"
            raise StorageError(message, retryable=True) from error
        if not child:
            _live_or_die(work, patience_s)
        _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == _LIVED:
        return "", 0.0
    if code == -signal.SIGALRM:
        return f"not done within {patience_s} s", used.ru_utime + used.ru_stime
    ending = f"left with {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
    return ending, float(patience_s)


def _live_or_die(work: Callable[[], object], patience_s: int) -> NoReturn:
    try:
        # What would be collected here is our parent's: connections, files.
        gc.disable()
        # Whoever waits for us may die: nobody ends us but we ourselves.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(patience_s)
        with contextlib.suppress(Exception):
            work()
        os._exit(_LIVED)
    finally:
        # What is no Exception ends a process.
        os._exit(os.EX_SOFTWARE)
