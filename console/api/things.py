"""What people decide and what becomes of it: declarations, tasks, plans, requests, notices."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.enforcement.bodies import Finding
from wattwarden.alarms.enforcement.life import Life
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep
from wattwarden.alarms.service.requests import Request
from wattwarden.console.api.asked import OfFirm, Text
from wattwarden.console.api.resource import Asked, Found, Resource, by_decision, by_id, cut, sliced
from wattwarden.console.api.rows import Living, Row, Thing, step_row, thing
from wattwarden.storage.cases.declared import Standing, changed_declarations, load_declarations
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import (
    CLUE,
    FINDING,
    FOCUS,
    INSPECTION,
    STATION,
    TASK,
    Kind,
)
from wattwarden.storage.enforcement.lives import (
    Found as FoundThing,
)
from wattwarden.storage.enforcement.seen import READ_OF, find_seen, load_seen
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.service.load import load_requests

B = TypeVar("B", bound=Body)


class DeclarationRow(Thing[Declaration], frozen=True):
    """A declaration (申报) as it stands; `late`: 补报; `for_leader`: a leader reviews it."""

    declared_at: datetime
    late: bool
    for_leader: bool


class FindingRow(Row, frozen=True):
    """What another source saw, and all that it was tied to."""

    id: str
    enterprise: str
    decision: int
    entered_by: str
    entered_at: datetime
    body: Finding
    alarms: list[str]
    tasks: list[str]
    inspections: list[str]


class Helped(Row, frozen=True):
    """What was done about a request."""

    actor: str
    at: datetime
    body: AssistanceStep


class RequestRow(Row, frozen=True):
    """A request for help as it stands."""

    id: str
    enterprise: str
    state: str
    asked_by: str
    asked_at: datetime
    appointment: datetime | None
    visitor: str | None
    solution: str
    solved_at: datetime | None
    body: Assistance
    steps: list[Helped]


class Declared(OfFirm):
    """Which declarations."""

    state: Annotated[Review | None, Field(description="Only in this state.")] = None


class LifeFilters(OfFirm):
    """Which things."""

    state: Annotated[Text | None, Field(description="Only in this state.")] = None


async def _declarations(asked: Asked[Declared]) -> Found[DeclarationRow]:
    firms = asked.reader.within(asked.filters.enterprise)
    found = await changed_declarations(
        asked.connection,
        firms,
        state=asked.filters.state,
        before=None if asked.after is None else int(asked.after[0]),
        most=asked.limit + 1,
    )
    return cut([_declaration_row(one) for one in found], by_decision, asked.limit)


async def _declaration(
    connection: Connection, reader: Reader, identity: str
) -> DeclarationRow | None:
    found = await load_declarations(connection, reader.enterprises, declaration=identity)
    return _declaration_row(found[-1]) if found else None


def _declaration_row(one: Standing) -> DeclarationRow:
    return DeclarationRow(
        **{name: getattr(thing(one.entered, one.body), name) for name in Thing.__struct_fields__},
        declared_at=one.declared_at,
        late=one.late,
        for_leader=one.long,
    )


def _living(name: str, zh: str, en: str, kind: Kind[Any, Any, Any]) -> Resource[Any, Any]:
    """Return the resource of things that have lives."""

    async def load(asked: Asked[LifeFilters]) -> Found[Any]:
        firm, state = asked.filters.enterprise, asked.filters.state
        found = await load_seen(asked.connection, kind, asked.reader, firm)
        whose = await _whose(asked.connection, kind, asked.reader.within(firm))
        rows = [_life_row(one, whose) for one in found]
        return sliced(
            [one for one in rows if state in (None, getattr(one, "state", None))],
            by_decision,
            asked,
        )

    async def find(connection: Connection, reader: Reader, identity: str) -> Any:
        found = await find_seen(connection, kind, reader, identity)
        if found is None:
            return None
        return _life_row(found, await _whose(connection, kind, reader.enterprises))

    row = FindingRow if kind.thing is Finding else Living[kind.thing]  # type: ignore[name-defined]  # known as it runs
    return Resource(
        name=name,
        zh=zh,
        en=en,
        row=row,
        needs=READ_OF[kind.thing],
        filters=LifeFilters,
        key=(0,),
        load=load,
        one=kind.thing.kind_name,
        find=find,
    )


async def _whose(
    connection: Connection, kind: Kind[Any, Any, Any], firms: Collection[str] | None
) -> Mapping[str, str]:
    """Return whose things of a kind are, where their bodies name no firm but a machine of it."""
    if "enterprise" in kind.thing.__struct_fields__:
        return {}
    entered = await told(connection, [kind.thing.kind_name], enterprises=firms)
    return {str(getattr(one.body, "id", "")): one.enterprise or "" for one in entered}


def _life_row(
    life: Life[Any, Any, Any] | FoundThing, whose: Mapping[str, str]
) -> Living[Any] | FindingRow:
    said = life.told
    same: dict[str, Any] = {
        "id": life.id,
        "enterprise": whose.get(life.id) or said.body.enterprise,
        "decision": said.number,
        "entered_by": said.actor,
        "entered_at": said.at,
        "body": said.body,
    }
    if isinstance(life, FoundThing):
        return FindingRow(
            **same,
            alarms=list(life.alarms),
            tasks=list(life.tasks),
            inspections=list(life.inspections),
        )
    steps = [step_row(one) for one in life.steps]
    return Living(**same, state=str(life.state), steps=steps)


async def _requests(asked: Asked[OfFirm]) -> Found[RequestRow]:
    firms = asked.reader.within(asked.filters.enterprise)
    found = await load_requests(asked.connection, enterprises=firms)
    return sliced([_request_row(one) for one in found], by_id, asked)


async def _request(connection: Connection, reader: Reader, identity: str) -> RequestRow | None:
    found = await load_requests(connection, enterprises=reader.enterprises, identity=identity)
    return _request_row(found[-1]) if found else None


def _request_row(one: Request) -> RequestRow:
    names = ("asked_by", "asked_at", "appointment", "visitor", "solution", "solved_at", "body")
    return RequestRow(
        id=one.body.id,
        enterprise=one.body.enterprise,
        state=str(one.state),
        **{name: getattr(one, name) for name in names},
        steps=[Helped(actor=step.actor, at=step.at, body=step.body) for step in one.steps],
    )


THINGS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="declarations",
        zh="申报，最近的在前",
        en="Declarations as they stand, the latest first",
        row=DeclarationRow,
        needs=Read.DECLARATIONS,
        filters=Declared,
        key=(0,),
        load=_declarations,
        one="declaration",
        find=_declaration,
    ),
    _living("tasks", "执法任务", "Tasks: visits that something calls for", TASK),
    _living("inspections", "检查", "Inspections, from afar or on site", INSPECTION),
    _living("stations", "驻厂监督", "Supervisors stationed at firms", STATION),
    _living("findings", "其他来源发现的问题", "What other sources saw", FINDING),
    _living("clues", "线索", "Clues given to officers", CLUE),
    _living("focus", "重点问题清单", "Weak points of firms that are to be put right", FOCUS),
    Resource(
        name="requests",
        zh="帮扶请求与预约",
        en="Requests for help, and appointments",
        row=RequestRow,
        needs=Read.REQUESTS,
        filters=OfFirm,
        key=("",),
        load=_requests,
        one="assistance",
        find=_request,
    ),
)
