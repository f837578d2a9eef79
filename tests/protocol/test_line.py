"""The questions of one connection: polls and commands, one at a time, each with its answer."""

from functools import partial

import pytest

from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import DEFAULT_PROFILE, NOTHING_ASKED, Profile
from wattwarden.protocol.command import Answer, Ending, Question
from wattwarden.protocol.line import (
    LOOK_AGAIN_US,
    MOST_STREAM_US,
    MOST_VALUES,
    STALE_US,
    Line,
    Plan,
)
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.polling import PollLimits

NOW = 1_795_320_000 * SECOND_US
LIMITS = PollLimits(timeout_us=3 * SECOND_US, first_within_us=1)


def hear(name: bytes, frame: bytes) -> Answer | None:
    """Frames are ``name=text``; ``+`` says that more comes, ``!`` that it is refused."""
    mine, _, text = frame.partition(b"=")
    if mine != name:
        return None
    refused = Both("不", "no") if text.endswith(b"!") else None
    values = {f"{name.decode()}{text.decode()}": 1}
    return Answer(values, is_last=not text.endswith(b"+"), refused=refused)


def question(name: bytes, alike: bytes = b"", *, answered: bool = True) -> Question:
    return Question("m", b"?" + name, partial(hear, name), alike, 5 * SECOND_US, answered)


def polled(*names: bytes, alike: bytes = b"") -> Line:
    plan = Plan(tuple((question(name, alike), 60 * SECOND_US) for name in names), LIMITS)
    line = Line(lambda _identity, _profile: plan)
    line.begin("id", lambda _: Profile(version=1), NOW)
    return line


def test_nothing_is_asked_of_who_has_no_plan_and_no_command() -> None:
    line = Line()
    assert (line.due(NOW), line.next_deadline(), line.is_busy) == (b"", None, False)
    assert line.hear(b"a=1", NOW) is None
    assert line.counters.late == 0


def test_questions_of_a_command_go_out_one_after_another() -> None:
    line = Line()
    line.order(7, [question(b"a"), question(b"b")])
    assert (line.is_busy, line.due(NOW), line.due(NOW)) == (True, b"?a", b"")
    assert line.hear(b"b=0", NOW) is None
    assert line.hear(b"a=1", NOW) == b"?a"
    assert line.take_outcomes() == []
    assert line.due(NOW) == b"?b"
    assert line.hear(b"b=2", NOW) == b"?b"
    (outcome,) = line.take_outcomes()
    assert (outcome.number, outcome.ending, outcome.values) == (
        7, Ending.ANSWERED, {"a1": 1, "b2": 1},
    )  # fmt: skip
    assert (outcome.requests, outcome.frames) == ((b"?a", b"?b"), (b"a=1", b"b=2"))
    assert (line.is_busy, line.take_outcomes()) == (False, [])


def test_a_refusal_of_one_question_is_told_with_what_was_answered() -> None:
    line = Line()
    line.order(1, [question(b"a"), question(b"b")])
    line.due(NOW)
    line.hear(b"a=!", NOW)
    line.due(NOW)
    line.hear(b"b=2", NOW)
    (outcome,) = line.take_outcomes()
    assert (outcome.ending, outcome.message) == (Ending.REFUSED, ("不", "no"))
    assert "b2" in outcome.values


def test_silence_ends_the_command_and_its_late_answer_is_none() -> None:
    line = Line()
    line.order(1, [question(b"a"), question(b"b")])
    line.due(NOW)
    assert line.next_deadline() == NOW + 5 * SECOND_US
    assert line.due(NOW + 5 * SECOND_US) == b""
    (outcome,) = line.take_outcomes()
    assert (outcome.ending, outcome.message) == (
        Ending.SILENT, ("5 秒内无应答", "no answer within 5 s")
    )  # fmt: skip
    assert outcome.requests == (b"?a",)
    assert line.hear(b"a=1", NOW + 6 * SECOND_US) is None
    assert line.counters.late == 1


def test_what_nobody_answers_is_done_when_it_is_sent() -> None:
    line = Line()
    line.order(1, [question(b"a", answered=False), question(b"b")])
    assert line.due(NOW) == b"?a"
    assert line.due(NOW) == b"?b"
    line.hear(b"b=2", NOW)
    assert line.take_outcomes()[0].ending is Ending.ANSWERED


def test_a_stream_lasts_as_long_as_it_flows_and_not_for_ever() -> None:
    line = Line()
    line.order(1, [question(b"a")])
    line.due(NOW)
    now = NOW
    while line.is_busy:
        now += 4 * SECOND_US
        assert now - NOW <= MOST_STREAM_US + 9 * SECOND_US
        line.hear(b"a=%d+" % now, now)
        line.due(now)
    (outcome,) = line.take_outcomes()
    assert outcome.ending is Ending.SILENT
    assert outcome.heard > 100
    assert len(outcome.frames) == 16


def test_a_poll_and_a_command_never_speak_at_once() -> None:
    line = polled(b"p")
    assert line.due(NOW + 1) == b"?p"
    line.order(1, [question(b"a")])
    assert line.due(NOW + 2) == b""
    assert line.hear(b"p=1", NOW + 3) == b"?p"
    assert line.due(NOW + 4) == b"?a"
    later = NOW + 61 * SECOND_US
    line.hear(b"a=1", NOW + 5)
    assert line.due(later) == b"?p"
    assert (line.counters.asked, line.counters.answered) == (2, 1)


def test_a_poll_that_stays_silent_gives_way_to_a_command() -> None:
    line = polled(b"p")
    line.due(NOW + 1)
    line.order(1, [question(b"a")])
    assert line.due(NOW + 1 + LIMITS.timeout_us) == b"?a"
    assert line.counters.timed_out == 1


@pytest.mark.parametrize(
    ("alike", "after_us", "heard"),
    [
        pytest.param(b"", 0, b"?a", id="told apart"),
        pytest.param(b"x", 0, None, id="alike"),
        pytest.param(b"x", STALE_US + SECOND_US, b"?a", id="alike, long ago"),
    ],
)
def test_an_answer_that_may_be_anothers_is_nobodys(
    alike: bytes, after_us: int, heard: bytes | None
) -> None:
    line = Line()
    line.order(1, [question(b"z", alike)])
    line.due(NOW)
    given_up = NOW + 5 * SECOND_US
    line.due(given_up)
    line.order(2, [question(b"a", alike)])
    line.due(given_up + after_us)
    assert line.hear(b"a=1", given_up + after_us) == heard
    assert line.counters.late == (heard is None)
    # It is awaited once.
    if heard is None:
        assert line.hear(b"a=1", given_up + after_us) == b"?a"


def test_a_changed_profile_is_noticed_within_a_minute() -> None:
    profiles = [DEFAULT_PROFILE]
    line = Line(
        lambda _identity, profile: Plan(((question(b"v%d" % profile.version), SECOND_US),), LIMITS)
    )
    line.begin("id", lambda _: profiles[0], NOW)
    assert line.due(NOW + 1) == b""
    profiles[0] = Profile(version=3)
    assert line.due(NOW + LOOK_AGAIN_US) == b"?v3"
    # An outstanding poll of the old plan is not answered by the new one's.
    profiles[0] = Profile(version=4)
    assert line.due(NOW + 2 * LOOK_AGAIN_US) == b"?v4"
    assert line.hear(b"v3=1", NOW + 2 * LOOK_AGAIN_US) is None


def test_an_answer_counts_until_the_very_end_of_its_time() -> None:
    line = Line()
    line.order(1, [question(b"a")])
    line.due(NOW)
    assert line.due(NOW + 5 * SECOND_US - 1) == b""
    assert line.is_busy
    assert line.hear(b"a=1", NOW + 5 * SECOND_US - 1) == b"?a"
    assert line.take_outcomes()[0].ending is Ending.ANSWERED


def test_each_frame_of_a_stream_gives_the_next_as_long_and_all_have_a_limit() -> None:
    line = Line()
    line.order(1, [question(b"a")])
    line.due(NOW)
    line.hear(b"a=1+", NOW + 2 * SECOND_US)
    assert line.next_deadline() == NOW + 7 * SECOND_US
    line.hear(b"a=2+", NOW + MOST_STREAM_US - SECOND_US)
    assert line.next_deadline() == NOW + MOST_STREAM_US
    assert line.due(NOW + MOST_STREAM_US) == b""
    assert not line.is_busy


def test_no_more_values_are_kept_of_an_answer_than_are_shown() -> None:
    wide = {f"v{number}": number for number in range(MOST_VALUES - 1)}
    last = {"w0": 0, "w1": 1}
    line = Line()
    answers = {b"1": Answer(wide, is_last=False), b"2": Answer(last)}
    line.order(1, [Question("m", b"?", answers.get)])
    line.due(NOW)
    line.hear(b"1", NOW)
    line.hear(b"2", NOW)
    assert line.take_outcomes()[0].values == wide | {"w0": 0}


def test_frames_that_answer_are_told_with_their_requests_by_their_places() -> None:
    line = Line()
    line.order(1, [question(b"a")])
    line.due(NOW)
    assert line.hear_all([b"x=1", b"a=1+", b"a=2"], NOW) == {1: b"?a", 2: b"?a"}
    assert line.hear_all([b"x=1"], NOW) is NOTHING_ASKED


@pytest.mark.parametrize(("after_us", "late"), [(STALE_US, 1), (STALE_US + 1, 0)])
def test_what_was_given_up_may_be_answered_late_for_a_minute(after_us: int, late: int) -> None:
    line = Line()
    line.order(1, [question(b"a")])
    line.due(NOW)
    given_up = NOW + 5 * SECOND_US
    line.due(given_up)
    assert line.hear(b"a=1", given_up + after_us) is None
    assert line.counters.late == late


def test_a_line_that_changes_hands_gives_up_what_the_other_was_asked() -> None:
    line = polled(b"p")
    assert line.due(NOW + 1) == b"?p"
    line.begin("id", lambda _: Profile(version=9), NOW + 2)
    assert line.hear(b"p=1", NOW + 2) == b"?p"
    line.due(NOW + 61 * SECOND_US)
    line.begin("other", lambda _: Profile(version=1), NOW + 62 * SECOND_US)
    assert line.hear(b"p=1", NOW + 62 * SECOND_US) is None
    assert line.counters.late == 1
    # The new one is not asked into the time in which the other may still answer.
    assert line.due(NOW + 62 * SECOND_US) == b""
    assert line.due(NOW + 64 * SECOND_US + 1) == b"?p"


def test_what_nobody_answers_is_told_as_sent() -> None:
    line = Line()
    line.order(1, [question(b"a", answered=False)])
    assert (line.due(NOW), line.is_busy) == (b"?a", False)
    (outcome,) = line.take_outcomes()
    assert (outcome.values, outcome.heard) == ({"m": "sent; nobody answers this"}, 0)


def test_a_profile_that_did_not_change_is_planned_by_once() -> None:
    planned = []

    def plan_of(_identity: str, profile: Profile) -> Plan:
        planned.append(profile.version)
        return Plan(((question(b"p"), 60 * SECOND_US),), LIMITS)

    line = Line(plan_of)
    line.begin("id", lambda _: Profile(version=1), NOW)
    for minute in range(1, 4):
        line.due(NOW + minute * LOOK_AGAIN_US)
    assert planned == [1]
