"""The first sign-in: a one-time link for the administrator, while nobody has an account."""

from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import has_any_account
from wattwarden.storage.people.invitations import FIRST_LASTS, LASTS, invite
from wattwarden.storage.registry.records import load_kind, load_record


async def first_link(connection: Connection, base: str) -> str | None:
    """Return where the first administrator chooses a password; None where somebody has one.

    It is for the administrator whom the registry has; where it has none, for whoever opens it.
    Each call makes a new link and ends the one before.

    Raises:
        StorageError: The database is away.
    """
    if await has_any_account(connection):
        return None
    people = await load_kind(connection, Person)
    able = [one.id for one in people if one.role is Role.ADMINISTRATOR]
    secret = await invite(connection, able[0] if able else None, FIRST_LASTS)
    return welcome_address(base, secret)


async def link_for(connection: Connection, base: str, person: str) -> str | None:
    """Return where a person chooses a password, once; None where there is no such person.

    Raises:
        StorageError: The database is away.
    """
    if await load_record(connection, Person, person) is None:
        return None
    return welcome_address(base, await invite(connection, person, LASTS))


def welcome_address(base: str, secret: str) -> str:
    """Return the address of an invitation; ``base`` is with what addresses of pages begin."""
    return f"{base.rstrip('/')}/welcome/{secret}"
