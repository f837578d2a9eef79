"""Declarations: what may be made of them, by whom, and when they are over."""

from datetime import timedelta
from typing import Any

import pytest
from tests.alarms.cases.made import GRADING, after, declared, episode

from wattwarden.alarms.cases.declaring import (
    Before,
    Declaring,
    against_declaring,
    ended,
    explained,
    is_late,
    is_long,
)
from wattwarden.alarms.cases.fold import Origin, fold_case
from wattwarden.alarms.decisions.bodies import Declaration, Repeat, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.nouns import Role, Supervision
from wattwarden.alarms.registry.problems import RefusedError

DAY = 1440
OFFICER, FIRM, LEADER = Role.DISTRICT_OFFICER, Role.DUTY, Role.LEADER
WEEKLY: dict[str, Any] = {"repeats": Repeat.WEEKLY, "until": after(30 * DAY)}


def body(state: Review = Review.PENDING, **more: Any) -> Declaration:
    """From an hour before the alarm to ten hours after it."""
    made = declared(0, state, **more).body
    assert isinstance(made, Declaration)
    return made


def fields(
    before: Declaration | None, said: Declaration, role: Role | None = OFFICER, now: float = 60
) -> list[str]:
    standing = None if before is None else Before(before, "王建国", after(5))
    terms = Declaring(standing, role, after(now), GRADING)
    return [one.field for one in against_declaring(said, terms)]


PENDING, APPROVED = body(), body(Review.APPROVED)
REJECTED = body(Review.REJECTED, opinion="无据")
WITHDRAWN = body(Review.WITHDRAWN, ended="误报")
REVOKED = body(Review.REVOKED, opinion="不实")
SHORTER = body(Review.APPROVED, end=after(60), ended="提前开机")
LONG: dict[str, Any] = {"end": after(-60) + timedelta(days=30, seconds=1)}


@pytest.mark.parametrize(
    ("before", "said", "role", "now", "against"),
    [
        pytest.param(None, PENDING, FIRM, 0, [], id="made"),
        pytest.param(None, APPROVED, OFFICER, 0, ["id"], id="nothing-to-approve"),
        pytest.param(None, WITHDRAWN, FIRM, 0, ["id"], id="nothing-to-withdraw"),
        pytest.param(PENDING, body(end=after(900)), FIRM, 0, [], id="corrected"),
        pytest.param(PENDING, body(subject="U1"), FIRM, 0, ["subject"], id="another-subject"),
        pytest.param(PENDING, APPROVED, OFFICER, 0, [], id="approved"),
        pytest.param(PENDING, APPROVED, FIRM, 0, ["state"], id="approved-by-itself"),
        pytest.param(PENDING, APPROVED, None, 0, ["state"], id="approved-by-nobody"),
        pytest.param(
            PENDING, body(Review.APPROVED, end=after(9)), OFFICER, 0, ["state"], id="changed"
        ),
        pytest.param(PENDING, REJECTED, OFFICER, 0, [], id="rejected"),
        pytest.param(PENDING, WITHDRAWN, FIRM, 60, [], id="withdrawn"),
        pytest.param(PENDING, REVOKED, OFFICER, 0, ["state"], id="nothing-to-revoke"),
        pytest.param(
            body(**LONG), body(Review.APPROVED, **LONG), OFFICER, 0, ["state"], id="too-long"
        ),
        pytest.param(body(**LONG), body(Review.APPROVED, **LONG), LEADER, 0, [], id="by-a-leader"),
        pytest.param(APPROVED, SHORTER, FIRM, 60, [], id="ended"),
        pytest.param(SHORTER, APPROVED, OFFICER, 60, ["state"], id="not-ended-after-all"),
        pytest.param(
            SHORTER, body(Review.APPROVED, end=after(61), ended="x"), FIRM, 60, ["end"], id="longer"
        ),
        pytest.param(APPROVED, PENDING, FIRM, 0, ["state"], id="not-made-again"),
        pytest.param(APPROVED, REJECTED, OFFICER, 0, ["state"], id="not-reviewed-again"),
        pytest.param(APPROVED, REVOKED, OFFICER, 60, [], id="revoked"),
        pytest.param(
            SHORTER, body(Review.REVOKED, opinion="x"), OFFICER, 60, ["state"], id="other"
        ),
        pytest.param(APPROVED, WITHDRAWN, FIRM, 60, ["state"], id="begun"),
        pytest.param(APPROVED, WITHDRAWN, FIRM, -61, [], id="not-begun"),
        pytest.param(REJECTED, APPROVED, OFFICER, 0, ["state"], id="rejected-is-over"),
        pytest.param(REVOKED, APPROVED, OFFICER, 0, ["state"], id="revoked-is-over"),
        pytest.param(WITHDRAWN, PENDING, FIRM, 0, ["state"], id="withdrawn-is-over"),
    ],
)
def test_a_declaration_is_reviewed_once_and_then_only_ends_sooner(
    before: Declaration | None,
    said: Declaration,
    role: Role | None,
    now: float,
    against: list[str],
) -> None:
    assert fields(before, said, role, now) == against


@pytest.mark.parametrize(
    ("of", "at", "expected"),
    [
        (APPROVED, 60, {"end": after(60)}),
        (APPROVED, 9999, {}),
        (APPROVED, -60, {"state": Review.WITHDRAWN}),
        (body(**WEEKLY), 60, {"end": after(60), "until": after(60)}),
        (body(**WEEKLY), 7 * DAY, {"until": after(7 * DAY)}),
    ],
    ids=["once", "later-than-its-end", "before-it-began", "in-the-first-week", "in-the-second"],
)
def test_what_ends_sooner_is_over_at_that_moment(
    of: Declaration, at: float, expected: dict[str, Any]
) -> None:
    found = ended(of, after(at), "提前开机")
    check_body(found)
    values = {name: getattr(of, name) for name in ("end", "until", "state")} | expected
    assert {name: getattr(found, name) for name in values} == values
    assert found.ended == "提前开机"


@pytest.mark.parametrize(
    ("before", "said", "words"),
    [
        pytest.param(APPROVED, REJECTED, "审核", id="approved"),
        pytest.param(REJECTED, APPROVED, "审核", id="rejected"),
        pytest.param(WITHDRAWN, PENDING, "撤销", id="withdrawn"),
        pytest.param(REVOKED, APPROVED, "撤销", id="revoked"),
        pytest.param(PENDING, REVOKED, "提交,尚未审核", id="made"),
    ],
)
def test_it_is_told_what_was_done_with_a_declaration_before(
    before: Declaration, said: Declaration, words: str
) -> None:
    terms = Declaring(Before(before, "王建国", after(5)), OFFICER, after(60), GRADING)
    (problem,) = against_declaring(said, terms)
    assert problem.zh.startswith("申报DC1已由王建国于")
    assert problem.zh.endswith(words)


def test_a_repeated_declaration_ends_for_good() -> None:
    of = body(Review.APPROVED, **WEEKLY)
    assert fields(of, ended(of, after(7 * DAY), "x"), FIRM) == []
    assert fields(of, ended(of, after(31 * DAY), "x"), FIRM) == ["end"]


def test_how_long_and_how_late_a_declaration_is() -> None:
    assert not is_long(body(end=after(-60) + timedelta(days=30)), GRADING)
    assert is_long(body(**LONG), GRADING)
    assert is_long(body(repeats=Repeat.DAILY, until=after(30 * DAY)), GRADING)
    assert not is_late(PENDING, after(-50), GRADING)
    assert is_late(PENDING, after(-49), GRADING)


@pytest.mark.parametrize("state", [Review.WITHDRAWN, Review.REVOKED])
def test_who_withdraws_or_revokes_says_why(state: Review) -> None:
    with pytest.raises(RefusedError, match="says why"):
        check_body(body(state))


def test_it_takes_different_rights_to_declare_to_review_and_to_end() -> None:
    rights = [one.right() for one in (PENDING, APPROVED, REVOKED, SHORTER, WITHDRAWN)]
    assert rights == [
        "declaration", "declaration.review", "declaration.review", "declaration.end",
        "declaration.end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({}, (Scope.UNIT, "U2")),
        ({"subject": "line:L1"}, (Scope.LINE, "L1")),
        ({"subject": "enterprise:E1", "line": ""}, (Scope.ENTERPRISE, "E1")),
    ],
    ids=["a unit", "a line", "the firm"],
)
def test_what_explains_an_alarm_is_about_the_narrowest_that_it_names(
    more: dict[str, Any], about: tuple[Scope, str]
) -> None:
    case = fold_case(Origin(episode(**more), Supervision.ORDINARY), [], GRADING, after(1))
    assert explained(case) == about
