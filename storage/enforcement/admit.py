"""What stands against deeds of enforcement: tables of transitions, the positive list, whose it is.

Each admission runs under the chain's lock, so what it reads stays so until the body is kept.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement import inspections, tasks
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.life import Life, Step, refused_step
from wattwarden.alarms.enforcement.limits import default_limits
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode, Outcome, TaskVerb
from wattwarden.alarms.registry.problems import Problem
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.cases.evidence import find_files
from wattwarden.storage.cases.load import load_basis
from wattwarden.storage.enforcement import lives
from wattwarden.storage.enforcement.checks import (
    firm_of,
    foreign,
    gone,
    missing_files,
    name_of,
    not_officers,
    refuse,
    repeated,
    to_come,
)
from wattwarden.storage.enforcement.history import load_history, load_incidents

B = TypeVar("B", bound=Body)
T = TypeVar("T", bound=Step)
S = TypeVar("S", bound=StrEnum)


async def admit_task(acting: Acting) -> Body:
    """Take a task for an enterprise that has no open one; later alarms attach to that.

    Raises:
        RefusedError: There is one, and which.
    """
    body = _of(acting, Task)
    refuse([await repeated(acting), *await foreign(acting)])
    standing = tasks.open_task(await _tasks(acting))
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
    body = _of(acting, TaskStep)
    listed = await _tasks(acting)
    task = next((one for one in listed if one.id == body.task), None)
    if task is None:
        raise gone(body, "task")
    role = None if acting.person is None else acting.person.role
    body = msgspec.structs.replace(body, role=role)
    await _follows(acting, task, body.verb)
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


async def admit_inspection(acting: Acting) -> Body:
    """Take an inspection; on site at a firm of the positive list only with a leader's word.

    Raises:
        RefusedError: A leader is missing, or something named is not the enterprise's.
    """
    body = _of(acting, Inspection)
    found = [
        await repeated(acting),
        to_come(acting, body.at),
        *await foreign(acting),
        *await not_officers(acting, "people", body.people),
    ]
    if body.mode is not Mode.OFF_SITE:
        found.append(await _visit(acting, body.task))
    refuse(found)
    return body


async def admit_inspection_step(acting: Acting) -> Body:
    """Take a switch to the site, or the end.

    Raises:
        RefusedError: The table has it not, its time is not after the beginning, or a leader's word
            is missing.
    """
    body = _of(acting, InspectionStep)
    inspection = await lives.load_life(
        acting.connection, lives.INSPECTION, body.inspection, acting.enterprise
    )
    if inspection is None:
        raise gone(body, "inspection")
    await _follows(acting, inspection, body.verb)
    found = [to_come(acting, body.at)]
    if body.at < inspection.told.body.at:
        en = "that is before the inspection began"
        found.append(body.problem("at", "时间早于检查开始时间", en))
    if body.verb is InspectionVerb.SWITCH:
        found.append(await _visit(acting, inspection.told.body.task))
    refuse(found)
    return body


async def admit_station(acting: Acting) -> Body:
    """Take a supervisor's stay; at a firm of the positive list only with a leader's word.

    Raises:
        RefusedError: A leader is missing, or who is stationed is no officer for the firm.
    """
    body = _of(acting, Station)
    refuse(
        [
            await repeated(acting),
            *await foreign(acting),
            *await not_officers(acting, "person", [body.person]),
            await _visit(acting, body.task),
        ]
    )
    return body


async def admit_station_step(acting: Acting) -> Body:
    """Take a relief or the end of a stay.

    Raises:
        RefusedError: It has ended, or not begun by then; or who comes is no officer for the firm.
    """
    body = _of(acting, StationStep)
    station = await lives.load_life(
        acting.connection, lives.STATION, body.station, acting.enterprise
    )
    if station is None:
        raise gone(body, "station")
    await _follows(acting, station, body.verb)
    found = [
        to_come(acting, body.at),
        *await not_officers(acting, "person", [body.person] if body.person else []),
    ]
    if body.at < station.told.body.start:
        found.append(body.problem("at", "时间早于驻点开始时间", "that is before the stay began"))
    refuse(found)
    return body


async def admit_finding(acting: Acting) -> Body:
    """Take a finding about things of one enterprise, with files that were kept as evidence.

    Raises:
        RefusedError: It is to come, names another's things, or files that nobody has.
    """
    body = _of(acting, Finding)
    refuse(
        [
            await repeated(acting),
            to_come(acting, body.at),
            *await foreign(acting),
            *await missing_files(acting, body.files),
        ]
    )
    return body


async def admit_finding_link(acting: Acting) -> Body:
    """Take a link between things of one enterprise.

    Raises:
        RefusedError: One of them is another's.
    """
    body = _of(acting, FindingLink)
    refuse(await foreign(acting))
    return body


async def admit_clue(acting: Acting) -> Body:
    """Take a clue about alarms and findings of one enterprise, for an officer of its.

    Raises:
        RefusedError: One of them is another's, or the person no officer for it.
    """
    body = _of(acting, Clue)
    people = [body.person] if body.person else []
    refuse(
        [
            await repeated(acting),
            *await foreign(acting),
            *await not_officers(acting, "person", people),
        ]
    )
    return body


async def admit_clue_step(acting: Acting) -> Body:
    """Take a clue's assignment, or its end.

    Raises:
        RefusedError: The table has it not, or the person is no officer for the firm.
    """
    body = _of(acting, ClueStep)
    clue = await lives.load_life(acting.connection, lives.CLUE, body.clue, acting.enterprise)
    if clue is None:
        raise gone(body, "clue")
    await _follows(acting, clue, body.verb)
    people = [body.person] if body.person else []
    refuse([*await foreign(acting), *await not_officers(acting, "person", people)])
    return body


async def admit_focus(acting: Acting) -> Body:
    """Take a weak point, with alarms of the same firm and an officer who helps.

    Raises:
        RefusedError: An alarm is another's, or the person no officer for the firm.
    """
    body = _of(acting, Focus)
    people = [body.officer] if body.officer else []
    refuse(
        [
            await repeated(acting),
            *await foreign(acting),
            *await not_officers(acting, "officer", people),
        ]
    )
    return body


async def admit_focus_step(acting: Acting) -> Body:
    """Take what the firm did about a weak point, or what the officer says of that.

    Raises:
        RefusedError: The table has it not, or files are named that nobody has.
    """
    body = _of(acting, FocusStep)
    focus = await lives.load_life(acting.connection, lives.FOCUS, body.focus, acting.enterprise)
    if focus is None:
        raise gone(body, "focus")
    await _follows(acting, focus, body.verb)
    refuse(await missing_files(acting, body.files))
    return body


ENFORCEMENT_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Task.kind_name: admit_task,
    TaskStep.kind_name: admit_task_step,
    Inspection.kind_name: admit_inspection,
    InspectionStep.kind_name: admit_inspection_step,
    Station.kind_name: admit_station,
    StationStep.kind_name: admit_station_step,
    Finding.kind_name: admit_finding,
    FindingLink.kind_name: admit_finding_link,
    Clue.kind_name: admit_clue,
    ClueStep.kind_name: admit_clue_step,
    Focus.kind_name: admit_focus,
    FocusStep.kind_name: admit_focus_step,
}


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
        inspection = await lives.load_life(connection, lives.INSPECTION, body.inspection, firm)
    received = [one.received_at for one in files]
    considered = tasks.Considered(task, listed, history, received, inspection)
    return tasks.exemption_problems(body, considered, limits, acting.now)


async def _visit(acting: Acting, named: str) -> Problem | None:
    """Why nobody may go there yet; the task is the one named, else the enterprise's open one."""
    listed = await _tasks(acting)
    task = tasks.open_task(listed)
    if named and (task is None or task.id != named):
        en = f"task {named} is over: it lets nobody go there"
        return acting.body.problem("task", f"任务{named}已结束，不能作为现场检查依据", en)
    role = None if acting.person is None else acting.person.role
    return inspections.visit_problem(acting.body, await firm_of(acting), role, task)


async def _follows(acting: Acting, life: Life[B, T, S], verb: StrEnum) -> None:
    """Refuse a step that the table has not where the thing stands."""
    who = await name_of(acting.connection, life.last.actor)
    refuse([refused_step(life, acting.body, verb, who)])


async def _tasks(acting: Acting) -> list[TaskLife]:
    return await lives.load_lives(acting.connection, lives.TASK, acting.enterprise)


def _of(acting: Acting, kind: type[B]) -> B:
    """Return the body as one of the kind that its admission is registered for."""
    assert isinstance(acting.body, kind)  # noqa: S101  by the table of admissions
    return acting.body
