"""``wattwarden responses``: warnings answered, changed, closed, and how firms responded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.bodies import Plan, WarningLevel
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.responses.bodies import Response, ResponseStep, ResponseVerb
from wattwarden.alarms.responses.course import LEVELS_ZH, STATES_ZH, Course
from wattwarden.alarms.responses.numbers import default_numbers
from wattwarden.alarms.statistics.compliance import STANDINGS_ZH, Standing
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.activate import Activated, issue, step
from wattwarden.storage.responses.assess import Assessed, FirmAnswer, assess_response
from wattwarden.storage.responses.load import load_responses, plans_of
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, AsReader, Desk, ReaderForm, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.orders import activate, measure_text, plan_row
from wattwarden.tools.render import show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local, rfc3339

ResponseId = Annotated[str, Parameter(name="RESPONSE", help="Its id, as list shows it.")]
Regions = Annotated[
    tuple[str, ...], Parameter(name="--region", help="Area, by a region's id; repeatable.")
]
Reason = Annotated[str, Parameter(help="Why.")]

app = App(name="responses", help="Answer heavy-pollution warnings, and see who responded.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """When and where a response holds, and why."""

    start: Annotated[str, Parameter(help="From when on.")]
    end: Annotated[str, Parameter(help="Until when.")]
    region: Regions = ()
    number: Annotated[str, Parameter(help="Number of the order (文号).")] = ""
    reason: Reason = ""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Changed:
    """What becomes otherwise."""

    level: Annotated[WarningLevel | None, Parameter(help="Another level.")] = None
    start: Annotated[str | None, Parameter(help="Another start, before it has begun.")] = None
    end: Annotated[str | None, Parameter(help="Another end.")] = None
    region: Regions = ()
    reason: Reason = ""


NOT_CHANGED: Final = Changed()


@app.command(name="issue")
def issue_response(
    level: Annotated[WarningLevel, Parameter(name="LEVEL", help="Of the warning.")],
    /,
    *,
    by: ActorForm,
    terms: Terms,
) -> None:
    """Issue a response: the presets of its level become plans of all firms in its area."""

    async def work(desk: Desk) -> Activated:
        body = Response(
            id=NEW,
            level=level,
            start=desk.moment(terms.start),
            end=desk.moment(terms.end),
            regions=terms.region,
            number=terms.number,
            reason=terms.reason,
        )
        return await issue(desk.connection, body, desk.person, desk.now)

    activate(by, "responses issue", work)


@app.command
def change(
    response: ResponseId,
    /,
    *,
    by: ActorForm,
    changed: Changed = NOT_CHANGED,
) -> None:
    """Change a response: its plans become those of the new level, area and end, from now on."""

    async def work(desk: Desk) -> Activated:
        taken = ResponseStep(
            id=NEW,
            response=response,
            verb=ResponseVerb.CHANGE,
            level=changed.level,
            regions=changed.region or None,
            start=desk.moment_or_none(changed.start),
            end=desk.moment_or_none(changed.end),
            reason=changed.reason,
        )
        return await step(desk.connection, taken, desk.person, desk.now)

    activate(by, "responses change", work)


@app.command
def close(
    response: ResponseId,
    /,
    *,
    by: ActorForm,
    reason: Reason = "",
) -> None:
    """Close a response: its plans end now."""

    async def work(desk: Desk) -> Activated:
        taken = ResponseStep(id=NEW, response=response, verb=ResponseVerb.CLOSE, reason=reason)
        return await step(desk.connection, taken, desk.person, desk.now)

    activate(by, "responses close", work)


@app.command(name="list")
def list_responses(
    *, person: AsReader = None, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """List responses, the latest last."""
    settings = settings_of(system)

    async def work() -> tuple[list[Course], datetime]:
        async with reading(settings, person, "responses list", Read.RESPONSES) as view:
            return await load_responses(view.connection), view.now

    courses, now = run(work())
    if json:
        for one in courses:
            print(as_json(_plain(one, now)))
        return
    show_table(
        ("编号", "文号", "等级", "状态", "区域", "开始", "结束", "事由"),
        [
            (
                one.id,
                one.number,
                LEVELS_ZH[one.level],
                STATES_ZH[one.state(now)],
                "、".join(one.regions) or "全市",
                local(one.start),
                local(one.ended),
                one.reason,
            )
            for one in courses
        ],
    )


@app.command
def show(
    response: ResponseId,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show a response and its plans: how many firms stop, how many limit, who is exempt."""
    settings = settings_of(reader.system)

    async def work() -> tuple[Course, list[tuple[Plan, str]], datetime]:
        async with reading(settings, reader.person, "responses show", Read.RESPONSES) as view:
            course = await _course(view.connection, response)
            found = await plans_of(view.connection, response, view.reader.enterprises)
            return course, [(plan, firm) for plan, firm in found if plan.enabled], view.now

    course, plans, now = run(work())
    rows = [plan_row(plan, firm) for plan, firm in plans]
    counts = _counts(rows)
    if reader.json:
        print(as_json(_plain(course, now) | counts | {"orders": rows}))
        return
    print(f"{course.id} {course.number} {LEVELS_ZH[course.level]} {STATES_ZH[course.state(now)]}")
    print(f"  {local(course.start)} — {local(course.ended)}  {course.reason}")
    print(
        f"  停产 {counts['stopped']} 家  限产 {counts['limited']} 家  豁免 {counts['exempt']} 家"
        f"  共 {counts['firms']} 家"
    )
    show_table(
        ("编号", "企业", "对象", "措施", "开始", "结束", "豁免"),
        [
            (
                plan.id,
                firm,
                f"{plan.scope}:{plan.subject}",
                measure_text(plan.measure, plan.reduction, plan.base_energy),
                local(plan.start),
                local(plan.end),
                plan.reason if plan.exempt else "",
            )
            for plan, firm in plans
        ],
    )


@app.command(name="assess")
def assess_one(
    response: ResponseId,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Assess a response: who responded, how much energy was saved, what each firm did."""
    settings = settings_of(reader.system)

    async def work() -> Assessed:
        async with reading(settings, reader.person, "responses assess", Read.RESPONSES) as view:
            course = await _course(view.connection, response)
            firms = view.reader.enterprises
            return await assess_response(view.connection, course, view.now, firms)

    found = run(work())
    whole = found.whole
    if reader.json:
        print(as_json(_summed(response, found)))
        for firm in found.firms:
            print(as_json(_answered(firm)))
        return
    share = _percent(whole.responded_share)
    print(f"应停限设施 {whole.ordered} 台,已响应 {whole.responded} 台({share})", end="")
    print(f",未到执行期 {whole.waiting} 台")
    print(f"用电量下降 {_percent(whole.energy_cut)}(无法核算 {whole.energy_unknown} 项)")
    print("  ".join(f"{STANDINGS_ZH[one]} {whole.answers.get(one, 0)} 家" for one in Standing))
    show_table(("企业", "情况", "豁免", "已响应", "应响应", "用电量下降"), _firm_rows(found.firms))


async def _course(connection: Connection, identity: str) -> Course:
    found = await load_responses(connection, identity)
    if not found:
        message = f"there is no response {identity}"
        raise CommandError(message, "see wattwarden responses list")
    return found[0]


def _plain(course: Course, now: datetime) -> dict[str, Any]:
    return {
        "id": course.id,
        "number": course.number,
        "level": course.level,
        "state": course.state(now),
        "regions": list(course.regions),
        "start": rfc3339(course.start),
        "end": rfc3339(course.ended),
        "reason": course.reason,
        "issued_at": rfc3339(course.issued_at),
        "issued_by": course.issued_by,
        "closed_at": rfc3339(course.closed_at) if course.closed_at else None,
    }


def _counts(plans: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count firms by what is asked of them; one that stops something counts as stopped."""
    firms = {plan["enterprise"] for plan in plans}
    asked = [plan for plan in plans if not plan["exempt"]]
    stopped = {plan["enterprise"] for plan in asked if plan["measure"] == "stop"}
    limited = {plan["enterprise"] for plan in asked} - stopped
    return {
        "firms": len(firms),
        "stopped": len(stopped),
        "limited": len(limited),
        "exempt": len(firms - stopped - limited),
    }


def _summed(response: str, found: Assessed) -> dict[str, Any]:
    whole = found.whole
    return {
        "response": response,
        "ordered": whole.ordered,
        "responded": whole.responded,
        "waiting": whole.waiting,
        "responded_share": whole.responded_share,
        "energy_cut": whole.energy_cut,
        "energy_unknown": whole.energy_unknown,
        "answers": {one: whole.answers.get(one, 0) for one in Standing},
    }


def _answered(firm: FirmAnswer) -> dict[str, Any]:
    numbers = default_numbers()
    return {
        "enterprise": firm.enterprise,
        "answer": firm.answer,
        "exempt": firm.exempt,
        "units": [
            {
                "unit": one.unit,
                "window_s": one.window_s,
                "complied_s": one.complied_s,
                "unknown_s": one.unknown_s,
                "responded": one.responded(numbers),
            }
            for one in firm.obeyed
        ],
        "energy": [
            {"used_wh": one.used, "base_wh": one.base, "cut": one.cut()} for one in firm.energies
        ],
    }


def _firm_rows(firms: Sequence[FirmAnswer]) -> list[tuple[object, ...]]:
    numbers = default_numbers()
    return [
        (
            firm.enterprise,
            STANDINGS_ZH[firm.answer],
            "豁免" if firm.exempt else "",
            sum(one.responded(numbers) is True for one in firm.obeyed),
            len(firm.obeyed),
            "; ".join(_percent(one.cut()) for one in firm.energies),
        )
        for firm in firms
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
