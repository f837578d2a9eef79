"""What meters say, as people read it: names in both languages, phases side by side, kW for W."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wattwarden.codecs.tables import Factor, find_factor, read_factors
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.storage.readings import Value

_TABLE: Final = "hj212_factors"
# A minute's mean is in the unit of what is averaged.
_MEAN: Final = "-Avg"
_STEMS: Final[Mapping[str, Said]] = {
    "voltage": Said("电压", "Voltage"),
    "current": Said("电流", "Current"),
    "power": Said("有功功率", "Power"),
    "reactive": Said("无功功率", "Reactive power"),
    "apparent": Said("视在功率", "Apparent power"),
    "power_factor": Said("功率因数", "Power factor"),
    "frequency": Said("频率", "Frequency"),
    "voltage_thd": Said("电压谐波", "Voltage THD"),
    "current_thd": Said("电流谐波", "Current THD"),
    "energy_forward": Said("正向电量", "Energy in"),
    "energy_reverse": Said("反向电量", "Energy out"),
    "energy_combined": Said("组合电量", "Energy"),
    "reactive_energy_forward": Said("正向无功电量", "Reactive energy in"),
    "reactive_energy_reverse": Said("反向无功电量", "Reactive energy out"),
}
_PARTS: Final[Mapping[str, Said]] = {
    "a": Said("A 相", "A"),
    "b": Said("B 相", "B"),
    "c": Said("C 相", "C"),
    "total": NOTHING_SAID,
    "sharp": Said("尖", "sharp"),
    "peak": Said("峰", "peak"),
    "flat": Said("平", "flat"),
    "deep_valley": Said("深谷", "deep valley"),
    "valley": Said("谷", "valley"),
}
_PHASES: Final = frozenset("abc")
# Of these a reading has the whole and the phases.
_WITH_TOTAL: Final = frozenset({"power", "reactive", "apparent", "power_factor"})
_THOUSANDS: Final = frozenset({"W", "var", "VA", "Wh", "varh"})
# Of the unit: digits behind the point that a meter's own error leaves.
_DIGITS: Final[Mapping[str, int]] = {"1": 3, "Hz": 2}


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a meter said: its name, the value or the phases' values, and the unit."""

    name: Said
    text: str
    unit: str


def told_of(values: Iterable[Value]) -> list[Told]:
    """Return what a reading says, the phases of a quantity together."""
    found: dict[tuple[str, str], list[Value]] = {}
    for value in values:
        stem, part = _taken_apart(value.quantity)
        found.setdefault((stem, "phases" if part in _PHASES else part), []).append(value)
    return [_told(stem, part, some) for (stem, part), some in found.items()]


def factor_name(code: str) -> Said:
    """Return what a factor is called; its code where no table has it."""
    found = _factor(code)
    return Said(code, code) if found is None else Said(found.name_zh, found.name_en)


def factor_unit(code: str) -> str:
    """Return the unit of a factor; "" where no table has it."""
    found = _factor(code)
    return "" if found is None else found.unit


def _told(stem: str, part: str, values: list[Value]) -> Told:
    first = values[0]
    name = _STEMS.get(stem)
    if name is None:
        unit = first.unit or factor_unit(first.quantity)
        return Told(factor_name(first.quantity), f"{first.value:,.4g}", unit)
    of = _PARTS.get(part, NOTHING_SAID)
    if part == "phases" and len(values) == 1:
        of = _PARTS[_taken_apart(first.quantity)[1]]
    elif part == "phases" and stem in _WITH_TOTAL:
        of = Said("各相", "by phase")
    digits = _DIGITS.get(first.unit, 1)
    scale = 1000 if first.unit in _THOUSANDS else 1
    text = " / ".join(f"{one.value / scale:,.{digits}f}" for one in values)
    unit = f"k{first.unit}" if scale > 1 else "" if first.unit == "1" else first.unit
    return Told(Said(f"{name.zh} {of.zh}".strip(), f"{name.en} {of.en}".strip()), text, unit)


def _taken_apart(quantity: str) -> tuple[str, str]:
    """Return a quantity without its phase or tariff, and that."""
    for part in _PARTS:
        stem = quantity.removesuffix(f"_{part}")
        if stem != quantity and stem in _STEMS:
            return stem, part
    return quantity, ""


def _factor(code: str) -> Factor | None:
    return find_factor(read_factors(_TABLE), code.removesuffix(_MEAN))
