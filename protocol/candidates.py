"""The outline of frames that may end at one of several places, which only their proof tells apart.

A Modbus request and its reply begin alike; a registration of 15 digits may stand before anything.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wattwarden.protocol.verdict import FRAME, MORE, NOISE, Cut

UNTOLD = 0
"""An end that more bytes are needed to tell."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames of which several lengths are possible.

    ``ends(buffer, start)`` gives where a frame that begins at ``start`` may end, ``UNTOLD`` where
    the byte that tells has not arrived; ``fits(buffer, start, end)`` is the proof of one.  Where
    several fit, what lies behind decides: a CRC fits a byte too early when the last byte that it
    proves happens to be its own, and a byte too late when that byte is zero.  ``begin`` finds where
    a frame could begin behind bytes that are none.
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
        ends = [end for end in sorted(self.ends(buffer, start)) if end <= last]
        fitting = self._fitting(buffer, start, ends)
        if fitting:
            return (FRAME, fitting[0] if len(fitting) == 1 else self._chosen(buffer, fitting))
        awaited = [end for end in ends if end == UNTOLD or end > size]
        if awaited and size < last:
            # Of bytes that are still to come, none before the first that tells is worth a look.
            return (MORE, max(start, awaited[0]))
        found = self.begin.search(buffer, start + 1)
        return (NOISE, size if found is None else found.start())

    def _fitting(self, buffer: bytes, start: int, ends: Iterable[int]) -> list[int]:
        told = (end for end in ends if UNTOLD < end <= len(buffer))
        return [end for end in told if self.fits(buffer, start, end)]

    def _chosen(self, buffer: bytes, fitting: Sequence[int]) -> int:
        """Return the last end behind which nothing or a proven frame stands; else the first."""
        for end in reversed(fitting):
            if end == len(buffer) or self._fitting(buffer, end, self.ends(buffer, end)):
                return end
        return fitting[0]

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
