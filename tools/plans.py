"""``wattwarden plans``: what is stopped or limited, and what firms do at a warning level."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.bodies import Measure, Plan, WarningLevel
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.responses.bodies import EXEMPTIONS_ZH, Curb, Exemption, Preset
from wattwarden.alarms.responses.course import LEVELS_ZH
from wattwarden.storage.registry.decisions import Entered, in_force, told
from wattwarden.storage.responses.load import load_presets, newest_plans
from wattwarden.tools.acting import (
    TO_THE_OPERATOR,
    ActorForm,
    Desk,
    ReaderForm,
    enter,
    keep,
    reading,
)
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.orders import (
    A_STOP,
    Daily,
    Ordered,
    hours_of,
    limited_of,
    measure_text,
    plan_row,
    subject_of,
)
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local

app = App(name="plans", help="See and order what is stopped or limited; keep firms' presets.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """When a plan holds, and why."""

    start: Annotated[str, Parameter(help="From when on.", allow_leading_hyphen=True)]
    end: Annotated[str, Parameter(help="Until when.")]
    base_energy_kwh: Annotated[
        float | None, Parameter(help="Energy of a normal day as agreed; learned otherwise.")
    ] = None
    reason: Annotated[str, Parameter(help="Why.")] = ""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Curbed:
    """What a preset orders."""

    stop: Annotated[
        tuple[str, ...], Parameter(help="What is stopped: unit:ID, line:ID…; repeatable.")
    ] = ()
    limit: Annotated[
        tuple[str, ...],
        Parameter(
            help="What is limited: line:ID=30, percent; line:ID=30@1200kWh with a normal day's"
            " energy as agreed, which is learned otherwise; repeatable."
        ),
    ] = ()
    daily: Daily = None
    exempt: Annotated[
        Exemption | None, Parameter(help="Why the firm is let be: it is named all the same.")
    ] = None
    note: Annotated[str, Parameter(help="What else there is to say.")] = ""

    def curbs(self) -> tuple[Curb, ...]:
        """Return what is stopped and what is limited.

        Raises:
            UsageError: A subject, a limit or the hours are none.
        """
        hours = hours_of(self.daily)._asdict()
        stopped = (
            Curb(scope=one.scope, subject=one.id, measure=Measure.STOP, **hours)
            for one in map(subject_of, self.stop)
        )
        limited = (
            Curb(
                scope=one.subject.scope,
                subject=one.subject.id,
                measure=Measure.LIMIT,
                reduction=one.reduction,
                base_energy=one.base_energy,
                **hours,
            )
            for one in map(limited_of, self.limit)
        )
        return (*stopped, *limited)


NOT_CURBED: Final = Curbed()
HEADINGS: Final = (
    "编号", "企业", "对象", "措施", "开始", "结束", "每日", "等级", "豁免", "来源", "事由",
)  # fmt: skip


@app.command(name="list")
def list_plans(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    origin: Annotated[
        str | None, Parameter(help="Only those of this response or calendar.")
    ] = None,
    active: Annotated[
        bool, Parameter(help="Only those that hold now or are to come.", show_default=False)
    ] = False,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List plans as they stand; those that were taken back before they began are left out."""
    settings = settings_of(reader.system)

    async def work() -> tuple[list[tuple[Plan, str]], datetime]:
        async with reading(settings, reader.person, "plans list", Read.PLANS) as view:
            firms = view.reader.within(enterprise)
            return newest_plans(await in_force(view.connection, Plan.kind_name, firms)), view.now

    plans, now = run(work())
    chosen = [
        (plan, firm)
        for plan, firm in plans
        if plan.enabled and origin in (None, plan.origin) and (not active or plan.end > now)
    ]
    if reader.json:
        for plan, firm in chosen:
            print(as_json(plan_row(plan, firm)))
        return
    show_table(HEADINGS, [_cells(plan, firm) for plan, firm in chosen])


@app.command
def add(
    subject: Annotated[str, Parameter(name="SUBJECT", help="enterprise:ID, line:ID or unit:ID.")],
    /,
    *,
    by: ActorForm,
    terms: Terms,
    ordered: Ordered = A_STOP,
) -> None:
    """Order a stop, or a limit, of an enterprise, a line or a unit."""
    chosen, fields = subject_of(subject), ordered.fields()
    energy_kwh = terms.base_energy_kwh

    keep(
        by,
        "plans add",
        lambda desk: Plan(
            id=NEW,
            scope=chosen.scope,
            subject=chosen.id,
            start=desk.moment(terms.start),
            end=desk.moment(terms.end),
            base_energy=None if energy_kwh is None else 1000 * energy_kwh,
            reason=terms.reason,
            **fields,
        ),
    )


@app.command
def end(
    plan: Annotated[str, Parameter(name="PLAN", help="Its id, as list shows it.")],
    /,
    *,
    by: ActorForm,
) -> None:
    """End a plan now; one that has not begun is taken back."""

    async def work(desk: Desk) -> Entered:
        found = newest_plans(await told(desk.connection, [Plan.kind_name], where={"id": plan}))
        if not found:
            message = f"there is no plan {plan}"
            raise CommandError(message, "see wattwarden plans list")
        body = found[0][0]
        changes = {"enabled": False} if body.start >= desk.now else {"end": desk.now}
        return await desk.act(msgspec.structs.replace(body, **changes))

    enter(by, "plans end", work)


@app.command
def preset(
    enterprise: Annotated[str, Parameter(name="ENTERPRISE", help="Its id.")],
    level: Annotated[WarningLevel, Parameter(name="LEVEL", help="Of the warning.")],
    /,
    *,
    by: ActorForm,
    curbed: Curbed = NOT_CURBED,
) -> None:
    """Keep what an enterprise does at a warning level, in the place of what stood there."""
    curbs = curbed.curbs()

    async def work(desk: Desk) -> Entered:
        standing = await load_presets(desk.connection, level, enterprise)
        body = Preset(
            id=standing[0].id if standing else NEW,
            enterprise=enterprise,
            level=level,
            curbs=curbs,
            exempt=curbed.exempt,
            note=curbed.note,
        )
        return await desk.act(body)

    enter(by, "plans preset", work)


@app.command
def presets(
    *,
    enterprise: Annotated[str | None, Parameter(help="Only this enterprise's, by its id.")] = None,
    level: Annotated[WarningLevel | None, Parameter(help="Only of this level.")] = None,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List what firms do at warning levels (一厂一策)."""
    settings = settings_of(reader.system)

    async def work() -> list[Preset]:
        async with reading(settings, reader.person, "plans presets", Read.PLANS) as view:
            firms = view.reader.within(enterprise)
            return await load_presets(view.connection, level, enterprises=firms)

    found = run(work())
    if reader.json:
        for one in found:
            print(as_json(msgspec.to_builtins(one)))
        return
    show_table(
        ("编号", "企业", "等级", "豁免", "措施", "备注"),
        [
            (
                one.id,
                one.enterprise,
                LEVELS_ZH[one.level],
                EXEMPTIONS_ZH[one.exempt] if one.exempt else "",
                "; ".join(
                    f"{curb.scope}:{curb.subject}"
                    f" {measure_text(curb.measure, curb.reduction, curb.base_energy)}"
                    for curb in one.curbs
                ),
                one.note,
            )
            for one in found
        ],
    )


@app.command
def withdraw(
    preset_id: Annotated[str, Parameter(name="PRESET", help="Its id, as presets shows it.")],
    /,
    *,
    by: ActorForm,
) -> None:
    """Take a preset back; responses that run keep their plans."""

    async def work(desk: Desk) -> Entered:
        for one in await load_presets(desk.connection):
            if one.id == preset_id:
                return await desk.act(msgspec.structs.replace(one, enabled=False))
        message = f"there is no preset {preset_id}"
        raise CommandError(message, "see wattwarden plans presets")

    enter(by, "plans withdraw", work)


def _cells(plan: Plan, firm: str) -> tuple[object, ...]:
    return (
        plan.id,
        firm,
        f"{plan.scope}:{plan.subject}",
        measure_text(plan.measure, plan.reduction, plan.base_energy),
        local(plan.start),
        local(plan.end),
        f"{plan.from_hour}-{plan.to_hour}" if plan.from_hour else "",
        LEVELS_ZH[plan.level] if plan.level else "",
        "豁免" if plan.exempt else "",
        plan.origin,
        plan.reason,
    )
