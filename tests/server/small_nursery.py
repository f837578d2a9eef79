"""A nursery of tests: imports nothing, and what it forks tells how it finds itself.

small_nursery.py STALE DOOR: stale while the file STALE holds something.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from wattwarden.server.births import Order, Refused, answer_to, serve
from wattwarden.server.family import close_all_but

PR_GET_PDEATHSIG = 2


def looked() -> dict[str, object]:
    death = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(death), 0, 0, 0)
    here = Path("/proc/self")
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "open": sorted(int(entry.name) for entry in list((here / "fd").iterdir())),
        "inputs": str((here / "fd/0").readlink()),
        "line": (here / "cmdline").read_bytes().decode().rstrip("\0").split("\0"),
        "words": sys.argv[1:],
        "environment": dict(os.environ),
        "death": death.value,
        "status": (here / "status").read_text(),
        "zone": time.tzname[0],
        "signals": [signal.getsignal(number) == signal.SIG_DFL for number in (15, 1)],
    }


def become(order: Order) -> int:
    match order.words:
        case ["look"]:
            sys.stdout.write(json.dumps(looked()) + "\n")
        case ["answer", name]:
            [number] = json.loads(os.environ["WATTWARDEN_SOCKETS"])[name]
            peer, _ = socket.socket(fileno=number).accept()
            peer.sendall(b"served")
        case ["wait"]:
            sys.stdout.write("{}\n")
            sys.stdout.flush()
            signal.pause()
        case ["end", status]:
            return int(status)
    return 0


def main() -> int:
    kind, stale, number = sys.argv[1:]
    door = socket.socket(fileno=int(number))
    close_all_but(door.fileno())
    if kind == "threaded":
        answer_to(door, Refused("it has threads"))
        return 1
    if kind == "broken":
        return 1
    forks = 0

    def refused() -> int:
        nonlocal forks
        forks += 1
        if forks == int(kind[-1]):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return usual()

    def told_nobody(_pipe: int, _data: object) -> int:
        raise BrokenPipeError

    usual = os.fork
    if kind == "unheard":
        os.write = told_nobody
    if kind.startswith("refuses"):
        os.fork = refused
    order = serve(door, Path(stale).read_text)
    return 0 if order is None else become(order)


if __name__ == "__main__":
    sys.exit(main())
