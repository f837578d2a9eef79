"""``wattwarden reload``: settings that changed, taken up by the running system."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.server.places import NotRunningError, Places, read_running
from wattwarden.server.reload import Outcome, outcome_of
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import AsJson, System
from wattwarden.tools.running import settings_of

# It takes milliseconds, and waits for nobody.
ANSWER_S: Final = 10.0
LOOK_S: Final = 0.05
PROGRAM: Final = b"wattwarden"


def reload(
    *,
    data: Annotated[Path | None, Parameter(help="Data folder of the running system.")] = None,
    json: AsJson = False,
) -> None:
    """Have the running system read wattwarden.toml again, as SIGHUP does.

    The file is read and checked whole; where anything in it is wrong, all stays as it is, and that
    is said. Limits, tokens, intervals, retention and the level of the log change at once, for the
    connections that come; what cannot is named, and holds from the next start. The environment of
    the running system is the one it was started with. A role that runs alone obeys SIGHUP likewise.
    """
    # What is wrong is said here, before anything is asked of anybody.
    settings = settings_of(System(data=data))
    places = Places(settings.data)
    process = _process(places)
    before = outcome_of(places)
    try:
        os.kill(process, signal.SIGHUP)
    except PermissionError as error:
        message = f"process {process} is another user's"
        raise CommandError(message, "run this as that user, such as sudo -u wattwarden") from error
    renewal = _awaited(places, before).renewal
    if renewal.error:
        message = f"settings are as they were: {renewal.error}"
        raise CommandError(message, "correct wattwarden.toml, and reload again")
    if json:
        print(as_json({"taken": list(renewal.taken), "at_next_start": list(renewal.waiting)}))
        return
    print(f"taken: {', '.join(renewal.taken) or 'nothing changed'}")
    if renewal.waiting:
        print(f"from the next start: {', '.join(renewal.waiting)}")


def _process(places: Places) -> int:
    """Return the process that runs all; who came by its number meanwhile is not disturbed.

    Raises:
        CommandError: Nothing runs here.
    """
    try:
        running = read_running(places)
    except NotRunningError as error:
        raise CommandError(str(error)) from error
    if running is not None and running.up is not None:
        with suppress(OSError):
            if PROGRAM in Path(f"/proc/{running.up}/cmdline").read_bytes():
                return running.up
    message = f"nothing runs in {places.data}"
    raise CommandError(message, "settings are read at the next start; a role alone: kill -HUP PID")


def _awaited(places: Places, before: Outcome | None) -> Outcome:
    ends = time.monotonic() + ANSWER_S
    while time.monotonic() < ends:
        found = outcome_of(places)
        if found is not None and found != before:
            return found
        time.sleep(LOOK_S)
    message = f"the running system has not answered for {ANSWER_S:g} s"
    raise CommandError(message, "its log says more")
