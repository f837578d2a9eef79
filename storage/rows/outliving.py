"""Whether a process outlives what it does: tried in a child, which may die of it.

work ─► fork ─► the child does it ─► "", or how it ended
"""

import contextlib
import gc
import os
import signal
from collections.abc import Callable
from typing import Final, NoReturn

from wattwarden.storage.errors import StorageError

# The largest batch takes a second; what takes this long will not end.
TRIAL_S: Final = 30
# Said by a child that has come to its end; whoever ends its process says anything else.
_LIVED: Final = 83


def ending_of(work: Callable[[], object], patience_s: int = TRIAL_S) -> str:
    """Do something in a child process: return "" if that lived, else how it ended.

    What the work returns or raises is lost with the child.

    Raises:
        StorageError: The machine has no room for another process; retryable.
    """
    try:
        child = os.fork()
    except OSError as error:
        message = f"no process for a trial: {error.strerror}"
        raise StorageError(message, retryable=True) from error
    if not child:
        _live_or_die(work, patience_s)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == _LIVED:
        return ""
    if code == -signal.SIGALRM:
        return f"not done within {patience_s} s"
    return f"left with {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


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
