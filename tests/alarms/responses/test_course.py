"""A response's transitions, taken and refused, and what its bodies may not say."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from wattwarden.alarms.decisions.bodies import Cycle, Measure, WarningLevel
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.responses.bodies import (
    Calendar,
    Curb,
    Preset,
    Response,
    ResponseStep,
    ResponseVerb,
    Span,
)
from wattwarden.alarms.responses.course import (
    TRANSITIONS,
    Course,
    Deed,
    ResponseState,
    course_of,
    refused_step,
)

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHANGE, CLOSE = ResponseVerb.CHANGE, ResponseVerb.CLOSE


def step(verb: ResponseVerb, **changes: object) -> ResponseStep:
    return ResponseStep(id="RS1", response="RE1", verb=verb, **changes)  # type: ignore[arg-type]  # any field of it


def issued(*steps: tuple[float, ResponseStep]) -> Course:
    body = Response(id="RE1", level=WarningLevel.ORANGE, start=NOW + 2 * HOUR, end=NOW + 48 * HOUR)
    deeds = [Deed(NOW + hours * HOUR, "P2", one) for hours, one in steps]
    return course_of(body, NOW, "P1", deeds)


COURSES = {
    ResponseState.ISSUED: (issued(), NOW + HOUR),
    ResponseState.OVER: (issued(), NOW + 48 * HOUR),
    ResponseState.CLOSED: (issued((1, step(CLOSE))), NOW + 2 * HOUR),
}
STEPS = {CHANGE: step(CHANGE, end=NOW + 96 * HOUR), CLOSE: step(CLOSE)}


@pytest.mark.parametrize(("state", "verb"), list(product(ResponseState, ResponseVerb)), ids=str)
def test_every_transition_is_taken_or_refused(state: ResponseState, verb: ResponseVerb) -> None:
    course, now = COURSES[state]
    assert course.state(now) is state
    problem = refused_step(course, STEPS[verb], now)
    assert (problem is None) == ((state, verb) in TRANSITIONS)


def test_who_closed_it_is_told_in_both_languages() -> None:
    course, now = COURSES[ResponseState.CLOSED]
    problem = refused_step(course, STEPS[CLOSE], now)
    assert problem is not None
    assert (problem.zh, problem.en) == (
        "应急响应已解除(2026-11-22 12:00,由P2办理)",
        "response RE1 is closed since 2026-11-22 12:00, by P2",
    )


@pytest.mark.parametrize(
    ("changes", "at_h", "field"),
    [
        ({"end": NOW + 3 * HOUR}, 4, "end"),
        ({"end": NOW + 2 * HOUR}, 1, "end"),
        ({"start": NOW + 5 * HOUR}, 3, "start"),
        ({"start": NOW + 49 * HOUR}, 1, "end"),
    ],
    ids=["an end that was", "no time between", "a start after it began", "a start after its end"],
)
def test_a_change_that_makes_no_sense_is_refused(
    changes: dict[str, datetime], at_h: float, field: str
) -> None:
    problem = refused_step(issued(), step(CHANGE, **changes), NOW + at_h * HOUR)
    assert problem is not None
    assert problem.field == field


def test_a_course_is_the_fold_of_its_steps() -> None:
    course = issued(
        (1, step(CHANGE, level=WarningLevel.RED, regions=("R1",))),
        (3, step(CHANGE, end=NOW + 60 * HOUR)),
        (5, step(CLOSE)),
    )
    assert (course.level, course.regions, course.end) == (
        WarningLevel.RED, ("R1",), NOW + 60 * HOUR,
    )  # fmt: skip
    assert (course.closed_at, course.ended) == (NOW + 5 * HOUR, NOW + 5 * HOUR)
    assert issued().ended == NOW + 48 * HOUR


STOP = Curb(scope=Scope.UNIT, subject="U1", measure=Measure.STOP)
SPAN = Span(start=NOW, end=NOW + HOUR)


def calendar(**changes: object) -> Calendar:
    fields = {"id": "CA1", "name": "c", "spans": (SPAN,), "measure": Measure.STOP, "industry": "x"}
    return Calendar(**(fields | changes))  # type: ignore[arg-type]  # any field of it


def preset(*curbs: Curb) -> Preset:
    return Preset(id="PS1", enterprise="E1", level=WarningLevel.RED, curbs=curbs)


def curb(**changes: object) -> Curb:
    fields = {"scope": Scope.UNIT, "subject": "U1", "measure": Measure.STOP}
    return Curb(**(fields | changes))  # type: ignore[arg-type]  # any field of it


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (preset(), "curbs"),
        (preset(STOP, STOP), "curbs"),
        (preset(curb(measure=Measure.LIMIT)), "reduction"),
        (preset(curb(reduction=0.2)), "reduction"),
        (preset(curb(cycle=Cycle.DAILY)), "from_hour"),
        (preset(curb(from_hour="22:00")), "from_hour"),
        (Response(id="RE1", level=WarningLevel.RED, start=NOW, end=NOW), "end"),
        (step(CHANGE), "verb"),
        (step(CLOSE, end=NOW), "verb"),
        (calendar(industry=""), "industry"),
        (calendar(scope=Scope.LINE, subject="L1"), "industry"),
        (calendar(industry="", scope=Scope.LINE), "subject"),
        (calendar(subject="L1"), "subject"),
        (calendar(spans=(Span(start=NOW, end=NOW),)), "spans"),
        (calendar(spans=(SPAN, Span(start=NOW, end=NOW + 2 * HOUR))), "spans"),
        (calendar(spans=()), ""),
        (calendar(measure=Measure.LIMIT), "reduction"),
    ],
    ids=[
        "a preset of nothing", "one subject twice", "a limit of nothing", "a stop with a share",
        "daily without hours", "hours that are not daily", "no time", "nothing changed",
        "a closing that changes", "nobody's", "of two", "a scope alone", "a subject alone",
        "an empty span", "spans overlap", "no spans", "a limited calendar of nothing",
    ],
)  # fmt: skip
def test_a_body_that_contradicts_itself_is_refused(body: Body, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_body(body)
    assert field in {problem.field for problem in refused.value.problems}


NIGHTS = curb(subject="U2", cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00")


@pytest.mark.parametrize(
    "body",
    [
        preset(STOP),
        preset(STOP, NIGHTS),
        step(CLOSE),
        step(CHANGE, regions=()),
        calendar(),
        calendar(industry="", scope=Scope.LINE, subject="L1"),
    ],
    ids=["stop", "at night", "closing", "to the whole city", "industry", "line"],
)
def test_a_body_that_holds_together_is_taken(body: Body) -> None:
    check_body(body)
