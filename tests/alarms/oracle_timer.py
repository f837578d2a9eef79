"""The oracle's timer: a condition must last before it is an alarm, and be gone before it ends."""

from dataclasses import dataclass
from typing import Final

NONE: Final = -1
RE_ALARM_MS: Final = 600_000
LONG_CYCLE_MS: Final = 300_000


@dataclass(slots=True)
class Timer:
    """One condition of one unit; what a sample brings is "raised", "returned", "ended" or ""."""

    cycle: int
    began: int = NONE
    held: int = 0
    hits: int = 0
    misses: int = 0
    missed_at: int = NONE
    raised: bool = False
    # At which share of its reference the unit was when the alarm was raised.
    level: float = 0.0
    rule: str = ""
    last_began: int = NONE
    last_ended: int = NONE

    def forget(self) -> None:
        """Begin anew, unless it is an alarm already."""
        if not self.raised:
            self.began = NONE

    def hit(self, at: int, step: int, delay: int) -> str:
        """Take a sample at which the condition was true."""
        if self.began == NONE:
            self.began, self.held, self.hits = at, 0, 0
        else:
            self.held += step
        self.hits += 1
        self.misses = 0
        if self.raised or self.hits < 2:
            return ""
        soon = self.last_ended != NONE and self.began - self.last_ended <= RE_ALARM_MS
        if soon and self.hits >= self._believed():
            self.began, self.raised = self.last_began, True
            return "returned"
        if self.held + self.cycle // 2 >= delay:
            self.raised = True
            if soon:
                self.began = self.last_began
            return "returned" if soon else "raised"
        return ""

    def miss(self, at: int, step: int, off_delay: int) -> str:
        """Take a sample at which it was false."""
        if self.began == NONE:
            return ""
        self.held += step
        if self.misses == 0:
            self.missed_at = at
        self.misses += 1
        if not self.raised:
            if self.hits < self._believed() or self.misses >= self._believed():
                self.began, self.misses = NONE, 0
            return ""
        if self.misses < 2 or at - self.missed_at + self.cycle // 2 < off_delay:
            return ""
        self.last_began, self.last_ended = self.began, self.missed_at
        self.began, self.misses, self.raised = NONE, 0, False
        return "ended"

    def _believed(self) -> int:
        return 2 if self.cycle >= LONG_CYCLE_MS else 3
