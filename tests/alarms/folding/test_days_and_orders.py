"""Rules by the day, the hour and the quarter; plans, declarations, wear, patrols; emissions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, Day, Factory, alarms, ends, simple

from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Cycle,
    Declaration,
    Measure,
    Patrol,
    Plan,
    Repeat,
    Replacement,
    Review,
)
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.episodes.findings import Graded, Raised, Returned
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.rulebook import default_text, load_rules
from wattwarden.alarms.states import state as states


def at(slot: float) -> datetime:
    """Return a moment as minutes since midnight."""
    return datetime.fromtimestamp(MIDNIGHT_S + 60 * slot, UTC)


def declared(start: int, end: int, **more: Any) -> Declaration:
    values: dict[str, Any] = {
        "id": "d", "scope": Scope.UNIT, "subject": "t", "kind": Absence.OUTAGE,
        "state": Review.APPROVED,
    }  # fmt: skip
    return Declaration(start=at(start), end=at(end), **(values | more))


@pytest.mark.parametrize(
    ("decision", "found"),
    [
        pytest.param(declared(90, 240), [], id="approved"),
        pytest.param(declared(90, 240, scope=Scope.LINE, subject="l"), [], id="the whole line"),
        pytest.param(declared(90, 240, scope=Scope.ENTERPRISE, subject="e"), [], id="the firm"),
        pytest.param(declared(90, 240, state=Review.PENDING), [("R2", 100)], id="pending"),
        pytest.param(declared(90, 240, subject="x"), [("R2", 100)], id="somebody else"),
        pytest.param(declared(90, 120), [("R2", 120)], id="over before the offence"),
        pytest.param(
            declared(-1440 + 90, -1440 + 240, repeats=Repeat.DAILY, until=at(5000)), [], id="daily"
        ),
        pytest.param(
            declared(-1440 + 90, -1440 + 240, repeats=Repeat.DAILY, until=at(0)),
            [("R2", 100)], id="daily until yesterday",
        ),
        pytest.param(
            declared(-1440 + 90, -1440 + 240, repeats=Repeat.DAILY, until=at(120)),
            [("R2", 120)], id="daily until its middle",
        ),
    ],
)  # fmt: skip
def test_declared_units_never_alarm(decision: AnyBody, found: list[tuple[str, int]]) -> None:
    day = Day(simple()).off("t", slice(100, 240))
    assert [(rule, began) for rule, _, began, _ in alarms(day, day.fold([decision])[1])] == found


def plan(start: int, end: int, **more: Any) -> Plan:
    values: dict[str, Any] = {
        "id": "n", "scope": Scope.ENTERPRISE, "subject": "e", "measure": Measure.STOP,
    }  # fmt: skip
    return Plan(start=at(start), end=at(end), **(values | more))


def test_production_during_a_stop_is_r11_after_the_grace() -> None:
    day = Day(simple(), 300)
    assert alarms(day, day.fold([plan(0, 290)])[1]) == [("R11", "p", 120, 135)]
    assert ends(day, day.fold([plan(0, 250)])[1]) == [("R11", 250)]
    assert alarms(day, day.fold([plan(0, 290, exempt=True)])[1]) == []


def test_an_alarm_of_a_stop_ends_when_the_plan_is_taken_back() -> None:
    day = Day(simple(), 300)
    state, _ = day.fold([plan(0, 5000)])
    later = Day(simple(), 60, first_s=MIDNIGHT_S + 300 * 60)
    assert [rule for rule, _ in ends(later, later.fold(state=state)[1])] == ["R11"]


def test_a_stop_says_more_than_treatment_that_runs_badly_but_never_hides_that_it_is_off() -> None:
    day = Day(simple(), 400).idle("t", slice(200, 250)).off("t", slice(300, 350))
    raised = [one.alarm for one in day.fold([plan(0, 400)])[1] if isinstance(one, Raised)]
    suppressed = {alarm.rule: alarm.suppressed_by for alarm in raised}
    assert suppressed["R3"] is not None
    assert suppressed["R3"].rule == "R11"
    assert suppressed["R2"] is None


def test_a_stop_that_is_broken_later_says_nothing_of_what_was_raised_before() -> None:
    day = Day(simple(), 240).idle("t", slice(108, 125)).idle("t", slice(150, 170))
    raised = [one.alarm for one in day.fold([plan(0, 240)])[1] if isinstance(one, Raised)]
    assert [
        (alarm.rule, int(day.minute(alarm.raised)), alarm.suppressed_by is not None)
        for alarm in raised
    ] == [("R3", 118, False), ("R11", 135, False), ("R3", 160, True)]


def test_a_daily_plan_holds_within_its_hours() -> None:
    day = Day(simple(), 600)
    daily = plan(-1440, 5000, cycle=Cycle.DAILY, from_hour="23:00", to_hour="03:00")
    assert alarms(day, day.fold([daily])[1]) == [("R11", "p", 60, 75)]


@pytest.mark.parametrize(("share", "found"), [(0.9, ["R12"]), (0.6, [])])
def test_more_energy_than_a_limit_leaves_is_r12(share: float, found: list[str]) -> None:
    day = Day(simple(), 600).share("p", slice(0, 600), share, share, 0.8)
    day.share("t", slice(0, 600), 1.0, 1.0, 0.8)
    limit = plan(
        0, 1440, measure=Measure.LIMIT, reduction=0.3, base_energy=240_000.0,
        scope=Scope.LINE, subject="l",
    )  # fmt: skip
    raised = alarms(day, day.fold([limit])[1])
    assert [rule for rule, *_ in raised] == found
    if found:
        assert raised[0][1:] == ("l", 240, 240)


def test_a_limit_is_taken_from_the_same_weekdays_and_ends_with_its_plan() -> None:
    day = Day(simple(), 601)
    state = rings(day)
    state.totals.energy[:] = state.totals.past_energy[:, -1]
    limit = plan(0, 540, measure=Measure.LIMIT, reduction=0.7, scope=Scope.UNIT, subject="p")
    found = day.fold([limit], state=state)[1]
    assert ("R12", "p", 240, 240) in alarms(day, found)
    assert ("R12", 540) in ends(day, found)


def test_a_limit_that_is_kept_again_is_over() -> None:
    day = Day(simple(), 1000).off("p", slice(300, 1000)).off("t", slice(300, 1000))
    limit = plan(0, 1440, measure=Measure.LIMIT, reduction=0.3, base_energy=150_000.0)
    found = day.fold([limit])[1]
    assert [rule for rule, *_ in alarms(day, found)] == ["R12"]
    assert [rule for rule, _ in ends(day, found)] == ["R12"]


def test_without_a_known_day_a_limit_is_not_judged() -> None:
    limit = plan(0, 1440, measure=Measure.LIMIT, reduction=0.9)
    day = Day(simple(), 600)
    assert alarms(day, day.fold([limit])[1]) == []


def test_a_part_is_due_by_hours_and_begins_anew_when_it_was_replaced() -> None:
    day = Day(simple(), 1200)
    carbon = Consumable(id="k", unit="t", kind="carbon", replaced_at=at(0), limit_hours=10.0)
    raised = [one.alarm for one in day.fold([carbon])[1] if isinstance(one, Raised)]
    assert [(alarm.kind, int(day.minute(alarm.raised))) for alarm in raised] == [
        ("remind:k", 600), ("due:k", 660), ("overdue:k", 720),
    ]  # fmt: skip
    state, _ = day.fold([carbon])
    later = Day(simple(), 61, first_s=MIDNIGHT_S + 1200 * 60)
    new = Replacement(id="r", consumable="k", replaced_at=at(1190))
    assert ends(later, later.fold([carbon, new], state=state)[1]) == [("R18", 0)]


def test_a_part_may_be_due_by_days() -> None:
    day = Day(simple(), 61)
    lamp = Consumable(id="k", unit="t", kind="lamp", replaced_at=at(-1440 * 100), limit_days=100.0)
    assert [rule for rule, *_ in alarms(day, day.fold([lamp])[1])] == ["R18"]


def test_a_day_of_production_without_a_patrol_is_r19() -> None:
    day = Day(simple(), 1441)
    first = Patrol(id="o", scope=Scope.ENTERPRISE, subject="e", person="x", at=at(-700))
    assert alarms(day, day.fold([first])[1]) == [("R19", "e", 0, 1440)]
    for scope, subject in ((Scope.LINE, "l"), (Scope.ENTERPRISE, "e")):
        patrol = Patrol(id="p", scope=scope, subject=subject, person="x", at=at(700))
        assert alarms(day, day.fold([first, patrol])[1]) == []
    assert alarms(day.off("p", slice(0, 1441)).off("t", slice(0, 1441)), day.fold([first])[1]) == []


def test_patrols_are_owed_from_the_first_on_or_where_the_industry_s_rules_say_so() -> None:
    day = Day(simple(), 1441)
    assert alarms(day, day.fold()[1]) == []
    later = Patrol(id="p", scope=Scope.ENTERPRISE, subject="e", person="x", at=at(1500))
    assert alarms(day, day.fold([later])[1]) == []
    rules = load_rules(default_text() + '\n[industry.metal]\n"R19.required" = 1\n')
    strict = Day(simple(), 1441, rules)
    assert alarms(strict, strict.fold()[1]) == [("R19", "e", 0, 1440)]


def test_mains_above_what_is_registered_are_r16() -> None:
    factory = simple().unit("m", UnitKind.MAIN)
    firm = factory.registry.enterprise["e"]
    factory.registry.put("enterprise", type(firm)(
        id="e", name="厂", agency="a", region="r", industry="x", registered_power=11_000.0
    ))  # fmt: skip
    day = Day(factory).share("m", slice(60, 90), 1.2, 1.2, 0.9)
    found = day.fold()[1]
    assert alarms(day, found) == [("R16", "e", 60, 75)]
    assert ends(day, found) == [("R16", 90)]


def rings(day: Day) -> states.State:
    """Return a state with five quiet weeks behind it."""
    state = states.initial(day.plant, day.first)
    state.totals.past_energy[:] = 240_000_000
    state.totals.past_night[:] = 80_000_000
    state.totals.past_high[:] = 10_000
    state.totals.baseline[:] = 10_000
    state.firm.day[:] = datetime.fromtimestamp(MIDNIGHT_S + 28_800, UTC).toordinal() - 1
    return state


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(
            "R13", lambda totals: totals.past_night[1].fill(0), id="treatment by day only"
        ),
        pytest.param("R22", lambda totals: totals.past_high[1].fill(8_500), id="weaker by 15 %"),
    ],
)
def test_what_days_show(rule: str, change: Any) -> None:
    day = Day(simple(), 2)
    state = rings(day)
    state.totals.energy[:], state.totals.night[:] = 240_000_000, 80_000_000
    change(state.totals)
    if rule == "R13":
        state.totals.night[1] = 0
        state.totals.past_night[0] = 120_000_000
        state.totals.night[0] = 120_000_000
    raised = [name for name, *_ in alarms(day, day.fold(state=state)[1])]
    assert raised == [rule]


def test_a_week_without_energy_shows_nothing_of_its_nights() -> None:
    day = Day(simple(), 2)
    state = rings(day)
    state.totals.past_energy[:] = state.totals.past_night[:] = 0
    assert alarms(day, day.fold(state=state)[1]) == []


def test_two_days_of_another_ratio_are_r14() -> None:
    first = Day(simple(), 2)
    state = rings(first)
    state.totals.energy[:] = state.totals.night[:] = (240_000_000, 120_000_000)
    state.totals.night[:] //= 3
    state, found = first.fold(state=state)
    assert alarms(first, found) == []
    second = Day(simple(), 2, first_s=MIDNIGHT_S + 86_400)
    state.firm.next_slot[:] = second.first
    state.totals.energy[:] = (240_000_000, 120_000_000)
    state.totals.night[:] = state.totals.energy // 3
    state, found = second.fold(state=state)
    assert [rule for rule, *_ in alarms(second, found)] == ["R14"]
    third = Day(simple(), 2, first_s=MIDNIGHT_S + 2 * 86_400)
    state.firm.next_slot[:] = third.first
    state.totals.energy[:] = 240_000_000
    state.totals.night[:] = 80_000_000
    assert [rule for rule, _ in ends(third, third.fold(state=state)[1])] == ["R14"]


@pytest.mark.parametrize(
    ("energy", "found"),
    [
        pytest.param((240, 0, 240), [], id="they changed over"),
        pytest.param((240, 0, 100), ["R14"], id="together they did less"),
    ],
)
def test_units_that_stand_by_for_each_other_are_one_to_r14(
    energy: tuple[int, int, int], found: list[str]
) -> None:
    factory = Factory().standby().unit("p", UnitKind.PRODUCTION)
    factory.unit("s", standby="g").unit("t", standby="g")
    day = Day(factory, 2)
    state = rings(day)
    # One of them did all the work up to now, the other one does it for two days.
    state.totals.past_energy[2] = state.totals.past_night[2] = 0
    for number in range(2):
        day = Day(factory, 2, first_s=MIDNIGHT_S + number * 86_400)
        state.firm.next_slot[:] = day.first
        state.totals.energy[:] = np.array(energy) * 1_000_000
        state.totals.night[:] = state.totals.energy // 3
        state, told = day.fold(state=state)
    assert [rule for rule, *_ in alarms(day, told)] == found


def test_energy_that_no_meter_shows_is_r17() -> None:
    day = Day(simple().unit("m", UnitKind.MAIN), 2)
    state = rings(day)
    column = day.plant.units.index("m")
    state.totals.past_energy[column] = 600_000_000
    state.totals.energy[:] = 240_000_000
    state.totals.night[:] = 80_000_000
    state.totals.energy[column] = 900_000_000
    assert [rule for rule, *_ in alarms(day, day.fold(state=state)[1])] == ["R17"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param({"factor_value": 31.0}, "limit:a24088", id="over the limit"),
        pytest.param({"factor_flag": ord("D")}, "flag:a24088", id="flagged"),
        pytest.param({"factor_value": 12.0}, "constant:a24088", id="constant"),
    ],
)
def test_an_abnormal_emission_is_r20(change: dict[str, float], kind: str) -> None:
    day = Day(simple().outlet(30.0), 240)
    for name, value in change.items():
        getattr(day.grid, name)[100:220] = value
    if kind.startswith("limit"):
        day.grid.factor_value[100:220, 0] *= day.wave(slice(100, 220))
    raised = [one.alarm for one in day.fold()[1] if isinstance(one, Raised)]
    assert [(alarm.rule, alarm.subject, alarm.kind) for alarm in raised] == [
        ("R20", "outlet:o", kind)
    ]
    assert "a24088" in raised[0].explanation.en


def test_an_invalid_value_is_no_exceedance_while_nobody_works() -> None:
    day = Day(simple().outlet(30.0)).off("p", slice(0, 240)).off("t", slice(0, 240))
    day.grid.factor_value[100:200], day.grid.factor_flag[100:200] = 99.0, ord("F")
    assert alarms(day, day.fold()[1]) == []


@pytest.mark.parametrize("first", ["treatment", "emission"])
def test_emission_and_treatment_at_fault_weigh_more_together(first: str) -> None:
    day = Day(simple().outlet(30.0))
    off, over = (100, 130) if first == "treatment" else (130, 100)
    day.off("t", slice(off, 200))
    day.grid.factor_value[over:200, 0] = 40.0 * day.wave(slice(over, 200))
    found = day.fold()[1]
    raised = [one.alarm for one in found if isinstance(one, Raised)]
    graded = [one for one in found if isinstance(one, Graded)]
    assert [alarm.grade_up for alarm in raised] == [0, 1]
    assert [(one.key, one.because) for one in graded] == [(raised[0].key, raised[1].key)]


def test_an_emission_that_is_abnormal_again_soon_is_the_same_episode() -> None:
    day = Day(simple().outlet(30.0), 240)
    for rows in (slice(100, 130), slice(136, 160)):
        day.grid.factor_value[rows, 0] = 40.0 * day.wave(rows)
    found = day.fold()[1]
    assert [rule for rule, *_ in alarms(day, found)] == ["R20"]
    assert [one.key.rule for one in found if isinstance(one, Returned)] == ["R20"]
    assert ends(day, found) == [("R20", 130), ("R20", 160)]


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(plan(0, 290, scope=Scope.UNIT, subject="t"), id="a unit that makes nothing"),
        pytest.param(plan(0, 290, scope=Scope.LINE, subject="x"), id="a line of somebody else"),
        pytest.param(plan(0, 290, subject="x"), id="somebody else"),
        pytest.param(plan(0, 290, enabled=False), id="not enabled"),
        pytest.param(
            plan(300, 5000, cycle=Cycle.DAILY, from_hour="01:00", to_hour="04:00"),
            id="hours that were over when the plan began",
        ),
    ],
)
def test_a_plan_for_others_or_other_hours_stops_nobody(decision: Plan) -> None:
    day = Day(simple(), 310)
    assert alarms(day, day.fold([decision])[1]) == []


@pytest.mark.parametrize("scope", [Scope.ENTERPRISE, Scope.LINE])
def test_a_patrol_elsewhere_is_nobody_s_here(scope: Scope) -> None:
    rules = load_rules(default_text() + '\n[industry.metal]\n"R19.required" = 1\n')
    day = Day(simple(), 1441, rules)
    patrol = Patrol(id="p", scope=scope, subject="x", person="x", at=at(700))
    assert [rule for rule, *_ in alarms(day, day.fold([patrol])[1])] == ["R19"]


def test_parts_beyond_those_that_are_kept_are_not_followed() -> None:
    day = Day(simple(), 300)
    parts = [
        Consumable(id=f"k{number}", unit="t", kind="bag", replaced_at=at(0), limit_hours=2.0)
        for number in range(7)
    ]
    raised = [one.alarm for one in day.fold(parts)[1] if isinstance(one, Raised)]
    assert {alarm.kind for alarm in raised if alarm.kind.startswith("remind")} == {
        f"remind:k{number}" for number in range(6)
    }


def test_a_window_of_the_mains_may_be_cut_and_may_be_silent() -> None:
    factory = simple().unit("m", UnitKind.MAIN)
    firm = factory.registry.enterprise["e"]
    firm = msgspec.structs.replace(firm, registered_power=11_000.0)
    factory.registry.put("enterprise", firm)
    day = Day(factory).share("m", slice(60, 120), 1.2, 1.2, 0.9).silent("m", slice(75, 92))
    whole = day.fold()[1]
    assert ("R16", "e", 60, 75) in alarms(day, whole)
    # The window without a sample changes nothing.
    assert ("R16", 120) in ends(day, whole)
    assert alarms(day, day.fold(parts=[68, 80, 101])[1]) == alarms(day, whole)


def test_late_moments_are_local() -> None:
    assert at(0).astimezone(UTC) + timedelta(hours=8) == datetime(2026, 3, 2, tzinfo=UTC)
    assert np.isfinite(MIDNIGHT_S)
