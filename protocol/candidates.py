"""The outline of frames that may end at one of several places, which only their proof tells apart.

A Modbus request and its reply begin alike; a registration of 15 digits may stand before anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wattwarden.protocol.verdict import FRAME, MORE, NOISE, SKIP, Cut

UNTOLD = 0
"""An end that more bytes are needed to tell."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames of which several lengths are possible.

    ``ends(buffer, start)`` gives where a frame that begins at ``start`` may end, ``UNTOLD`` where
    the byte that tells has not arrived; ``fits(buffer, start, end)`` is the proof of one.  The
    first end that fits is the frame's: one that is untold or has not arrived lies behind those
    that have.  ``begin`` finds where a frame could begin behind bytes that are none.  ``preamble``
    bytes may stand before a frame and never belong to it.
    """

    most_bytes: int
    ends: Callable[[bytes, int], Iterable[int]]
    fits: Callable[[bytes, int, int], bool]
    begin: re.Pattern[bytes]
    preamble: bytes = b""
    head: bytes = b""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: ARG002, D102  # seam
        size = len(buffer)
        waits = False
        for end in sorted(self.ends(buffer, start)):
            if end == UNTOLD or end > size:
                waits = True
            elif self.fits(buffer, start, end):
                return (FRAME, end)
        if waits and size - start < self.most_bytes:
            return (MORE, start)
        if buffer[start] in self.preamble:
            return (SKIP, start + 1)
        found = self.begin.search(buffer, start + 1)
        return (NOISE, size if found is None else found.start())

    def run(  # noqa: D102  # described by Outline
        self,
        buffer: bytes,  # noqa: ARG002  # seam
        start: int,
        frames: list[bytes],  # noqa: ARG002  # seam
    ) -> int:
        return start

    def cut_strictly(  # noqa: D102  # described by Outline
        self, buffer: bytes, start: int, searched: int = 0
    ) -> Cut:
        return self.cut(buffer, start, searched)
