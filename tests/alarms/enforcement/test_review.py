"""What the system proposes, attaches and closes, at which moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.alarms.enforcement.made import (
    DAY,
    HOUR,
    LIMITS,
    NOW,
    history,
    incident,
    observed,
    step,
    task,
    visited,
)

from wattwarden.alarms.enforcement.bodies import MAX_ALARMS, Task, TaskStep
from wattwarden.alarms.enforcement.incidents import History, Worn
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.alarms.enforcement.review import Firm, Proposed, moments, review
from wattwarden.alarms.enforcement.words import Flag, TaskVerb
from wattwarden.alarms.registry.nouns import Enterprise, Region, Supervision

CEMENT = Enterprise(id="E1", name="某水泥制造公司", agency="A1", region="R1", industry="cement")
FIRM = Firm(CEMENT, Region(id="R1", name="李沧区"))
MINUTE = timedelta(minutes=1)


def seen(many: int = 3, **more: Any) -> History:
    """So many grave alarms, one an hour until an hour ago, each half an hour long."""
    return history(
        *(
            incident(
                number,
                NOW - (many + 1 - number) * HOUR,
                ended=NOW - (many + 1 - number) * HOUR + HOUR / 2,
                level3=NOW - HOUR,
                **more,
            )
            for number in range(1, many + 1)
        )
    )


def reviewed(what: History, *tasks: TaskLife, at: datetime = NOW) -> Proposed | None:
    return review(FIRM, what, tasks, at, LIMITS)


def test_a_task_says_what_the_officer_needs_to_know() -> None:
    proposed = reviewed(seen())
    assert isinstance(proposed, Task)
    assert proposed.text == "李沧区某水泥制造公司多次产生报警信息，请前往现场调查原因。"
    assert (proposed.flags, proposed.alarms) == ((Flag.HIGH_FREQUENCY,), ("1", "2", "3"))


def test_nothing_is_proposed_where_nothing_is_flagged() -> None:
    assert reviewed(seen(2)) is None
    assert reviewed(seen(), at=NOW - 2 * HOUR) is None


def test_alarms_since_the_proposal_attach_to_the_open_task() -> None:
    proposed = task(at=NOW - 2 * HOUR, alarms=("1",))
    attached = reviewed(seen(4), proposed)
    assert isinstance(attached, TaskStep)
    assert (attached.verb, attached.task) == (TaskVerb.ATTACH, "TK1")
    assert attached.alarms == ("3", "4")
    after = task(step(TaskVerb.ATTACH, alarms=("3", "4")), at=NOW - 2 * HOUR, alarms=("1",))
    assert reviewed(seen(4), after) is None


@pytest.mark.parametrize(
    ("changes", "attached"),
    [({"grade": "B"}, True), ({"grade": "D"}, False), ({"excused": NOW}, False)],
    ids=["treatment", "data", "excused"],
)
def test_only_what_a_task_is_about_attaches(changes: dict[str, Any], *, attached: bool) -> None:
    standing = task(at=NOW - 2 * HOUR)
    new = history(incident(5, NOW - HOUR, **changes))
    assert (reviewed(new, standing) is not None) == attached


@pytest.mark.parametrize("verb", [TaskVerb.REJECT, TaskVerb.CLOSE], ids=str)
def test_what_an_earlier_task_was_about_calls_for_no_other_alone(verb: TaskVerb) -> None:
    over = (
        task(step(verb), alarms=("1", "2", "3"))
        if verb is TaskVerb.REJECT
        else task(
            *map(step, (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)),
            *map(step, (TaskVerb.RESULT, TaskVerb.FOLLOW_UP, verb)),
            alarms=("1", "2", "3"),
        )
    )
    assert reviewed(seen(3), over) is None
    again = reviewed(seen(4), over)
    assert isinstance(again, Task)
    assert again.alarms == ("1", "2", "3", "4")


def test_a_worn_part_calls_for_one_task_until_it_is_worn_again() -> None:
    first = Worn("CS7", "L1", NOW - 2 * DAY)
    over = task(step(TaskVerb.REJECT), at=NOW - DAY, consumables=("CS7",))
    assert isinstance(reviewed(history(worn=[first])), Task)
    assert reviewed(history(worn=[first]), over) is None
    again = Worn("CS7", "L1", NOW - HOUR)
    proposed = reviewed(history(worn=[again]), over)
    assert isinstance(proposed, Task)
    assert proposed.consumables == ("CS7",)
    assert "长期带病" in proposed.text


def test_the_system_closes_a_task_once_its_days_were_quiet() -> None:
    watching = observed(NOW - 7 * DAY)
    closed = reviewed(history(), watching)
    assert isinstance(closed, TaskStep)
    assert closed.verb is TaskVerb.CLOSE
    assert reviewed(history(), watching, at=NOW - MINUTE) is None


def test_a_relapse_attaches_and_the_task_stays_open() -> None:
    watching = observed(NOW - 10 * DAY)
    relapse = history(incident(9, NOW + DAY, ended=NOW + DAY + HOUR))
    attached = reviewed(relapse, watching, at=NOW + 2 * DAY)
    assert isinstance(attached, TaskStep)
    assert attached.alarms == ("9",)


def test_a_task_names_the_newest_alarms_where_there_are_too_many() -> None:
    many = history(
        *(incident(n, NOW - 6 * DAY + n * MINUTE, level3=NOW - DAY) for n in range(1, 301))
    )
    proposed = reviewed(many)
    assert isinstance(proposed, Task)
    assert len(proposed.alarms) == MAX_ALARMS
    assert proposed.alarms[-1] == "300"


@pytest.mark.parametrize(
    ("firm", "text"),
    [
        (FIRM, "李沧区某水泥制造公司"),
        (Firm(CEMENT, None), "某水泥制造公司"),
        (
            Firm(
                Enterprise(id="E1", name="李沧区某公司", agency="A1", region="R1", industry="c"),
                FIRM.region,
            ),
            "李沧区某公司",
        ),
    ],
    ids=["with its district", "without", "whose name tells"],
)
def test_the_text_names_the_place_once(firm: Firm, text: str) -> None:
    proposed = review(firm, seen(), (), NOW, LIMITS)
    assert isinstance(proposed, Task)
    assert proposed.text.startswith(f"{text}多次")


def test_the_text_says_that_a_leader_must_approve() -> None:
    listed = Enterprise(
        id="E1", name="某公司", agency="A1", region="R1", industry="c",
        supervision=Supervision.POSITIVE,
    )  # fmt: skip
    proposed = review(Firm(listed, None), seen(), (), NOW, LIMITS)
    assert isinstance(proposed, Task)
    assert "须经领导批准" in proposed.text


def test_moments_are_those_of_the_grid_however_time_is_cut() -> None:
    first = datetime(2026, 11, 22, 2, 58, 30, tzinfo=UTC)
    whole = list(moments(first, first + HOUR, 10))
    assert [one.minute for one in whole] == [0, 10, 20, 30, 40, 50]
    for cut in range(0, 3601, 37):
        middle = first + timedelta(seconds=cut)
        parts = [*moments(first, middle, 10), *moments(middle, first + HOUR, 10)]
        assert parts == whole
    assert list(moments(whole[0], whole[0], 10)) == []
    assert list(moments(first, whole[0], 10)) == whole[:1]


def test_a_firm_is_observed_by_itself_when_nobody_says_for_how_long() -> None:
    told = visited(step(TaskVerb.RESULT))
    days = timedelta(days=LIMITS.task.unwatched_d)
    assert reviewed(history(), told, at=NOW + days - MINUTE) is None
    begun = reviewed(history(), told, at=NOW + days)
    assert isinstance(begun, TaskStep)
    assert (begun.verb, begun.days) == (TaskVerb.FOLLOW_UP, LIMITS.task.follow_up_d)


def test_what_came_meanwhile_is_attached_before_a_firm_is_observed() -> None:
    told = visited(step(TaskVerb.RESULT))
    later = NOW + timedelta(days=LIMITS.task.unwatched_d)
    attached = reviewed(history(incident(7, NOW + HOUR)), told, at=later)
    assert isinstance(attached, TaskStep)
    assert (attached.verb, attached.alarms) == (TaskVerb.ATTACH, ("7",))
