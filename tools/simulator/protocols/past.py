"""What a simulated meter remembers of its own reports, for whoever asks for a stretch again.

report ─ note ─► moment → turn ─ between ─► what was so then, whether anybody heard it or not
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

# A week of minutes, as loggers of HJ 212 keep them at least; older ones are overwritten.
MOST_REMEMBERED: Final = 10_080


class Past:
    """The turns of a meter by their moments, in the order in which they were."""

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: dict[datetime, int] = {}

    def note(self, at: datetime, turn: int) -> None:
        """Remember what was so at a moment."""
        if at not in self._turns and len(self._turns) >= MOST_REMEMBERED:
            del self._turns[next(iter(self._turns))]
        self._turns[at] = turn

    def __contains__(self, at: datetime) -> bool:
        """Whether there was a report at a moment."""
        return at in self._turns

    def between(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
        """Give moment and turn of the reports from ``since`` on and before ``until``."""
        for at in [at for at in self._turns if since <= at < until]:
            yield at, self._turns[at]


@runtime_checkable
class Remembering(Protocol):
    """A dialect whose meter can be asked for what it reported."""

    @property
    def past(self) -> Past:
        """What it remembers."""
