"""Who still works in a PostgreSQL data folder, and how to be alone there.

A killed server leaves ``postmaster.pid`` behind, and PostgreSQL refuses to start when the id in it
has meanwhile gone to any process of the same user.  A killed postmaster also leaves backends, which
hold the shared memory until they notice.  Whoever works in the folder has it as its working
directory, which neither a reused id nor a deleted file can fake.
"""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import Final

from wattwarden.storage.engines.binaries import POSTGRES_PROGRAM
from wattwarden.storage.engines.child import processes_in
from wattwarden.storage.errors import EngineError

# A predecessor whose parent was killed is writing its last checkpoint: up to shared_buffers.
PREDECESSOR_PATIENCE_S: Final = 60.0
# Backends answer SIGQUIT at once; PostgreSQL itself grants them 5 s before SIGKILL.
ORPHAN_PATIENCE_S: Final = 5.0
LOOK_INTERVAL_S: Final = 0.05

_log = logging.getLogger(__name__)


def recorded_postmaster(folder: Path) -> int | None:
    """The process id in ``postmaster.pid``; None without one, or when it holds no number."""
    try:
        first, *_ = (folder / "postmaster.pid").read_text("ascii").splitlines()
        # A server in single-user mode writes its id with a minus sign.
        return abs(int(first))
    except (FileNotFoundError, ValueError):
        return None


async def clear_predecessor(folder: Path, patience_s: float = PREDECESSOR_PATIENCE_S) -> None:
    """Wait until nobody works in the data folder, then remove a ``postmaster.pid`` left behind.

    Call it only while holding the folder's lock.  Backends without their postmaster are ended; a
    postmaster is waited for, never ended: it may be the administrator's.

    Raises:
        EngineError: A postmaster still works there after ``patience_s``.
    """
    started = asyncio.get_running_loop().time()
    quit_sent: set[int] = set()
    while tenants := processes_in(folder, POSTGRES_PROGRAM):
        waited_s = asyncio.get_running_loop().time() - started
        postmaster = recorded_postmaster(folder)
        if postmaster not in tenants:
            _end_orphans(tenants, quit_sent, waited_s)
        elif waited_s > patience_s:
            message = f"another PostgreSQL (process {postmaster}) works in {folder}"
            raise EngineError(message, cure=f"stop it: pg_ctl stop -m fast -D {folder}")
        elif postmaster not in quit_sent:
            quit_sent.add(postmaster)
            _log.info("waiting for PostgreSQL %d to leave %s", postmaster, folder)
        await asyncio.sleep(LOOK_INTERVAL_S)
    if recorded_postmaster(folder) is not None:
        _log.info("removing the stale %s", folder / "postmaster.pid")
    (folder / "postmaster.pid").unlink(missing_ok=True)


def _end_orphans(orphans: tuple[int, ...], quit_sent: set[int], waited_s: float) -> None:
    for orphan in orphans:
        with contextlib.suppress(ProcessLookupError):
            if waited_s > ORPHAN_PATIENCE_S:
                os.kill(orphan, signal.SIGKILL)
            elif orphan not in quit_sent:
                quit_sent.add(orphan)
                os.kill(orphan, signal.SIGQUIT)
                _log.warning("ended PostgreSQL backend %d, whose postmaster is dead", orphan)
