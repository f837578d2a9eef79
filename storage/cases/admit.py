"""What stands against actions, declarations and evidence, looked up while the chain is held."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.cases.bodies import Action, Evidence
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.cases.declaring import Before, Declaring, against_declaring
from wattwarden.alarms.cases.standing import FIRM, About, File, Terms, against, older
from wattwarden.alarms.decisions.bodies import Declaration
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Link, Person, Point
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.cases.evidence import find_files
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.owners import ALARM
from wattwarden.storage.registry.records import load_kind


async def admit_action(acting: Acting) -> Body:
    """Hold an action against the case as it stands."""
    action = acting.body
    assert isinstance(action, Action)  # noqa: S101  by its kind
    case = await load_case(acting.connection, int(action.alarm), now=acting.now)
    if case is None:
        zh, en = f"没有报警{action.alarm}", f"there is no alarm {action.alarm}"
        raise RefusedError([action.problem("alarm", zh, en)])
    people = {one.id: one for one in await load_kind(acting.connection, Person)}
    terms = Terms(
        (await load_gradings(acting.connection)).of(case.episode),
        acting.now,
        SYSTEM if acting.person is None else acting.person.id,
        await find_files(acting.connection, action.evidence, acting.enterprise),
        await _declared(acting, action),
        Names({name: person.name for name, person in people.items()}),
        lambda name: name in people and people[name].role in OFFICERS,
        await _about(acting, case) if action.declaration else FIRM,
    )
    _refuse(against(case, action, terms))
    return action


async def admit_declaration(acting: Acting) -> Body:
    """Hold a declaration against what was declared and reviewed before."""
    declaration = acting.body
    assert isinstance(declaration, Declaration)  # noqa: S101  by its kind
    known = await told(acting.connection, [declaration.kind_name], where={"id": declaration.id})
    before = None
    if known and isinstance(body := known[-1].body, Declaration):
        name = await names(acting.connection)
        before = Before(body, name(known[-1].actor), known[-1].entered_at)
    role = None if acting.person is None else acting.person.role
    grading = (await load_gradings(acting.connection)).at(acting.now)
    terms = Declaring(before, role, acting.now, grading)
    _refuse(against_declaring(declaration, terms))
    return declaration


async def admit_evidence(acting: Acting) -> Body:
    """Hold a file against the alarm that it is about: what is older proves nothing."""
    evidence = acting.body
    assert isinstance(evidence, Evidence)  # noqa: S101  by its kind
    (file,) = await find_files(acting.connection, [evidence.sha256]) or (
        File(evidence.sha256, evidence.received_at),
    )
    if evidence.about == ALARM:
        case = await load_case(acting.connection, int(evidence.subject), now=acting.now)
        taken = File(evidence.sha256, file.received_at, evidence.taken_at)
        if case is not None and older(case, taken):
            zh = f"文件早于报警{case.id}的发生时间({_local(case.raised)}),不予接收"
            en = f"the file is older than alarm {case.id}, raised at {_local(case.raised)}"
            raise RefusedError([evidence.problem("taken_at", zh, en)])
    return msgspec.structs.replace(evidence, received_at=file.received_at)


CASE_ADMISSIONS: Final[Mapping[str, Admission]] = {
    Action.kind_name: admit_action,
    Declaration.kind_name: admit_declaration,
    Evidence.kind_name: admit_evidence,
}


async def names(connection: Connection) -> "Names":
    """Return what people are called."""
    return Names({person.id: person.name for person in await load_kind(connection, Person)})


class Names:
    """People's names by their ids; the system's own deeds are its own."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = {**known, SYSTEM: "系统"}

    def __call__(self, person: str) -> str:
        """Return a name; the id of somebody who is unknown."""
        return self._known.get(person, person)


async def _declared(acting: Acting, action: Action) -> Declaration | None:
    """Return the declaration that an action names, as it stands; of its own enterprise only."""
    if action.declaration is None:
        return None
    found = await told(acting.connection, ["declaration"], where={"id": action.declaration})
    if not found or found[-1].enterprise != acting.enterprise:
        zh, en = "申报属于其他企业", "the declaration is another enterprise's"
        raise RefusedError([action.problem("declaration", zh, en)])
    body = found[-1].body
    return body if isinstance(body, Declaration) else None


async def _about(acting: Acting, case: Case) -> About:
    """Return what an alarm is about, as the registry is now."""
    kind, _, name = case.subject.partition(":")
    lines, units = {case.line} - {""}, {case.unit} - {None}
    if kind == "meter":
        points = await load_kind(acting.connection, Point)
        units |= {one.unit for one in points if one.meter == name} - {None}
    links = await load_kind(acting.connection, Link) if lines | units else []
    if not lines:
        lines = {one.line for one in links if one.unit in units}
    beside = frozenset(one.unit for one in links if one.line in lines)
    return About(frozenset(lines), frozenset(one for one in units if one is not None), beside)


def _refuse(problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise RefusedError(found)


def _local(moment: datetime) -> str:
    return moment.astimezone(DEFAULT_ZONE).strftime("%Y-%m-%d %H:%M")
