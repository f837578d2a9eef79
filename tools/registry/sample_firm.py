"""One firm of the sample city, with everything that belongs to it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from wattwarden.alarms.registry.nouns import (
    Drive,
    Enterprise,
    Equipment,
    EquipmentKind,
    Line,
    Link,
    Outlet,
    Person,
    Role,
    Standby,
    Supervision,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.registry.names import District, Namer
from wattwarden.tools.registry.plant_drafts import Draft, DraftLine
from wattwarden.tools.registry.sample_meters import Metering
from wattwarden.tools.registry.trades import Machine

# Midnight in Shanghai: when the city's meters were put to work.
SINCE: Final = datetime(2025, 12, 31, 16, tzinfo=UTC)
HIGH_VOLTAGE: Final = 10_000.0
# Above it machines are built for high voltage.
_HIGH_VOLTAGE_KW: Final = 1_000.0
_SUPERVISION: Final = (Supervision.POSITIVE, Supervision.ORDINARY, Supervision.FOCUS)
_GRADES: Final = ("A", "B", "B", "C", "C", "C", "D", "引领性", "保障类")
# Of all firms: those with a main meter, with an office or the like, with production and treatment
# in one meter, and of those with several lines, those whose treatment serves all of them.
_WITH_MAINS: Final = 0.18
_WITH_INDIRECT: Final = 0.07
_WITH_BOTH: Final = 0.04
_SHARED: Final = 0.35
# Of what is required: never installed, and installed but silent.
_NOT_INSTALLED: Final = 0.02
_NOT_NETWORKED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Officials:
    """Who can answer for a firm: officers by district, and maintainers of meters."""

    officers: dict[str, list[str]]
    maintainers: list[str]


class FirmMaker:
    """Puts firms into a registry, one after the other."""

    def __init__(
        self, registry: Registry, chance: Random, namer: Namer, officials: Officials
    ) -> None:
        self._registry = registry
        self._chance = chance
        self._namer = namer
        self._officials = officials

    def make(self, number: int, draft: Draft, district: District) -> None:
        """Put a firm and all that belongs to it into the registry."""
        firm = f"E{number:03d}"
        metering = Metering(self._registry, self._chance, firm, number, district.code, draft)
        chosen = self._chance.choices(_SUPERVISION, (15, 65, 20))[0]
        made = _Units(self._registry, self._chance, metering, firm)
        made.lines(draft)
        self._others(made)
        self._enterprise(firm, draft, district, chosen)
        self._persons(firm)
        monitored = self._equipment(firm, draft, chosen)
        self._outlet(firm, draft, metering, monitored=monitored)

    def _enterprise(
        self, firm: str, draft: Draft, district: District, supervision: Supervision
    ) -> None:
        chance, trade = self._chance, draft.trade
        rated = sum(u.rated_power for u in self._registry.unit.values() if u.enterprise == firm)
        emissions = {
            pollutant: round(sum(chance.uniform(*span) for _ in draft.lines), 2)
            for pollutant, span in trade.emissions.items()
        }
        enterprise = Enterprise(
            id=firm,
            name=self._namer.firm(district, chance.choice(trade.words)),
            agency=district.id,
            region=district.id,
            industry=trade.industry,
            credit_code=f"91370200SAMPLE{int(firm[1:]):04d}",
            address=f"{district.name}工业园{chance.randint(1, 40)}路{chance.randint(1, 299)}号",
            longitude=round(chance.gauss(district.longitude, 0.05), 5),
            latitude=round(chance.gauss(district.latitude, 0.04), 5),
            contact=self._namer.person(),
            phone=f"1300000{int(firm[1:]):04d}",
            maintainer=chance.choice(self._officials.maintainers),
            officer=chance.choice(self._officials.officers[district.id]),
            supervision=supervision,
            performance_grade=chance.choice(_GRADES),
            emissions=emissions,
            # Transformers come in steps; the mains are registered with some reserve.
            registered_power=math.ceil(rated * 1.15 / 50e3) * 50e3,
        )
        self._registry.put("enterprise", enterprise)

    def _persons(self, firm: str) -> None:
        for name, role in (("duty", Role.DUTY), ("head", Role.HEAD)):
            phone = f"1310000{int(firm[1:]):04d}"
            person = Person(
                self._namer.person(), role, None, firm, phone=phone, id=f"{firm}-{name}"
            )
            self._registry.put("person", person)

    def _equipment(self, firm: str, draft: Draft, supervision: Supervision) -> bool:
        """What is required, nearly always there; return whether the outlet is monitored."""
        required = {EquipmentKind.TERMINAL}
        if supervision is Supervision.FOCUS:
            required |= {EquipmentKind.VIDEO, EquipmentKind.MONITORING}
        if draft.trade.industry == "sewage":
            required.add(EquipmentKind.MONITORING)
        for equipment in sorted(required):
            installed = self._chance.random() >= _NOT_INSTALLED
            networked = installed and self._chance.random() >= _NOT_NETWORKED
            one = Equipment(firm, equipment, installed, networked, id=f"{firm}-{equipment}")
            self._registry.put("equipment", one)
        return EquipmentKind.MONITORING in required

    def _outlet(self, firm: str, draft: Draft, metering: Metering, *, monitored: bool) -> None:
        limits = draft.trade.limits
        name = "废水总排口" if "w01018" in limits else "DA001排气筒"
        line = f"{firm}-L1" if len(draft.lines) == 1 else None
        self._registry.put("outlet", Outlet(firm, name, line, limits, id=f"{firm}-O1"))
        if monitored:
            metering.outlet(f"{firm}-O1", limits)

    def _others(self, made: "_Units") -> None:
        """Some firms have a main meter, an office, a machine with treatment built in."""
        if self._chance.random() < _WITH_BOTH:
            made.built_in()
        if self._chance.random() < _WITH_INDIRECT:
            made.indirect()
        if self._chance.random() < _WITH_MAINS:
            made.mains()


class _Units:
    """The units of one firm."""

    def __init__(self, registry: Registry, chance: Random, metering: Metering, firm: str) -> None:
        self._registry = registry
        self._chance = chance
        self._metering = metering
        self._firm = firm
        self._numbers = dict.fromkeys(("P", "T", "S"), 0)
        self._rated = 0.0

    def lines(self, draft: Draft) -> None:
        """Lines, their machines, and which treatment serves which."""
        lines = [f"{self._firm}-L{number}" for number in range(1, len(draft.lines) + 1)]
        share = len(lines) > 1 and self._chance.random() < _SHARED
        for line, work in zip(lines, draft.lines, strict=True):
            number = line.rpartition("L")[2]
            name = f"{number}号{work.workline.name}"
            workshop = f"{self._chance.randint(1, 4)}车间"
            self._registry.put("line", Line(self._firm, name, workshop, id=line))
            for machine in work.production:
                self._link(line, self._unit("P", machine, UnitKind.PRODUCTION, None), work)
            for unit in self._treatment(work):
                for served in lines if share else [line]:
                    self._link(served, unit, work)

    def _treatment(self, work: DraftLine) -> list[str]:
        made = []
        for place, machine in enumerate(work.treatment):
            group = None
            if place in work.spares:
                group = f"{self._firm}-{self._number('S')}"
                self._registry.put("standby", Standby(self._firm, id=group))
                made.append(self._unit("T", machine, UnitKind.TREATMENT, group))
            made.append(self._unit("T", machine, UnitKind.TREATMENT, group))
        return made

    def built_in(self) -> None:
        """A machine that treats what it emits, under one meter."""
        kilowatts = self._chance.choice((15.0, 22.0, 30.0))
        unit = Unit(
            id=f"{self._firm}-B1",
            enterprise=self._firm,
            name="产治一体焊接工位",
            kind=UnitKind.BOTH,
            rated_power=kilowatts * 1e3,
            treatment_power=kilowatts * 1e3 / 4,
        )
        self._put(unit)
        self._registry.put("link", Link(f"{self._firm}-L1", unit.id, id=f"{self._firm}-L1-B1"))

    def indirect(self) -> None:
        """What only shows that somebody is at work."""
        self._put(
            Unit(
                id=f"{self._firm}-X1",
                enterprise=self._firm,
                name="办公及照明",
                kind=UnitKind.INDIRECT,
                rated_power=20e3,
                drive=Drive.RESISTIVE,
                sync=False,
            )
        )

    def mains(self) -> None:
        """The incoming supply: all that was made before, and what has no meter of its own."""
        self._put(
            Unit(
                id=f"{self._firm}-M1",
                enterprise=self._firm,
                name="企业总电",
                kind=UnitKind.MAIN,
                rated_power=math.ceil(self._rated * 1.1 / 1e3) * 1e3,
                sync=False,
            )
        )

    def _number(self, letter: str) -> str:
        self._numbers[letter] += 1
        return f"{letter}{self._numbers[letter]:02d}"

    def _unit(self, letter: str, machine: Machine, kind: UnitKind, standby: str | None) -> str:
        number = self._number(letter)
        kilowatts = _catalogue(self._chance.uniform(machine.low_kw, machine.high_kw))
        high = kilowatts >= _HIGH_VOLTAGE_KW and machine.drive is Drive.DIRECT
        unit = Unit(
            id=f"{self._firm}-{number}",
            enterprise=self._firm,
            name=f"{machine.name}{number[1:]}",
            kind=kind,
            rated_power=kilowatts * 1e3,
            drive=machine.drive,
            rated_voltage=HIGH_VOLTAGE if high else 380.0,
            interlock=machine.interlock,
            standby=standby,
        )
        self._put(unit)
        return unit.id

    def _put(self, unit: Unit) -> None:
        self._rated += unit.rated_power
        self._registry.put("unit", unit)
        self._metering.unit(unit, SINCE)

    def _link(self, line: str, unit: str, work: DraftLine) -> None:
        treats = self._registry.unit[unit].kind is UnitKind.TREATMENT
        link = Link(
            line,
            unit,
            work.workline.warm_up_s if treats else 0.0,
            work.workline.run_on_s if treats else 0.0,
            id=f"{line}-{unit.rpartition('-')[2]}",
        )
        self._registry.put("link", link)


# The steps in which motors are built, kW (GB/T 4772's series); above them by tens.
_STEPS: Final = (
    3.0, 4.0, 5.5, 7.5, 11.0, 15.0, 18.5, 22.0, 30.0, 37.0, 45.0, 55.0, 75.0, 90.0, 110.0, 132.0,
    160.0, 200.0, 250.0, 315.0,
)  # fmt: skip


def _catalogue(kilowatts: float) -> float:
    """The rated power that is built and is nearest."""
    if kilowatts > _STEPS[-1]:
        return round(kilowatts, -1)
    return min(_STEPS, key=lambda step: abs(step - kilowatts))
