"""Cases and states as enforcement looks at them."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.alarms.enforcement.made import DAY, HOUR, NOW
from tests.alarms.registry.firm import registry

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.cases.case import Episode
from wattwarden.alarms.cases.fold import Origin, Said, fold_case
from wattwarden.alarms.cases.grading import default_grading
from wattwarden.alarms.decisions.bodies import Absence, Consumable, Declaration, Review
from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.alarms.enforcement.from_cases import incident, production_of, worn_since
from wattwarden.alarms.enforcement.incidents import Incident
from wattwarden.alarms.enforcement.spans import common, length, merged, within
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.alarms.states.running import Doing, Spell

GRADING = default_grading()
RAISED = NOW - 3 * DAY


def seen(
    *said: tuple[datetime, Body], watched: Supervision = Supervision.ORDINARY, **more: Any
) -> Incident:
    """A case of class A that stands, as enforcement looks at it."""
    values: dict[str, Any] = {"rule": "R1", "grade": "A", "ended": None, "sure": None} | more
    episode = Episode(
        id=7, subject="unit:U2", kind="", enterprise="E1", line="L1", began=RAISED - HOUR / 6,
        raised=RAISED, **values,
    )  # fmt: skip
    told = [Said(at, "P1", body) for at, body in said]  # type: ignore[arg-type]  # actions or declarations
    return incident(fold_case(Origin(episode, watched), told, GRADING, NOW), GRADING)


def action(verb: Verb, **more: Any) -> Action:
    return Action(id="AC1", alarm="7", verb=verb, **more)


MENDED: list[tuple[datetime, Body]] = [
    (RAISED + 1 * HOUR, action(Verb.ACK)),
    (RAISED + 2 * HOUR, action(Verb.HANDLE, reason="r", cause=Cause.AGEING)),
    (RAISED + 3 * HOUR, action(Verb.RECTIFY, reason="r")),
]


@pytest.mark.parametrize(
    ("more", "level3", "level4", "called"),
    [
        ({}, HOUR / 2, 2 * HOUR, 24 * HOUR),
        ({"grade": "B", "rule": "R3"}, 2 * HOUR, 24 * HOUR, None),
        ({"grade": "C", "rule": "R11"}, 0 * HOUR, HOUR / 2, HOUR / 2),
        ({"watched": Supervision.FOCUS}, 0 * HOUR, HOUR / 2, 24 * HOUR),
        ({"ended": RAISED + HOUR, "sure": RAISED + HOUR}, HOUR / 2, None, None),
        ({"ended": RAISED + HOUR / 3, "sure": RAISED + HOUR / 3}, None, None, None),
    ],
    ids=["sync", "degraded", "order", "focus", "ended after an hour", "ended soon"],
)
def test_levels_are_reached_when_the_ladder_says(
    more: dict[str, Any], level3: Any, level4: Any, called: Any
) -> None:
    one = seen(**more)
    expected = [None if after is None else RAISED + after for after in (level3, level4, called)]
    due = one.due
    assert due is not None
    # What nobody rectified by its deadline is graver from there on.
    if level4 is None and called is None and "ended" in more:
        expected = [(level3 and RAISED + level3) or due, None if level3 is None else due, None]
    assert [one.level3, one.level4, one.called] == expected


def test_claims_are_what_people_said_of_the_cause_in_order() -> None:
    rejected = (RAISED + 4 * HOUR, action(Verb.REJECT, reason="r"))
    again = (RAISED + 5 * HOUR, action(Verb.RECTIFY, reason="r"))
    verified = (RAISED + 6 * HOUR, action(Verb.VERIFY, fault=Fault.ENTERPRISE))
    one = seen(*MENDED, rejected, again, verified)
    hours = [(when - RAISED) / HOUR for when, _ in one.claims]
    assert list(zip(hours, [gone for _, gone in one.claims], strict=True)) == [
        (3, True), (4, False), (5, True), (6, True),
    ]  # fmt: skip
    assert [one.corrected(RAISED + h * HOUR) for h in (2, 3, 4, 5, 6)] == [
        None, RAISED + 3 * HOUR, None, RAISED + 5 * HOUR, RAISED + 5 * HOUR,
    ]  # fmt: skip


def test_a_metering_fault_excuses_from_when_it_was_judged() -> None:
    judged = RAISED + 6 * HOUR
    one = seen(*MENDED, (judged, action(Verb.VERIFY, fault=Fault.METERING)))
    assert one.excused == judged
    assert one.counts(judged - HOUR)
    assert not one.counts(judged)
    assert seen(*MENDED, (judged, action(Verb.VERIFY, fault=Fault.ENTERPRISE))).excused is None


def test_an_approved_declaration_excuses_from_its_approval() -> None:
    declared = Declaration(
        id="DC1", scope=Scope.UNIT, subject="U2", kind=Absence.MAINTENANCE, start=RAISED, end=NOW
    )
    approved = Declaration(
        id="DC1", scope=Scope.UNIT, subject="U2", kind=Absence.MAINTENANCE, start=RAISED, end=NOW,
        state=Review.APPROVED,
    )  # fmt: skip
    one = seen(
        (RAISED + HOUR, declared),
        (RAISED + HOUR, action(Verb.DECLARE, declaration="DC1")),
        (RAISED + 2 * HOUR, approved),
    )
    assert one.excused == RAISED + 2 * HOUR


def test_a_line_produces_while_any_of_its_production_units_does() -> None:
    spells = {
        "U1": [Spell(NOW, NOW + HOUR, Doing.RUN), Spell(NOW + HOUR, NOW + 2 * HOUR, Doing.IDLE)],
        "U9": [Spell(NOW, NOW + HOUR, Doing.RUN)],
    }
    assert production_of(spells, registry()) == {"L1": ((NOW, NOW + HOUR),)}


def test_stretches_are_joined_cut_and_added_up() -> None:
    hours = [(NOW + a * HOUR, NOW + b * HOUR) for a, b in ((4, 6), (0, 2), (1, 3), (6, 7), (9, 9))]
    spans = merged(hours)
    assert [((a - NOW) / HOUR, (b - NOW) / HOUR) for a, b in spans] == [(0, 3), (4, 7)]
    assert length(spans) == 6 * HOUR
    assert length(common(spans, merged([(NOW + 2 * HOUR, NOW + 5 * HOUR)]))) == 2 * HOUR
    assert length(common(merged([(NOW + 2 * HOUR, NOW + 5 * HOUR)]), spans)) == 2 * HOUR
    assert within(spans, NOW + 3 * HOUR, NOW + 4 * HOUR) == ()
    assert within(spans, NOW + 5 * HOUR, NOW + 4 * HOUR) == ()


PART = Consumable(
    id="CS1", unit="U2", kind="bag", replaced_at=NOW - 10 * DAY, limit_hours=10, limit_days=4
)
SINCE = NOW - 10 * DAY
RAN = [Spell(SINCE + 1 * DAY, SINCE + 2 * DAY, Doing.RUN)]


@pytest.mark.parametrize(
    ("limits", "share", "worn"),
    [
        pytest.param({}, 1.0, SINCE + DAY + 10 * HOUR, id="hours first"),
        pytest.param({"limit_hours": None}, 1.0, SINCE + 4 * DAY, id="days alone"),
        pytest.param({"limit_hours": None}, 2.5, NOW, id="just now"),
        pytest.param({"limit_hours": None}, 2.6, None, id="not yet"),
        pytest.param({"limit_hours": 25}, 1.0, SINCE + 4 * DAY, id="too few hours"),
        pytest.param({"limit_days": None, "limit_hours": 25}, 1.0, None, id="hours alone"),
    ],
)
def test_a_part_is_worn_since_its_first_limit_was_reached(
    limits: dict[str, Any], share: float, worn: datetime | None
) -> None:
    part = msgspec.structs.replace(PART, **limits)
    assert worn_since(part, (SINCE, NOW), RAN, share) == worn
