"""``wattwarden findings``: what patrols, cameras, drones, vehicles, laboratories and people saw."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Finding, FindingLink
from wattwarden.alarms.enforcement.words import SOURCES_ZH, Source
from wattwarden.storage.enforcement.lives import FINDING, Found
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, keep, perform
from wattwarden.tools.enforcement.forms import (
    NOW,
    AlarmNumbers,
    At,
    Enterprise,
    FileDigests,
    OfEnterprise,
    TaskId,
    Thing,
    listed,
    show,
    texts,
)
from wattwarden.tools.times import local, rfc3339

app = App(name="findings", help="Enter what other sources saw, and tie it to alarms and tasks.")

InspectionId = Annotated[str, Parameter(name="--inspection", help="The inspection it is of.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FindingForm:
    """A finding as it is given."""

    source: Annotated[Source, Parameter(help="Where it comes from.")]
    what: Annotated[str, Parameter(help="What was seen or measured.")]
    at: At = NOW
    place: Annotated[str, Parameter(help="Where.")] = ""
    alarm: AlarmNumbers = ()
    task: TaskId = ""
    inspection: InspectionId = ""
    file: FileDigests = ()


@app.command
def add(
    enterprise: Enterprise,
    /,
    *,
    form: FindingForm,
    by: ActorForm,
) -> None:
    """Enter a finding, with what it belongs to as far as that is known."""
    keep(
        by,
        "findings add",
        lambda desk: Finding(
            id=NEW,
            enterprise=enterprise,
            source=form.source,
            at=desk.moment(form.at),
            what=form.what,
            place=form.place,
            alarms=texts(form.alarm),
            task=form.task,
            inspection=form.inspection,
            files=form.file,
        ),
    )


@app.command
def attach(
    identity: Thing,
    /,
    *,
    alarm: AlarmNumbers = (),
    task: TaskId = "",
    inspection: InspectionId = "",
    by: ActorForm,
) -> None:
    """Tie a finding to alarms, a task or an inspection of the same enterprise."""
    body = FindingLink(finding=identity, alarms=texts(alarm), task=task, inspection=inspection)
    perform(by, "findings attach", body)


@app.command(name="list")
def list_findings(
    *,
    enterprise: OfEnterprise = None,
    source: Annotated[
        tuple[Source, ...], Parameter(help="Only from this source; repeatable.")
    ] = (),
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List findings, oldest first, with all that they belong to."""
    found, called = listed(reader, "findings list", FINDING, enterprise)
    chosen = [one for one in found if not source or one.told.body.source in source]
    cells = [
        (
            one.id,
            one.told.body.enterprise,
            SOURCES_ZH[one.told.body.source],
            local(one.told.body.at),
            "、".join((*one.alarms, *one.tasks, *one.inspections)),
            called.get(one.told.actor, one.told.actor),
            one.told.body.what,
        )
        for one in chosen
    ]
    headings = ("发现", "企业", "来源", "时间", "关联", "录入人", "内容")
    show([_row(one) for one in chosen], headings, cells, json=reader.json)


def _row(found: Found) -> dict[str, Any]:
    return {
        "id": found.id,
        "entered_at": rfc3339(found.told.at),
        "entered_by": found.told.actor,
        "body": msgspec.to_builtins(found.told.body),
        "alarms": found.alarms,
        "tasks": found.tasks,
        "inspections": found.inspections,
    }
