"""How often somebody may ask: so many times in a window, remembered of a bounded number."""

from collections import OrderedDict
from typing import Final

# Of so many addresses it is remembered how often they asked; a city's firms are a tenth of that.
MAX_ASKERS: Final = 20_000


class Limiter:
    """Counts by name.  ``now_s`` of each call is a monotonic clock's."""

    def __init__(self, count: int, window_s: float) -> None:
        self._count = count
        self._window_s = window_s
        self._asked: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_over(self, name: str, now_s: float) -> bool:
        """Tell whether the limit is reached, and count nothing."""
        since, asked = self._asked.get(name, (now_s, 0))
        return asked > self._count and now_s < since + self._window_s

    def lets(self, name: str, now_s: float) -> bool:
        """Count one more; tell whether it is within the limit."""
        since, asked = self._asked.pop(name, (now_s, 0))
        if now_s >= since + self._window_s:
            since, asked = now_s, 0
        # Whoever goes on all the same does not wait longer for it.
        asked = min(asked + 1, self._count + 1)
        self._asked[name] = (since, asked)
        if len(self._asked) > MAX_ASKERS:
            self._asked.popitem(last=False)
        return asked <= self._count
