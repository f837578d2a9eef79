"""R9, R10, and what a blackout leaves behind."""

import numpy as np
import pytest
from tests.alarms.factory import Day, Factory, alarms, ends, simple

from wattwarden.alarms.episodes.findings import Ended, Raised, Returned
from wattwarden.alarms.registry.nouns import Drive, UnitKind


def test_a_firm_without_supply_is_one_alarm() -> None:
    day = Day(simple()).dark(slice(100, 130))
    found = day.fold()[1]
    assert alarms(day, found) == [("R9", "e", 100, 102)]
    assert ends(day, found) == [("R9", 130)]


def test_a_unit_without_supply_is_its_own() -> None:
    day = Day(simple()).off("t", slice(100, 130))
    day.put("t", slice(100, 130), voltage_low=0.0, voltage_high=0.0)
    found = day.fold()[1]
    assert alarms(day, found) == [("R9", "t", 100, 102)]
    assert ends(day, found) == [("R9", 130)]


@pytest.mark.parametrize(("height", "found"), [(109.0, ["R9"]), (112.0, [])])
def test_no_supply_is_less_than_half_of_the_voltage(height: float, found: list[str]) -> None:
    day = Day(simple()).put("t", slice(100, 130), voltage_low=height, voltage_high=height)
    assert [rule for rule, *_ in alarms(day, day.fold()[1])] == found


def test_a_unit_that_stays_dark_when_its_firm_has_supply_again_is_its_own() -> None:
    day = Day(simple()).dark(slice(100, 130)).off("t", slice(130, 150))
    day.put("t", slice(130, 150), voltage_low=0.0, voltage_high=0.0)
    found = day.fold()[1]
    assert [(one[0], one[1], one[2]) for one in alarms(day, found)] == [
        ("R9", "e", 100),
        ("R9", "t", 100),
    ]
    # The firm's ends when one unit is sure to have supply, the unit's own is raised then.
    assert [
        (one.key.subject, int(day.minute(one.ended))) for one in found if isinstance(one, Ended)
    ] == [
        ("enterprise:e", 130),
        ("unit:t", 150),
    ]
    assert alarms(day, day.fold(parts=range(1, 240))[1]) == alarms(day, found)


def test_a_unit_without_a_voltage_is_not_accused_when_its_firm_goes_dark() -> None:
    factory = simple(link={"run_on_s": 900.0}).unit("m", UnitKind.MAIN)
    day = Day(factory).dark(slice(100, 130))
    for name in ("t", "p"):
        day.put(name, slice(0, 240), voltage_low=np.nan, voltage_high=np.nan, power=np.nan)
    assert [rule for rule, *_ in alarms(day, day.fold()[1])] == ["R9"]


def test_a_blackout_that_comes_back_is_the_same() -> None:
    day = Day(simple()).dark(slice(100, 110)).dark(slice(116, 130))
    found = day.fold()[1]
    assert alarms(day, found) == [("R9", "e", 100, 102)]
    assert len([one for one in found if isinstance(one, Returned)]) == 1
    assert ends(day, found) == [("R9", 110), ("R9", 130)]


def test_a_unit_s_own_outage_that_comes_back_is_the_same() -> None:
    day = Day(simple())
    for rows in (slice(100, 110), slice(116, 130)):
        day.off("t", rows).put("t", rows, voltage_low=0.0, voltage_high=0.0)
    found = day.fold()[1]
    assert alarms(day, found) == [("R9", "t", 100, 102)]
    assert ends(day, found) == [("R9", 110), ("R9", 130)]


def test_treatment_may_come_back_later_than_production_after_a_blackout() -> None:
    day = Day(simple()).dark(slice(100, 130)).off("t", slice(130, 139))
    assert alarms(day, day.fold()[1]) == [("R9", "e", 100, 102)]
    day.off("t", slice(130, 150))
    assert alarms(day, day.fold()[1])[1:] == [("R1", "t", 130, 140)]


def test_meters_that_die_with_the_supply_accuse_nobody() -> None:
    day = Day(simple()).off("t", slice(130, 139))
    for unit in ("p", "t"):
        day.silent(unit, slice(100, 130))
    assert alarms(day, day.fold()[1]) == []


def test_a_frozen_meter_is_r10_after_sixty_samples() -> None:
    day = Day(simple())
    names = ("power", "current", "current_low", "current_high", "voltage_low", "voltage_high")
    first = {name: float(getattr(day.grid, name)[50, 1]) for name in names}
    day.put("t", slice(50, 150), **first)
    found = alarms(day, day.fold()[1])
    assert found == [("R10", "c:t", 110, 111)]


def test_a_meter_that_froze_while_its_unit_rested_accuses_nobody() -> None:
    day = Day(simple()).off("t", slice(0, 240)).off("p", slice(0, 120))
    day.put("t", slice(40, 240), voltage_low=220.5, voltage_high=221.5)
    assert alarms(day, day.fold()[1]) == [("R10", "c:t", 100, 101)]


def test_a_meter_with_coarse_steps_of_voltage_still_tells_that_its_unit_is_off() -> None:
    day = Day(simple()).off("t", slice(100, 130))
    day.put("t", slice(0, 240), voltage_low=220.0, voltage_high=221.0)
    assert alarms(day, day.fold()[1]) == [("R2", "t", 100, 105)]


def test_a_pulsed_unit_whose_meter_froze_in_a_pause_is_not_off() -> None:
    day = Day(simple(drive=Drive.PULSED), 240).off("t", slice(100, 240))
    day.put("t", slice(101, 150), voltage_low=220.5, voltage_high=221.5)
    # Nothing tells of the time it was frozen for: the window begins with its end.
    assert alarms(day, day.fold()[1]) == [("R2", "t", 209, 210)]
    day.put("t", slice(101, 240), voltage_low=220.5, voltage_high=221.5)
    assert [rule for rule, *_ in alarms(day, day.fold()[1])] == ["R10"]


def test_a_machine_that_draws_nothing_is_not_frozen() -> None:
    day = Day(simple()).off("t", slice(0, 240)).off("p", slice(0, 240))
    assert alarms(day, day.fold()[1]) == []


def test_a_counter_that_falls_is_r10_at_once() -> None:
    day = Day(simple())
    day.grid.energy[:] = np.arange(240)[:, None] * 100
    day.grid.energy[100:, 1] -= 5000
    found = day.fold()[1]
    assert alarms(day, found) == [("R10", "c:t", 100, 100)]
    kinds = [one.alarm.kind for one in found if isinstance(one, Raised)]
    assert kinds == ["energy_fall"]


def test_an_exchanged_meter_begins_its_own_counter() -> None:
    day = Day(simple())
    day.grid.energy[:] = np.arange(240)[:, None] * 100
    day.grid.energy[100:, 1] -= 5000
    day.grid.point[100:, 1] = 1
    assert alarms(day, day.fold()[1]) == []


def test_the_alarm_of_a_unit_without_a_meter_names_the_unit() -> None:
    factory = Factory().unit("p", UnitKind.PRODUCTION)
    del factory.registry.point["p"]
    day = Day(factory).put("p", slice(100, 120), current_low=0.0)
    assert alarms(day, day.fold()[1]) == [("R10", "p", 100, 105)]
