"""Allowances over time: how fast newcomers are let in, and what a peer may leave in quarantine."""

from typing import Final

# Two thirds of the time that a meter has to say who it is are left to it then (``pre_login_s``);
# and of a flood from many addresses nobody behind it waits without end.
MOST_WAIT_S: Final = 10


class Pacer:
    """Spreads newcomers: at most ``per_second``, the surplus waits, up to MOST_WAIT_S.

    Who comes while the queue is that long is not to be let in (``is_full``).  Seconds are real
    ones; ``rate`` of the clock's pass in one.
    """

    def __init__(self, per_second: int, rate: int = 1) -> None:
        self._second_us = 1_000_000 * rate
        self._gap_us = self._second_us / per_second
        self._next_us = float("-inf")

    def is_full(self, now: int) -> bool:
        """Whether a newcomer of this moment (µs of the clock) would have to wait for too long."""
        return self._next_us - now > MOST_WAIT_S * self._second_us

    def delay_s(self, now: int) -> float:
        """Return how long the newcomer of this moment (µs of the clock) has to wait."""
        # A tenth of a second's worth may come at once; a storm is longer than that.
        self._next_us = max(self._next_us, now - self._second_us / 10) + self._gap_us
        return max(0.0, (self._next_us - now) / self._second_us)


class UnknownAllowance:
    """Bounds the records of unknown bytes for each address and window."""

    def __init__(self, most: int, window_us: int) -> None:
        self._most = most
        self._window_us = window_us
        self._used: dict[str, tuple[int, int]] = {}

    def allows(self, host: str, now: int) -> bool:
        """Use up one record, if the address still has one."""
        since, used = self._used.get(host, (now, 0))
        if now - since >= self._window_us:
            since, used = now, 0
        if used >= self._most:
            return False
        self._used[host] = (since, used + 1)
        return True

    def expire(self, now: int) -> None:
        """Forget addresses whose window has passed."""
        horizon = now - self._window_us
        if len(self._used) > 1024:
            self._used = {k: v for k, v in self._used.items() if v[0] > horizon}
