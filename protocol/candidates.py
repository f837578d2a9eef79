"""The outline of frames that may end at one of several places, which only their proof tells apart.

A Modbus request and its reply begin alike; a registration of 15 digits may stand before anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wattwarden.protocol.verdict import FRAME, MORE, NOISE, Cut

UNTOLD = 0
"""An end that more bytes are needed to tell."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames of which several lengths are possible.

    ``ends(buffer, start)`` gives where a frame that begins at ``start`` may end, ``UNTOLD`` where
    the byte that tells has not arrived; ``fits(buffer, start, end)`` is the proof of one.  The
    first end that fits is the frame's: one that is untold or has not arrived lies behind those
    that have.  ``begin`` finds where a frame could begin behind bytes that are none.
    """

    most_bytes: int
    ends: Callable[[bytes, int], Iterable[int]]
    fits: Callable[[bytes, int, int], bool]
    begin: re.Pattern[bytes]
    head: bytes = b""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:  # noqa: D102  # seam
        size = len(buffer)
        if searched > size:
            return (MORE, searched)
        last = start + self.most_bytes
        awaited = []
        for end in sorted(self.ends(buffer, start)):
            if end > last:
                break
            if end == UNTOLD or end > size:
                awaited.append(end)
            elif self.fits(buffer, start, end):
                return (FRAME, end)
        if awaited and size < last:
            # Of bytes that are still to come, none before the first that tells is worth a look.
            return (MORE, max(start, awaited[0]))
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
        self,
        buffer: bytes,
        start: int,
        searched: int = 0,  # noqa: ARG002  # seam; here what is awaited at one place is not at others
    ) -> Cut:
        return self.cut(buffer, start, 0)
