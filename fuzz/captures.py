"""Invariant: whatever a file to be replayed holds, it is shots of its own bytes, or said to be bad.

Allowed: CommandError of a capture that is damaged.  Nothing of lines: those that are bad are
counted, and the first is told.  Shots are no more bytes than the file is; read whole or a few bytes
at a time it gives the same shots.
"""

import io
import json
from functools import cache
from random import Random
from typing import Final

from fuzz.chosen import STRANGE, changed
from fuzz.harness import Target, read_vectors
from tests.tools.captures import (
    AT,
    conversation,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    simple,
    udp,
)

from wattwarden.codecs import load_codecs
from wattwarden.tools.errors import CommandError
from wattwarden.tools.pcap import is_capture
from wattwarden.tools.shots import KeyRing, Shot, Source

CODECS: Final = tuple(load_codecs().values())
# Of each codec so many vectors: more would be the codec's own target.
OF_A_CODEC: Final = 3
MOST_SEED_BYTES: Final = 3_000


class Drips(io.RawIOBase):
    """A file that gives a few bytes at a time, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # one kind of buffer
        """Give one to seven bytes."""
        piece = self._file.read(min(len(buffer), 7))
        buffer[: len(piece)] = piece
        return len(piece)


def run(data: bytes) -> None:
    """Hold the invariant for one file."""
    whole = _shots(io.BufferedReader(io.BytesIO(data)))
    if len(data) < MOST_SEED_BYTES:
        assert _shots(io.BufferedReader(Drips(data), 8)) == whole, "read otherwise in drips"
    if isinstance(whole, str):
        assert is_capture(data[:4]), "lines are refused as a whole"
        return
    shots, bad, fault = whole
    assert bool(bad) == bool(fault), "bad lines of which nothing is told"
    assert sum(len(shot.raw) for shot in shots) <= len(data), "bytes came from nowhere"
    assert all(shot.raw for shot in shots), "a shot of nothing"


def _shots(file: io.BufferedReader) -> tuple[list[Shot], int, str] | str:
    source = Source(CODECS, KeyRing({}))
    try:
        shots = list(source.shots("file", file))
    except CommandError as error:
        return str(error)
    return shots, source.counters.bad_lines, source.counters.first_fault


# --- inputs ---------------------------------------------------------------------------------------


@cache
def _vectors() -> tuple[dict[str, object], ...]:
    short = [
        [one for one in read_vectors(codec.name) if len(one["hex"]) < MOST_SEED_BYTES]
        for codec in CODECS
    ]
    return tuple(one for vectors in short for one in vectors[:OF_A_CODEC])


def _frames() -> list[bytes]:
    return [bytes.fromhex(str(one["hex"])) for one in _vectors()]


@cache
def _seeds() -> list[bytes]:
    lines = [json.dumps(one, ensure_ascii=False).encode() for one in _vectors()]
    few = _frames()[:4]
    talk = conversation(*few)
    stray = [ethernet(ipv6("::1", "::2", 17, udp(9, 10_212, few[0]), options=2), vlans=1)]
    return [
        *lines,
        b"\n".join(lines[:3]),
        b"\n".join(one.hex(" ").encode() for one in few),
        pcap(talk), pcap(talk, order=">", nano=True), pcap(stray),
        pcap([ipv4("10.0.0.2", "10.0.0.1", 17, udp(9, 10_212, few[1]))], link=101),
        section() + interface(1) + b"".join(enhanced(one, AT + at) for at, one in enumerate(talk)),
        section(">") + interface(1, ">", 9) + enhanced(talk[2], AT * 1000, ">"),
        section() + interface(1) + simple(talk[2]),
    ]  # fmt: skip


def _mend(data: bytes, rng: Random) -> bytes:
    """Change values of a line of JSON, so that it is one again."""
    if is_capture(data[:4]) or rng.random() < 0.3:
        return data
    names = ("hex", "key", "accept", "kind", "error", "x")
    row = changed(dict(rng.choice(_vectors())), names, rng)
    if rng.random() < 0.3:
        row = {"hex": rng.choice(_vectors())["hex"], "key": {"88888880000001": rng.choice(STRANGE)}}
    line = json.dumps(row).encode(errors="replace")
    return line if rng.random() < 0.5 else data + b"\n" + line


TOKENS: Final = (
    b"{", b"}", b'{"hex":"', b'"key":', b"null", b"[" * 3_000, b"\n", b"7b7b", b"#", b"zz",
    b"\xd4\xc3\xb2\xa1", b"\n\r\r\n", b"\x4d\x3c\x2b\x1a", b"\xff\xff\xff\xff", b"\x09\0\x01\0\x7f",
    b"\x09\0\x01\0\xff", b"\x06\0\0\0", b"\x03\0\0\0", b"\x01\0\0\0", b"\x08\x00\x45", b"\x86\xdd",
)  # fmt: skip
TARGET: Final = Target("captures", run, _seeds, _mend, TOKENS)
