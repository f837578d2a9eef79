"""``wattwarden consumables``: what wears out, when it is due, and what was done about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.consumables.bodies import Carbon, CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.carbon import objections, run_days, run_hours, uncalculated
from wattwarden.alarms.consumables.chain import Colour
from wattwarden.alarms.consumables.numbers import default_numbers
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import NEW
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.consumables.check import calculate, check_replacement, replace_part
from wattwarden.storage.consumables.load import PartNow, find_change, load_parts, parts_now
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    Desk,
    ReaderForm,
    at_desk,
    enter,
    entered_row,
    keep,
    reading,
    show_entered,
)
from wattwarden.tools.cases.acts import NO_PROOF, Proof
from wattwarden.tools.cases.files import read_file
from wattwarden.tools.decode import as_json
from wattwarden.tools.enforcement.forms import names
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.parts import (
    PART_HEADINGS,
    change_lines,
    change_plain,
    part_facts,
    part_plain,
    part_row,
    remarks_of,
    show_remarks,
)
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of

PartId = Annotated[str, Parameter(name="CONSUMABLE", help="Its id, as list shows it.")]
ReplacementId = Annotated[str, Parameter(name="REPLACEMENT", help="Its id, as show shows it.")]
At = Annotated[str, Parameter(help="When; now by default.", allow_leading_hyphen=True)]

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
class Fitted:
    """What came in the place of the used part, and when."""

    at: At = "now"
    amount: Annotated[str, Parameter(help="How much, such as 800 kg.")] = ""
    note: Annotated[str, Parameter(help="What else there is to say.")] = ""


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
FITTED_NOW: Final = Fitted()


@app.command(name="list")
def list_parts(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    colour: Annotated[Colour | None, Parameter(help="Only green, amber or red ones.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List parts: hours and days used, when they are due, how far the last replacement is."""
    settings = settings_of(reader.system)

    async def work() -> list[PartNow]:
        async with reading(settings, reader.person, "consumables list", Read.CONSUMABLES) as view:
            firms = view.reader.within(enterprise)
            parts = await load_parts(view.connection, enterprises=firms)
            return await parts_now(view.connection, parts, view.now)

    found = [one for one in run(work()) if colour in (None, one.colour)]
    if reader.json:
        for one in found:
            print(as_json(part_plain(one)))
        return
    show_table(PART_HEADINGS, [*map(part_row, found)])


@app.command
def show(
    consumable: PartId,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show a part and its chain: reminder, replacements, waste in store, off-site checks."""
    settings = settings_of(reader.system)

    async def work() -> tuple[list[PartNow], Mapping[str, str]]:
        async with reading(settings, reader.person, "consumables show", Read.CONSUMABLES) as view:
            firms = view.reader.enterprises
            parts = await load_parts(view.connection, enterprises=firms, identity=consumable)
            return await parts_now(view.connection, parts, view.now), await names(view.connection)

    found, called = run(work())
    if not found:
        message = f"there is no consumable {consumable}"
        raise CommandError(message, "see wattwarden consumables list")
    one = found[0]
    if reader.json:
        print(as_json(part_plain(one) | {"changes": [*map(change_plain, one.part.changes)]}))
        return
    show_table(("项目", "内容"), part_facts(one))
    for change in one.part.changes:
        print("\n".join(change_lines(change, called)))
    show_remarks(remarks_of(one))


@app.command
def add(
    unit: Annotated[str, Parameter(name="UNIT", help="Whose part it is, by the unit's id.")],
    kind: Annotated[str, Parameter(name="KIND", help="carbon, bags, lamp, service…")],
    /,
    *,
    by: ActorForm,
    lasting: Lasting = THE_USUAL_LASTING,
) -> None:
    """Register a part, or a service that is due by run hours or days."""
    entered = keep(
        by,
        "consumables add",
        lambda desk: Consumable(
            id=NEW,
            unit=unit,
            kind=kind,
            replaced_at=desk.moment(lasting.since),
            limit_hours=lasting.hours,
            limit_days=lasting.days,
            name=lasting.name,
        ),
    )
    if isinstance(entered.body, Consumable) and not by.json:
        show_remarks(list(uncalculated(entered.body, None, default_numbers().carbon)))


@app.command
def replace(
    consumable: PartId,
    /,
    *,
    by: ActorForm,
    fitted: Fitted = FITTED_NOW,
    proof: Proof = NO_PROOF,
) -> None:
    """Record that a part was replaced, or the service done: its hours count from there.

    A firm shows it with --file or --evidence, such as a photograph of the new part.
    """
    sent = [
        Arrived(read_file(file), file.name, Consumable.kind_name, consumable) for file in proof.file
    ]

    async def work(desk: Desk) -> Entered:
        body = Replacement(
            id=NEW,
            consumable=consumable,
            replaced_at=desk.moment(fitted.at),
            amount=fitted.amount,
            note=fitted.note,
            evidence=proof.evidence,
        )
        return await replace_part(desk.connection, body, sent, desk.person, desk.now)

    enter(by, "consumables replace", work)


@app.command(name="store-waste")
def store_waste(
    replacement: ReplacementId,
    /,
    *,
    by: ActorForm,
    stored: Stored,
) -> None:
    """Record that the used part is in store as hazardous waste (危废入库)."""

    async def work(desk: Desk) -> Entered:
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
            stored_at=desk.moment(stored.at),
            place=stored.place,
        )
        return await desk.act(body)

    enter(by, "consumables store-waste", work)


@app.command
def check(
    replacement: ReplacementId,
    result: Annotated[CheckResult, Parameter(name="RESULT", help="What it came to.")],
    /,
    *,
    by: ActorForm,
    opinion: Annotated[str, Parameter(help="Why; needed to reject.")] = "",
) -> None:
    """Check off-site what was uploaded; a replacement that is rejected has not been one."""
    body = OffsiteCheck(id=NEW, replacement=replacement, result=result, opinion=opinion)
    enter(
        by,
        "consumables check",
        lambda desk: check_replacement(desk.connection, body, desk.person, desk.now),
    )


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
    entered = None
    if consumable is not None:
        entered = at_desk(
            ActorForm(person=person, system=system),
            "consumables carbon",
            lambda desk: calculate(desk.connection, design, desk.person, desk.now),
        )
    remarks = list(objections(design, default_numbers().carbon))
    if json:
        told = {"run_hours": run_hours(design), "days": run_days(design)}
        kept = {} if entered is None else entered_row(entered)
        print(as_json(told | {"objections": [one.objection for one in remarks]} | kept))
        return
    print(f"更换周期 {run_days(design):.1f} 天,累计运行 {run_hours(design):.1f} 小时")
    show_remarks(remarks)
    if entered is not None:
        show_entered(entered, json=False)


def _fields(filling: Filling) -> dict[str, Any]:
    return {name: getattr(filling, name) for name in Filling.__dataclass_fields__}
