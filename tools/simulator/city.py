"""A drawn city: as many factories, production and treatment units as asked for, no two alike.

Each factory is drawn by its own number, so that the first ten are the same in a city of ten or of a
thousand but for how many units they have.
"""

from typing import Final

import msgspec
import numpy as np

from wattwarden.tools.simulator.chance import stream
from wattwarden.tools.simulator.scenario import (
    CitySpec,
    Clock,
    Drive,
    FactorySpec,
    LineSpec,
    MeterKind,
    OutletSpec,
    Process,
    RestDay,
    UnitSpec,
)

# With what people call them.
INDUSTRIES_ZH: Final = {
    "coating": "涂装", "foundry": "铸造", "furniture": "家具", "printing": "印刷",
    "cement": "水泥", "chemicals": "化工", "rubber": "橡胶", "sewage": "污水处理",
}  # fmt: skip
INDUSTRIES: Final = tuple(INDUSTRIES_ZH)
# Non-methane hydrocarbons, particulate matter, sulphur dioxide, ammonia: codes of HJ 212, mg/m³.
EMISSIONS: Final = {
    "coating": ("a24088", 60.0), "foundry": ("a34013", 30.0), "furniture": ("a24088", 60.0),
    "printing": ("a24088", 50.0), "cement": ("a34013", 10.0), "chemicals": ("a21026", 100.0),
    "rubber": ("a24088", 10.0), "sewage": ("a21001", 30.0),
}  # fmt: skip
TREATMENTS: Final = (
    "废气治理风机", "除尘风机", "喷淋泵", "活性炭吸附风机", "催化燃烧风机", "脱硫循环泵",
    "曝气风机",
)  # fmt: skip
PRODUCTIONS: Final = (
    "喷涂线",
    "熔炼炉",
    "砂处理",
    "印刷机",
    "球磨机",
    "反应釜",
    "硫化机",
    "注塑机",
)
Shifts = tuple[tuple[Clock, Clock], ...]
ONE: Final[Shifts] = (("08:00", "12:00"), ("13:00", "17:30"))
TWO: Final[Shifts] = (("08:00", "24:00"),)
LONG: Final[Shifts] = (("07:30", "20:00"),)
NIGHT: Final[Shifts] = (("20:00", "06:00"),)
THREE: Final[Shifts] = (("00:00", "24:00"),)
# Sizes of IEC motors, kW, from 1.1 to 250; production is larger than treatment.
SIZES_KW: Final = (
    1.1, 1.5, 2.2, 3.0, 4.0, 5.5, 7.5, 11.0, 15.0, 18.5, 22.0, 30.0, 37.0, 45.0, 55.0, 75.0, 90.0,
    110.0, 132.0, 160.0, 200.0, 250.0,
)  # fmt: skip
_LEAST_TREATMENT: Final = 3
_MOST_TREATMENT: Final = 18
_LEAST_PRODUCTION: Final = 5


def draw_city(city: CitySpec, seed: int) -> tuple[FactorySpec, ...]:
    """Draw the factories of a city."""
    count = city.factories
    production = _shared_out(city.production, count, stream(seed, "city", "production"))
    treatment = _shared_out(city.treatment, count, stream(seed, "city", "treatment"))
    return tuple(
        _Factory(city, seed, number, production[number], treatment[number]).draw()
        for number in range(count)
    )


def _shared_out(total: int, parts: int, chance: np.random.Generator) -> list[int]:
    """Split a total unevenly; every part has one at least, as far as there are enough."""
    least = 1 if total >= parts else 0
    weights = chance.gamma(2.0, size=parts)
    drawn = chance.multinomial(total - least * parts, weights / weights.sum())
    return [int(number) + least for number in drawn]


class _Factory:
    """One factory while it is drawn."""

    def __init__(
        self, city: CitySpec, seed: int, number: int, production: int, treatment: int
    ) -> None:
        self._city = city
        self._chance = stream(seed, "factory", number)
        self._id = f"E{number + 1:04d}"
        self._region = number % city.regions
        self._production = production
        self._treatment = treatment
        self._is_hj212 = self._happens(city.hj212)

    def draw(self) -> FactorySpec:
        """Draw the factory."""
        chance = self._chance
        most_lines = max(1, min(self._production, self._treatment))
        count = max(1, min(most_lines, round(most_lines * chance.uniform(0.5, 1.0))))
        lines = tuple(self._line(number) for number in range(count))
        units = [self._production_unit(n, lines) for n in range(self._production)]
        units += self._treatment_units(lines)
        if self._happens(self._city.mains):
            power = min(1000.0, 1.2 * sum(unit.power_kw for unit in units))
            units.append(UnitSpec(id=f"{self._id}-M01", name="总电", kind="main", power_kw=power))
        monitored = self._happens(self._city.outlets)
        industry = INDUSTRIES[int(chance.integers(len(INDUSTRIES)))]
        factor, limit = EMISSIONS[industry]
        outlet = OutletSpec(
            id=f"{self._id}-O1", name="废气排口", line=lines[0].id, factor=factor, limit=limit
        )
        return FactorySpec(
            id=self._id,
            name=f"{INDUSTRIES_ZH[industry]}企业 {self._id}",
            industry=industry,
            region=f"R{self._region + 1}",
            protocol="hj212" if self._is_hj212 else "acrel",
            shifts=self._shifts(),
            rest_days=self._rest_days(),
            line=lines,
            unit=tuple(units),
            outlet=(outlet,) if monitored else (),
        )

    def _happens(self, share: float) -> bool:
        return bool(self._chance.random() < share)

    def _pick(self, choices: tuple[Shifts, ...], weights: tuple[float, ...]) -> Shifts:
        return choices[int(self._chance.choice(len(choices), p=weights))]

    def _shifts(self) -> Shifts:
        return self._pick((ONE, LONG, TWO, NIGHT, THREE), (0.35, 0.2, 0.2, 0.05, 0.2))

    def _rest_days(self) -> tuple[RestDay, ...]:
        drawn = self._chance.random()
        if drawn < 0.5:
            return ("saturday", "sunday")
        return ("sunday",) if drawn < 0.75 else ()

    def _line(self, number: int) -> LineSpec:
        chance = self._chance
        warm = chance.random() < 0.4
        return LineSpec(
            id=f"{self._id}-L{number + 1}",
            name=f"{number + 1}号线",
            pre_start_min=float(chance.integers(1, 11)) if warm else 0.0,
            run_on_min=float(chance.integers(1, 11)) if warm else 0.0,
        )

    def _production_unit(self, number: int, lines: tuple[LineSpec, ...]) -> UnitSpec:
        chance = self._chance
        processes: tuple[Process, ...] = ("continuous", "partial", "batch")
        return UnitSpec(
            id=f"{self._id}-P{number + 1:02d}",
            name=f"{PRODUCTIONS[int(chance.integers(len(PRODUCTIONS)))]}{number + 1}",
            kind="production",
            power_kw=self._size(_LEAST_PRODUCTION, len(SIZES_KW)),
            drive="resistive" if chance.random() < 0.1 else "direct",
            lines=(lines[number % len(lines)].id,),
            process=processes[int(chance.choice(3, p=(0.5, 0.25, 0.25)))],
            load=round(float(chance.uniform(0.6, 0.9)), 2),
            meter=self._meter(),
        )

    def _treatment_units(self, lines: tuple[LineSpec, ...]) -> list[UnitSpec]:
        units = [self._treatment_unit(n, lines) for n in range(self._treatment)]
        # A pair of equal fans of which one stands by; the first line keeps one of its own.
        if len(units) > len(lines) and self._happens(self._city.standby):
            pair = msgspec.structs.replace(
                units[-1], standby=f"{self._id}-S1", drive="direct", follows=False, hertz=50.0,
                meter="full", interlock=False,
            )  # fmt: skip
            twin = msgspec.structs.replace(pair, id=units[-2].id, name=units[-2].name)
            units[-2:] = [twin, pair]
        return units

    def _treatment_unit(self, number: int, lines: tuple[LineSpec, ...]) -> UnitSpec:
        chance, city = self._chance, self._city
        mine = lines[number % len(lines)].id
        other = lines[(number + 1) % len(lines)].id
        shared = len(lines) > 1 and chance.random() < city.shared
        drive = self._drive()
        return UnitSpec(
            id=f"{self._id}-T{number + 1:02d}",
            name=f"{TREATMENTS[int(chance.integers(len(TREATMENTS)))]}{number + 1}",
            kind="treatment",
            power_kw=self._size(_LEAST_TREATMENT, _MOST_TREATMENT),
            drive=drive,
            lines=(mine, other) if shared else (mine,),
            load=round(float(chance.uniform(0.7, 0.9)), 2),
            hertz=round(float(chance.uniform(44, 50)), 1) if drive == "vfd" else 50.0,
            follows=drive == "vfd" and chance.random() < city.following,
            meter=self._meter(),
            interlock=chance.random() < city.interlock,
        )

    def _drive(self) -> Drive:
        city, drawn = self._city, self._chance.random()
        if drawn < city.vfd:
            return "vfd"
        if drawn < city.vfd + city.resistive:
            return "resistive"
        return "pulsed" if drawn < city.vfd + city.resistive + city.pulsed else "direct"

    def _meter(self) -> MeterKind:
        drawn = self._chance.random()
        if not self._is_hj212 or drawn >= self._city.current_only + self._city.status_only:
            return "full"
        return "current" if drawn < self._city.current_only else "status"

    def _size(self, first: int, behind: int) -> float:
        return SIZES_KW[int(self._chance.integers(first, behind))]
