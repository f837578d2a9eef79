"""What strangers do to a meter port, one kind at a time, as fast as the nicest process may.

    .venv/bin/python bench/attacks.py slowloris --port 10212 --seconds 5

A process of its own, on the last core alone and behind everybody else there: what is measured is
what a gateway loses by what it is sent, not by who was before it at the processor.  Prints a line
of JSON: how many connections or datagrams, and how many bytes.
"""

import argparse
import gzip
import json
import os
import random
import resource
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from wattwarden.codecs.acrel.frame import REGISTER, SERIAL_BYTES, UPLOAD, seal

NICEST: Final = 19
PATIENCE_S: Final = 0.5
SLOW_CONNECTIONS: Final = 1_500
BLOCK_BYTES: Final = 65_536
STORM_METERS: Final = 1_000
AT_ONCE: Final = 50
# Closed so, a connection leaves nothing behind here that would keep its port for a minute.
RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the doors of a gateway are, on 127.0.0.1."""

    port: int
    tls: int
    http: int
    udp: int


Attack = Callable[[Target], Iterator[tuple[int, int]]]
"""Does a little at each step; yields how many connections or datagrams, and bytes, that was."""


def dial(port: int, number: int = 0, name: int = 4) -> socket.socket:
    """Connect from one of two hundred addresses, none of which a meter has."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    made.settimeout(PATIENCE_S)
    made.bind((f"127.0.{name}.{1 + number % 200}", 0))
    made.connect(("127.0.0.1", port))
    return made


def registration(serial: str) -> bytes:
    """Say who a meter is, as Acrel's do."""
    return seal(REGISTER, serial.encode().ljust(SERIAL_BYTES, b"\0") + bytes(36) + b"\5")


def _dialling(target: Target, serial_of: Callable[[int], str]) -> Iterator[tuple[int, int]]:
    """Register under one serial number after another, from as many addresses, and leave."""
    number = 0
    while True:
        said = {}
        for _ in range(AT_ONCE):
            number += 1
            said[dial(target.port, number)] = registration(serial_of(number))
        yield from _said_and_left(said)


def _said_and_left(said: dict[socket.socket, bytes]) -> Iterator[tuple[int, int]]:
    """Say each its own, wait for the answers, and hang up."""
    for one, words in said.items():
        with suppress(OSError):
            one.send(words)
    for one, words in said.items():
        with suppress(OSError):
            one.recv(4096)
        one.close()
        yield 1, len(words)


def slowloris(target: Target) -> Iterator[tuple[int, int]]:
    """Hold as many connections as there may be, each with a byte a second."""
    half = seal(UPLOAD, bytes(500))[:400]
    held: list[socket.socket] = []
    place = 0
    while True:
        begun = time.monotonic()
        while len(held) < SLOW_CONNECTIONS:
            held.append(dial(target.port, len(held)))
            yield 1, 0
        for index, one in enumerate(held):
            try:
                one.send(half[place % len(half) :][:1])
                yield 0, 1
            except OSError:
                one.close()
                held[index] = dial(target.port, index)
                yield 1, 0
        place += 1
        time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))


def flood(target: Target) -> Iterator[tuple[int, int]]:
    """Connect and reset, from a few addresses."""
    number = 0
    while True:
        number += 1
        dial(target.port, number % 4).close()
        yield 1, 0


def storm(target: Target) -> Iterator[tuple[int, int]]:
    """Be a thousand meters that dial in, register, hang up and dial in again."""
    yield from _dialling(target, lambda number: f"STORM{number % STORM_METERS}")


def noise(block: bytes) -> Attack:
    """Send the same over and over, on eight connections, at line rate."""

    def attack(target: Target) -> Iterator[tuple[int, int]]:
        number = 0
        held: list[socket.socket | None] = [None] * 8
        while True:
            for index, one in enumerate(held):
                number += one is None
                try:
                    open_now = one or dial(target.port, number)
                    held[index] = open_now
                    yield int(one is None), open_now.send(block)
                except OSError:
                    if one is not None:
                        one.close()
                    held[index] = None

    return attack


def mad(target: Target) -> Iterator[tuple[int, int]]:
    """Be four meters that send sound reports as fast as they are taken."""
    report = seal(UPLOAD, b"MAD".ljust(SERIAL_BYTES, b"\0"))
    block = report * (BLOCK_BYTES // len(report))
    held = []
    for number in range(4):
        one = dial(target.port, number)
        one.send(registration(f"MAD{number}"))
        one.recv(64)
        one.settimeout(0)
        held.append((one, bytearray()))
        yield 1, 0
    while True:
        is_taken = False
        for one, rest in held:
            with suppress(BlockingIOError):
                one.recv(BLOCK_BYTES)
            with suppress(BlockingIOError):
                if not rest:
                    rest.extend(block)
                sent = one.send(rest)
                del rest[:sent]
                is_taken = True
                yield 0, sent
        if not is_taken:
            time.sleep(0.001)


def spoof(target: Target) -> Iterator[tuple[int, int]]:
    """Claim one meter's id from everywhere."""
    yield from _dialling(target, lambda _number: "SPOOFED")


def hellos(target: Target) -> Iterator[tuple[int, int]]:
    """Begin handshakes, which cost the other side a signature each, and never end one."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    number = 0
    while True:
        said = {}
        for _ in range(AT_ONCE):
            number += 1
            outgoing = ssl.MemoryBIO()
            with suppress(ssl.SSLWantReadError):
                context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
            said[dial(target.tls, number)] = outgoing.read()
        yield from _said_and_left(said)


def bombs(target: Target) -> Iterator[tuple[int, int]]:
    """Push bodies that unpack to a thousand times their bytes, without any proof."""
    bomb = gzip.compress(bytes(50_000_000), 9)
    head = (
        f"POST /push/ctwing HTTP/1.1\r\nHost: a\r\nContent-Length: {len(bomb)}\r\n"
        "Content-Encoding: gzip\r\n\r\n"
    ).encode()
    number = 0
    while True:
        number += 1
        one = dial(target.http, number)
        with suppress(OSError):
            one.sendall(head + bomb)
            one.recv(4096)
        one.close()
        yield 1, len(head) + len(bomb)


def datagrams(target: Target) -> Iterator[tuple[int, int]]:
    """Send datagrams that are no frames, from a few addresses."""
    rng = random.Random(1)
    held = []
    for number in range(4):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((f"127.0.6.{number + 1}", 0))
        made.connect(("127.0.0.1", target.udp))
        held.append(made)
    while True:
        for one in held:
            with suppress(OSError):
                yield 1, one.send(rng.randbytes(400))


ATTACKS: Final[dict[str, Attack]] = {
    "slowloris": slowloris,
    "flood": flood,
    "storm": storm,
    "garbage": noise(random.Random(212).randbytes(BLOCK_BYTES)),
    "lengths": noise(b"##4000QN=20261122110000001;" * (BLOCK_BYTES // 27)),
    "mad": mad,
    "spoof": spoof,
    "hellos": hellos,
    "bombs": bombs,
    "datagrams": datagrams,
}


def main(arguments: Sequence[str]) -> int:
    """Attacks for so many seconds and says how often."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("attack", choices=ATTACKS)
    for name in ("port", "tls", "http", "udp"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    os.nice(NICEST)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    target = Target(options.port, options.tls, options.http, options.udp)
    counted = sent = failed = 0
    stop = time.monotonic() + options.seconds
    steps = ATTACKS[options.attack](target)
    while time.monotonic() < stop:
        try:
            number, size = next(steps)
        except OSError:
            # Refused: once more, from the beginning.
            failed += 1
            steps = ATTACKS[options.attack](target)
            continue
        counted += number
        sent += size
    print(json.dumps({"count": counted, "bytes": sent, "failed": failed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
