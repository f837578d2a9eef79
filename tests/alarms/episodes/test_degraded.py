"""R3, R4, R5, R7, R15: treatment that runs badly."""

import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, Day, Factory, alarms, ends, simple

from wattwarden.alarms.plant.unit_tables import LOADS
from wattwarden.alarms.registry.nouns import Drive, UnitKind
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.state import State


def learned(day: Day, least: float = 0.95) -> State:
    """Return a state in which the unit's normal is known at every load."""
    state = states.initial(day.plant, day.first)
    state.learned.run_days[:] = 30
    state.learned.least[:] = least * state.learned.power[:, None]
    return state


@pytest.mark.parametrize(
    ("power", "current", "factor", "rule"),
    [
        pytest.param(0.08, 0.55, 0.15, "R3", id="no load is idling, not off"),
        pytest.param(0.28, 0.59, 0.38, "R3", id="a fifth of the load is idling"),
        pytest.param(0.51, 0.69, 0.60, "R5", id="40 % of the load is slowed"),
        pytest.param(0.28, 0.59, 0.75, "R5", id="little power with a high factor is slowed"),
        pytest.param(0.75, 0.83, 0.73, "R5", id="just under the bound"),
        pytest.param(0.82, 0.90, 0.76, None, id="just over the bound"),
    ],
)
def test_a_motor_on_the_mains(
    power: float, current: float, factor: float, rule: str | None
) -> None:
    day = Day(simple()).share("t", slice(100, 200), power, current, factor)
    found = alarms(day, day.fold(state=learned(day))[1])
    delay = {"R3": 10, "R5": 15}
    assert found == ([] if rule is None else [(rule, "t", 100, 100 + delay[rule])])


@pytest.mark.parametrize(
    ("power", "factor", "rule"),
    [
        pytest.param(0.53, 0.85, "R4", id="40 Hz"),
        pytest.param(0.16, 0.80, "R4", id="25 Hz"),
        pytest.param(0.06, 0.70, "R3", id="belt off"),
        pytest.param(0.02, 0.30, "R2", id="off"),
        pytest.param(0.85, 0.90, None, id="47 Hz"),
    ],
)
def test_a_motor_behind_a_converter(power: float, factor: float, rule: str | None) -> None:
    day = Day(simple(drive=Drive.VFD)).share("t", slice(100, 200), power, power, factor)
    found = alarms(day, day.fold(state=learned(day))[1])
    assert [name for name, *_ in found] == ([] if rule is None else [rule])


@pytest.mark.parametrize("resumes", [240, 250], ids=["over a break", "until the morning"])
@pytest.mark.parametrize(
    ("rule", "drive", "power", "current", "factor"),
    [
        pytest.param("R3", Drive.DIRECT, 0.08, 0.55, 0.15, id="idling on the mains"),
        pytest.param("R3", Drive.VFD, 0.06, 0.06, 0.70, id="idling behind a converter"),
        pytest.param("R4", Drive.VFD, 0.53, 0.53, 0.85, id="reduced frequency"),
        pytest.param("R5", Drive.DIRECT, 0.51, 0.69, 0.60, id="slowed"),
    ],
)
@pytest.mark.parametrize("stops", ["t", ""], ids=["with its line", "and runs on"])
def test_when_production_stops_an_offence_is_over(
    stops: str, rule: str, drive: Drive, power: float, current: float, factor: float, resumes: int
) -> None:
    day = Day(simple(drive=drive), 300).share("t", slice(100, 290), power, current, factor)
    day.off("p", slice(180, resumes))
    if stops:
        day.off(stops, slice(180, resumes))
    state = learned(day)
    # Nothing was learned beside a line that stands.
    state.learned.least[:, 0] = np.nan
    findings = day.fold(state=state)[1]
    delay = {"R3": 10, "R4": 15, "R5": 15}[rule]
    found = [(rule, "t", 100, 100 + delay), (rule, "t", resumes, resumes + delay)]
    assert alarms(day, findings) == found
    assert ends(day, findings)[0] == (rule, 180)


def test_a_converter_that_follows_its_load_is_no_offence() -> None:
    day = Day(simple(drive=Drive.VFD))
    state = learned(day)
    state.learned.least[:, :6] = 3000
    day.share("p", slice(100, 200), 0.4, 0.4, 0.8).share("t", slice(100, 200), 0.3, 0.3, 0.9)
    assert alarms(day, day.fold(state=state)[1]) == []


def test_at_a_load_that_was_never_seen_a_converter_is_not_judged() -> None:
    day = Day(simple(drive=Drive.VFD))
    state = learned(day)
    state.learned.least[:] = np.nan
    day.share("p", slice(100, 200), 0.6, 0.6, 0.8).share("t", slice(100, 200), 0.3, 0.3, 0.9)
    assert alarms(day, day.fold(state=state)[1]) == []
    day.share("p", slice(100, 200), 1.0, 1.0, 0.8)
    assert [rule for rule, *_ in alarms(day, day.fold(state=state)[1])] == ["R4"]


@pytest.mark.parametrize(
    ("current", "rule"), [(0.10, "R2"), (0.55, "R3"), (0.70, "R5"), (0.85, None)]
)
def test_of_a_current_alone_the_rest_is_suspected(current: float, rule: str | None) -> None:
    day = Day(simple())
    for rows in (slice(0, 100), slice(200, 240)):
        day.share("t", rows, np.nan, 1.0, np.nan)
    day.share("t", slice(100, 200), np.nan, current, np.nan)
    findings = day.fold(state=learned(day))[1]
    assert [name for name, *_ in alarms(day, findings)] == ([] if rule is None else [rule])


def test_a_heater_is_judged_at_its_rated_voltage() -> None:
    day = Day(simple(drive=Drive.RESISTIVE))
    rows = slice(100, 200)
    day.share("t", rows, 0.75, 0.87, 1.0)
    assert [rule for rule, *_ in alarms(day, day.fold(state=learned(day))[1])] == ["R5"]
    day.put("t", rows, voltage_low=185.0, voltage_high=185.0 * day.wave(rows))
    assert alarms(day, day.fold(state=learned(day))[1]) == []


def test_before_its_power_is_learned_less_than_half_of_the_nameplate_is_reduced() -> None:
    day = Day(simple()).share("t", slice(20, 100), 0.6, 0.8, 0.7)
    day.share("t", slice(100, 200), 0.45, 0.7, 0.65)
    assert alarms(day, day.fold()[1]) == [("R5", "t", 100, 115)]


def test_a_missing_phase_tells_of_the_meter_not_of_the_motor() -> None:
    day = Day(simple()).share("t", slice(100, 200), 0.67, 0.67, 0.8)
    day.put("t", slice(100, 200), current_low=0.0)
    found = alarms(day, day.fold(state=learned(day))[1])
    assert found == [("R10", "c:t", 100, 105)]


@pytest.mark.parametrize(
    ("power", "current", "factor"),
    [pytest.param(0.33, 1.0, 0.27, id="one of three"), pytest.param(-1.0, 1.0, 0.8, id="all")],
)
def test_a_turned_transformer_tells_of_the_meter(
    power: float, current: float, factor: float
) -> None:
    day = Day(simple()).share("t", slice(100, 200), power, current, factor)
    found = alarms(day, day.fold(state=learned(day))[1])
    assert found == [("R10", "c:t", 100, 105)]


def test_more_power_than_ever_is_r7_after_three_cycles() -> None:
    day = Day(simple()).share("t", slice(100, 200), 1.25, 1.2, 0.85)
    assert alarms(day, day.fold(state=learned(day))[1]) == [("R7", "t", 100, 103)]
    day.share("t", slice(100, 200), 1.18, 1.1, 0.85)
    assert alarms(day, day.fold(state=learned(day))[1]) == []


def test_a_bound_of_the_unit_itself_is_r7() -> None:
    day = Day(simple(thresholds={"current_max": 25.0}))
    day.put("t", slice(100, 110), current_high=26.0)
    assert [rule for rule, *_ in alarms(day, day.fold()[1])] == ["R7"]


def test_six_starts_and_stops_within_an_hour_are_r15() -> None:
    day = Day(simple(), 240).off("p", slice(0, 240))
    for start in (100, 112, 124):
        day.off("t", slice(start, start + 6))
    found = alarms(day, day.fold()[1])
    # The sixth switch is at 130 and believed at 132.
    assert found == [("R15", "t", 132, 133)]


def test_five_are_not() -> None:
    day = Day(simple(), 240).off("p", slice(0, 240))
    day.off("t", slice(100, 106)).off("t", slice(112, 118)).off("t", slice(124, 240))
    assert alarms(day, day.fold()[1]) == []


def test_what_is_reduced_is_not_learned_as_normal() -> None:
    day = Day(simple(), 1441)
    state = learned(day)
    state.learned.run_days[:] = 30
    day.share("t", slice(100, 1000), 0.5, 0.7, 0.6)
    after = day.fold(state=state)[0]
    column = day.plant.units.index("t")
    share = after.memory.power[column]
    assert share[48:53].sum() == share.sum() > 0


def test_a_power_is_learned_from_seven_days_of_running() -> None:
    factory = simple()
    day = Day(factory, 1440 * 8 + 1, first_s=MIDNIGHT_S)
    rows = slice(0, day.slots)
    day.share("p", rows, 0.65, 0.65, 0.8).share("t", rows, 0.7, 0.7, 0.85)
    state, found = day.fold()
    assert [rule for rule, *_ in alarms(day, found) if rule != "R19"] == []
    column = day.plant.units.index("t")
    assert state.learned.power[column] == pytest.approx(7000, rel=0.02)
    assert state.learned.power_factor[column] == pytest.approx(0.85, abs=0.01)
    assert state.learned.current[column] == pytest.approx(14.0, rel=0.02)
    known = ~np.isnan(state.learned.least[column])
    assert known.sum() == LOADS - 6
    assert state.learned.least[column, 6] == pytest.approx(6800, rel=0.02)


def test_a_motor_that_never_followed_a_load_is_judged_at_lower_ones() -> None:
    factory = Factory().unit("p", UnitKind.PRODUCTION).unit("t")
    day = Day(factory, 1440 * 8 + 200)
    half = np.arange(day.slots) // 60 % 2 == 0
    day.grid.power[half, 0] *= 0.65
    rows = slice(1440 * 8 + 50, 1440 * 8 + 150)
    day.share("p", rows, 0.3, 0.4, 0.8).share("t", rows, 0.55, 0.7, 0.6)
    found = [one for one in alarms(day, day.fold()[1]) if one[0] != "R19"]
    assert [(rule, unit) for rule, unit, *_ in found] == [("R5", "t")]
