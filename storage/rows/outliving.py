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
from typing import Final, NamedTuple, NoReturn

from wattwarden.storage.errors import StorageError

# The largest batch takes a second; what takes this long will not end.
TRIAL_S: Final = 30
# A round computes for a second at most.  Who takes longer is not waited for: a child that misses
# what he holds is tried again.
QUIET_S: Final = 5.0
# A child that had a third of its time on a processor would have come to its end.  With less it was
# waiting, for a lock that nobody lets go any more or for a machine that stood still.
_COMPUTED_SHARE: Final = 1 / 3
# Somebody held a lock, or the machine stood still, each time anew?  Then it waits by itself.
MOST_TRIALS: Final = 3
# Said by a child that has come to its end; whoever ends its process says anything else.
_LIVED: Final = 83


class Quiet:
    """Lets threads compute together, and forks while none does.

    Whoever waits gives up after ``QUIET_S`` and goes on.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._computing = 0
        self._forking = 0
        self._own = threading.local()

    @property
    def depth(self) -> int:
        """In how many computations, one within another, this thread is."""
        depth: int = getattr(self._own, "depth", 0)
        return depth

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Compute, after whoever is about to fork; who comes to that meanwhile waits."""
        with self._at(self.depth + 1):
            yield

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Do not compute meanwhile, also where this is part of a computation."""
        with self._at(0):
            yield

    def fork(self) -> int:
        """Fork, as ``os.fork``, once nobody computes.  Call it while resting.

        Raises:
            OSError: There is no room for another process.
        """
        with self._turn:
            self._forking += 1
            try:
                self._turn.wait_for(lambda: not self._computing, QUIET_S)
                child = os.fork()
                if not child:
                    # Nobody is beside us in here.
                    self._computing, self._forking = 0, 1
                return child
            finally:
                self._forking -= 1
                self._turn.notify_all()

    @contextlib.contextmanager
    def _at(self, depth: int) -> Iterator[None]:
        """Be in so many computations for a while."""
        before = self.depth
        self._go(depth)
        try:
            yield
        finally:
            self._go(before)

    def _go(self, depth: int) -> None:
        before, self._own.depth = self.depth, depth
        with self._turn:
            if depth and not before:
                # Or those who compute in turn would keep it from forking.
                self._turn.wait_for(lambda: not self._forking, QUIET_S)
            self._computing += bool(depth) - bool(before)
            self._turn.notify_all()


QUIET: Final = Quiet()
"""What all threads of a process share."""

computing = QUIET.computing


class Trial(NamedTuple):
    """What became of a child: how it ended, "" if it lived; whether it had only waited."""

    ending: str
    waited: bool = False


def ending_of(work: Callable[[], object], patience_s: int = TRIAL_S) -> str:
    """Do something in a child process: return "" if that lived, else how it ended.

    What the work returns or raises is lost with the child.  One that was waiting all the time is
    tried again, ``MOST_TRIALS`` times in all.

    Raises:
        StorageError: The machine has no room for another process; retryable.
    """
    for _ in range(MOST_TRIALS - 1):
        trial = _tried(work, patience_s)
        if not trial.waited:
            return trial.ending
    return _tried(work, patience_s).ending


def _tried(work: Callable[[], object], patience_s: int) -> Trial:
    with QUIET.resting():
        try:
            child = QUIET.fork()
        except OSError as error:
            message = f"no process for a trial: {error.strerror}"
            raise StorageError(message, retryable=True) from error
        if not child:
            _live_or_die(work, patience_s)
        _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == _LIVED:
        return Trial("")
    if code == -signal.SIGALRM:
        computed_s = used.ru_utime + used.ru_stime
        return Trial(f"not done within {patience_s} s", computed_s < patience_s * _COMPUTED_SHARE)
    return Trial(f"left with {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}")


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
