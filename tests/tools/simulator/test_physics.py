"""Motors and converters against the published table, and against each other."""

import numpy as np
import pytest

from wattwarden.tools.simulator.chance import Numbers, key_of
from wattwarden.tools.simulator.drives import LOADS, STEPS, index_of, table_of
from wattwarden.tools.simulator.mains import PHASE_V, voltages
from wattwarden.tools.simulator.motor import curve_of

LOAD = np.array([0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0])
POWER = [1.00, 0.75, 0.63, 0.51, 0.39, 0.28, 0.16, 0.10, 0.05]
LOST_FACTOR = [0, 0.07, 0.13, 0.20, 0.30, 0.42, 0.56, 0.64, 0.72]
CURRENT = [1.00, 0.83, 0.76, 0.69, 0.63, 0.59, 0.56, 0.55, 0.55]
SIZES_KW = [1.1, 4.0, 15.0, 55.0, 250.0]


def test_a_typical_motor_is_that_of_the_table() -> None:
    power, current = curve_of(15.0).at(LOAD)
    factor = power / current
    assert factor[0] == pytest.approx(0.79, abs=0.01)
    assert power / power[0] == pytest.approx(POWER, abs=0.01)
    assert factor[0] - factor == pytest.approx(LOST_FACTOR, abs=0.01)
    assert current / current[0] == pytest.approx(CURRENT, abs=0.01)


@pytest.mark.parametrize("size_kw", SIZES_KW)
def test_motors_of_all_sizes_are_plausible(size_kw: float) -> None:
    power, current = curve_of(size_kw).at(np.array([0.0, 1.0]))
    assert 0.80 < 1 / power[1] < 0.97  # efficiency
    assert 0.70 < power[1] / current[1] < 0.92
    assert 0.3 < current[0] / current[1] < 0.7
    assert 0.015 < power[0] / power[1] < 0.16


def test_larger_motors_waste_less() -> None:
    efficiency = [1 / curve_of(size).at(np.array([1.0]))[0][0] for size in SIZES_KW]
    assert efficiency == sorted(efficiency)


@pytest.mark.parametrize(
    ("hertz", "share"),
    [(50, 1.0), (45, 0.74), (40, 0.53), (35, 0.37), (30, 0.25), (25, 0.16), (20, 0.10)],
)
def test_a_fan_on_a_converter_takes_the_cube_and_its_losses(hertz: float, share: float) -> None:
    table = table_of("vfd", 15.0)
    index = index_of(np.array([(hertz / 50) ** 3], np.float32))
    assert table.power[index][0] / table.power[STEPS + 1] == pytest.approx(share, abs=0.01)


def test_a_converter_keeps_its_power_factor_where_a_motor_loses_it() -> None:
    at = index_of(np.array([1.0, 0.216], np.float32))
    converter, motor = table_of("vfd", 15.0), table_of("direct", 15.0)
    kept = converter.power[at] / converter.current[at]
    lost = motor.power[at] / motor.current[at]
    assert kept[0] - kept[1] < 0.10
    assert lost[0] - lost[1] > 0.30


def test_tables_are_the_curve_and_off_is_nothing() -> None:
    table = table_of("direct", 37.0)
    assert (table.power[0], table.current[0]) == (0, 0)
    power, _ = curve_of(37.0).at(LOADS)
    assert table.power[1:] == pytest.approx(power)
    assert index_of(np.array([-1.0, 0.0, 0.5], np.float32)).tolist() == [0, 1, 801]


def test_mains_swing_by_day_and_stay_within_the_standard() -> None:
    volts = voltages(1, "F", Numbers(), 60, 0, 1440)
    assert (np.abs(volts / PHASE_V - 1) < 0.07).all()
    by_hour = volts.mean(axis=0).reshape(24, 60).mean(axis=1)
    assert by_hour[4] > by_hour[16] + 4


def test_numbers_are_those_of_their_slot_however_asked_for() -> None:
    chance = Numbers()
    key = key_of(1, "unit", "T")
    whole = chance.at(key, 0, 100)
    for first in (0, 1, 37, 98):
        assert (chance.at(key, first, 2) == whole[first : first + 2]).all()
    assert (chance.at(key_of(2, "unit", "T"), 0, 100) != whole).any()
