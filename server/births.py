"""Processes forked from one that has imported everything: what `up` asks, and what is done for it.

    up ── Order, descriptors ──► nursery ── forks ──► between ── forks ──► the new process
       ◄───────── Born(pid) ────                      ends at once         waits for `up`'s word
       └── the word ───────────────────────────────────────────────────►  becomes the role

Because the one between ends, whoever adopts orphans, which is `up`, is the parent of the new
process: it waits for it as for any child, and the end of the nursery ends nobody.  A process that
`up` does not know of is never told to begin, and ends when `up` lets go of the pipe.

Only here, and before any thread or loop exists, is a process of ours copied while it runs.
"""

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from wattwarden.server.family import die_with_parent, take_command_line

BEGIN: Final = b"!"
STANDARD_OUTPUT: Final = 1
# An environment and a few names; the kernel takes twice as much in one message.
MOST_ORDER_BYTES: Final = 96 * 1024
# A gateway with fifty listeners of its own; the kernel's limit is 253.
MOST_DESCRIPTORS: Final = 200
_NOT_WANTED: Final = 1


class Order(msgspec.Struct, frozen=True):
    """What a new process is to be: its command line, and the words of the program among it.

    ``environment`` is NAME=VALUE each; ``sockets`` are places among the descriptors that come
    along, and are told to the process by number in the variable ``sockets_in``.
    """

    line: list[bytes]
    words: list[str]
    environment: list[bytes]
    parent: int
    sockets: dict[str, list[int]]
    sockets_in: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The nursery has imported everything, and takes orders."""


class Born(msgspec.Struct, frozen=True, tag=True):
    """The process is there, and waits for the word."""

    pid: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """There is no process, and why; ``is_stale``: what was imported is not what is installed."""

    reason: str
    is_stale: bool = False


Answer = Ready | Born | Refused


def serve(door: socket.socket, change: Callable[[], str]) -> Order | None:
    """Fork a process for each order, until the door is closed or ``change`` names what changed.

    Returns:
        In each forked process, what it has become; None in the nursery itself.
    """
    answer_to(door, Ready())
    while True:
        raw, numbers, flags, _ = socket.recv_fds(
            door, MOST_ORDER_BYTES, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not raw:
            return None
        if changed := change():
            answer_to(door, Refused(f"another {changed} is installed now", is_stale=True))
            return None
        try:
            order = _whole(raw, flags)
            pid = fork_apart()
        except (OSError, msgspec.MsgspecError) as error:
            answer: Answer = Refused(f"no process: {error}")
        else:
            if pid == 0:
                door.close()
                _become(order, numbers)
                return order
            answer = Born(pid)
        for number in numbers:
            # Nobody else is to hold a port open, or the end of a pipe.
            os.close(number)
        answer_to(door, answer)


def fork_apart() -> int:
    """Fork a process that is no child of ours but of whoever adopts orphans.

    Returns:
        Its id; 0 in the new process.

    Raises:
        OSError: There can be no more processes, or no more memory.
    """
    hearing, telling = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(hearing)
        os.close(telling)
        raise
    if between:
        os.close(telling)
        told = os.read(hearing, 32)
        os.close(hearing)
        # Only now has the new process its other parent.
        os.waitpid(between, 0)
        number = int(told or -errno.ECHILD)
        if number <= 0:
            raise OSError(-number, os.strerror(-number))
        return number
    pid = -1
    try:
        pid = os.fork()
        if pid:
            os.write(telling, str(pid).encode())
    except OSError as error:
        os.write(telling, str(-(error.errno or 0)).encode())
    finally:
        if pid:
            # Whatever happened: a second nursery would answer at the first one's door.
            os._exit(0)
    os.close(hearing)
    os.close(telling)
    return 0


def _whole(raw: bytes, flags: int) -> Order:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise OSError(errno.EMSGSIZE, "a part of the order was lost")
    return msgspec.msgpack.decode(raw, type=Order)


def _become(order: Order, numbers: Sequence[int]) -> None:
    """Make of this copy what executing the program would have made; `up` knows it first.

    Raises:
        SystemExit: It is not wanted, or its parent has gone.
    """
    output, word, *sockets = numbers
    if os.read(word, len(BEGIN)) != BEGIN:
        os._exit(_NOT_WANTED)
    os.close(word)
    os.setsid()
    die_with_parent(order.parent, signal.SIGTERM)
    os.dup2(output, STANDARD_OUTPUT)
    os.close(output)
    _take_environment(order, sockets)
    sys.argv[1:] = order.words
    take_command_line(order.line)


def _take_environment(order: Order, sockets: Sequence[int]) -> None:
    os.environ.clear()
    # The C library reads the machine's zone again only when it has had another in between.
    time.tzset()
    for line in order.environment:
        name, _, text = line.partition(b"=")
        os.environb[name] = text
    time.tzset()
    if order.sockets:
        numbers = {name: [sockets[at] for at in places] for name, places in order.sockets.items()}
        os.environ[order.sockets_in] = msgspec.json.encode(numbers).decode()


def answer_to(door: socket.socket, answer: Answer) -> None:
    """Tell `up`."""
    door.send(msgspec.msgpack.encode(answer))
