"""The one way to act, for the command line and whatever comes after it.

    who? ─► whose enterprise? ─► right and scope ─► slices, chain held ─► id ─► admitted? ─► sealed

From the chain's lock on nobody else acts, so what is admitted is still so when it is kept: of two
who do the same at once, one wins and the other is told what stands.  Each deed is judged and kept
as of its own time, or of the last decision's where that is later: clocks are read before the lock.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from wattwarden.alarms.acting.rights import SYSTEM, refusal
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import Decision, Entered
from wattwarden.storage.registry.holding import hold_for
from wattwarden.storage.registry.owners import owner_of
from wattwarden.storage.registry.records import load_kind, load_record
from wattwarden.storage.registry.sealing import last_entered, next_number, seal_held


@dataclass(frozen=True, slots=True)
class Acting:
    """What an admission may look at: a body about to be kept, by whom, for whom, when.

    ``now`` is what it will be entered with: nothing that was decided is later.
    ``person`` is None when the system acts; ``enterprise`` is None where the city is concerned.
    The chain is held: what the connection reads stays so until the body is kept.
    """

    connection: Connection
    person: Person | None
    enterprise: str | None
    now: datetime
    body: Body


Admission: TypeAlias = Callable[[Acting], Awaitable[Body]]
"""Returns the body as it is to be kept; RefusedError says what stands against it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A body, who decides it, and what time it was when they did, by the clock of the system.

    ``effective_at`` is when it is entered, unless it is given; what the system itself decides has
    ``now``, however late it is entered: nothing may hang on when it noticed.
    """

    body: Body
    actor: str
    now: datetime
    effective_at: datetime | None = None
    # Only where the body refers to nothing that tells.
    enterprise: str | None = None


async def act(connection: Connection, deed: Deed, admission: Admission | None) -> Entered:
    """Check a deed against right, scope and what stands, and keep it.

    Args:
        connection: May be in a transaction, whose end then decides.
        deed: What is done.
        admission: Of the body's kind (``admissions.ADMISSIONS``), None where nothing can stand
            against it.

    Raises:
        RefusedError: The person may not, the body contradicts itself or what stands; every problem
            is named in both languages.
        StorageError: The database is away.
    """
    check_body(deed.body)
    with errors(f"deciding a {deed.body.kind_name}"):
        async with connection.transaction():
            enterprise = await owner_of(connection, deed.body, deed.enterprise)
            person = await _permitted(connection, deed, enterprise)
            held = await hold_for(connection, enterprise)
            body = named(deed.body, await next_number(connection))
            now = max(deed.now, await last_entered(connection) or deed.now)
            if admission is not None:
                body = await admission(Acting(connection, person, enterprise, now, body))
                check_body(body)
            effective_at = deed.now if person is None else None
            decision = Decision(body, deed.actor, now, deed.effective_at or effective_at)
            return await seal_held(connection, decision, enterprise, held)


def named(body: Body, number: int) -> Body:
    """Return a body under an id of its own, if it was entered as a new one."""
    if getattr(body, "id", "") != NEW:
        return body
    return msgspec.structs.replace(body, id=f"{body.prefix}{number}")


async def _permitted(connection: Connection, deed: Deed, enterprise: str | None) -> Person | None:
    """Return who acts, None for the system itself."""
    if deed.actor == SYSTEM:
        return None
    person = await load_record(connection, Person, deed.actor)
    if person is None:
        zh, en = f"档案中没有人员 {deed.actor}", f"there is no person {deed.actor}"
        raise RefusedError([Problem("person", deed.actor, "", zh, en)])
    firm = None if enterprise is None else await load_record(connection, Enterprise, enterprise)
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    against = refusal(person, deed.body.right(), firm, agencies)
    if against is not None:
        raise RefusedError([deed.body.problem("", against.zh, against.en)])
    return person
