"""The nursery of `wattwarden up`: import all that roles need, and become one when it is ordered.

``python -m wattwarden.tools.nursery DOOR``, where DOOR is the number of a socket of ``up``'s, see
``wattwarden.server.nursery``.  Nothing of ours is imported before it is noted what is installed.
"""

import contextlib
import gc
import os
import socket
import sys
from importlib import import_module
from typing import Final

from wattwarden.server.births import Refused, answer_to, serve
from wattwarden.server.family import close_all_but, threads
from wattwarden.server.installed import Installed

ROLES: Final = ("gateway", "writer", "side", "warden", "archivist", "forwarder")
PROGRAM: Final = "wattwarden.tools.main"
FAILED: Final = 1


def load() -> None:
    """Import what roles need; what is broken ends the role that needs it, and no other."""
    with contextlib.suppress(Exception):
        commands = import_module(PROGRAM).COMMANDS
        for role in ROLES:
            with contextlib.suppress(Exception):
                import_module(commands[role].path.partition(":")[0])
    with contextlib.suppress(Exception):
        import_module("wattwarden.codecs").load_codecs()


def main(door: socket.socket) -> int:
    """Fork roles until the door closes; in each of them, run it and return its exit status."""
    close_all_but(door.fileno())
    installed = Installed()
    # What is imported stays, and is looked through once: 0.3 s of 1.5.
    gc.disable()
    # No linear algebra here, and above all no threads of it: see ``tools.main``.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    load()
    installed.take_in()
    if threads() != 1:
        # A copy has one thread only, and whatever locks the others held.
        answer_to(door, Refused("it has threads: something that it imports begins them"))
        return FAILED
    gc.collect()
    gc.freeze()
    order = serve(door, installed.change)
    gc.enable()
    if order is None:
        return 0
    status: int = import_module(PROGRAM).main(order.words)
    return status


if __name__ == "__main__":
    sys.exit(main(socket.socket(fileno=int(sys.argv[1]))))
