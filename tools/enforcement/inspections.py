"""``wattwarden inspections``: firms looked into, from afar and on site."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Inspection, InspectionStep
from wattwarden.alarms.enforcement.inspections import count, problems_found
from wattwarden.alarms.enforcement.words import MEANS_ZH, MODES_ZH, InspectionVerb, Means, Mode
from wattwarden.storage.enforcement.lives import INSPECTION
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, keep
from wattwarden.tools.decode import as_json
from wattwarden.tools.enforcement.forms import (
    NOW,
    AlarmNumbers,
    At,
    Enterprise,
    Note,
    OfEnterprise,
    TaskId,
    Thing,
    life_row,
    listed,
    show,
    texts,
)
from wattwarden.tools.options import ALL_TIMES, Span
from wattwarden.tools.times import local

app = App(name="inspections", help="Look into firms from afar or on site, and count both.")

Problems = Annotated[int, Parameter(help="How many problems were found.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionForm:
    """An inspection as it is given."""

    mode: Annotated[Mode, Parameter(help="From afar, on site, or on site without notice.")]
    at: At = NOW
    means: Annotated[tuple[Means, ...], Parameter(help="What is looked at; repeatable.")] = ()
    with_person: Annotated[
        tuple[str, ...], Parameter(name="--with", help="An officer who takes part; repeatable.")
    ] = ()
    alarm: AlarmNumbers = ()
    task: TaskId = ""
    problems: Problems = 0
    note: Note = ""


@app.command
def add(
    enterprise: Enterprise,
    /,
    *,
    form: InspectionForm,
    by: ActorForm,
) -> None:
    """Enter an inspection.

    A visit to a firm of the positive list takes a leader, or a task that a leader has approved.
    """
    keep(
        by,
        "inspections add",
        lambda desk: Inspection(
            id=NEW,
            enterprise=enterprise,
            mode=form.mode,
            at=desk.moment(form.at),
            means=form.means,
            people=form.with_person,
            alarms=texts(form.alarm),
            task=form.task,
            problems=form.problems,
            report=form.note,
        ),
    )


@app.command(name="list")
def list_inspections(
    *,
    enterprise: OfEnterprise = None,
    span: Span = ALL_TIMES,
    total: Annotated[
        bool, Parameter(help="Only the numbers, with the off-site share.", show_default=False)
    ] = False,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List inspections, oldest first, or count them."""
    since, until = span.bounds(datetime.now(UTC))
    found, called = listed(reader, "inspections list", INSPECTION, enterprise)
    chosen = [
        one
        for one in found
        if (since is None or one.told.body.at >= since)
        and (until is None or one.told.body.at < until)
    ]
    if total:
        counted = count(chosen)
        if reader.json:
            print(as_json(asdict(counted) | {"total": counted.total, "share": counted.share}))
            return
        share = "-" if counted.share is None else f"{counted.share:.1%}"
        print(
            f"检查 {counted.total}  非现场 {counted.off_site} ({share})  现场 {counted.on_site}"
            f"  突击 {counted.surprise}  转现场 {counted.switched}  问题 {counted.problems}"
        )
        return
    cells = [
        (
            one.id,
            one.told.body.enterprise,
            MODES_ZH[one.told.body.mode],
            one.machine.states_zh[one.state],
            local(one.told.body.at),
            "、".join(MEANS_ZH[means] for means in one.told.body.means),
            problems_found(one),
            called.get(one.told.actor, one.told.actor),
        )
        for one in chosen
    ]
    headings = ("检查", "企业", "方式", "状态", "时间", "手段", "问题", "录入人")
    show([life_row(one) for one in chosen], headings, cells, json=reader.json)


@app.command
def switch(
    identity: Thing,
    /,
    *,
    at: At = NOW,
    note: Note,
    by: ActorForm,
) -> None:
    """Go on site with an inspection that began from afar, saying why."""
    keep(
        by,
        "inspections switch",
        lambda desk: InspectionStep(
            inspection=identity, verb=InspectionVerb.SWITCH, at=desk.moment(at), report=note
        ),
    )


@app.command
def conclude(
    identity: Thing,
    /,
    *,
    at: At = NOW,
    problems: Problems,
    note: Note = "",
    by: ActorForm,
) -> None:
    """End an inspection, telling how many problems it found."""
    keep(
        by,
        "inspections conclude",
        lambda desk: InspectionStep(
            inspection=identity,
            verb=InspectionVerb.CONCLUDE,
            at=desk.moment(at),
            problems=problems,
            report=note,
        ),
    )
