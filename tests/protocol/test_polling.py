"""Meters on one line are asked in turn, and none for ever in vain."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattwarden.protocol.microseconds import MINUTE_US, SECOND_US
from wattwarden.protocol.polling import (
    Poll,
    Poller,
    PollLimits,
    entries_of,
    limits_of,
    number_of,
)

BEGIN = 1_795_316_400_000_000
LIMITS = PollLimits(timeout_us=2 * SECOND_US, retries=1)
ANSWER_US = SECOND_US // 5


def poll(meter: str, period_s: float = 60, item: bytes = b"") -> Poll:
    return Poll(meter, meter.encode() + item, round(period_s * SECOND_US))


@dataclass
class Line:
    """Meters that answer after a while, or never; and when each was asked."""

    poller: Poller
    dead: set[str] = field(default_factory=set)
    now: int = BEGIN
    asked: list[tuple[int, Poll]] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        until = self.now + round(seconds * SECOND_US)
        while self.now < until:
            one = self.poller.due(self.now)
            if one is not None:
                self.asked.append((self.now, one))
                assert self.poller.outstanding is one
                assert self.poller.due(self.now) is None, "two questions at once"
                if one.meter not in self.dead:
                    self.now += ANSWER_US
                    self.poller.answered(self.now)
                    continue
            deadline = self.poller.next_deadline()
            if deadline is None:
                return
            assert one is None or deadline > self.now
            self.now = min(until, max(deadline, self.now + 1))

    def times(self, meter: str) -> list[int]:
        return [at for at, one in self.asked if one.meter == meter]


def line(*polls: Poll, dead: set[str] | None = None, limits: PollLimits = LIMITS) -> Line:
    return Line(Poller(polls, "dtu", limits, BEGIN), dead or set())


@settings(max_examples=25, deadline=None)
@given(
    live=st.lists(st.integers(20, 300), min_size=1, max_size=6),
    dead=st.lists(st.integers(20, 300), max_size=6),
    items=st.integers(1, 3),
    retries=st.integers(0, 3),
)
def test_whoever_answers_is_asked_within_its_period_and_one_time_out_of_each_that_does_not(
    live: list[int], dead: list[int], items: int, retries: int
) -> None:
    polls = [
        poll(f"{kind}{number}", period_s, bytes([item]))
        for kind, periods in (("live", live), ("dead", dead))
        for number, period_s in enumerate(periods)
        for item in range(items)
    ]
    limits = PollLimits(timeout_us=2 * SECOND_US, retries=retries)
    site = line(*polls, dead={one.meter for one in polls if one.meter[0] == "d"}, limits=limits)
    site.run(3600)
    # The first question comes within the spread.
    slack = len(dead) * limits.timeout_us + 2 * len(live) * items * ANSWER_US
    for one in polls:
        if one.meter in site.dead:
            continue
        times = [at for at, asked in site.asked if asked is one]
        assert times[0] - BEGIN <= limits.first_within_us + slack
        gaps = [after - before for before, after in pairwise(times)]
        assert max(gaps) <= one.period_us + slack
    assert site.poller.counters.answered >= len(live) * items


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.text(max_size=8))
@settings(max_examples=10, deadline=None)
def test_the_same_line_is_asked_the_same(periods: list[int], seed: str) -> None:
    def asked() -> list[tuple[int, Poll]]:
        polls = [poll(str(number), period) for number, period in enumerate(periods)]
        site = Line(Poller(polls, seed, LIMITS, BEGIN), {"0"})
        site.run(600)
        return site.asked

    assert asked() == asked()


def test_lines_that_begin_together_do_not_ask_together() -> None:
    firsts: Counter[int] = Counter()
    later: Counter[int] = Counter()
    for number in range(200):
        site = Line(Poller([poll("1", 300)], f"dtu{number}", LIMITS, BEGIN))
        site.run(900)
        first, second, third = site.times("1")[:3]
        assert third - second == pytest.approx(300 * SECOND_US, abs=ANSWER_US)
        firsts[(first - BEGIN) // SECOND_US] += 1
        later[(second - BEGIN) // (30 * SECOND_US)] += 1
    assert max(firsts) < 5
    assert max(firsts.values()) < 80
    assert len(later) >= 10
    assert max(later.values()) < 60


def test_a_meter_is_asked_for_everything_in_one_turn() -> None:
    polls = [poll(meter, 60, bytes([item])) for item in range(3) for meter in "ab"]
    site = line(*polls)
    site.run(50)
    order = "".join(one.meter for _, one in site.asked[:6])
    assert order in ("aaabbb", "bbbaaa")


def test_what_is_due_again_within_its_own_turn_waits_for_the_others() -> None:
    site = line(poll("fast", 0.1), poll("slow", 1))
    site.run(60)
    assert len(site.times("slow")) >= 30


def test_a_dead_meter_is_tried_less_and_less_often() -> None:
    site = line(poll("gone", 30), dead={"gone"})
    site.run(4 * 3600)
    gaps = [round((b - a) / MINUTE_US) for a, b in pairwise(site.times("gone"))]
    assert gaps[:7] == [0, 1, 2, 4, 8, 15, 15]
    assert set(gaps[7:]) == {15}
    assert site.poller.counters.silenced == site.poller.counters.timed_out - 1


def test_a_meter_that_is_on_again_is_asked_as_before() -> None:
    site = line(poll("gone", 60), poll("here", 60), dead={"gone"})
    site.run(3600)
    site.dead.clear()
    before = len(site.times("gone"))
    site.run(3600)
    assert len(site.times("gone")) - before > 40


def test_one_lost_answer_costs_one_more_question() -> None:
    poller = Poller([poll("a", 60)], "dtu", LIMITS, BEGIN)
    at = poller.next_deadline()
    assert at is not None
    first = poller.due(at)
    at += LIMITS.timeout_us
    assert poller.due(at - 1) is None
    assert poller.due(at) is first
    poller.answered(at)
    counters = poller.counters
    assert (counters.asked, counters.timed_out, counters.answered) == (2, 1, 1)
    assert counters.silenced == 0


def test_an_item_that_is_never_answered_is_given_up_until_its_next_period() -> None:
    good, bad = poll("a", 60, b"good"), poll("a", 60, b"bad")
    poller = Poller([good, bad], "dtu", LIMITS, BEGIN)
    now = BEGIN
    asked: Counter[bytes] = Counter()
    while now < BEGIN + 600 * SECOND_US:
        one = poller.due(now)
        if one is not None:
            asked[one.request] += 1
            if one is good:
                poller.answered(now)
                continue
        now = max(poller.next_deadline() or now, now + 1)
    assert 9 <= asked[good.request] <= 22
    assert asked[bad.request] <= 2 * 11


def test_nothing_to_ask_has_no_deadline() -> None:
    poller = Poller([], "dtu", LIMITS, BEGIN)
    assert poller.next_deadline() is None
    assert poller.due(BEGIN) is None
    assert poller.outstanding is None


def test_what_nobody_asked_is_counted_and_answers_nothing() -> None:
    poller = Poller([poll("a")], "dtu", LIMITS, BEGIN)
    poller.unexpected()
    assert poller.counters.late == 1
    with pytest.raises(ValueError, match="nothing was asked"):
        poller.answered(BEGIN)


def test_missed_periods_are_not_caught_up() -> None:
    poller = Poller([poll("a", 10)], "dtu", LIMITS, BEGIN)
    late = BEGIN + 3600 * SECOND_US
    assert poller.due(late) is not None
    poller.answered(late)
    deadline = poller.next_deadline()
    assert deadline is not None
    assert late < deadline <= late + 10 * SECOND_US
    assert poller.due(late) is None


@pytest.mark.parametrize(
    ("options", "timeout_ms", "retries"),
    [
        pytest.param({}, 3000, 1, id="nothing said"),
        pytest.param({"timeout_ms": 1500, "retries": 3}, 1500, 3, id="both"),
        pytest.param({"timeout_ms": 100, "retries": 0}, 100, 0, id="the least"),
        pytest.param({"timeout_ms": 99, "retries": -1}, 100, 0, id="less than that"),
        pytest.param({"timeout_ms": 60_000, "retries": 10}, 60_000, 10, id="the most"),
        pytest.param({"timeout_ms": 60_001, "retries": 11}, 60_000, 10, id="more than that"),
        pytest.param({"timeout_ms": "soon", "retries": True}, 3000, 1, id="no numbers"),
        pytest.param({"timeout_ms": float("nan")}, 3000, 1, id="not a number"),
    ],
)
def test_how_long_is_waited_may_be_configured_within_bounds(
    options: dict[str, Any], timeout_ms: int, retries: int
) -> None:
    limits = limits_of(options)
    assert (limits.timeout_us, limits.retries) == (timeout_ms * 1000, retries)


def test_a_protocol_that_waits_longer_says_so_and_is_overruled() -> None:
    assert limits_of({}, 5000).timeout_us == 5 * SECOND_US
    assert limits_of({"timeout_ms": 200}, 5000).timeout_us == SECOND_US // 5


def test_options_that_are_not_what_they_should_be_are_left_out() -> None:
    assert entries_of({"meters": [{"slave": 1}, 2, {"slave": 3}]}, "meters") == [
        {"slave": 1}, {"slave": 3}
    ]  # fmt: skip
    assert entries_of({"meters": {"slave": 1}}, "meters") == []
    assert entries_of({}, "meters") == []
    assert [number_of(given, 1, 4, 2) for given in (0, 1, 4, 5, None, "3", False)] == [
        1, 1, 4, 4, 2, 2, 2,
    ]  # fmt: skip


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (1, 2), (3, 4)])
def test_an_item_is_asked_once_and_once_more_for_each_retry(retries: int, asked: int) -> None:
    good, bad = poll("a", 3600, b"good"), poll("b", 3600, b"bad")
    limits = PollLimits(timeout_us=SECOND_US, retries=retries, quiet_us=SECOND_US)
    site = line(good, bad, dead={"b"}, limits=limits)
    site.run(60)
    assert len(site.times("b")) == asked


def test_meters_that_are_always_due_have_turns_alike() -> None:
    site = line(*(poll(name, 0.1) for name in "abc"))
    site.run(60)
    times = [len(site.times(name)) for name in "abc"]
    assert max(times) - min(times) <= 1
    assert sum(times) > 200
