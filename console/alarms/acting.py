"""What is done about an alarm from its page: every deed goes the way that every command goes."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, Verb
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.declaring import explained
from wattwarden.alarms.cases.proof import fault_of
from wattwarden.alarms.decisions.bodies import Absence, Declaration, Review
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import Task
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.console.alarms.pages import alarm_page
from wattwarden.console.answering import HOURS
from wattwarden.console.doors import NOT_FOUND, PageError
from wattwarden.console.routes import Handler, Right, Route
from wattwarden.console.visit import Visit
from wattwarden.console.written import moment_in
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.declared import load_declarations
from wattwarden.storage.cases.evidence import MAX_FILE_BYTES, Arrived
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.cases.together import act_with_files
from wattwarden.storage.cases.together import declare as declare_together
from wattwarden.storage.database import Connection

# The file, and the rest of the form around it.
UPLOAD_BYTES: Final = MAX_FILE_BYTES + 65_536

Work: TypeAlias = Callable[[Visit, Connection, Case, datetime], Awaitable[Any]]


async def declare(visit: Visit) -> web.Response:
    """Declare what explains it (申报)."""

    async def work(visit: Visit, connection: Connection, case: Case, now: datetime) -> None:
        scope, subject = explained(case)
        hours = visit.field("hours")
        if visit.field("kind") not in tuple(Absence) or hours not in map(str, HOURS):
            raise _incomplete("kind", "请选择申报类型和预计恢复时间", "choose what, and until when")
        body = Declaration(
            id=NEW,
            scope=scope,
            subject=subject,
            kind=Absence(visit.field("kind")),
            start=case.episode.began,
            end=now + timedelta(hours=int(hours)),
            reason=visit.field("reason"),
        )
        if not body.reason:
            raise _incomplete("reason", "请填写原因", "say why")
        await declare_together(connection, body, case.id, visit.person.id, now)

    return await _does(visit, work)


async def review(visit: Visit) -> web.Response:
    """Approve or refuse what was declared (审核)."""

    async def work(visit: Visit, connection: Connection, case: Case, now: datetime) -> None:
        verdict = visit.field("verdict")
        if case.declaration is None or verdict not in ("approve", "reject"):
            raise _incomplete("verdict", "请选择通过或不通过", "approve or refuse")
        standing = await load_declarations(connection, declaration=case.declaration)
        if not standing:
            raise NOT_FOUND
        body = msgspec.structs.replace(
            standing[-1].body,
            state=Review.APPROVED if verdict == "approve" else Review.REJECTED,
            opinion=visit.field("reason"),
        )
        await decide(connection, body, visit.person.id, now)

    return await _does(visit, work)


async def make_task(visit: Visit) -> web.Response:
    """Propose a visit to the firm because of it (转执法任务)."""

    async def work(visit: Visit, connection: Connection, case: Case, now: datetime) -> None:
        text = visit.field("text")
        if not text:
            raise _incomplete("text", "请填写任务说明", "say what the visit is for")
        body = Task(id=NEW, enterprise=case.enterprise, text=text, alarms=(str(case.id),))
        await decide(connection, body, visit.person.id, now)

    return await _does(visit, work)


def _acts(verb: Verb) -> Handler:
    """Return what answers a form of a verb: an action with what the form says."""

    async def work(visit: Visit, connection: Connection, case: Case, now: datetime) -> None:
        cause, fault = visit.field("cause"), visit.field("fault")
        body = Action(
            id=NEW,
            alarm=str(case.id),
            verb=verb,
            reason=visit.field("reason"),
            part=visit.field("part"),
            cause=Cause(cause) if cause in tuple(Cause) else None,
            deadline=moment_in(visit, "deadline"),
            fault=_fault(verb, fault, case),
        )
        await act_with_files(connection, body, _files(visit, case), visit.person.id, now)

    async def act(visit: Visit) -> web.Response:
        return await _does(visit, work)

    return act


def _fault(verb: Verb, said: str, case: Case) -> Fault | None:
    if said in tuple(Fault):
        return Fault(said)
    return fault_of(case) if verb is Verb.VERIFY else None


def _files(visit: Visit, case: Case) -> list[Arrived]:
    """Return the file of a form; a field that was left empty is none."""
    found = visit.form.get("file")
    if not isinstance(found, web.FileField) or not found.filename:
        return []
    with found.file as file:
        data = file.read()
    return [Arrived(data, found.filename, "alarm", str(case.id))] if data else []


async def _does(visit: Visit, work: Work) -> web.Response:
    """Do something, and lead back to the alarm; what stands against it is said there."""
    try:
        async with visit.reading() as (connection, reader):
            number = int(visit.parameter("alarm"))
            case = await load_case(connection, number, now=reader.now)
            if case is None:
                raise NOT_FOUND
            await work(visit, connection, case, reader.now)
    except RefusedError as error:
        return await alarm_page(visit, error)
    except (ValueError, msgspec.ValidationError) as error:
        # A text that is too long for its field.
        raise PageError(
            HTTPStatus.BAD_REQUEST, "no form", f"内容无法接受：{error}", str(error)
        ) from error
    return visit.go(visit.url("alarm", alarm=number))


def _incomplete(name: str, zh: str, en: str) -> RefusedError:
    return RefusedError([Problem("action", "", name, zh, en)])


def _route(name: str, handler: Handler, right: str, body_bytes: int = UPLOAD_BYTES) -> Route:
    path = rf"/alarms/{{alarm:\d+}}/{name}"
    return Route("POST", path, handler, Right(right), f"alarm_{name}", body_bytes)


# What a form of its own leads to; a plan (整改方案) is handed in by the interface and by commands.
_VERBS: Final = (
    Verb.ACK,
    Verb.HANDLE,
    Verb.RECTIFY,
    Verb.VERIFY,
    Verb.REJECT,
    Verb.CLOSE,
    Verb.ESCALATE,
    Verb.COMMENT,
)
ROUTES: Final = (
    *(_route(verb.value, _acts(verb), f"action.{verb}") for verb in _VERBS),
    _route("declare", declare, "action.declare"),
    _route("review", review, "declaration.review"),
    _route("task", make_task, "task"),
)
