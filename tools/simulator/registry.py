"""Factories and decisions of a scenario as the registry has them; only this module knows both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from wattwarden.alarms.decisions.bodies import BODIES, AnyBody
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
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.frames import STATUS_CODE, channel_of
from wattwarden.tools.simulator.mains import NOMINAL_BETWEEN_V
from wattwarden.tools.simulator.site import Firm, Machine
from wattwarden.tools.simulator.world import World

CITY: Final = "CITY"
MINUTE_S: Final = 60.0
# Fields of decisions that are moments: they may be written as all others of a scenario.
MOMENTS: Final = frozenset(("at", "start", "end", "until", "replaced_at"))


class Order(NamedTuple):
    """What somebody decides, and when (ms UTC)."""

    at_ms: int
    actor: str
    body: AnyBody


def changes_of(world: World, registry: Registry) -> list[Change]:
    """Return what a registry lacks of a world's."""
    wanted = registry_of(world)
    return [change for change in difference(registry, wanted) if change.record is not None]


def orders_of(world: World) -> list[Order]:
    """Return the decisions of a scenario in the order of their moments.

    Raises:
        UsageError: one of them is none; names the key and the cure.
    """
    return sorted(_orders(world), key=lambda order: order.at_ms)


def _orders(world: World) -> Iterator[Order]:
    for number, spec in enumerate(world.scenario.decision):
        at_ms = world.midnight_ms + round(1000 * world.site.moment(spec.at, "decision.at"))
        body = {"id": f"{spec.kind}-{number + 1}", **spec.body}
        for name in MOMENTS.intersection(body):
            body[name] = _moment(world, str(body[name]), f"decision.body.{name}")
        try:
            yield Order(at_ms, spec.actor, msgspec.convert(body, BODIES[spec.kind]))
        except msgspec.ValidationError as error:
            message = f"scenario: decision[{number}].body: {error}"
            known = ", ".join(BODIES[spec.kind].__struct_fields__)
            raise UsageError(message, f"keys of a {spec.kind} are {known}") from error


def _moment(world: World, text: str, key: str) -> datetime:
    seconds = world.site.moment(text, key)
    return datetime.fromtimestamp(world.midnight_ms / 1000 + seconds, UTC)


def registry_of(world: World) -> Registry:
    """Return everything that the registry has to know of a world."""
    registry = Registry()
    # Valid from a day before: a meter whose clock is slow belongs to its point all the same.
    since = datetime.fromtimestamp(world.midnight_ms / 1000, UTC) - timedelta(days=1)
    registry.put("region", Region(id=CITY, name="模拟市"))
    registry.put("agency", Agency(id=CITY, name="模拟市生态环境局", region=CITY))
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
    enterprise = Enterprise(
        id=spec.id,
        name=spec.name or spec.id,
        agency=spec.region,
        region=spec.region,
        industry=spec.industry,
        officer=f"{spec.region}-officer",
        maintainer=duty.id,
        registered_power=_registered_power(firm),
    )
    found: list[tuple[str, Noun]] = [("enterprise", enterprise), ("person", duty)]
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
