"""What stands against inspections and stays at a firm: a leader's word, officers, their times."""

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement import inspections, tasks
from wattwarden.alarms.enforcement.bodies import Inspection, InspectionStep, Station, StationStep
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode
from wattwarden.alarms.registry.problems import Problem
from wattwarden.storage.acting.acting import Acting
from wattwarden.storage.enforcement.checks import (
    firm_of,
    foreign,
    not_officers,
    refuse,
    repeated,
    to_come,
)
from wattwarden.storage.enforcement.lives import INSPECTION, STATION
from wattwarden.storage.enforcement.standing import body_of, followed, tasks_of


async def admit_inspection(acting: Acting) -> Body:
    """Take an inspection; on site at a firm of the positive list only with a leader's word.

    Raises:
        RefusedError: A leader is missing, or something named is not the enterprise's.
    """
    body = body_of(acting, Inspection)
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
    body = body_of(acting, InspectionStep)
    inspection = await followed(acting, INSPECTION, body.inspection, body.verb)
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
    body = body_of(acting, Station)
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
    body = body_of(acting, StationStep)
    station = await followed(acting, STATION, body.station, body.verb)
    found = [
        to_come(acting, body.at),
        *await not_officers(acting, "person", [body.person] if body.person else []),
    ]
    if body.at < station.told.body.start:
        found.append(body.problem("at", "时间早于驻点开始时间", "that is before the stay began"))
    refuse(found)
    return body


async def _visit(acting: Acting, named: str) -> Problem | None:
    """Why nobody may go there yet; the task is the one named, else the enterprise's open one."""
    listed = await tasks_of(acting)
    task = tasks.open_task(listed)
    if named and (task is None or task.id != named):
        en = f"task {named} is over: it lets nobody go there"
        return acting.body.problem("task", f"任务{named}已结束，不能作为现场检查依据", en)
    role = None if acting.person is None else acting.person.role
    return inspections.visit_problem(acting.body, await firm_of(acting), role, task)
