"""A new point's wiring, judged by readings made from a load and a mistake."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from wattwarden.alarms.commissioning import (
    COLUMNS,
    MIN_RUNNING_SAMPLES,
    PHASES,
    Fault,
    examine,
)
from wattwarden.alarms.registry.nouns import Drive, Point, Unit, UnitKind

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
CT = 20.0
RATED_A = 60.0
Readings = dict[str, NDArray[np.float64]]


def unit(drive: Drive = Drive.DIRECT, **fields: float) -> Unit:
    usual = {"rated_power": 3e4, "rated_current": RATED_A} | fields
    return Unit("E1", "风机", UnitKind.TREATMENT, drive=drive, id="U1", **usual)  # type: ignore[arg-type]  # numbers


def point(**fields: float) -> Point:
    return Point("acrel:M1", SINCE, unit="U1", id="T1", **({"ct": CT} | fields))  # type: ignore[arg-type]  # numbers


def readings(
    amperes: float = 50.0,
    angle: float = 32.0,
    *,
    order: tuple[int, int, int] = (0, 1, 2),
    turned: str = "",
    dead: str = "",
    samples: int = 60,
    volts: float = 220.0,
) -> Readings:
    """What the meter reports behind its transformers: half an hour stopped, then at work."""
    columns: Readings = {name: np.zeros(samples + 30) for name in COLUMNS}
    current = np.r_[np.zeros(30), np.linspace(0.9, 1.0, samples) * amperes / CT]
    for place, phase in enumerate(PHASES):
        shift = 120.0 * (order[place] - place) + (180.0 if phase in turned else 0.0)
        carried = current * (0.0 if phase in dead else 1.0)
        turn = math.radians(angle + shift)
        columns[f"voltage_{phase}"] += volts
        columns[f"current_{phase}"] = carried
        columns[f"power_{phase}"] = volts * carried * math.cos(turn)
        columns[f"reactive_{phase}"] = volts * carried * math.sin(turn)
        columns[f"power_factor_{phase}"] += math.cos(turn)
    return columns


def faults(columns: Readings, which: Unit | None = None, ratio: float = CT) -> list[Fault]:
    return [finding.fault for finding in examine(point(ct=ratio), which or unit(), columns)]


@pytest.mark.parametrize("angle", [-20.0, 0.0, 32.0, 78.0])
def test_a_point_wired_as_meant_is_left_alone(angle: float) -> None:
    assert faults(readings(angle=angle)) == []


@pytest.mark.parametrize("phases", ["a", "c", "abc"])
def test_a_transformer_the_wrong_way_round_is_named(phases: str) -> None:
    (finding,) = examine(point(), unit(), readings(turned=phases))
    assert finding.fault is Fault.DIRECTION
    assert finding.zh.startswith("、".join(phases.upper()))


def test_the_sign_tells_where_there_is_no_reactive_power() -> None:
    columns = readings(turned="b")
    for phase in PHASES:
        columns[f"reactive_{phase}"][:] = np.nan
    assert faults(columns) == [Fault.DIRECTION]
    for phase in PHASES:
        columns[f"power_{phase}"][:] = np.nan
    assert faults(columns) == [Fault.DIRECTION]


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_currents_at_another_phase_are_found(order: tuple[int, int, int]) -> None:
    assert faults(readings(order=order)) == [Fault.PHASE_ORDER]


def test_the_inputs_that_are_interchanged_are_named() -> None:
    (finding,) = examine(point(), unit(), readings(order=(1, 0, 2)))
    assert finding.en == (
        "phases interchanged: input A has the current of phase B,"
        " input B has the current of phase A"
    )


def test_angles_that_no_mistake_explains_are_told() -> None:
    columns = readings()
    columns["reactive_b"] = np.tan(np.radians(80.0)) * columns["power_b"]
    assert faults(columns) == [Fault.ANGLES]


def test_a_phase_without_current_is_told_and_no_more_is_guessed() -> None:
    (finding,) = examine(point(), unit(), readings(dead="b", turned="a"))
    assert (finding.fault, finding.zh[0]) == (Fault.CT_OPEN, "B")


@pytest.mark.parametrize(
    ("ratio", "drive", "fault"),
    [
        (CT, Drive.DIRECT, None),
        (CT * 1.5, Drive.DIRECT, None),
        (CT * 2, Drive.DIRECT, Fault.RATIO_HIGH),
        (CT / 5, Drive.DIRECT, None),
        (CT / 6, Drive.DIRECT, Fault.RATIO_LOW),
        (CT / 6, Drive.VFD, None),
        (1.0, Drive.VFD, Fault.RATIO_LOW),
    ],
)
def test_the_ratio_is_held_against_the_nameplate(
    ratio: float, drive: Drive, fault: Fault | None
) -> None:
    assert faults(readings(), unit(drive), ratio) == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("volts", "pt", "found"),
    [
        (220.0, 1.0, []),
        (380.0, 1.0, []),
        (127.0, 1.0, [Fault.VOLTAGE]),
        (220.0, 100.0, [Fault.VOLTAGE]),
    ],
)
def test_the_voltage_is_held_against_the_nameplate(
    volts: float, pt: float, found: list[Fault]
) -> None:
    assert [one.fault for one in examine(point(pt=pt), unit(), readings(volts=volts))] == found


def test_the_voltage_is_that_of_the_phases_that_have_one() -> None:
    columns = readings(volts=251.0)
    columns["voltage_b"][:] = columns["voltage_c"][:] = np.nan
    assert faults(columns) == []
    assert faults(readings(volts=253.0)) == [Fault.VOLTAGE]


def test_too_few_samples_of_running_are_not_judged() -> None:
    few = readings(turned="abc", samples=MIN_RUNNING_SAMPLES - 1)
    assert faults(few) == [Fault.TOO_EARLY]
    nothing: Readings = {name: np.empty(0) for name in COLUMNS}
    assert faults(nothing) == [Fault.TOO_EARLY]


def test_a_meter_without_phases_is_judged_by_what_it_has() -> None:
    columns = readings()
    for name in COLUMNS:
        if name[-1] in "bc" or name.startswith(("reactive", "voltage")):
            columns[name][:] = np.nan
    assert faults(columns) == []
