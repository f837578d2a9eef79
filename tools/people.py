"""``wattwarden people``: who signs in to the pages; people themselves stand in the registry."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from cyclopts import App, Parameter

from wattwarden.alarms.registry.nouns import Person
from wattwarden.console.oidc.registration import Claim, subject_of
from wattwarden.server.first_run import link_for
from wattwarden.server.settings import Settings
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import lock, unlock
from wattwarden.storage.people.identities import Source, bind_identity, unbind_identity
from wattwarden.storage.people.invitations import LASTS
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.people.sessions import end_sessions
from wattwarden.storage.registry.records import load_record
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, pages_of, run, settings_of

app = App(name="people", help="Let people in to the pages: links to sign in with, and locks.")

Someone = Annotated[str, Parameter(name="PERSON", help="By id in the registry.")]
Subject = Annotated[str, Parameter(name="SUBJECT", help="The identity, as the provider has it.")]
Change: TypeAlias = Callable[[Connection, str], Awaitable[bool]]

# Who acts by the command line is whoever has the database; from nowhere else.
OPERATOR: Final = "operator"
HERE: Final = "command line"
_LACKS: Final = {Deed.UNBOUND: "identity"}
_ENDS_SESSIONS: Final = frozenset({Deed.LOCKED, Deed.UNBOUND})


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


@app.command
def bind(person: Someone, subject: Subject, /, *, system: System = THE_USUAL_SYSTEM) -> None:
    """Let a person in by their identity at the provider, which console.oidc names."""
    settings = settings_of(system)
    source = _source(settings)
    known = subject_of(Claim(source.claim), subject)
    if known is None:
        message = f"{subject!r} is no identity by {source.claim}"
        raise CommandError(message, "write it as the provider does")
    run(_bind(settings, source, known, person))
    print(f"{person} signs in as {known}")


@app.command
def unbind(person: Someone, /, *, system: System = THE_USUAL_SYSTEM) -> None:
    """Let a person in by no identity any more, and end their sessions."""
    settings = settings_of(system)
    source = _source(settings)

    async def change(connection: Connection, person: str) -> bool:
        return await unbind_identity(connection, source, person)

    run(_change(settings, person, change, Deed.UNBOUND))
    print(f"{person} is bound to no identity")


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
            raise _nobody(person, f" with an {_LACKS.get(deed, 'account')}")
        if deed in _ENDS_SESSIONS:
            await end_sessions(connection, person)
        await note_event(connection, person, OPERATOR, deed, HERE)


async def _bind(settings: Settings, source: Source, subject: str, person: str) -> None:
    async with database(settings, "people bind") as connection, connection.transaction():
        if await load_record(connection, Person, person) is None:
            raise _nobody(person)
        if not await bind_identity(connection, source, subject, person, OPERATOR):
            message = f"{subject} is bound to somebody else"
            raise CommandError(message, "unbind it there first")
        await end_sessions(connection, person)
        await note_event(connection, person, OPERATOR, Deed.BOUND, HERE, subject)


def _source(settings: Settings) -> Source:
    """Return where identities come from.

    Raises:
        CommandError: There is no provider.
    """
    provider = settings.console.oidc
    if provider is None:
        cure = "set console.oidc, see docs/sign-in.md"
        raise CommandError("there is no provider of identities", cure)
    return Source(provider.issuer, provider.claim)


def _nobody(person: str, what: str = "") -> CommandError:
    return CommandError(f"there is no person {person}{what}", "see wattwarden registry show person")
