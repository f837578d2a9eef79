"""What stands against actions, declarations and evidence, looked up while the chain is held."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Evidence
from wattwarden.alarms.cases.grading import default_grading
from wattwarden.alarms.cases.standing import File, Terms, against, older
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.acting.acting import Acting, Admission
from wattwarden.storage.cases.evidence import find_files
from wattwarden.storage.cases.load import load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import ALARM, Entered, told
from wattwarden.storage.registry.records import load_kind


async def admit_action(acting: Acting) -> Body:
    """Hold an action against the case as it stands."""
    action = acting.body
    assert isinstance(action, Action)  # noqa: S101  by its kind
    case = await load_case(acting.connection, int(action.alarm), now=acting.now)
    if case is None:
        zh, en = f"没有报警{action.alarm}", f"there is no alarm {action.alarm}"
        raise RefusedError([action.problem("alarm", zh, en)])
    terms = Terms(
        default_grading(),
        acting.now,
        await find_files(acting.connection, action.evidence, acting.enterprise),
        await _declared(acting, action),
        await names(acting.connection),
    )
    _refuse(against(case, action, terms))
    return action


async def admit_declaration(acting: Acting) -> Body:
    """Hold a declaration against what was declared and reviewed before."""
    declaration = acting.body
    assert isinstance(declaration, Declaration)  # noqa: S101  by its kind
    known = await told(acting.connection, [declaration.kind_name], where={"id": declaration.id})
    name = await names(acting.connection)
    _refuse(_against_declaring(declaration, known, name))
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


def _against_declaring(
    declaration: Declaration, known: list[Entered], name: Names
) -> Iterator[Problem]:
    """Yield why a declaration cannot be made, changed or reviewed."""
    before = known[-1] if known else None
    if before is None or not isinstance(before.body, Declaration):
        if declaration.state is not Review.PENDING:
            zh, en = f"没有待审核的申报{declaration.id}", f"there is no {declaration.id} to review"
            yield declaration.problem("id", zh, en)
        return
    if before.body.state is not Review.PENDING:
        who, at = name(before.actor), _local(before.entered_at)
        zh = f"申报{declaration.id}已由{who}于{at}审核"
        en = f"declaration {declaration.id} was {before.body.state} by {who} at {at}"
        yield declaration.problem("state", zh, en)
        return
    said = msgspec.structs.replace(
        declaration, state=before.body.state, opinion=before.body.opinion
    )
    if declaration.state is not Review.PENDING and said != before.body:
        zh, en = "审核不得更改申报内容", "a review changes nothing of what was declared"
        yield declaration.problem("state", zh, en)
    if declaration.scope is not before.body.scope or declaration.subject != before.body.subject:
        zh, en = "申报对象不得更改", "what is declared stays the same"
        yield declaration.problem("subject", zh, en)


def _refuse(problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise RefusedError(found)


def _local(moment: datetime) -> str:
    return moment.astimezone(DEFAULT_ZONE).strftime("%Y-%m-%d %H:%M")
