"""Become an engine: drop rights, die with the parent, then execute the engine's program.

Run as a script between our fork and the engine's program, so that nothing of ours runs in a
forked copy of a threaded process:

    python -I -S launcher.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT...]

UID and GID are ``-`` to keep what we are.  Standard library only: it runs without site-packages.
"""

import ctypes
import os
import sys
from typing import Final

KEEP: Final = "-"
# linux/prctl.h
PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
# Everything an engine writes holds readings or secrets: nobody else's business.
UMASK: Final = 0o077


def launch(arguments: list[str]) -> None:
    """Replace this process by the program; return never.

    Raises:
        OSError: A right could not be dropped or the program not be executed.
        SystemExit: The parent is gone already.
    """
    parent, death_signal, uid, gid, *command = arguments
    # Loaded before the rights go: the interpreter's own files may be closed to the engine's user.
    libc = ctypes.CDLL(None, use_errno=True)
    os.umask(UMASK)
    if uid != KEEP:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After setuid, which forgets it.
    for option, value in ((PR_SET_PDEATHSIG, int(death_signal)), (PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {option} refused")
    # A parent that died before the prctl sends no signal.
    if os.getppid() != int(parent):
        sys.exit(f"process {parent} ended before its child {command[0]} began")
    os.execv(command[0], command)  # noqa: S606  the purpose of this file; no shell involved


if __name__ == "__main__":
    try:
        launch(sys.argv[1:])
    except OSError as error:
        sys.exit(f"cannot execute {sys.argv[5]}: {error}")
