"""What the commands share with which people act and look: who, when, what was refused.

    --as PERSON ─► at_desk ─► Desk(connection, person, now) ─► act(body) ─► a decision
                │       └────────────────────────────────────────────► CommandError: why not
                └► reading ──► View(connection, reader) ─► only what that person may see

Relative times of options are read by the system's time, ``Desk.now``, not by the wall's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from cyclopts import Parameter

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.acting.scope import Read, Reader, operator
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.registry.problems import SHOWN_PROBLEMS, Problem, RefusedError
from wattwarden.server.settings import Settings
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.acting.reading import reading_as
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.system_time import system_now
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import local, parse_time, rfc3339

T = TypeVar("T")

AsPerson = Annotated[str, Parameter(name="--as", help="Who acts: a person's id in the registry.")]
AsReader = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Show only what this person, by id, may see; without it all, to who runs the system.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ActorForm:
    """Who acts, in which system, and how they are told what was kept."""

    person: AsPerson
    system: System = THE_USUAL_SYSTEM
    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderForm:
    """Who looks, at which system, and how it is shown."""

    person: AsReader = None
    system: System = THE_USUAL_SYSTEM
    json: AsJson = False


# Who looks when nobody is named.
TO_THE_OPERATOR: Final = ReaderForm()
# What a refusal says next; nothing of a refused deed is ever kept.
NOTHING_CHANGED: Final = "nothing was changed"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person acts: ``now`` is the system's time, by which relative times are read."""

    connection: Connection
    person: str
    now: datetime

    async def act(self, body: Body, *, effective_at: datetime | None = None) -> Entered:
        """Decide a body as this person.

        Raises:
            RefusedError: They may not, or something stands against it; ``at_desk`` tells it.
            StorageError: The database is away.
        """
        return await decide(self.connection, body, self.person, self.now, effective_at=effective_at)

    def moment(self, text: str) -> datetime:
        """Read a time as people write it; raises as ``parse_time``."""
        return parse_time(text, self.now)

    def moment_or_none(self, text: str | None) -> datetime | None:
        """Read a time that may be left out; raises as ``parse_time``."""
        return None if text is None else self.moment(text)


def at_desk(by: ActorForm, command: str, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do something as a person, and return what came of it.

    Raises:
        CommandError: They may not, or something stands against it, told in both languages; nobody
            acts in the system's name; no database is known.
        StorageError: The database is away.
    """
    if by.person == SYSTEM:
        message = f"the system itself is nobody's name: {by.person}"
        raise CommandError(message, "act with --as and a person's id")
    settings = settings_of(by.system)

    async def acted() -> T:
        async with database(settings, command) as connection:
            try:
                return await work(Desk(connection, by.person, await system_now(connection)))
            except RefusedError as error:
                raise refused(error) from error

    return run(acted())


def enter(by: ActorForm, command: str, work: Callable[[Desk], Awaitable[Entered]]) -> Entered:
    """Do what ends in one decision, print what was kept, and return it; raises as ``at_desk``."""
    entered = at_desk(by, command, work)
    show_entered(entered, json=by.json)
    return entered


def keep(by: ActorForm, command: str, made: Callable[[Desk], Body]) -> Entered:
    """Decide a body that is made when the system's time is known; else as ``enter``."""
    return enter(by, command, lambda desk: desk.act(made(desk)))


def perform(by: ActorForm, command: str, body: Body) -> Entered:
    """Decide one body; else as ``enter``."""
    return enter(by, command, lambda desk: desk.act(body))


@dataclass(frozen=True, slots=True)
class View:
    """What somebody looks through: loaders and commands keep to what ``reader`` may see."""

    connection: Connection
    reader: Reader

    @property
    def now(self) -> datetime:
        """The system's time, by which relative times are read."""
        return self.reader.now

    async def enterprise(self, identity: str) -> Enterprise:
        """Return a firm; one that is not the reader's to see is as if it were not there.

        Raises:
            CommandError: There is none of this id.
            StorageError: The database is away.
        """
        found = await load_record(self.connection, Enterprise, identity)
        if found is None or not self.reader.sees(identity):
            message = f"没有企业{identity} / there is no enterprise {identity}"
            raise CommandError(message, "see wattwarden registry show enterprise")
        return found


@asynccontextmanager
async def reading(
    settings: Settings, person: str | None, command: str, read: Read
) -> AsyncIterator[View]:
    """Open the database for a command that shows something to somebody.

    Args:
        settings: Of the running system.
        person: Who looks; None for the operator, who has the database and so all that is in it.
        command: What is told to the database of who asks.
        read: What is looked at.

    Raises:
        CommandError: There is no such person, or it is not for them; or no database is known.
        StorageError: It does not answer.
    """
    async with database(settings, command) as connection:
        if person is None:
            reader = operator(await system_now(connection))
        else:
            try:
                reader = await reading_as(connection, person, read)
            except RefusedError as error:
                raise CommandError("; ".join(map(_both, error.problems))) from error
        yield View(connection, reader)


def refused(error: RefusedError) -> CommandError:
    """Return a refusal as a command's own error, each problem in Chinese and in English."""
    shown = "; ".join(map(_both, error.problems[:SHOWN_PROBLEMS]))
    more = len(error.problems) - SHOWN_PROBLEMS
    return CommandError(f"{shown}; and {more} more" if more > 0 else shown, NOTHING_CHANGED)


def show_entered(entered: Entered, *, json: bool) -> None:
    """Print what was kept: the id of the thing, the decision's number, who, when."""
    if json:
        print(as_json(entered_row(entered)))
        return
    at = local(entered.entered_at)
    print(f"{entered.kind} {_id_of(entered)}: decision {entered.id} by {entered.actor} at {at}")


def entered_row(entered: Entered) -> dict[str, Any]:
    """Return a decision as JSON holds it."""
    return {
        "decision": entered.id,
        "kind": entered.kind,
        "id": _id_of(entered),
        "actor": entered.actor,
        "entered_at": rfc3339(entered.entered_at),
        "enterprise": entered.enterprise,
    }


def _id_of(entered: Entered) -> str:
    """Return the id of what was decided about: the body's own, else the first thing it names."""
    references = entered.body.references()
    return str(getattr(entered.body, "id", references[0].id if references else ""))


def _both(problem: Problem) -> str:
    place = f"{problem.kind} {problem.id}".strip()
    where = f"{place}, {problem.field}" if problem.field else place
    return f"{where}: {problem.zh} / {problem.en}"
