"""``wattwarden registry replace-meter | commission``: points, their meters and their wiring."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.commissioning import COLUMNS, Fault, Finding, examine
from wattwarden.alarms.registry.nouns import Point
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.replace import replace_meter
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.meters import first_readings
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.registry.progress import watched
from wattwarden.tools.registry.stored import actor, refusal
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import parse_time, rfc3339

# A shift shows a machine at work at least once.
FIRST_HOURS: Final = 8.0
# How long a point counts as new: a commissioning visit is answered within a month.
NEW_DAYS: Final = 31

PointArgument = Annotated[str, Parameter(name="POINT", help="Id of a point.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Ratios:
    """The ratios of the transformers in front of a meter."""

    ct: Annotated[float | None, Parameter(help="Its CT ratio; as before.")] = None
    pt: Annotated[float | None, Parameter(help="Its PT ratio; as before.")] = None


AS_BEFORE: Final = Ratios()


def replace(
    point: PointArgument,
    meter: Annotated[str, Parameter(name="NEW_METER", help="The new meter, codec:address.")],
    /,
    *,
    at: Annotated[str, Parameter(help="When; as --since elsewhere.", allow_leading_hyphen=True)],
    ratios: Ratios = AS_BEFORE,
    actor_named: Annotated[str | None, Parameter(name="--as", help="Who decides.")] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Put another meter on a point from a moment on.

    The old point keeps its history and ends; a new one begins, with the next number after its name.
    Energies go on where the old meter's ended.
    """
    settings = settings_of(system)
    now = datetime.now(UTC)
    moment = parse_time(at, now)

    async def work() -> list[Point]:
        async with database(settings, "registry replace-meter") as connection:
            registry = await load_registry(connection)
            try:
                changes = replace_meter(registry, point, meter, moment, ct=ratios.ct, pt=ratios.pt)
                await save_registry(connection, changes, actor(actor_named), now=now)
            except RefusedError as error:
                raise refusal(error) from error
            return [change.record for change in changes if isinstance(change.record, Point)]

    ended, begun = run(work())
    if json:
        print(as_json({"ended": msgspec.to_builtins(ended), "begun": msgspec.to_builtins(begun)}))
    else:
        print(f"{ended.id} ends, {begun.id} begins at {rfc3339(begun.valid_from)}")


def commission(
    point: Annotated[str | None, Parameter(name="POINT", help="Id of a point.")] = None,
    /,
    *,
    new: Annotated[
        bool, Parameter(help="Every point of the last month.", show_default=False)
    ] = False,
    hours: Annotated[float, Parameter(help="Judge the first hours.")] = FIRST_HOURS,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Judge how new points are wired, by their first hours of stored readings.

    Phase order, direction and ratio of the current transformers, voltages, against the nameplate.
    The exit status is 1 when something is wrong; too few readings are not.
    """
    if (point is None) != new:
        raise UsageError("which points?", "name one, or give --new")
    if hours <= 0:
        raise UsageError("--hours is not above 0")
    settings = settings_of(system)
    since = datetime.now(UTC) - timedelta(days=NEW_DAYS)

    async def work() -> list[tuple[Point, Finding]]:
        async with database(settings, "registry commission") as connection:
            registry = await load_registry(connection)
            points = _chosen(registry, point, since)
            found = []
            for one in watched("points", points) if new else points:
                found += [(one, it) for it in await _examined(connection, registry, one, hours)]
            return found

    found = run(work())
    rows: list[dict[str, Any]] = [
        {"point": one.id, "unit": one.unit, "fault": str(it.fault), "zh": it.zh, "en": it.en}
        for one, it in found
    ]
    if json:
        for row in rows:
            print(as_json(row))
    elif rows:
        show_table(
            ("point", "unit", "fault", "发现", "finding"), [list(row.values()) for row in rows]
        )
    else:
        print("nothing is wrong")
    return 1 if any(it.fault is not Fault.TOO_EARLY for _, it in found) else 0


def _chosen(registry: Registry, point: str | None, since: datetime) -> list[Point]:
    if point is None:
        return [
            one
            for one in registry.point.values()
            if one.unit is not None and not one.factor and one.valid_from >= since
        ]
    if point not in registry.point:
        message = f"there is no point {point}"
        raise CommandError(message, "see wattwarden registry show point")
    one = registry.point[point]
    if one.unit is None or one.factor:
        message = f"{point} meters no unit's electricity"
        raise CommandError(message)
    return [one]


async def _examined(
    connection: Connection, registry: Registry, point: Point, hours: float
) -> list[Finding]:
    columns = await first_readings(
        connection, point.meter, point.channel, point.valid_from, hours, COLUMNS
    )
    return examine(point, registry.unit[point.unit or ""], columns)
