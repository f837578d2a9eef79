"""What an outline says about a stretch of bytes."""

from enum import Enum
from typing import Final


class Verdict(Enum):
    """What a stretch of bytes is."""

    FRAME = "frame"
    MORE = "more"
    NOISE = "noise"
    SKIP = "skip"


FRAME: Final = Verdict.FRAME
MORE: Final = Verdict.MORE
NOISE: Final = Verdict.NOISE
SKIP: Final = Verdict.SKIP


# The end of the stretch; for MORE, how far the search for the end has come.  A plain tuple, since
# one is made for each frame.
Cut = tuple[Verdict, int]


def next_head(head: bytes, buffer: bytes, start: int) -> int:
    """Return where a frame can begin after ``start``: at a head, or at one cut short by the end."""
    at = buffer.find(head, start + 1)
    if at >= 0:
        return at
    for keep in range(len(head) - 1, 0, -1):
        if buffer.endswith(head[:keep]) and len(buffer) - keep > start:
            return len(buffer) - keep
    return len(buffer)
