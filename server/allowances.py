"""Allowances: so many by name within each window, or at once and then at a pace; turns for all.

Pure: whoever asks gives the time, in microseconds of the clock, and says what a second of it is.
"""

from typing import Final

# What is remembered is looked through for what can go only beyond this: fewer cost nothing.
_FEW: Final = 1024
# Names remembered within a window, some 200 bytes each; of more the first who have some left are
# forgotten.
MOST_NAMES: Final = 65_536


class Allowance:
    """So many for each name within each window; the windows of all names begin together."""

    def __init__(self, most: int, window_us: int) -> None:
        self._most = most
        self._window_us = window_us
        self._since = 0
        self._used: dict[str, int] = {}

    def take(self, name: str, now: int) -> bool:
        """Use up one, if there is one left."""
        if self.is_used_up(name, now):
            return False
        self._used[name] = self._used.get(name, 0) + 1
        if len(self._used) > MOST_NAMES:
            del self._used[self._dispensable()]
        return True

    def is_used_up(self, name: str, now: int) -> bool:
        """Tell whether none is left."""
        if now - self._since >= self._window_us:
            self._since = now
            self._used.clear()
        return self._used.get(name, 0) >= self._most

    def _dispensable(self) -> str:
        """Return the first name that has some left: who has not is remembered before others."""
        few = (name for name, used in self._used.items() if used < self._most)
        return next(few, next(iter(self._used)))

    def forgive(self) -> None:
        """Begin anew for all."""
        self._used.clear()


class Bucket:
    """For each name ``most`` at once, of which ``per_second`` come back."""

    def __init__(self, most: int, per_second: float, second_us: int) -> None:
        self._gap_us = second_us / per_second
        self._most_us = most * self._gap_us
        # Until when each has used up what comes back; who is not here has all.
        self._spent_until: dict[str, float] = {}

    def take(self, name: str, now: int) -> bool:
        """Use up one, if there is one."""
        spent = max(self._spent_until.get(name, now), now) + self._gap_us
        if spent - now > self._most_us:
            return False
        self._spent_until[name] = spent
        return True

    def expire(self, now: int) -> None:
        """Forget names that have all of theirs again."""
        if len(self._spent_until) > _FEW:
            left = ((name, until) for name, until in self._spent_until.items() if until > now)
            self._spent_until = dict(left)


class Turns:
    """Turns, ``per_second`` of them, for which nobody waits longer than ``most_s``."""

    def __init__(self, per_second: int, most_s: float, second_us: int) -> None:
        self._gap_us = second_us / per_second
        self._most_us = most_s * second_us
        self._second_us = second_us
        self._next_us = float("-inf")

    def wait_s(self, now: int) -> float | None:
        """Take the next turn; return how long it is until then, None where it is too long."""
        turn = max(self._next_us, now)
        if turn - now > self._most_us:
            return None
        self._next_us = turn + self._gap_us
        return (turn - now) / self._second_us
