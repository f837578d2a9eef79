"""``wattwarden tasks``: visits that something calls for, from proposal to the last quiet day."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Task, TaskStep
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.lives import TASK_OVER, TaskLife, TaskState
from wattwarden.alarms.enforcement.tasks import alarms_of, assignee, describe, outcome
from wattwarden.alarms.enforcement.words import FLAGS_ZH, Outcome, TaskVerb
from wattwarden.storage.enforcement.lives import FINDING, TASK, Found, load_lives
from wattwarden.tools.acting import AsPerson, perform, show_entered
from wattwarden.tools.decode import as_json
from wattwarden.tools.enforcement.forms import (
    AlarmNumbers,
    Enterprise,
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
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import rfc3339

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
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List tasks, oldest first: where each stands, who has it, what it is about."""
    found, called = listed(settings_of(system), "tasks list", TASK, enterprise)
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
            rfc3339(task.told.at),
            task.told.body.text,
        )
        for task in tasks
    ]
    headings = ("任务", "企业", "状态", "承办人", "报警", "提出时间", "内容")
    show_rows([_row(task) for task in tasks], headings, cells, json=json)


@app.command
def show(identity: Thing, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Show one task: its text, its alarms and findings, every step with who, when and why."""
    settings = settings_of(system)

    async def work() -> tuple[TaskLife, list[Found], Any]:
        async with database(settings, "tasks show") as connection:
            task = await one(connection, TASK, identity)
            found = await load_lives(connection, FINDING, task.told.body.enterprise)
            own = [finding for finding in found if identity in finding.tasks]
            return task, own, await names(connection)

    task, findings, called = run(work())
    if json:
        print(as_json(_row(task) | {"findings": [one.id for one in findings]}))
        return
    body = task.told.body
    print(f"{task.id}  {describe(task)}  {body.enterprise}")
    print(f"  {body.text}")
    print(f"  {'、'.join(FLAGS_ZH[flag] for flag in body.flags) or '人工提出'}")
    print(f"  报警 {'、'.join(map(str, sorted(alarms_of(task)))) or '-'}")
    proposer = called.get(task.told.actor, task.told.actor)
    print(f"  {rfc3339(task.told.at)}  {proposer}  propose")
    for step in task.steps:
        said = step.body
        more = (called.get(said.person or "", ""), said.outcome or "", said.note)
        who = called.get(step.actor, step.actor)
        print(f"  {rfc3339(step.at)}  {who}  {said.verb}  {'  '.join(filter(None, more))}".rstrip())
    for finding in findings:
        print(f"  {finding.id}  {finding.told.body.source}  {finding.told.body.what}")


@app.command
def propose(
    enterprise: Enterprise,
    /,
    *,
    text: Annotated[str, Parameter(help="What the officer who goes is told.")],
    alarm: AlarmNumbers = (),
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Propose a visit; an enterprise has one open task at most."""
    body = Task(id=NEW, enterprise=enterprise, text=text, alarms=texts(alarm))
    entered = perform(settings_of(system), body, person, "tasks propose")
    show_entered(entered, json=json)


@app.command
def approve(
    identity: Thing,
    /,
    *,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Approve a visit; to a firm of the positive list only a leader can."""
    _step(TaskStep(task=identity, verb=TaskVerb.APPROVE, note=note), person, system, json=json)


@app.command
def reject(
    identity: Thing,
    /,
    *,
    note: Note,
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Reject a task before anybody is on site, saying why."""
    _step(TaskStep(task=identity, verb=TaskVerb.REJECT, note=note), person, system, json=json)


@app.command
def endorse(
    identity: Thing,
    /,
    *,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Let a visit go on, as a leader, to a firm that came onto the positive list meanwhile."""
    _step(TaskStep(task=identity, verb=TaskVerb.ENDORSE, note=note), person, system, json=json)


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
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Give a task to an officer, or to another one, or again after a relapse."""
    body = TaskStep(
        task=identity, verb=TaskVerb.ASSIGN, person=to, instead_of=instead_of, note=note
    )
    _step(body, person, system, json=json)


@app.command
def accept(
    identity: Thing,
    /,
    *,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Accept a task that was given to oneself."""
    _step(TaskStep(task=identity, verb=TaskVerb.ACCEPT, note=note), person, system, json=json)


@app.command
def arrive(
    identity: Thing,
    /,
    *,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Tell that one is on site."""
    _step(TaskStep(task=identity, verb=TaskVerb.ARRIVE, note=note), person, system, json=json)


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


@app.command
def result(
    identity: Thing,
    /,
    *,
    form: ResultForm,
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Tell what a visit came to.

    An exemption (免罚) takes a minor and harmless violation, the firm's first within a year, that
    it corrected itself in time; what is not met is told.
    """
    body = TaskStep(
        task=identity,
        verb=TaskVerb.RESULT,
        outcome=form.outcome,
        note=form.note,
        minor=form.minor,
        harmless=form.harmless,
    )
    _step(body, person, system, json=json)


@app.command
def follow_up(
    identity: Thing,
    /,
    *,
    days: Annotated[
        int | None, Parameter(help="For so many days without a new alarm; 7 by default.")
    ] = None,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Begin to observe a firm; the system closes the task after so many quiet days."""
    chosen = default_limits().task.follow_up_d if days is None else days
    body = TaskStep(task=identity, verb=TaskVerb.FOLLOW_UP, days=chosen, note=note)
    _step(body, person, system, json=json)


@app.command
def close(
    identity: Thing,
    /,
    *,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Close a task whose firm was quiet for long enough."""
    _step(TaskStep(task=identity, verb=TaskVerb.CLOSE, note=note), person, system, json=json)


@app.command
def attach(
    identity: Thing,
    /,
    *,
    alarm: AlarmNumbers,
    note: Note = "",
    person: AsPerson,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Attach alarms to an open task; the system attaches new ones by itself."""
    body = TaskStep(task=identity, verb=TaskVerb.ATTACH, alarms=texts(alarm), note=note)
    _step(body, person, system, json=json)


def _step(body: TaskStep, person: str, system: System, *, json: bool) -> None:
    entered = perform(settings_of(system), body, person, f"tasks {body.verb}")
    show_entered(entered, json=json)


def _row(task: TaskLife) -> dict[str, Any]:
    return life_row(task) | {
        "enterprise": task.told.body.enterprise,
        "text": task.told.body.text,
        "flags": list(task.told.body.flags),
        "alarms": sorted(alarms_of(task)),
        "assignee": assignee(task),
        "outcome": outcome(task),
    }
