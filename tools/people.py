"""``wattwarden people``: who signs in to the pages; people themselves stand in the registry."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from cyclopts import App, Parameter

from wattwarden.server.first_run import link_for
from wattwarden.server.settings import Settings
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import lock, unlock
from wattwarden.storage.people.invitations import LASTS
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, pages_of, run, settings_of

app = App(name="people", help="Let people in to the pages: links to sign in with, and locks.")

Someone = Annotated[str, Parameter(name="PERSON", help="By id in the registry.")]
Change: TypeAlias = Callable[[Connection, str], Awaitable[bool]]

# Who acts by the command line is whoever has the database; from nowhere else.
OPERATOR: Final = "operator"
HERE: Final = "command line"


@app.command
def invite(person: Someone, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """Print a link by which a person chooses a password and signs in, once.

    It holds for a week; a link that was made before holds no more.
    """
    settings = settings_of(system)
    link = run(invited(settings, pages_of(settings), person))
    if json:
        print(as_json({"person": person, "url": link, "days": LASTS.days}))
        return
    print(link)


@app.command(name="lock")
def lock_out(person: Someone, /, *, system: System = THE_USUAL_SYSTEM) -> None:
    """Keep a person out of the pages and the interface, also where they are signed in."""
    run(_change(settings_of(system), person, lock, Deed.LOCKED))
    print(f"{person} is locked")


@app.command(name="unlock")
def let_in(person: Someone, /, *, system: System = THE_USUAL_SYSTEM) -> None:
    """Let a person in again."""
    run(_change(settings_of(system), person, unlock, Deed.UNLOCKED))
    print(f"{person} may sign in")


async def invited(settings: Settings, base: str, person: str) -> str:
    """Return a link by which a person signs in; ``base`` is with what addresses of pages begin.

    Raises:
        CommandError: There is no such person.
        StorageError: The database is away.
    """
    async with database(settings, "people invite") as connection, connection.transaction():
        link = await link_for(connection, base, person)
        if link is None:
            raise _nobody(person)
        await note_event(connection, person, OPERATOR, Deed.INVITED, HERE)
    return link


async def _change(settings: Settings, person: str, change: Change, deed: Deed) -> None:
    async with database(settings, f"people {deed}") as connection, connection.transaction():
        if not await change(connection, person):
            raise _nobody(person, " with an account")
        if deed is Deed.LOCKED:
            await end_sessions(connection, person)
        await note_event(connection, person, OPERATOR, deed, HERE)


def _nobody(person: str, what: str = "") -> CommandError:
    return CommandError(f"there is no person {person}{what}", "see wattwarden registry show person")
