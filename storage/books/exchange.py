"""Books into the store and out of it: what would change is told first, then all of it or nothing.

sent ─► tables ─► held against what is in force ─► faults, by sheet, row and column
                                               └► changes, with their mark ─► one decision
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.roles import roles_zh
from wattwarden.alarms.decisions.chain import canonical
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.books.book import BookError, Table
from wattwarden.storage.books.importing import (
    DECIDED_KINDS,
    Draft,
    Judge,
    Leavers,
    anything_goes,
    draft_import,
    nobody_leaves,
    unnamed_leave,
)
from wattwarden.storage.books.parse import Fault, Known
from wattwarden.storage.books.reading import read_sent
from wattwarden.storage.books.tables import known_of, tables_of
from wattwarden.storage.books.telling import Told, told_of
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Entered, in_force
from wattwarden.storage.registry.holding import hold_slices
from wattwarden.storage.registry.registry import load_registry, save_all
from wattwarden.storage.system_time import system_now

# More are not read by anybody; how many there are is told.
MOST_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """A book that a person sent, and what is wanted.

    ``seen`` is the mark of the changes that they were shown; "" where they were shown none and want
    them all the same.
    """

    data: bytes
    name: str
    person: Person
    removes_others: bool = False
    is_dry: bool = True
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a book.

    Nothing was changed unless there are ``decisions``.  ``refused`` says why the file is no book at
    all, in both languages.  ``mark`` tells these changes from others.
    """

    refused: tuple[str, str] | None = None
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    changes: list[Told] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    mark: str = ""
    decisions: list[int] = field(default_factory=list)


async def take_in(connection: Connection, sent: Sent) -> Taken:
    """Read a book that somebody sent, and import it where that is wanted and nothing is wrong.

    A person decides by it only what they may decide otherwise.  Where the changes are not those
    that were seen, nothing is done and they are told.

    Raises:
        StorageError: The database is away.
    """
    try:
        tables = read_sent(sent.data, sent.name)
    except BookError as error:
        cure = f"; {error.cure}" if error.cure else ""
        return Taken(refused=(f"文件不能导入：{error.message}{cure}", f"{error.message}{cure}"))
    leavers = unnamed_leave if sent.removes_others else nobody_leaves
    with errors("importing a book"):
        async with connection.transaction():
            if not sent.is_dry:
                # What is shown here must still be so when it is written.
                await hold_slices(connection, None)
            known = await load_known(connection)
            draft = await draft_of(connection, tables, leavers, by_rights(sent.person))
            told = _taken(draft, known)
            if sent.is_dry or draft.faults or sent.seen not in {"", told.mark}:
                return told
            now = await system_now(connection)
            return await _saved(connection, draft, told, sent.person.id, now)


async def draft_of(
    connection: Connection,
    tables: Sequence[Table],
    leavers: Leavers = nobody_leaves,
    judge: Judge = anything_goes,
) -> Draft:
    """Hold tables against what is in force.

    Raises:
        StorageError: The database is away.
    """
    registry, bodies = await load_registry(connection), await load_bodies(connection)
    return draft_import(tables, registry, bodies, leavers, judge)


async def load_known(connection: Connection) -> Known:
    """Return the records and bodies that are in force.

    Raises:
        StorageError: The database is away.
    """
    return known_of(await load_registry(connection), await load_bodies(connection))


async def load_tables(connection: Connection) -> list[Table]:
    """Return what is in force as tables, one a kind.

    Raises:
        StorageError: The database is away.
    """
    return tables_of(await load_known(connection))


async def load_bodies(connection: Connection) -> dict[str, dict[str, AnyBody]]:
    """Return the bodies in force by kind and id.

    Raises:
        StorageError: The database is away.
    """
    found: dict[str, dict[str, AnyBody]] = {}
    for kind in DECIDED_KINDS:
        entered = await in_force(connection, kind)
        found[kind] = {str(getattr(one.body, "id", "")): one.body for one in entered}
    return found


def by_rights(person: Person) -> Judge:
    """Return what stands against a person's deciding a body by a book: their role."""

    def judge(body: AnyBody) -> Problem | None:
        able = RIGHTS[body.kind_name]
        if person.role in able:
            return None
        zh = f"此项须由{roles_zh(able)}办理,不能随档案导入"
        en = f"this is decided by {', '.join(sorted(able))}, not along with the registry"
        return Problem(body.kind_name, str(getattr(body, "id", "")), "id", zh, en)

    return judge


def _taken(draft: Draft, known: Known) -> Taken:
    told = told_of(draft.changes, draft.bodies, known)
    counts = Counter(one.kind for one in told)
    shown = [[one.kind, one.id, one.record] for one in draft.changes]
    whole = canonical([shown, [[one.kind_name, one] for one in draft.bodies]])
    return Taken(
        faults=draft.faults[:MOST_TOLD],
        fault_count=len(draft.faults),
        changes=[] if draft.faults else told[:MOST_TOLD],
        counts={} if draft.faults else dict(counts),
        mark=hashlib.sha256(whole).hexdigest(),
    )


async def _saved(
    connection: Connection, draft: Draft, told: Taken, actor: str, now: datetime
) -> Taken:
    try:
        entered: list[Entered] = await save_all(
            connection, draft.changes, draft.bodies, actor, now=now
        )
    except RefusedError as error:
        said = "; ".join(one.zh for one in error.problems)
        return Taken(refused=(said, str(error)))
    return Taken(
        changes=told.changes,
        counts=told.counts,
        mark=told.mark,
        decisions=[one.id for one in entered],
    )
