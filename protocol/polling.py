"""Asking meters that answer only when asked: which request goes out next, and when.

    polls ─► Poller ── due ──► the line ── answered ──► next of its turn, next period
                        └──── time-out ──► end of the turn, again in the next
                                           too many: quiet, twice as long each time

The meters of a connection share one line, so one request is outstanding at a time.  Each meter has
turns: in one it is asked for everything that is due, until something stays unanswered.  The meter
whose last turn is longest ago is next.  So whoever answers is asked within its period, the answers
of the others, and one time-out for each meter that does not.

Reads no clock and draws no lots: times are microseconds UTC, phases a checksum of who is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from wattwarden.protocol.microseconds import MINUTE_US, SECOND_US

_MOST_TIMEOUT_MS: Final = 60_000
_MOST_RETRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Poll:
    """A question that is asked again and again.  ``meter`` names who is asked, on its line."""

    meter: str
    request: bytes
    period_us: int


@dataclass(frozen=True, slots=True)
class PollLimits:
    """How long is waited, and for whom."""

    # 645 meters may take 0.5 s behind 2,400 baud, a 4G line another second.
    timeout_us: int = 3 * SECOND_US
    # One lost answer is the line's fault, a second one the meter's.
    retries: int = 1
    # A meter that is off costs its neighbours a time-out each time it is tried.
    quiet_us: int = MINUTE_US
    # One that is on again is found within a quarter of an hour, the longest usual period.
    most_quiet_us: int = 15 * MINUTE_US
    # Connections that begin together do not ask together.
    first_within_us: int = 5 * SECOND_US


def limits_of(options: Mapping[str, Any], timeout_ms: float = 0) -> PollLimits:
    """Return how long answers are waited for, by the options ``timeout_ms`` and ``retries``."""
    limits = PollLimits()
    chosen_ms = number_of(options.get("timeout_ms"), 100, _MOST_TIMEOUT_MS, timeout_ms)
    retries = number_of(options.get("retries"), 0, _MOST_RETRIES, limits.retries)
    return PollLimits(
        timeout_us=round(chosen_ms * 1000) or limits.timeout_us, retries=round(retries)
    )


def entries_of(options: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the entries of an option that is a list of objects; what is none is left out."""
    entries = options.get(name)
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def number_of(given: Any, least: float, most: float, otherwise: float) -> float:
    """Return a number of an option within its bounds, another where it is none."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return otherwise
    return min(max(given, least), most) if given == given else otherwise  # noqa: PLR0124  # NaN


@dataclass(slots=True)
class PollCounters:
    """What came of the questions.  ``late`` are answers that nobody waits for any more."""

    asked: int = 0
    answered: int = 0
    timed_out: int = 0
    silenced: int = 0
    late: int = 0


@dataclass(slots=True)
class _Plan:
    poll: Poll
    due_at: int
    phase_us: int
    misses: int = 0

    def postpone(self, now: int) -> None:
        """Plan for the next period; what was missed meanwhile is not caught up."""
        period = self.poll.period_us
        self.due_at = now - (now - self.phase_us) % period + period
        self.misses = 0


@dataclass(slots=True)
class _Meter:
    plans: list[_Plan]
    turn: int = 0
    failures: int = 0
    quiet_until: int = 0
    # When the first of its plans is due, if it is not left in peace; kept, since every answer asks.
    ready_at: int = 0

    def plan(self) -> None:
        """Take note of what has changed."""
        self.ready_at = max(self.quiet_until, self.earliest().due_at)

    def earliest(self) -> _Plan:
        """Return what is due first."""
        return min(self.plans, key=lambda one: one.due_at)


class Poller:
    """Decides what one connection is asked.

    ``seed`` names the connection; with it polls have the same phases after each reconnection, and
    other connections others.
    """

    __slots__ = (
        "_deadline",
        "_limits",
        "_meters",
        "_outstanding",
        "_ready_at",
        "_turn",
        "_turns",
        "counters",
    )

    def __init__(
        self,
        polls: Sequence[Poll],
        seed: str,
        limits: PollLimits,
        now: int,
        counters: PollCounters | None = None,
    ) -> None:
        self.counters = PollCounters() if counters is None else counters
        self._limits = limits
        self._meters: dict[str, _Meter] = {}
        for poll in polls:
            lot = crc32(f"{seed}:{poll.meter}".encode())
            first = now + lot % max(1, min(poll.period_us, limits.first_within_us))
            plan = _Plan(poll, first, lot % poll.period_us)
            self._meters.setdefault(poll.meter, _Meter([])).plans.append(plan)
        for meter in self._meters.values():
            meter.plan()
        self._turns = 0
        # The meter whose turn it is, and up to when its polls count as due.
        self._turn: tuple[_Meter, int] | None = None
        self._outstanding: tuple[_Meter, _Plan] | None = None
        self._deadline = 0
        self._ready_at = self._first_ready_at()

    @property
    def outstanding(self) -> Poll | None:
        """The question whose answer is waited for."""
        return None if self._outstanding is None else self._outstanding[1].poll

    def due(self, now: int) -> Poll | None:
        """Return what is to be asked now, once; None while an answer is waited for, or nothing is.

        A question whose time is over is given up first.
        """
        if self._outstanding is not None and not self.give_up(now):
            return None
        if self._ready_at is None or now < self._ready_at:
            return None
        meter, until = self._turn or self._next_turn(now)
        plan = meter.earliest()
        if plan.due_at > until:
            # Its turn is over, and somebody else's begins: something is due.
            meter, until = self._next_turn(now)
            plan = meter.earliest()
        self._turn = meter, until
        self._outstanding = meter, plan
        self._deadline = now + self._limits.timeout_us
        self.counters.asked += 1
        return plan.poll

    def give_up(self, now: int) -> bool:
        """Give up a question whose time is over; tell whether none is outstanding."""
        if self._outstanding is not None and now >= self._deadline:
            self._miss(*self._outstanding, now)
        return self._outstanding is None

    def answered(self, now: int) -> None:
        """Take note that the outstanding question was answered, if only by a refusal."""
        if self._outstanding is None:
            message = "nothing was asked"
            raise ValueError(message)
        meter, plan = self._outstanding
        self._outstanding = None
        meter.failures = meter.quiet_until = 0
        plan.postpone(now)
        self._replan(meter)
        self.counters.answered += 1

    def unexpected(self) -> None:
        """Count an answer to a question that was given up, or to none."""
        self.counters.late += 1

    def next_deadline(self) -> int | None:
        """Return when ``due`` next has something to say, None when there is nothing to ask."""
        return self._ready_at if self._outstanding is None else self._deadline

    def _replan(self, meter: _Meter) -> None:
        meter.plan()
        self._ready_at = self._first_ready_at()

    def _first_ready_at(self) -> int | None:
        # Kept, since whoever has thousands of lines asks for the next deadline each second.
        return min([meter.ready_at for meter in self._meters.values()], default=None)

    def _next_turn(self, now: int) -> tuple[_Meter, int]:
        """Choose, of those that something is due of, who has waited longest since its last turn."""
        ready = [meter for meter in self._meters.values() if meter.ready_at <= now]
        meter = min(ready, key=lambda one: one.turn)
        self._turns += 1
        meter.turn = self._turns
        return meter, now

    def _miss(self, meter: _Meter, plan: _Plan, now: int) -> None:
        """End the turn of a meter that did not answer; one that never does is left in peace."""
        self._outstanding = self._turn = None
        self.counters.timed_out += 1
        limits = self._limits
        plan.misses += 1
        meter.failures += 1
        if plan.misses > limits.retries:
            plan.postpone(now)
        tried = meter.failures - limits.retries
        if tried > 0:
            # Beyond 2**20 any pause is the longest.
            quiet = min(limits.most_quiet_us, limits.quiet_us << min(tried - 1, 20))
            meter.quiet_until = now + quiet
            self.counters.silenced += 1
        self._replan(meter)
