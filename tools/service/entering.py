"""What the commands of ``assist`` share: who decides, and a body made with the system's time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Person
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.records import load_record
from wattwarden.tools.acting import AsPerson, acting_as, show_entered
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import run, settings_of


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides, in which system, and how the answer is told."""

    person: AsPerson
    system: System = THE_USUAL_SYSTEM
    json: AsJson = False


Made: TypeAlias = Callable[[Connection, datetime], Awaitable[Body]]
"""Makes a body; gets the connection and the moment at which it will be entered."""


def enter(deciding: Deciding, made: Made) -> None:
    """Make a body, decide it as a person, and print what was kept.

    Raises:
        CommandError: It was refused, or no database is known.
    """
    settings = settings_of(deciding.system)

    async def work() -> Entered:
        async with acting_as(settings, deciding.person, "assist") as desk:
            return await desk.act(await made(desk.connection, desk.now))

    show_entered(run(work()), json=deciding.json)


async def own_firm(connection: Connection, person: str, named: str | None) -> str:
    """Return the firm that is named, else the person's own.

    Raises:
        UsageError: None is named, and the person is of none.
    """
    if named is not None:
        return named
    found = await load_record(connection, Person, person)
    if found is None or found.enterprise is None:
        message = f"{person} is of no enterprise"
        raise UsageError(message, "name one with --enterprise")
    return found.enterprise
