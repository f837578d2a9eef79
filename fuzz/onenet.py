"""Invariant: whatever a body holds, each push is rows, refused or without readings by kind.

Allowed: ProtocolError from ``read``.  Nothing from ``recognise``, ``dialogue``, ``acknowledge``,
``decode``, ``explain``, nor from ``encode`` of what was read.  Besides: a batch means what its
pushes mean one by one; explanations are the body, byte by byte; what was read is written as a body
that says the same; every push has its answer, and only once it is stored.
"""

from functools import cache
from random import Random
from typing import Final

from fuzz import pushes
from fuzz.harness import Target, read_seeds

from wattwarden.codecs.onenet import CODEC


def run(data: bytes) -> None:
    """Hold the invariant for one stream."""
    pushes.run(CODEC, data)


@cache
def _seeds() -> list[bytes]:
    return read_seeds("onenet")


def _mend(data: bytes, rng: Random) -> bytes:
    return pushes.mend(_seeds()[:-1], data, rng)


TARGET: Final = Target("onenet", run, _seeds, _mend, pushes.TOKENS, pushes.wire(CODEC))
