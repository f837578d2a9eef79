"""What stands against tasks and their steps: what stands open, whose turn it is, the conditions."""

import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement import tasks
from wattwarden.alarms.enforcement.bodies import Task, TaskStep
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.alarms.enforcement.words import Outcome, TaskVerb
from wattwarden.alarms.registry.problems import Problem
from wattwarden.storage.acting.acting import Acting
from wattwarden.storage.cases.evidence import find_files
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.enforcement.checks import (
    firm_of,
    foreign,
    gone,
    missing_files,
    name_of,
    not_officers,
    refuse,
    repeated,
)
from wattwarden.storage.enforcement.history import load_history, load_incidents
from wattwarden.storage.enforcement.lives import INSPECTION, load_life
from wattwarden.storage.enforcement.standing import body_of, check_follows, tasks_of


async def admit_task(acting: Acting) -> Body:
    """Take a task for an enterprise that has no open one; later alarms attach to that.

    Raises:
        RefusedError: There is one, and which.
    """
    body = body_of(acting, Task)
    refuse([await repeated(acting), *await foreign(acting)])
    standing = tasks.open_task(await tasks_of(acting))
    if standing is not None:
        who = await name_of(acting.connection, standing.told.actor)
        zh = f"企业已有未办结任务{standing.id}({tasks.describe(standing)}，{who}提出)，请并入该任务"
        en = f"task {standing.id} is open ({standing.state}, by {who}); attach the alarms to it"
        refuse([body.problem("enterprise", zh, en)])
    return body


async def admit_task_step(acting: Acting) -> Body:
    """Take a step that may follow on what stands, by whom it may; note the actor's role.

    Raises:
        RefusedError: It cannot; who did what before is told.
    """
    body = body_of(acting, TaskStep)
    listed = await tasks_of(acting)
    task = next((one for one in listed if one.id == body.task), None)
    if task is None:
        raise gone(body, "task")
    role = None if acting.person is None else acting.person.role
    body = msgspec.structs.replace(body, role=role)
    await check_follows(acting, task, body.verb)
    actor = SYSTEM if acting.person is None else acting.person.id
    if acting.person is None and body.verb not in tasks.SYSTEM_VERBS:
        refuse([body.problem("verb", "须由人员办理", f"{body.verb} is for people to decide")])
    firm = await firm_of(acting)
    holder = await name_of(acting.connection, tasks.assignee(task) or SYSTEM)
    refuse(
        [
            tasks.visit_problem(body, task, firm, role),
            tasks.holder_problem(body, task, actor, holder),
            *await not_officers(acting, "person", [body.person] if body.person else []),
            *await foreign(acting),
            *await missing_files(acting, body.files),
        ]
    )
    refuse(await _against_verb(acting, body, task, listed))
    return body


async def _against_verb(
    acting: Acting, body: TaskStep, task: TaskLife, listed: list[TaskLife]
) -> list[Problem | None]:
    """What a single verb needs beyond table and persons."""
    match body.verb:
        case TaskVerb.ENDORSE if tasks.led_by_leader(task):
            en = f"a leader has approved the visit of task {task.id} already"
            return [body.problem("verb", f"任务{task.id}已经领导批准", en)]
        case TaskVerb.ATTACH if not set(map(int, body.alarms)) - tasks.alarms_of(task):
            en = f"task {task.id} names all of these alarms already"
            return [body.problem("alarms", f"报警均已并入任务{task.id}", en)]
        case TaskVerb.CLOSE:
            begun = task.latest(TaskVerb.FOLLOW_UP)
            since = task.told.at if begun is None else begun.at
            basis = await load_basis(acting.connection)
            incidents = await load_incidents(
                acting.connection, str(acting.enterprise), since, acting.now, basis
            )
            return [tasks.close_problem(body, task, incidents, acting.now)]
        case TaskVerb.RESULT if body.outcome is Outcome.EXEMPTED:
            return [*await _against_exemption(acting, body, task, listed)]
        case _:
            return []


async def _against_exemption(
    acting: Acting, body: TaskStep, task: TaskLife, listed: list[TaskLife]
) -> list[Problem]:
    limits, connection, firm = default_limits(), acting.connection, str(acting.enterprise)
    history = await load_history(connection, firm, acting.now, limits)
    files = await find_files(connection, body.files, firm)
    inspection = None
    if body.inspection:
        inspection = await load_life(connection, INSPECTION, body.inspection, firm)
    received = [one.received_at for one in files]
    considered = tasks.Considered(task, listed, history, received, inspection)
    return tasks.exemption_problems(body, considered, limits, acting.now)
