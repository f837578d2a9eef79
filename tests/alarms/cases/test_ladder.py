"""The ladder: who is told at which minute, by a clock that only the test moves."""

import pytest
from tests.alarms.cases.made import GRADING, after, case, declared, did, episode

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.cases.fold import Said
from wattwarden.alarms.cases.grading import Task
from wattwarden.alarms.cases.ladder import Why, notices
from wattwarden.alarms.decisions.bodies import Review
from wattwarden.alarms.registry.nouns import Role, Supervision

DAY = 1440
LONG = 10 * DAY


def minutes_of(found: Case, *whys: Why) -> list[tuple[float, int]]:
    """Minutes since the raise and level of each notice of some kinds."""
    return [
        ((one.at - found.raised).total_seconds() / 60, int(one.level))
        for one in notices(found, GRADING)
        if one.why in whys
    ]


@pytest.mark.parametrize(
    ("grade", "rungs"),
    [
        ("A", [(0, 2), (30, 3), (120, 4), (DAY, 4)]),
        ("B", [(0, 1), (30, 2), (120, 3), (DAY, 4)]),
        ("C", [(0, 3), (30, 4)]),
        ("D", [(0, 1), (30, 1), (120, 2), (DAY, 3)]),
        ("E", [(0, 1), (3 * DAY, 2)]),
        ("F", [(0, 1)]),
    ],
)
def test_each_rung_falls_due_at_its_minute(grade: str, rungs: list[tuple[float, int]]) -> None:
    found = case(of=episode(grade), now=LONG)
    told = minutes_of(found, Why.RAISED, Why.LASTS)
    # The deadline of a class A alarm is its last rung, one level up and at the top already.
    assert told == rungs


@pytest.mark.parametrize(
    ("ended", "rungs"),
    [(26, 1), (27, 1), (28, 2), (117, 2), (118, 3), (None, 4)],
    ids=["sure-before", "sure-then", "sure-after", "sure-at-two-hours", "just-after", "never"],
)
def test_a_rung_falls_due_only_while_the_condition_stands_for_all_that_is_sure(
    ended: float | None, rungs: int
) -> None:
    found = case(of=episode("A", ended), now=LONG)
    told = minutes_of(found, Why.RAISED, Why.LASTS)
    assert len(told) == rungs
    assert found.level == min(4, told[-1][1] + 1)


def test_tasks_go_with_the_rungs() -> None:
    found = notices(case(of=episode("A"), now=LONG), GRADING)
    assert [(one.at, one.task) for one in found if one.task is not Task.NONE] == [
        (after(120), Task.CANDIDATE),
        (after(DAY), Task.CREATE),
    ]


def test_unseen_it_is_told_each_half_hour_and_seen_each_four() -> None:
    unseen = case(of=episode("B"), now=LONG)
    assert [at for at, _ in minutes_of(unseen, Why.REPEATS)][:4] == [60, 90, 150, 180]
    seen = case([did(40, Verb.ACK)], of=episode("B"), now=LONG)
    assert [at for at, _ in minutes_of(seen, Why.REPEATS)] == [
        360, 600, 840, 1080, 1320,
    ]  # fmt: skip


def test_nothing_is_repeated_after_a_day_nor_once_the_condition_went() -> None:
    assert max(at for at, _ in minutes_of(case(now=LONG), Why.REPEATS)) < DAY
    gone = case(of=episode("B", ended=70), now=LONG)
    assert [at for at, _ in minutes_of(gone, Why.REPEATS)] == [60]


def test_a_declaration_waits_for_its_reviewer_while_the_ladder_goes_on() -> None:
    found = case([declared(40), did(40, Verb.DECLARE)], now=LONG)
    assert minutes_of(found, Why.REPEATS) == []
    assert minutes_of(found, Why.LASTS) == [(30, 3), (120, 4), (DAY, 4)]


def test_nobody_is_told_of_what_is_exempt() -> None:
    said = [declared(40), did(40, Verb.DECLARE), declared(60, Review.APPROVED, "P1")]
    assert minutes_of(case(said, now=LONG), *Why) == [(0, 2), (30, 3)]


def test_a_missed_deadline_is_one_level_more() -> None:
    found = case(of=episode("B"), now=LONG)
    assert minutes_of(found, Why.OVERDUE) == [(3 * DAY, 4)]
    duty = case(of=episode("F"), now=LONG)
    assert minutes_of(duty, Why.OVERDUE) == [(7 * DAY, 2)]
    (overdue,) = (one for one in notices(duty, GRADING) if one.why is Why.OVERDUE)
    assert overdue.told == {Role.DUTY, Role.HEAD}


def test_cleared_and_not_rectified_is_overdue_all_the_same() -> None:
    found = case([did(1, Verb.ACK)], of=episode("A", ended=5), now=LONG)
    assert minutes_of(found, Why.OVERDUE) == [(DAY, 3)]


@pytest.mark.parametrize(
    ("more", "overdue"),
    [
        ([did(3, Verb.RECTIFY)], []),
        ([did(3, Verb.PLAN)], [20 * 60]),
        ([did(25 * 60, Verb.PLAN, deadline=after(50 * 60))], [DAY, 50 * 60]),
        ([did(3, Verb.RECTIFY), did(9, Verb.REJECT, "P1")], [DAY]),
        ([did(3, Verb.RECTIFY), did(25 * 60, Verb.REJECT, "P1")], []),
    ],
    ids=["rectified", "planned", "planned-too-late", "rejected", "rejected-afterwards"],
)
def test_the_deadline_is_the_one_in_force_when_it_passes(
    more: list[Said], overdue: list[float]
) -> None:
    found = case([did(1, Verb.ACK), did(2, Verb.HANDLE), *more], now=LONG)
    assert [at for at, _ in minutes_of(found, Why.OVERDUE)] == overdue


def test_everybody_who_was_told_hears_that_it_is_gone_once_it_cannot_come_back() -> None:
    found = notices(case(of=episode("A", ended=40), now=LONG), GRADING)
    last = found[-1] if found[-1].why is Why.CLEARED else found[-2]
    assert (last.at, last.why, last.level) == (after(50), Why.CLEARED, Level.ALARM)
    assert last.told == {Role.DUTY, Role.HEAD, Role.DISTRICT_OFFICER}
    assert len([one for one in found if one.why is Why.CLEARED]) == 1


def test_what_makes_it_graver_later_is_told_then() -> None:
    found = case(of=episode("A", grade_up=1, graded=after(10)), now=LONG)
    assert minutes_of(found, Why.RAISED, Why.GRADED, Why.LASTS)[:3] == [(0, 2), (10, 3), (30, 4)]


@pytest.mark.parametrize("more", ["suppressed", "withdrawn"])
def test_what_another_alarm_says_better_and_what_was_taken_back_is_told_to_nobody(
    more: str,
) -> None:
    assert (
        notices(
            case(
                of=episode(suppressed=more == "suppressed", withdrawn=more == "withdrawn"), now=LONG
            ),
            GRADING,
        )
        == ()
    )


@pytest.mark.parametrize(("grade", "mutable"), [(g, g not in "AC") for g in "ABCDEF"])
def test_quiet_hours_never_hold_back_a_and_c(grade: str, mutable: bool) -> None:  # noqa: FBT001  a column
    assert {one.mutable for one in notices(case(of=episode(grade)), GRADING)} == {mutable}


def test_statistics_go_into_the_digest_and_are_not_repeated() -> None:
    found = notices(case(of=episode("E"), now=LONG), GRADING)
    assert {one.digest for one in found} == {True}
    assert Why.REPEATS not in {one.why for one in found}


@pytest.mark.parametrize(
    ("watched", "levels"),
    [
        (Supervision.POSITIVE, [1, 1, 2, 3]),
        (Supervision.ORDINARY, [1, 2, 3, 4]),
        (Supervision.FOCUS, [2, 3, 4, 4]),
    ],
)
def test_how_a_firm_is_watched_moves_each_rung(watched: Supervision, levels: list[int]) -> None:
    found = case(of=episode("B"), watched=watched, now=LONG)
    assert [level for _, level in minutes_of(found, Why.RAISED, Why.LASTS)] == levels


def test_an_officer_makes_it_graver_by_a_level_from_then_on() -> None:
    found = case([did(10, Verb.ESCALATE, "P1")], of=episode("B"), now=LONG)
    assert minutes_of(found, Why.RAISED, Why.GRADED, Why.LASTS) == [
        (0, 1), (10, 2), (30, 3), (120, 4), (DAY, 4),
    ]  # fmt: skip
    (told,) = [one for one in notices(found, GRADING) if one.why is Why.GRADED]
    assert told.told == GRADING.told(found.episode, Level.WARNING)


def test_each_escalation_adds_a_level_up_to_the_highest() -> None:
    twice = [did(10, Verb.ESCALATE, "P1"), did(12, Verb.ESCALATE, "P1")]
    found = case(twice, of=episode("B"), now=20)
    assert (found.escalated, found.level) == (2, Level.ALARM)
    thrice = case([*twice, did(14, Verb.ESCALATE, "P1")], of=episode("A"), now=20)
    assert thrice.level is Level.SEVERE


def test_what_was_escalated_before_late_readings_closed_it_counts_for_nothing() -> None:
    closed = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(3, Verb.RECTIFY), did(20, Verb.VERIFY)]
    found = case([*closed, did(25, Verb.ESCALATE, "P1")], of=episode("B", 5), now=30)
    assert found.escalated == 0
    assert minutes_of(found, Why.GRADED) == []
