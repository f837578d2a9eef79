"""Whether a new point is wired and entered as it is meant, judged by its first hours.

    voltages  near the nameplate?                        else VOLTAGE: a PT ratio or a lead is wrong
    currents  one phase dead while the others carry?     CT_OPEN
    angles    of each phase's power, three alike?        else PHASE_ORDER, DIRECTION
    largest   current against the rated one              RATIO_HIGH, RATIO_LOW

A phase's angle is that of its apparent power, atan2(Q, P).  The current of phase y at the input of
phase x turns it by 120°·(y − x), a reversed transformer by 180°: of all ways to be wrong the
smallest that makes the three alike, and a load's, is told.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.registry.nameplate import rated_current
from wattwarden.alarms.registry.nouns import Drive, Point, Unit

PHASES: Final = "abc"
COLUMNS: Final = (
    *(f"voltage_{x}" for x in PHASES), *(f"current_{x}" for x in PHASES),
    *(f"power_{x}" for x in PHASES), *(f"reactive_{x}" for x in PHASES),
    *(f"power_factor_{x}" for x in PHASES), "power_total",
)  # fmt: skip
# A quarter of an hour at one minute: fewer samples may all lie in one start.
MIN_RUNNING_SAMPLES: Final = 15
# Of its own largest current: above it the unit is taken for running, whatever the ratio says.
RUNNING_SHARE: Final = 0.3
# Supply may be 10 % off; a wrong ratio or lead is off by more than twice that.
VOLTAGE_TOLERANCE: Final = 0.15
DEAD_SHARE: Final = 0.05
CARRYING_SHARE: Final = 0.2
# Loads of one machine are nearly symmetric; leads that are interchanged differ by 60° at least.
ALIKE_DEG: Final = 25.0
# A compensated drive is slightly capacitive, an unloaded motor nearly purely inductive.
LOAD_DEG: Final = (-35.0, 80.0)
# A power factor of 0.87: of two mistakes alike in size the one that leaves it nearer is told.
USUAL_DEG: Final = 30.0
# Motors are overloaded by a tenth for long, and by a third hardly ever.
MAX_OF_RATED: Final = 1.3
# An unloaded motor on the mains draws a quarter of its rated current or more; drives and heaters
# turned down draw less.
MIN_OF_RATED: Final[dict[Drive, float]] = {
    Drive.DIRECT: 0.15,
    Drive.VFD: 0.05,
    Drive.RESISTIVE: 0.05,
    Drive.PULSED: 0.05,
}


class Fault(StrEnum):
    """What a finding is about."""

    TOO_EARLY = "too_early"
    VOLTAGE = "voltage"
    CT_OPEN = "ct_open"
    PHASE_ORDER = "phase_order"
    DIRECTION = "direction"
    ANGLES = "angles"
    RATIO_HIGH = "ratio_high"
    RATIO_LOW = "ratio_low"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at on site, with sentences for a person."""

    fault: Fault
    zh: str
    en: str


Columns = Mapping[str, NDArray[np.float64]]


def examine(point: Point, unit: Unit, columns: Columns) -> list[Finding]:
    """Judge a point by its first readings; nothing found means that it looks right.

    Args:
        point: With its ratios, which are applied here.
        unit: What it meters.
        columns: ``COLUMNS`` as reported, of one length, NaN where nothing was.
    """
    current = _phases(columns, "current") * point.ct
    mean = _mean(current)
    largest = float(np.nanpercentile(mean, 95)) if np.isfinite(mean).any() else 0.0
    running = mean > RUNNING_SHARE * largest
    found = _voltage(point, unit, _phases(columns, "voltage") * point.pt)
    samples = int(np.count_nonzero(running))
    if samples < MIN_RUNNING_SAMPLES:
        zh = f"运行样本仅 {samples} 个,少于 {MIN_RUNNING_SAMPLES} 个,暂不能判断接线"
        en = f"only {samples} samples of running, {MIN_RUNNING_SAMPLES} are needed to judge"
        return [*found, Finding(Fault.TOO_EARLY, zh, en)]
    medians = {
        name: _medians(_phases(columns, name)[running])
        for name in ("current", "power", "reactive", "power_factor")
    }
    open_phases = _open(medians["current"])
    found += open_phases
    if not open_phases:
        found += _wiring(medians)
    return [*found, *_ratio(unit, point.ct, largest)]


def _phases(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.column_stack([columns[f"{name}_{x}"] for x in PHASES]).astype(np.float64)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over phases that have a value, NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean = np.full(len(values), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each phase's median, NaN where it has no value."""
    return np.array(
        [np.median(kept) if (kept := one[np.isfinite(one)]).size else np.nan for one in values.T]
    )


def _voltage(point: Point, unit: Unit, voltage: NDArray[np.float64]) -> list[Finding]:
    mean = _mean(voltage)
    if not np.isfinite(mean).any():
        return []
    measured = float(np.nanmedian(mean))
    # Between phases, or to neutral: meters of either kind are in use.
    expected = (unit.rated_voltage, unit.rated_voltage / math.sqrt(3))
    if any(abs(measured / volts - 1) <= VOLTAGE_TOLERANCE for volts in expected):
        return []
    zh = (
        f"电压 {measured:.0f} V 与额定 {unit.rated_voltage:.0f} V 不符,"
        f"请核对PT变比 {point.pt:g} 及电压接线"
    )
    en = (
        f"the voltage is {measured:.0f} V where {unit.rated_voltage:.0f} V between phases is rated:"
        f" look at the PT ratio {point.pt:g} and the voltage leads"
    )
    return [Finding(Fault.VOLTAGE, zh, en)]


def _open(current: NDArray[np.float64]) -> list[Finding]:
    most = np.nanmax(current)
    carrying = np.count_nonzero(current > CARRYING_SHARE * most) >= 2
    dead = [x for x, amperes in zip(PHASES, current, strict=True) if amperes < DEAD_SHARE * most]
    if not (carrying and dead):
        return []
    named = "、".join(x.upper() for x in dead)
    zh = f"{named} 相电流几乎为零而其余相正常,请检查互感器二次回路或缺相"
    en = f"phase {', '.join(x.upper() for x in dead)} carries no current while the others do: look "
    return [Finding(Fault.CT_OPEN, zh, en + "at its transformer's leads, or a phase is lost")]


def _wiring(medians: Mapping[str, NDArray[np.float64]]) -> list[Finding]:
    power, reactive = medians["power"], medians["reactive"]
    if np.isfinite(power).all() and np.isfinite(reactive).all():
        return _by_angles(np.degrees(np.arctan2(reactive, power)))
    # Without reactive power only the sign is left.
    signs = np.where(np.isfinite(power), power, medians["power_factor"])
    return _reversed([x for x, value in zip(PHASES, signs, strict=True) if value < 0])


def _by_angles(angles: NDArray[np.float64]) -> list[Finding]:
    """The smallest mistake that explains the angles, none when they are a load's already."""
    explained = []
    for order in permutations(range(3)):
        for turned in product((0, 1), repeat=3):
            shift = [120.0 * (order[x] - x) + 180.0 * turned[x] for x in range(3)]
            middle = _load_angle(angles - np.array(shift))
            if middle is not None:
                size = sum(x != y for x, y in enumerate(order)) + sum(turned)
                explained.append((size, abs(middle - USUAL_DEG), order, turned))
    best = min(explained, default=None)
    if best is None:
        listed = ", ".join(f"{angle:.0f}°" for angle in angles)
        zh = f"三相功率角 {listed} 差异大且无法用接错线解释,请现场核查接线"
        en = f"the phases' power angles, {listed}, fit no load and no single mistake: look on site"
        return [Finding(Fault.ANGLES, zh, en)]
    _, _, order, turned = best
    found = _reversed([x for x, turn in zip(PHASES, turned, strict=True) if turn])
    if order != (0, 1, 2):
        named = "、".join(f"{PHASES[x]}相电流接入{PHASES[y]}相" for x, y in _moved(order)).upper()
        en = ", ".join(
            f"input {PHASES[x].upper()} has the current of phase {PHASES[y].upper()}"
            for y, x in _moved(order)
        )
        found.append(Finding(Fault.PHASE_ORDER, f"相序错误:{named}", f"phases interchanged: {en}"))
    return found


def _moved(order: tuple[int, ...]) -> list[tuple[int, int]]:
    """(phase whose current it is, input at which it is) of those that are not at their own."""
    return [(y, x) for x, y in enumerate(order) if x != y]


def _load_angle(angles: NDArray[np.float64]) -> float | None:
    """The angle of a load whose phases are alike, None when these are no load's."""
    turned = np.exp(1j * np.radians(angles))
    middle = math.degrees(float(np.angle(turned.sum())))
    apart = np.degrees(np.angle(turned * np.exp(-1j * np.radians(middle))))
    alike = bool(np.ptp(apart) <= ALIKE_DEG)
    return middle if alike and LOAD_DEG[0] <= middle <= LOAD_DEG[1] else None


def _reversed(phases: list[str]) -> list[Finding]:
    if not phases:
        return []
    named = "、".join(x.upper() for x in phases)
    zh = f"{named} 相功率为负,互感器方向接反"
    en = f"the power of phase {', '.join(x.upper() for x in phases)} is negative: its transformer"
    return [Finding(Fault.DIRECTION, zh, f"{en} is the wrong way round")]


def _ratio(unit: Unit, ct: float, largest: float) -> list[Finding]:
    rated = rated_current(unit)
    share = largest / rated
    numbers_zh = f"最大电流 {largest:.1f} A,额定 {rated:.1f} A,CT变比 {ct:g}"
    numbers = f"the largest current is {largest:.1f} A of rated {rated:.1f} A at a CT ratio {ct:g}"
    if share > MAX_OF_RATED:
        zh = f"{numbers_zh}:变比可能过大或铭牌有误"
        en = f"{numbers}: the ratio is too large, or the nameplate wrong"
        return [Finding(Fault.RATIO_HIGH, zh, en)]
    if share < MIN_OF_RATED[unit.drive]:
        zh = f"{numbers_zh}:变比可能过小或铭牌有误"
        en = f"{numbers}: the ratio is too small, or the nameplate wrong"
        return [Finding(Fault.RATIO_LOW, zh, en)]
    return []
