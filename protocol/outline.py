"""Where a frame ends.  An outline answers that for one protocol; the one framer asks it.

    cut(buffer, start) → FRAME, end   buffer[start:end] is a frame
                         MORE, ·      a frame may begin at start, its end has not arrived
                         NOISE, end   buffer[start:end] belongs to no frame
                         SKIP, end    buffer[start:end] is an allowed separator

Outlines are stateless and do linear work: whoever waits for more bytes remembers how far the
search has come.  What they say about a byte depends on the bytes before its frame's end alone, so
frames are the same however the stream was cut into segments.
"""

from typing import Protocol

from wattwarden.protocol.delimited import Delimited
from wattwarden.protocol.length_prefixed import LengthPrefixed
from wattwarden.protocol.verdict import FRAME, MORE, NOISE, SKIP, Cut, Verdict, next_head

__all__ = [
    "FRAME",
    "MORE",
    "NOISE",
    "SKIP",
    "Cut",
    "Delimited",
    "LengthPrefixed",
    "Outline",
    "Verdict",
    "next_head",
]


class Outline(Protocol):
    """How frames of a protocol are delimited.

    ``head`` is what each frame begins with, ``most_bytes`` the longest frame accepted.
    """

    @property
    def head(self) -> bytes:
        """What each frame begins with."""

    @property
    def most_bytes(self) -> int:
        """The longest frame accepted."""

    def cut(self, buffer: bytes, start: int, searched: int) -> Cut:
        """Judge the bytes from ``start``; no frame ends before ``searched``."""

    def run(self, buffer: bytes, start: int, frames: list[bytes]) -> int:
        """Append the frames that stand back to back from ``start``; return where they end.

        What ``cut`` would say of each, without its cost a frame; it may stop at any frame.
        """

    def cut_strictly(self, buffer: bytes, start: int, searched: int = 0) -> Cut:
        """Judge likewise, and leave no checksum open."""
