"""How much an outline does: the one way to tell linear work from work with the square.

Targets and tests run a framer over ``Work`` in place of the outline it counts.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.checksum import WindowScan
from wattwarden.protocol.outline import Cut, Delimited, Outline


class Work:
    """An outline that counts what it is asked, in calls and in bytes that are looked at.

    It is a dataclass whose ``fits`` proves a frame.
    """

    def __init__(self, outline: Outline) -> None:
        countable: Any = outline
        self.cuts = 0
        self.looked_at_bytes = 0
        fits = countable.fits

        def counted(buffer: bytes, start: int, end: int) -> bool:
            self.looked_at_bytes += end - start
            return bool(fits(buffer, start, end))

        self._counted: Outline
        if isinstance(outline, Delimited):
            self._counted = replace(outline, fits=counted, scan=_CountedScan(self, outline))
        else:
            self._counted = replace(countable, fits=counted)
        self.head = outline.head
        self.most_bytes = outline.most_bytes

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:
        """Judge as the outline does."""
        self.cuts += 1
        return self._counted.cut(buffer, start, searched)

    def run(self, buffer: bytes, start: int, frames: list[bytes]) -> int:
        """Cut a run as the outline does."""
        return self._counted.run(buffer, start, frames)

    def cut_strictly(self, buffer: bytes, start: int, searched: int = 0) -> Cut:
        """Judge as the outline does, no checksum open."""
        self.cuts += 1
        return self._counted.cut_strictly(buffer, start, searched)


class _CountedScan(WindowScan):
    def __init__(self, work: Work, outline: Delimited) -> None:
        super().__init__(2 * outline.most_bytes, len(outline.head), len(outline.tail))
        self._work = work

    def beginnings(
        self,
        window: bytes,
        heads: NDArray[np.int64],
        ends: NDArray[np.int64],
        span: tuple[int, int],
    ) -> NDArray[np.int64]:
        self._work.looked_at_bytes += len(window)
        return super().beginnings(window, heads, ends, span)
