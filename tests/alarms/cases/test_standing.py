"""What stands against an action beyond the table: proof, deadlines, files, declarations."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.alarms.cases.made import (
    FILE,
    GRADING,
    NEEDED,
    action,
    after,
    case,
    declared,
    did,
    episode,
)

from wattwarden.alarms.cases.bodies import PlanStep, Verb
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.fold import Said
from wattwarden.alarms.cases.standing import About, File, Terms, against, older
from wattwarden.alarms.decisions.bodies import Declaration, Repeat, Review
from wattwarden.alarms.decisions.body import Scope

ACKED = [did(1, Verb.ACK)]
HANDLED = [*ACKED, did(2, Verb.HANDLE)]
RECTIFIED = [*HANDLED, did(3, Verb.RECTIFY)]
DAY = 1440
GOOD = File(FILE, after(2))


ABOUT = About(frozenset({"L1"}), frozenset({"U2"}), frozenset({"U1"}))


def told(
    found: Case,
    verb: Verb,
    *,
    now: float = 60,
    files: Sequence[File] = (GOOD,),
    declaration: Declaration | None = None,
    actor: str = "P2",
    **more: Any,
) -> list[str]:
    """The fields that something stands against."""
    officer = "P1".__eq__
    terms = Terms(GRADING, after(now), actor, files, declaration, str, officer, ABOUT)
    return [problem.field for problem in against(found, action(verb, **more), terms)]


@pytest.mark.parametrize(
    ("ended", "now", "fields"),
    [(None, 60, ["verb"]), (51, 60, ["verb"]), (50, 60, [])],
    ids=["stands", "may-return", "gone"],
)
@pytest.mark.parametrize("verb", [Verb.VERIFY, Verb.CLOSE])
def test_nothing_is_verified_or_closed_before_the_condition_is_gone_for_good(
    verb: Verb, ended: float | None, now: float, fields: list[str]
) -> None:
    verified = [*RECTIFIED, did(59, Verb.VERIFY, "P1")] if verb is Verb.CLOSE else RECTIFIED
    assert told(case(verified, of=episode(ended=ended), now=now), verb, now=now) == fields


@pytest.mark.parametrize(
    ("grade", "fields"), [(grade, ["evidence"] if grade in "ABC" else []) for grade in "ABCDEF"]
)
def test_what_was_rectified_is_shown_by_a_file_where_the_class_asks_for_it(
    grade: str, fields: list[str]
) -> None:
    found = case(HANDLED, of=episode(grade))
    assert told(found, Verb.RECTIFY, evidence=()) == fields
    assert told(found, Verb.RECTIFY) == []


def test_a_file_given_when_the_case_was_handled_is_proof_enough() -> None:
    found = case([*ACKED, did(2, Verb.HANDLE, evidence=(FILE,))])
    assert told(found, Verb.RECTIFY, evidence=()) == []


@pytest.mark.parametrize(
    ("received", "taken", "is_older"),
    [
        (1, None, False),
        (1, 0, False),
        (1, -1, True),
        (-1, None, True),
        (-1, 5, True),
        (0, None, False),
    ],
    ids=["new", "taken-then", "taken-before", "came-before", "came-before-a-lie", "came-then"],
)
def test_what_is_older_than_the_alarm_proves_nothing(
    received: float,
    taken: float | None,
    is_older: bool,  # noqa: FBT001  a column
) -> None:
    file = File(FILE, after(received), None if taken is None else after(taken))
    found = case(HANDLED)
    assert older(found, file) is is_older
    assert told(found, Verb.RECTIFY, files=[file]) == (["evidence"] if is_older else [])


def test_a_file_that_never_came_proves_nothing() -> None:
    assert told(case(HANDLED), Verb.RECTIFY, files=[]) == ["evidence"]


@pytest.mark.parametrize(
    ("deadline", "by", "fields"),
    [
        (after(61), after(61), []),
        (after(60), after(60), ["deadline"]),
        (after(60 + 30 * 1440), after(61), []),
        (after(60 + 30 * 1440 + 1), after(61), ["deadline"]),
        (after(100), after(101), ["steps"]),
    ],
    ids=["soon", "past", "a-month", "too-far", "step-too-late"],
)
def test_a_plan_s_deadline_is_to_come_and_not_too_far(
    deadline: datetime, by: datetime, fields: list[str]
) -> None:
    steps = (PlanStep(what="换皮带", by=by),)
    found = told(case(ACKED), Verb.PLAN, actor="P1", deadline=deadline, steps=steps)
    assert found == fields


def test_an_alarm_of_longer_than_a_month_gets_a_plan_from_an_officer_and_then_from_the_firm() -> (
    None
):
    now, soon, late = 40 * DAY, after(50 * DAY), after(70 * DAY + 1)
    old = case(HANDLED, now=now)
    assert told(old, Verb.PLAN, now=now, deadline=soon, steps=()) == ["deadline"]
    assert told(old, Verb.PLAN, actor="P1", now=now, deadline=soon, steps=()) == []
    assert told(old, Verb.PLAN, actor="P1", now=now, deadline=late, steps=()) == ["deadline"]
    given = did(now, Verb.PLAN, "P1", deadline=soon)
    later = case([*HANDLED, given], now=now + 1)
    assert told(later, Verb.PLAN, now=now + 1, deadline=soon, steps=()) == []


# What was said about the deadline before, and up to when the firm may then set it by itself.
EARLIER: dict[str, tuple[list[Said], float]] = {
    "nothing": ([], DAY),
    "an-officer-granted": ([did(4, Verb.PLAN, "P1", deadline=after(9 * DAY))], 9 * DAY),
    "an-officer-granted-more": (
        [did(4 + days, Verb.PLAN, "P1", deadline=after(days * DAY)) for days in (3, 9)], 9 * DAY,
    ),
    "an-officer-insisted": ([did(4, Verb.PLAN, "P1", deadline=after(300))], 300),
    "sent-back-until": (
        [did(4, Verb.RECTIFY), did(5, Verb.REJECT, "P1", deadline=after(400))], 400,
    ),
    "the-firm-was-quicker": ([did(4, Verb.PLAN, deadline=after(300))], DAY),
    "the-last-word-counts": (
        [did(4, Verb.PLAN, "P1", deadline=after(300)), did(5, Verb.PLAN, deadline=after(200))], 300,
    ),
}  # fmt: skip


@pytest.mark.parametrize("before", EARLIER)
@pytest.mark.parametrize("verb", [Verb.HANDLE, Verb.PLAN])
def test_a_firm_may_be_sooner_and_only_an_officer_grants_more_time(before: str, verb: Verb) -> None:
    said, upto = EARLIER[before]
    found = case([*HANDLED, *said])
    steps = {"steps": NEEDED[Verb.PLAN]["steps"][:0]} if verb is Verb.PLAN else {}
    assert told(found, verb, deadline=after(upto), **steps) == []
    assert told(found, verb, deadline=after(upto - 60), **steps) == []
    assert told(found, verb, deadline=after(upto + 1), **steps) == ["deadline"]
    assert told(found, verb, actor="P1", deadline=after(upto + 1), **steps) == []


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({}, []),
        ({"state": Review.APPROVED}, []),
        ({"state": Review.REJECTED}, ["declaration"]),
        ({"state": Review.WITHDRAWN, "ended": "提前开机"}, ["declaration"]),
        ({"state": Review.REVOKED, "opinion": "不实"}, ["declaration"]),
        ({"start": after(90)}, ["declaration"]),
        ({"end": after(-6)}, ["declaration"]),
        ({"end": after(10)}, []),
        ({"state": Review.APPROVED, "end": after(10)}, ["declaration"]),
        ({"state": Review.APPROVED, "end": after(55)}, []),
        ({"state": Review.APPROVED, "start": after(3)}, []),
        ({"state": Review.APPROVED, "start": after(30)}, ["declaration"]),
        ({"subject": "U9"}, ["declaration"]),
        ({"subject": "U1"}, []),
        ({"subject": "U1", "state": Review.APPROVED}, ["declaration"]),
        ({"scope": Scope.LINE, "subject": "L1"}, []),
        ({"scope": Scope.LINE, "subject": "L2"}, ["declaration"]),
        ({"scope": Scope.ENTERPRISE, "subject": "E1"}, []),
    ],
    ids=[
        "pending", "approved", "rejected", "withdrawn", "revoked", "begins-later", "was-over",
        "a-part-that-is-reviewed", "a-part-that-nobody-looks-at", "all-but-minutes-at-the-end",
        "all-but-minutes-at-the-begin", "only-later", "another-unit", "beside-it-and-reviewed",
        "beside-it", "its-line", "another-line", "the-firm",
    ],
)  # fmt: skip
def test_a_declaration_explains_alarms_of_its_own_time(
    more: dict[str, Any], fields: list[str]
) -> None:
    body = declared(1, **more).body
    assert isinstance(body, Declaration)
    assert told(case(), Verb.DECLARE, declaration=body) == fields


def test_a_declaration_that_comes_again_explains_until_its_last_day() -> None:
    for begins, fields in ((-1500, []), (-2000, ["declaration"])):
        # A day later each: around the alarm, or hours before and after it.
        hours: dict[str, Any] = {"start": after(begins), "end": after(begins + 100)}
        again: dict[str, Any] = {"repeats": Repeat.DAILY, "until": after(0) + timedelta(days=9)}
        body = declared(1, **hours, **again).body
        assert isinstance(body, Declaration)
        assert told(case(), Verb.DECLARE, declaration=body) == fields


def test_days_that_join_explain_what_lasts_from_one_into_the_next() -> None:
    whole = {"start": after(-1440), "end": after(30), "until": after(9 * 1440)}
    joined: dict[str, Any] = {**whole, "start": after(30 - 1440), "repeats": Repeat.DAILY}
    body = declared(1, state=Review.APPROVED, **joined).body
    assert isinstance(body, Declaration)
    assert told(case(), Verb.DECLARE, declaration=body) == []
