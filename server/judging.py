"""What becomes of a notice after an attempt: its state, and when it is looked at again.

Delivered ─► delivered    Refused ─► dead    RetryAt, Throttled ─► waiting
Unknown ─► asking, where the gateway can be asked; else waiting, and dead after some doubts
receipt: Delivered, Refused ─► as above    RetryAt ─► asking    Absent ─► waiting    Unknown ─► dead
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Absent,
    Delivered,
    Outcome,
    Receipt,
    Refused,
    RetryAt,
    Throttled,
)
from wattwarden.alarms.channels.retries import backoff_s
from wattwarden.alarms.routing.bundle import Item
from wattwarden.server.clock import Clock
from wattwarden.storage.moments import moment_of
from wattwarden.storage.outbox.contacts import seen_in
from wattwarden.storage.outbox.queue import Attempt, Finished

_NAMES: Final[dict[type, str]] = {
    Delivered: "delivered",
    RetryAt: "retry",
    Throttled: "throttled",
    Refused: "refused",
    Absent: "absent",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """How doubts about a notice are settled: by its gateway's receipt, or ``tries`` sends.

    ``tries`` is None where its receiver knows a message again: it is sent until it expires.
    """

    receipt: Receipt | None
    tries: int | None

    def exhausted(self, doubts: int) -> bool:
        """Tell whether so many doubts are as many as there may be."""
        return self.tries is not None and doubts >= self.tries


class Judge:
    """Knows both times: gateways speak of the wall's, notices wait by the system's."""

    def __init__(self, clock: Clock, wall_us: Callable[[], int]) -> None:
        self._clock = clock
        self.wall_us = wall_us
        self._spread = random.Random()  # noqa: S311  spreads retries, guards nothing

    def now(self) -> datetime:
        """Return the system's time."""
        return moment_of(self._clock.now_us())

    def system(self, at_us: int) -> datetime:
        """Return the system's time at a moment of the wall that is now or to come."""
        ahead = max(at_us - self.wall_us(), 0) * self._clock.rate
        return self.now() + timedelta(microseconds=ahead)

    def attempt(self, kind: str, started_us: int, outcome: Outcome | Absent) -> Attempt:
        """Return what is kept of an attempt that ends now."""
        provider_id = ""
        if isinstance(outcome, Delivered):
            provider_id = outcome.provider_id
            reason = f"left out: {', '.join(outcome.missed)}" if outcome.missed else ""
        else:
            reason = outcome.reason
        return Attempt(
            kind=kind,
            started=moment_of(started_us),
            ended=moment_of(self.wall_us()),
            outcome=_NAMES.get(type(outcome), "unknown"),
            reason=reason,
            provider_id=provider_id,
        )

    def after(
        self, item: Item, number: int, outcome: Outcome, attempt: Attempt, *, late: bool
    ) -> Finished:
        """Return a notice after an outcome without doubt, of its attempt of that number."""
        state, not_before = "waiting", self.now()
        match outcome:
            case Delivered():
                state = "delivered"
            case Refused():
                state = "dead"
            case Throttled(until_second=second):
                not_before = self.system(second * SECOND_US)
            case RetryAt(second=second, tries=tries):
                state = "dead" if tries is not None and number >= tries else "waiting"
                not_before = self.system(
                    max(second * SECOND_US, self._backoff_us(number, item.level))
                )
            case _:
                pass
        return Finished(
            item=item,
            number=number,
            state=state,
            attempt=attempt,
            not_before=not_before,
            late=late,
            ambiguous=item.ambiguous,
            seen=seen_in(outcome, item.to),
        )

    def doubtful(
        self, item: Item, number: int, attempt: Attempt, *, late: bool, terms: Terms
    ) -> Finished:
        """Return a notice of which nobody knows whether it was accepted."""
        receipt, doubts = terms.receipt, item.ambiguous + 1
        if receipt is not None:
            state, at_us = "asking", self.wall_us() + receipt.wait_s * SECOND_US
        else:
            state = "dead" if terms.exhausted(doubts) else "waiting"
            at_us = self._backoff_us(number, item.level)
        at = self.system(at_us)
        return _finished(item, number, state, attempt, at, late=late, doubts=doubts)

    def told(
        self, item: Item, outcome: Outcome | Absent, attempt: Attempt, terms: Terms
    ) -> Finished:
        """Return a notice after what its gateway said of it."""
        if isinstance(outcome, Delivered | Refused):
            return self.after(item, item.attempts, outcome, attempt, late=item.late)
        state, at_us = "asking", self.wall_us()
        match outcome:
            case RetryAt(second=second) | Throttled(until_second=second):
                at_us = second * SECOND_US
            case Absent():
                state = "dead" if terms.exhausted(item.ambiguous) else "waiting"
            case _:
                state = "dead"
        at, doubts = self.system(at_us), item.ambiguous
        return _finished(item, item.attempts, state, attempt, at, late=item.late, doubts=doubts)

    def _backoff_us(self, number: int, level: int) -> int:
        """Return when an attempt that failed is repeated, by the wall."""
        wait_s = backoff_s(max(number, 1), self._spread.random(), level)
        return self.wall_us() + int(wait_s * SECOND_US)


def _finished(
    item: Item,
    number: int,
    state: str,
    attempt: Attempt,
    not_before: datetime,
    *,
    late: bool,
    doubts: int,
) -> Finished:
    return Finished(
        item=item,
        number=number,
        state=state,
        attempt=attempt,
        not_before=not_before,
        late=late,
        ambiguous=doubts,
    )
