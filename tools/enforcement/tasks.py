"""``wattwarden tasks``: visits that something calls for, from proposal to the last quiet day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Task, TaskStep
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.lives import TASK_OVER, TaskLife, TaskState
from wattwarden.alarms.enforcement.tasks import alarms_of, assignee, describe, outcome
from wattwarden.alarms.enforcement.words import (
    FLAGS_ZH,
    OUTCOMES_ZH,
    SOURCES_ZH,
    TASK_VERBS_ZH,
    Outcome,
    TaskVerb,
)
from wattwarden.storage.enforcement.lives import FINDING, TASK, Found
from wattwarden.storage.enforcement.seen import load_seen
from wattwarden.tools.acting import TO_THE_OPERATOR, ActorForm, ReaderForm, perform, reading
from wattwarden.tools.decode import as_json
from wattwarden.tools.enforcement.forms import (
    AlarmNumbers,
    Enterprise,
    FileDigests,
    Note,
    OfEnterprise,
    Thing,
    life_row,
    listed,
    names,
    one,
    texts,
)
from wattwarden.tools.enforcement.forms import show as show_rows
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import local

app = App(name="tasks", help="Send officers, and follow what comes of it.")


@app.command(name="list")
def list_tasks(
    *,
    enterprise: OfEnterprise = None,
    state: Annotated[
        tuple[TaskState, ...], Parameter(help="Only those in this state; repeatable.")
    ] = (),
    open_only: Annotated[
        bool, Parameter(name="--open", help="Only those that are not over.", show_default=False)
    ] = False,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """List tasks, oldest first: where each stands, who has it, what it is about."""
    found, called = listed(reader, "tasks list", TASK, enterprise)
    tasks = [
        task
        for task in found
        if (not state or task.state in state) and not (open_only and task.state in TASK_OVER)
    ]
    cells = [
        (
            task.id,
            task.told.body.enterprise,
            describe(task),
            called.get(assignee(task) or "", ""),
            len(alarms_of(task)),
            local(task.told.at),
            task.told.body.text,
        )
        for task in tasks
    ]
    headings = ("任务", "企业", "状态", "承办人", "报警", "提出时间", "内容")
    show_rows([_row(task) for task in tasks], headings, cells, json=reader.json)


@app.command
def show(
    identity: Thing,
    /,
    *,
    reader: ReaderForm = TO_THE_OPERATOR,
) -> None:
    """Show one task: its text, its alarms and findings, every step with who, when and why."""

    async def work() -> tuple[TaskLife, list[Found], Any]:
        async with reading(
            settings_of(reader.system), reader.person, "tasks show", Read.TASKS
        ) as view:
            task = await one(view, TASK, identity)
            firm = task.told.body.enterprise
            found = await load_seen(view.connection, FINDING, view.reader, firm)
            own = [finding for finding in found if identity in finding.tasks]
            return task, own, await names(view.connection)

    task, findings, called = run(work())
    if reader.json:
        print(as_json(_row(task) | {"findings": [one.id for one in findings]}))
        return
    body = task.told.body
    print(f"{task.id}  {describe(task)}  {body.enterprise}")
    print(f"  {body.text}")
    print(f"  {'、'.join(FLAGS_ZH[flag] for flag in body.flags) or '人工提出'}")
    print(f"  报警 {'、'.join(map(str, sorted(alarms_of(task)))) or '-'}")
    proposer = called.get(task.told.actor, task.told.actor)
    print(f"  {local(task.told.at)}  {proposer}  提出")
    for step in task.steps:
        who = called.get(step.actor, step.actor)
        told = (local(step.at), who, TASK_VERBS_ZH[step.body.verb], *_said(step.body, called))
        print(f"  {'  '.join(filter(None, told))}")
    for finding in findings:
        seen = finding.told.body
        print(f"  {finding.id}  {local(seen.at)}  {SOURCES_ZH[seen.source]}  {seen.what}")


@app.command
def propose(
    enterprise: Enterprise,
    /,
    *,
    text: Annotated[str, Parameter(help="What the officer who goes is told.")],
    alarm: AlarmNumbers = (),
    by: ActorForm,
) -> None:
    """Propose a visit; an enterprise has one open task at most."""
    body = Task(id=NEW, enterprise=enterprise, text=text, alarms=texts(alarm))
    perform(by, "tasks propose", body)


@app.command
def approve(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Approve a visit; to a firm of the positive list only a leader can."""
    _step(TaskStep(task=identity, verb=TaskVerb.APPROVE, note=note), by)


@app.command
def reject(
    identity: Thing,
    /,
    *,
    note: Note,
    by: ActorForm,
) -> None:
    """Reject a task before anybody is on site, saying why."""
    _step(TaskStep(task=identity, verb=TaskVerb.REJECT, note=note), by)


@app.command
def endorse(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Let a visit go on, as a leader, to a firm that came onto the positive list meanwhile."""
    _step(TaskStep(task=identity, verb=TaskVerb.ENDORSE, note=note), by)


@app.command
def assign(
    identity: Thing,
    /,
    *,
    to: Annotated[str, Parameter(help="Who goes: an officer whose scope the enterprise is in.")],
    instead_of: Annotated[
        str | None, Parameter(help="Who had the task until now, where somebody had it.")
    ] = None,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Give a task to an officer, or to another one, or again after a relapse."""
    body = TaskStep(
        task=identity, verb=TaskVerb.ASSIGN, person=to, instead_of=instead_of, note=note
    )
    _step(body, by)


@app.command
def accept(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Accept a task that was given to oneself."""
    _step(TaskStep(task=identity, verb=TaskVerb.ACCEPT, note=note), by)


@app.command
def arrive(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Tell that one is on site."""
    _step(TaskStep(task=identity, verb=TaskVerb.ARRIVE, note=note), by)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResultForm:
    """A result as it is given."""

    outcome: Annotated[Outcome, Parameter(help="What the visit came to.")]
    note: Note = ""
    minor: Annotated[
        bool, Parameter(help="For an exemption: the violation is minor.", show_default=False)
    ] = False
    harmless: Annotated[
        bool, Parameter(help="For an exemption: it did no harm.", show_default=False)
    ] = False
    file: FileDigests = ()
    inspection: Annotated[
        str, Parameter(help="For an exemption: the one that found it corrected.")
    ] = ""


@app.command
def result(
    identity: Thing,
    /,
    *,
    form: ResultForm,
    by: ActorForm,
) -> None:
    """Tell what a visit came to.

    An exemption (免罚) takes a minor and harmless violation, the firm's first within a year, that
    it corrected itself in time; what is not met is told.  Where no alarm tells that it did, a file
    or an inspection since the task was proposed has to.
    """
    body = TaskStep(
        task=identity,
        verb=TaskVerb.RESULT,
        outcome=form.outcome,
        note=form.note,
        minor=form.minor,
        harmless=form.harmless,
        files=form.file,
        inspection=form.inspection,
    )
    _step(body, by)


@app.command
def follow_up(
    identity: Thing,
    /,
    *,
    days: Annotated[
        int | None, Parameter(help="For so many days without a new alarm; 7 by default.")
    ] = None,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Begin to observe a firm; the system closes the task after so many quiet days."""
    chosen = default_limits().task.follow_up_d if days is None else days
    body = TaskStep(task=identity, verb=TaskVerb.FOLLOW_UP, days=chosen, note=note)
    _step(body, by)


@app.command
def close(
    identity: Thing,
    /,
    *,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Close a task whose firm was quiet for long enough."""
    _step(TaskStep(task=identity, verb=TaskVerb.CLOSE, note=note), by)


@app.command
def attach(
    identity: Thing,
    /,
    *,
    alarm: AlarmNumbers,
    note: Note = "",
    by: ActorForm,
) -> None:
    """Attach alarms to an open task; the system attaches new ones by itself."""
    body = TaskStep(task=identity, verb=TaskVerb.ATTACH, alarms=texts(alarm), note=note)
    _step(body, by)


def _step(body: TaskStep, by: ActorForm) -> None:
    perform(by, f"tasks {body.verb}", body)


def _said(step: TaskStep, called: Mapping[str, str]) -> Iterator[str]:
    """Yield what a step says beside who, when and what."""
    if step.person is not None:
        yield called.get(step.person, step.person)
    if step.instead_of is not None:
        yield f"接替{called.get(step.instead_of, step.instead_of)}"
    if step.outcome is not None:
        yield OUTCOMES_ZH[step.outcome]
    if step.days is not None:
        yield f"{step.days}天"
    if step.alarms:
        yield f"报警{'、'.join(step.alarms)}"
    if step.inspection:
        yield f"检查{step.inspection}"
    if step.files:
        yield f"附件{len(step.files)}份"
    yield step.note


def _row(task: TaskLife) -> dict[str, Any]:
    return life_row(task) | {
        "enterprise": task.told.body.enterprise,
        "text": task.told.body.text,
        "flags": list(task.told.body.flags),
        "alarms": sorted(alarms_of(task)),
        "assignee": assignee(task),
        "outcome": outcome(task),
    }
