"""Factories of a scenario as the registry has them; only this module knows both."""

from datetime import UTC, datetime, timedelta
from typing import Final

from wattwarden.alarms.registry.changes import Change, difference
from wattwarden.alarms.registry.nouns import (
    Agency,
    Drive,
    Enterprise,
    Line,
    Link,
    Noun,
    Outlet,
    Person,
    Point,
    Region,
    Role,
    Standby,
    Supervision,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.simulator.frames import STATUS_CODE, channel_of
from wattwarden.tools.simulator.mains import NOMINAL_BETWEEN_V
from wattwarden.tools.simulator.site import Firm, Machine, Station
from wattwarden.tools.simulator.world import World

CITY: Final = "CITY"
MINUTE_S: Final = 60.0
_CITY_PEOPLE: Final = {
    Role.CITY_OFFICER: "支队执法员",
    Role.LEADER: "支队领导",
    Role.ADMINISTRATOR: "系统管理员",
}


def changes_of(world: World, registry: Registry) -> list[Change]:
    """Return what a registry lacks of a world's."""
    wanted = registry_of(world)
    return [change for change in difference(registry, wanted) if change.record is not None]


def registry_of(world: World) -> Registry:
    """Return everything that the registry has to know of a world."""
    registry = Registry()
    # Valid from a day before: a meter whose clock is slow belongs to its point all the same.
    since = datetime.fromtimestamp(world.midnight_ms / 1000, UTC) - timedelta(days=1)
    registry.put("region", Region(id=CITY, name="模拟市"))
    registry.put("agency", Agency(id=CITY, name="模拟市生态环境局", region=CITY))
    for role, name in _CITY_PEOPLE.items():
        person = Person(id=f"{CITY}-{role}", name=name, role=role, agency=CITY)
        registry.put("person", person)
    for firm in world.site.firms:
        for kind, record in _district(firm):
            registry.put(kind, record)
        for kind, record in _enterprise(firm):
            registry.put(kind, record)
        for machine in firm.machines:
            registry.put("unit", _unit(firm, machine))
            registry.put("point", _point(firm, machine, since))
            for line in machine.lines:
                link = _link(firm, machine, line)
                registry.put("link", link)
    for station in world.site.stations:
        registry.put("point", _station_point(station, since))
    return registry


def _district(firm: Firm) -> list[tuple[str, Noun]]:
    region = firm.spec.region
    officer = Person(
        id=f"{region}-officer", name=f"{region}执法员", role=Role.DISTRICT_OFFICER, agency=region
    )
    return [
        ("region", Region(id=region, name=f"{region}区", parent=CITY)),
        ("agency", Agency(id=region, name=f"{region}分局", parent=CITY, region=region)),
        ("person", officer),
    ]


def _enterprise(firm: Firm) -> list[tuple[str, Noun]]:
    spec = firm.spec
    duty = Person(
        id=f"{spec.id}-duty", name=f"{spec.id}环保专员", role=Role.DUTY, enterprise=spec.id
    )
    head = Person(id=f"{spec.id}-head", name=f"{spec.id}负责人", role=Role.HEAD, enterprise=spec.id)
    enterprise = Enterprise(
        id=spec.id,
        name=spec.name or spec.id,
        agency=spec.region,
        region=spec.region,
        industry=spec.industry,
        supervision=Supervision(spec.supervision),
        officer=f"{spec.region}-officer",
        maintainer=duty.id,
        registered_power=_registered_power(firm),
    )
    found: list[tuple[str, Noun]] = [
        ("enterprise", enterprise),
        ("person", duty),
        ("person", head),
    ]
    found += [
        ("line", Line(id=line.id, enterprise=spec.id, name=line.name or line.id))
        for line in firm.lines
    ]
    found += [
        (
            "outlet",
            Outlet(
                id=one.id,
                enterprise=spec.id,
                name=one.name or one.id,
                line=one.line,
                limits={one.factor: one.limit},
            ),
        )
        for one in spec.outlet
    ]
    for group in sorted({one.spec.standby for one in firm.machines if one.spec.standby}):
        standby = Standby(id=group, enterprise=spec.id, required=spec.standby_required)
        found.append(("standby", standby))
    return found


def _registered_power(firm: Firm) -> float | None:
    mains = [one.rated_w for one in firm.machines if one.spec.kind == "main"]
    return sum(mains) or None


def _unit(firm: Firm, machine: Machine) -> Unit:
    spec = machine.spec
    return Unit(
        id=spec.id,
        enterprise=firm.id,
        name=spec.name or spec.id,
        kind=UnitKind(spec.kind),
        rated_power=round(float(machine.rated_w), 1),
        drive=Drive(spec.drive),
        rated_voltage=NOMINAL_BETWEEN_V,
        rated_current=round(float(machine.rated_a), 2),
        sync=spec.sync,
        interlock=spec.interlock,
        standby=spec.standby or None,
        treatment_power=(
            round(float(machine.rated_w) * spec.treatment_share, 1) if spec.kind == "both" else None
        ),
    )


def _link(firm: Firm, machine: Machine, line: int) -> Link:
    place = firm.lines[line]
    # An interlock leaves no time before or after.
    treats = machine.spec.kind == "treatment" and not machine.spec.interlock
    return Link(
        id=f"{place.id}:{machine.spec.id}",
        line=place.id,
        unit=machine.spec.id,
        pre_start_s=place.pre_start_min * MINUTE_S if treats else 0.0,
        run_on_s=place.run_on_min * MINUTE_S if treats else 0.0,
    )


def _point(firm: Firm, machine: Machine, since: datetime) -> Point:
    is_status = machine.spec.meter == "status"
    return Point(
        id=f"{machine.spec.id}-P",
        meter=f"{firm.spec.protocol}:{machine.address}",
        channel=channel_of(firm.spec.protocol, machine.spec.meter),
        factor=STATUS_CODE if is_status else "",
        measures="status" if is_status else "",
        unit=machine.spec.id,
        ct=float(machine.ratio),
        cycle_s=machine.cycle_s,
        valid_from=since,
    )


def _station_point(station: Station, since: datetime) -> Point:
    return Point(
        id=f"{station.spec.id}-P",
        meter=f"hj212:{station.address}",
        factor=station.spec.factor,
        measures="pollutant",
        outlet=station.spec.id,
        cycle_s=station.cycle_s,
        valid_from=since,
    )
