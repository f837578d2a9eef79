"""What one connection is asked: by its plan of polls, and by commands; one thing at a time.

    Profile ─ plan_of ─► Plan ─► Poller ─┐
    order(number, questions) ────────────┴─ due ─► the line ─► hear ─► the request it answers
                                                     └ nothing ─► time-out ─► next

Commands go before polls, and never twice: a question that stays unanswered ends its command.  A
frame that may be the late answer to something given up answers nothing else.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wattwarden.protocol.both import Both, joined
from wattwarden.protocol.codec import DEFAULT_PROFILE, NOTHING_ASKED, Asked, Profile, ProfileOf
from wattwarden.protocol.command import Ending, Outcome, Question
from wattwarden.protocol.microseconds import MINUTE_US, SECOND_US
from wattwarden.protocol.polling import Poll, PollCounters, Poller, PollLimits

# How soon a meter that is configured while it is connected is asked by its new plan.
LOOK_AGAIN_US: Final = 60 * SECOND_US
# An answer that comes later than this was lost; 2G lines hold packets back for half a minute.
STALE_US: Final = 60 * SECOND_US
# Requests given up within that time at the shortest time-out, and more than any line sends.
MOST_STALE: Final = 64
# A logger sends a day of minutes in a few of these; a stream that does not end is cut.
MOST_STREAM_US: Final = 10 * MINUTE_US
# What is shown of an answer; all of it is in the journal.
MOST_FRAMES_KEPT: Final = 16
MOST_VALUES: Final = 512


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked again and again: each question with its period."""

    questions: tuple[tuple[Question, int], ...] = ()
    limits: PollLimits = field(default_factory=PollLimits)


@dataclass(slots=True)
class _Order:
    number: int
    questions: deque[Question]
    values: dict[str, Any] = field(default_factory=dict)
    refusals: list[Both] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    heard: int = 0
    silent_s: float = 0

    def outcome(self) -> Outcome:
        """Say what came of it."""
        ending, message = Ending.ANSWERED, None
        if self.silent_s:
            ending = Ending.SILENT
            seconds = f"{self.silent_s:g}"
            message = Both(f"{seconds} 秒内无应答", f"no answer within {seconds} s")
        elif self.refusals:
            ending, message = Ending.REFUSED, joined(self.refusals)
        return Outcome(
            self.number,
            ending,
            self.values,
            message,
            tuple(self.requests),
            tuple(self.frames),
            self.heard,
        )


class Line:
    """The questions of one connection.

    ``plan_of`` makes the plan of an identity and its profile; None where nothing is polled.
    """

    __slots__ = (
        "_answered_by",
        "_begun_at",
        "_deadline",
        "_identity",
        "_look_at",
        "_order",
        "_orders",
        "_outcomes",
        "_outstanding",
        "_plan",
        "_plan_of",
        "_poller",
        "_profile",
        "_profile_of",
        "_questions",
        "_stale",
        "counters",
    )

    def __init__(self, plan_of: Callable[[str, Profile], Plan] | None = None) -> None:
        self._plan_of = plan_of
        self._profile_of: ProfileOf | None = None
        self._profile = DEFAULT_PROFILE
        self._identity = ""
        self._plan = Plan()
        self._poller: Poller | None = None
        self._questions: dict[bytes, Question] = {}
        # Few wait, and an empty list is a tenth of an empty deque.
        self._orders: list[_Order] = []
        self._order: _Order | None = None
        self._outcomes: list[Outcome] = []
        self._outstanding: Question | None = None
        # Of a command's question: until when it may be answered, and since when it is.
        self._deadline = self._begun_at = 0
        # Up to when the last request may be answered.
        self._answered_by = 0
        # What was given up, and when: its answer may still come.
        self._stale: list[tuple[Question, int]] = []
        self._look_at: int | None = None
        self.counters = PollCounters()

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way or waits for its turn."""
        return self._order is not None or bool(self._orders)

    def begin(self, identity: str, profile_of: ProfileOf, now: int) -> None:
        """Ask by the plan of who it is, and look once a minute whether that has changed."""
        if identity == self._identity:
            return
        self._identity, self._profile_of = identity, profile_of
        self._profile = DEFAULT_PROFILE
        if self._order is None and self._outstanding is not None:
            self._give_up(now)
        self._poller = None
        self._look(profile_of, now)

    def order(self, number: int, questions: Sequence[Question]) -> None:
        """Ask these, one after another, as soon as the line is free."""
        self._orders.append(_Order(number, deque(questions)))

    def take_outcomes(self) -> list[Outcome]:
        """Return, once, what came of commands that ended."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def hear_all(self, frames: Sequence[bytes], now: int) -> Asked:
        """Return the requests that frames answer, by the frames' places."""
        asked: dict[int, bytes] = {}
        for index, frame in enumerate(frames):
            request = self.hear(frame, now)
            if request is not None:
                asked[index] = request
        return asked or NOTHING_ASKED

    def hear(self, frame: bytes, now: int) -> bytes | None:
        """Return the request that a frame answers, None where that is not certain."""
        question = self._outstanding
        answer = None if question is None else question.hear(frame)
        if question is None or answer is None:
            if self._is_late(frame, now):
                self.counters.late += 1
            return None
        if self._is_taken_for_another(question, now):
            self.counters.late += 1
            return None
        order = self._order
        if order is None:
            self._outstanding = None
            if self._poller is not None:
                self._poller.answered(now)
            return question.request
        self._note(order, frame)
        order.values |= _bounded(answer.values, MOST_VALUES - len(order.values))
        if answer.refused is not None:
            order.refusals.append(answer.refused)
        if answer.is_last:
            self._outstanding = None
            self._go_on(order)
        else:
            self._deadline = min(now + question.timeout_us, self._begun_at + MOST_STREAM_US)
        return question.request

    def due(self, now: int) -> bytes:
        """Give up what was not answered in time; return what is to be asked now, if anything."""
        if self._look_at is not None and now >= self._look_at and self._profile_of is not None:
            self._look(self._profile_of, now)
        if self._order is not None and self._outstanding is not None:
            if now < self._deadline:
                return b""
            self._order.silent_s = self._outstanding.timeout_us / SECOND_US
            self._give_up(now)
            self._finish(self._order)
        if (self._order is not None or self._orders) and self._is_free(now):
            return self._ask_order(now)
        return self._ask_poll(now)

    def next_deadline(self) -> int | None:
        """Return when ``due`` has work, None when it never has."""
        if self._order is not None and self._outstanding is not None:
            return self._deadline
        found = [] if self._look_at is None else [self._look_at]
        polled = None if self._poller is None else self._poller.next_deadline()
        if polled is not None:
            found.append(polled)
        return min(found, default=None)

    def _look(self, profile_of: ProfileOf, now: int) -> None:
        """Plan anew what is asked when the profile has changed."""
        self._look_at = now + LOOK_AGAIN_US
        profile = profile_of(self._identity)
        if (
            self._plan_of is None
            or profile is self._profile
            or (self._poller is not None and profile.version == self._profile.version)
        ):
            return
        if self._order is None and self._outstanding is not None:
            self._give_up(now)
        self._profile = profile
        self._plan = plan = self._plan_of(self._identity, profile)
        self._questions = {question.request: question for question, _ in plan.questions}
        polls = [Poll(one.meter, one.request, period) for one, period in plan.questions]
        # What was asked before may still be answered; the line is not spoken into.
        begin = max(now, self._answered_by)
        self._poller = Poller(polls, self._identity, plan.limits, begin, self.counters)

    def _is_free(self, now: int) -> bool:
        """Whether nothing is waited for; a poll whose time is over is given up."""
        if self._outstanding is None:
            return True
        if self._order is None and self._poller is not None and self._poller.give_up(now):
            self._give_up(now)
            return True
        return False

    def _ask_order(self, now: int) -> bytes:
        order = self._order
        if order is None:
            order = self._order = self._orders.pop(0)
        question = order.questions.popleft()
        order.requests.append(question.request)
        self._begun_at = now
        if not question.is_answered:
            order.values[question.meter] = "sent; nobody answers this"
            self._go_on(order)
            return question.request
        self._outstanding = question
        self._deadline = self._answered_by = now + question.timeout_us
        return question.request

    def _ask_poll(self, now: int) -> bytes:
        poller = self._poller
        if poller is None:
            return b""
        given_up = self.counters.timed_out
        poll = poller.due(now)
        if self.counters.timed_out != given_up and self._outstanding is not None:
            self._give_up(now)
        if poll is None:
            return b""
        self._outstanding = self._questions[poll.request]
        self._answered_by = now + self._plan.limits.timeout_us
        return poll.request

    def _note(self, order: _Order, frame: bytes) -> None:
        order.heard += 1
        if len(order.frames) < MOST_FRAMES_KEPT:
            order.frames.append(frame)

    def _go_on(self, order: _Order) -> None:
        if not order.questions:
            self._finish(order)

    def _finish(self, order: _Order) -> None:
        self._order = None
        self._outcomes.append(order.outcome())

    def _give_up(self, now: int) -> None:
        if self._outstanding is not None:
            self._stale = [*self._stale[1 - MOST_STALE :], (self._outstanding, now)]
            self._outstanding = None

    def _is_late(self, frame: bytes, now: int) -> bool:
        self._forget(now)
        return any(other.hear(frame) is not None for other, _ in self._stale)

    def _is_taken_for_another(self, question: Question, now: int) -> bool:
        """Whether the late answer to something given up would look the same; it is awaited once."""
        self._forget(now)
        for place, (other, _) in enumerate(self._stale):
            if other.alike and other.alike == question.alike and other.request != question.request:
                del self._stale[place]
                return True
        return False

    def _forget(self, now: int) -> None:
        if self._stale and now - self._stale[0][1] > STALE_US:
            self._stale = [one for one in self._stale if now - one[1] <= STALE_US]


def _bounded(values: Any, room: int) -> dict[str, Any]:
    return dict(list(values.items())[: max(0, room)]) if values else {}
