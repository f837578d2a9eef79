"""What is asked of any deed of enforcement: whose things it names, who the people are, when."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from wattwarden.alarms.acting.rights import SYSTEM, reaches
from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.decisions.body import Body, Reference
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.acting.acting import Acting
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told
from wattwarden.storage.registry.owners import ALARM
from wattwarden.storage.registry.records import load_kind, load_record


def refuse(problems: Iterable[Problem | None]) -> None:
    """Raise RefusedError with all problems that are there; nothing where there is none."""
    found = [problem for problem in problems if problem is not None]
    if found:
        raise RefusedError(found)


async def repeated(acting: Acting) -> Problem | None:
    """Say that there is a thing of this id already: what was entered is not entered over."""
    body = acting.body
    identity = str(getattr(body, "id", ""))
    before = await told(acting.connection, [body.kind_name], where={"id": identity})
    if not before:
        return None
    who, at = await name_of(acting.connection, before[0].actor), local(before[0].entered_at)
    zh, en = f"{identity}已由{who}于{at}录入", f"{who} entered {identity} at {at}"
    return body.problem("id", zh, en)


async def foreign(acting: Acting) -> list[Problem]:
    """Say which alarms, tasks, inspections… a body names that are another enterprise's."""
    references = [one for one in acting.body.references() if one.kind != "person"]
    alarms = [int(one.id) for one in references if one.kind == ALARM]
    rows = await acting.connection.fetch(
        "SELECT 'alarm' AS kind, id::text FROM alarm WHERE id = ANY($1) AND enterprise <> $4"
        " UNION SELECT d.kind, d.body ->> 'id' FROM decision AS d"
        " JOIN unnest($2::text[], $3::text[]) AS named (kind, id)"
        " ON d.kind = named.kind AND d.body ->> 'id' = named.id WHERE d.enterprise <> $4",
        alarms,
        [one.kind for one in references],
        [one.id for one in references],
        acting.enterprise,
    )
    others = {(row["kind"], row["id"]) for row in rows}
    return [_foreign(acting, one) for one in references if (one.kind, one.id) in others]


async def not_officers(acting: Acting, field: str, people: Sequence[str]) -> list[Problem]:
    """Say who of those named is no officer for the enterprise."""
    if not people:
        return []
    firm = await firm_of(acting)
    agencies = {one.id: one for one in await load_kind(acting.connection, Agency)}
    found = []
    for identity in people:
        person = await load_record(acting.connection, Person, identity)
        if person is None or person.role not in OFFICERS or not reaches(person, firm, agencies):
            name = identity if person is None else person.name
            zh = f"{name}不是管辖{firm.name}的执法人员"
            en = f"{identity} is no officer whose scope enterprise {firm.id} is in"
            found.append(acting.body.problem(field, zh, en))
    return found


async def missing_files(acting: Acting, files: Sequence[str]) -> list[Problem]:
    """Say which files were never kept as evidence about this enterprise."""
    if not files:
        return []
    rows = await acting.connection.fetch(
        "SELECT DISTINCT body ->> 'sha256' AS digest FROM decision WHERE kind = 'evidence'"
        " AND enterprise = $1",
        acting.enterprise,
    )
    kept = {row["digest"] for row in rows}
    return [
        acting.body.problem(
            "files", f"附件{digest[:12]}未作为证据上传", f"no evidence has SHA-256 {digest[:12]}…"
        )
        for digest in files
        if digest not in kept
    ]


def to_come(acting: Acting, at: datetime) -> Problem | None:
    """Say that what is told of has not happened yet."""
    if at <= acting.now:
        return None
    message = f"that is to come: it is {local(acting.now)}"
    return acting.body.problem("at", f"时间晚于当前时间{local(acting.now)}", message)


async def firm_of(acting: Acting) -> Enterprise:
    """Return the enterprise that a deed concerns.

    Raises:
        RefusedError: It was taken out of the registry.
    """
    identity = str(acting.enterprise)
    firm = await load_record(acting.connection, Enterprise, identity)
    if firm is None:
        zh, en = f"档案中没有企业{identity}", f"there is no enterprise {identity}"
        raise RefusedError([acting.body.problem("", zh, en)])
    return firm


async def name_of(connection: Connection, actor: str) -> str:
    """Return what somebody is called."""
    if actor == SYSTEM:
        return "系统"
    person = await load_record(connection, Person, actor)
    return actor if person is None else person.name


def gone(body: Body, field: str) -> RefusedError:
    """Return the refusal of a step whose thing cannot be read."""
    identity = getattr(body, field)
    return RefusedError([body.problem(field, f"没有{identity}", f"there is no {identity}")])


def _foreign(acting: Acting, reference: Reference) -> Problem:
    named, firm = f"{reference.kind} {reference.id}", acting.enterprise
    zh = f"{named}不属于企业{firm}"
    return acting.body.problem(reference.field, zh, f"{named} is not of enterprise {firm}")
