"""``wattwarden consumables``: what wears out, when it is due, and what was done about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.consumables.bodies import Carbon, CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.carbon import (
    Remark,
    objections,
    run_days,
    run_hours,
    uncalculated,
)
from wattwarden.alarms.consumables.chain import STATES_ZH, Change, Colour
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.consumables.wear import LEVELS_ZH
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.consumables.check import calculate, check_replacement
from wattwarden.storage.consumables.load import PartNow, find_change, load_parts, parts_now
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.system_time import system_now
from wattwarden.tools.acting import AsPerson, acting_as, entered_row, refused, show_entered
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import parse_time, rfc3339

PartId = Annotated[str, Parameter(name="CONSUMABLE", help="Its id, as list shows it.")]
ReplacementId = Annotated[str, Parameter(name="REPLACEMENT", help="Its id, as show shows it.")]
At = Annotated[str, Parameter(help="When; now by default.", allow_leading_hyphen=True)]
_COLOURS_ZH: Final = {Colour.GREEN: "绿", Colour.AMBER: "黄", Colour.RED: "红"}

app = App(name="consumables", help="See and record what wears out and is replaced or serviced.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """How long a part lasts, and since when it has been in use."""

    hours: Annotated[float | None, Parameter(help="At most so many run hours.")] = None
    days: Annotated[float | None, Parameter(help="At most so many days.")] = None
    since: At = "now"
    name: Annotated[str, Parameter(help="What people call it.")] = ""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A used part in store."""

    mass_kg: Annotated[float, Parameter(help="How much.")]
    container: Annotated[str, Parameter(help="In what: bags, drums…")]
    code: Annotated[str, Parameter(help="National waste code; the kind's own by default.")] = ""
    place: Annotated[str, Parameter(help="Where.")] = ""
    at: At = "now"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A filling of activated carbon."""

    mass_kg: Annotated[float, Parameter(help="Carbon, kg.")]
    share: Annotated[float, Parameter(help="Dynamic adsorption, kg/kg.")] = 0.10
    reduction_mg_m3: Annotated[float, Parameter(help="What it takes out, mg/m³.")]
    flow_m3_h: Annotated[float, Parameter(help="Flow, m³/h.")]
    hours_per_day: Annotated[float, Parameter(help="Run hours a day.")] = 24.0


THE_USUAL_LASTING: Final = Lasting()


@app.command(name="list")
def list_parts(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    colour: Annotated[Colour | None, Parameter(help="Only green, amber or red ones.")] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List parts: hours and days used, when they are due, how far the last replacement is."""
    settings = settings_of(system)

    async def work() -> list[PartNow]:
        async with database(settings, "consumables list") as connection:
            now = await system_now(connection)
            return await parts_now(
                connection, await load_parts(connection, enterprise=enterprise), now
            )

    found = [one for one in run(work()) if colour in (None, one.colour)]
    if json:
        for one in found:
            print(as_json(_plain(one)))
        return
    show_table(
        (
            "编号", "企业", "设施", "类型", "状态", "灯", "已用h", "未知h", "已用天", "剩余h",
            "预计到期", "更换记录",
        ),
        [_row(one) for one in found],
    )  # fmt: skip


@app.command
def show(consumable: PartId, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Show a part and its chain: reminder, replacements, waste in store, off-site checks."""
    settings = settings_of(system)

    async def work() -> list[PartNow]:
        async with database(settings, "consumables show") as connection:
            parts = await load_parts(connection, identity=consumable)
            return await parts_now(connection, parts, await system_now(connection))

    found = run(work())
    if not found:
        message = f"there is no consumable {consumable}"
        raise CommandError(message, "see wattwarden consumables list")
    one = found[0]
    chain = [_change(change) for change in one.part.changes]
    if json:
        print(as_json(_plain(one) | {"changes": chain}))
        return
    show_table(("", ""), list(_plain(one).items()))
    for change in one.part.changes:
        print(f"{change.replacement.id} {STATES_ZH[change.state]}")
        print(f"  更换 {rfc3339(change.replacement.replaced_at)} {change.actor}")
        for deed in change.deeds:
            print(f"  {deed.step.kind_name} {rfc3339(deed.at)} {deed.actor}")
    _remark(_remarks(one))


@app.command
def add(
    unit: Annotated[str, Parameter(name="UNIT", help="Whose part it is, by the unit's id.")],
    kind: Annotated[str, Parameter(name="KIND", help="carbon, bags, lamp, service…")],
    /,
    *,
    person: AsPerson,
    lasting: Lasting = THE_USUAL_LASTING,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Register a part, or a service that is due by run hours or days."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "consumables add") as desk:
            body = Consumable(
                id=NEW,
                unit=unit,
                kind=kind,
                replaced_at=parse_time(lasting.since, desk.now),
                limit_hours=lasting.hours,
                limit_days=lasting.days,
                name=lasting.name,
            )
            return await desk.act(body)

    entered = run(work())
    show_entered(entered, json=json)
    if isinstance(entered.body, Consumable) and not json:
        _remark(list(uncalculated(entered.body, None, default_numbers().carbon)))


@app.command
def replace(
    consumable: PartId,
    /,
    *,
    person: AsPerson,
    at: At = "now",
    amount: Annotated[str, Parameter(help="How much, such as 800 kg.")] = "",
    note: Annotated[str, Parameter(help="What else there is to say.")] = "",
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Record that a part was replaced, or the service done: its hours count from there."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "consumables replace") as desk:
            body = Replacement(
                id=NEW,
                consumable=consumable,
                replaced_at=parse_time(at, desk.now),
                amount=amount,
                note=note,
            )
            return await desk.act(body)

    show_entered(run(work()), json=json)


@app.command(name="store-waste")
def store_waste(
    replacement: ReplacementId,
    /,
    *,
    person: AsPerson,
    stored: Stored,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Record that the used part is in store as hazardous waste (危废入库)."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "consumables store-waste") as desk:
            found = await find_change(desk.connection, replacement)
            kind = found[0].body.kind if found else ""
            code = stored.code or default_numbers().kind_of(kind).waste_code
            if not code:
                message = f"no waste code is known of {kind or replacement}"
                raise UsageError(message, "give --code, such as 900-039-49")
            body = WasteEntry(
                id=NEW,
                replacement=replacement,
                code=code,
                mass_kg=stored.mass_kg,
                container=stored.container,
                stored_at=parse_time(stored.at, desk.now),
                place=stored.place,
            )
            return await desk.act(body)

    show_entered(run(work()), json=json)


@app.command
def check(
    replacement: ReplacementId,
    result: Annotated[CheckResult, Parameter(name="RESULT", help="What it came to.")],
    /,
    *,
    person: AsPerson,
    opinion: Annotated[str, Parameter(help="Why; needed to reject.")] = "",
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Check off-site what was uploaded; a replacement that is rejected has not been one."""
    settings = settings_of(system)
    body = OffsiteCheck(id=NEW, replacement=replacement, result=result, opinion=opinion)

    async def work() -> Entered:
        async with acting_as(settings, person, "consumables check") as desk:
            try:
                return await check_replacement(desk.connection, body, desk.person, desk.now)
            except RefusedError as error:
                raise refused(error) from error

    show_entered(run(work()), json=json)


@app.command
def carbon(
    *,
    filling: Filling,
    consumable: Annotated[
        str | None, Parameter(help="Keep it, and its run hours, for this part.")
    ] = None,
    person: Annotated[str, Parameter(name="--as", help="Who keeps it.")] = "",
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Calculate how long activated carbon lasts, with what reviewers object to."""
    design = Carbon(id=NEW, consumable=consumable or "-", **_fields(filling))
    if consumable is not None and not person:
        raise UsageError("--consumable takes --as", "say who keeps the calculation")
    try:
        msgspec.convert(msgspec.to_builtins(design), Carbon)
    except msgspec.ValidationError as error:
        raise UsageError(str(error), "masses, flows and hours are above 0") from error
    entered = None if consumable is None else _calculated(design, person, system)
    remarks = list(objections(design, default_numbers().carbon))
    if json:
        told = {"run_hours": run_hours(design), "days": run_days(design)}
        kept = {} if entered is None else entered_row(entered)
        print(as_json(told | {"objections": [one.objection for one in remarks]} | kept))
        return
    print(f"更换周期 {run_days(design):.1f} 天,累计运行 {run_hours(design):.1f} 小时")
    _remark(remarks)
    if entered is not None:
        show_entered(entered, json=False)


def _calculated(design: Carbon, person: str, system: System) -> Entered:
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "consumables carbon") as desk:
            try:
                return await calculate(desk.connection, design, desk.person, desk.now)
            except RefusedError as error:
                raise refused(error) from error

    return run(work())


def _fields(filling: Filling) -> dict[str, Any]:
    return {name: getattr(filling, name) for name in Filling.__dataclass_fields__}


def _remarks(one: PartNow) -> list[Remark]:
    accepted = default_numbers().carbon
    known = [] if one.part.carbon is None else list(objections(one.part.carbon, accepted))
    return [*known, *uncalculated(one.part.body, one.part.carbon, accepted)]


def _remark(remarks: Sequence[Remark]) -> None:
    for remark in remarks:
        print(f"  注意: {remark.zh} / {remark.en}")


def _plain(one: PartNow) -> dict[str, Any]:
    body, wear, last = one.part.body, one.wear, one.part.last
    return {
        "id": body.id,
        "enterprise": one.part.enterprise,
        "unit": body.unit,
        "kind": body.kind,
        "name": body.name,
        "level": one.level,
        "colour": one.colour,
        "since": rfc3339(one.part.since),
        "hours": round(wear.hours, 2),
        "unknown_hours": round(wear.unknown_hours, 2),
        "days": round(wear.days, 2),
        "share": round(wear.share, 4),
        "left_hours": None if wear.left_hours is None else round(wear.left_hours, 2),
        "pace_h_d": wear.pace_h_d,
        "due_at": _time(wear.due_at),
        "reminded_at": _time(one.reminded_at),
        "chain": None if last is None else last.state,
        "remarks": [remark.objection for remark in _remarks(one)],
    }


def _row(one: PartNow) -> tuple[object, ...]:
    body, wear, last = one.part.body, one.wear, one.part.last
    kind = default_numbers().kind_of(body.kind).zh
    return (
        body.id,
        one.part.enterprise,
        body.unit,
        body.name or kind or body.kind,
        LEVELS_ZH[one.level],
        _COLOURS_ZH[one.colour],
        f"{wear.hours:.1f}",
        f"{wear.unknown_hours:.1f}",
        f"{wear.days:.1f}",
        "" if wear.left_hours is None else f"{wear.left_hours:.1f}",
        _time(wear.due_at),
        "" if last is None else STATES_ZH[last.state],
    )


def _change(change: Change) -> dict[str, Any]:
    return {
        "replacement": change.replacement.id,
        "state": change.state,
        "replaced_at": rfc3339(change.replacement.replaced_at),
        "entered_at": rfc3339(change.at),
        "by": change.actor,
        "steps": [
            {"at": rfc3339(deed.at), "by": deed.actor, "kind": deed.step.kind_name}
            | {"body": msgspec.to_builtins(deed.step)}
            for deed in change.deeds
        ],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
