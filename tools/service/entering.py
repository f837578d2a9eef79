"""What the commands of ``assist`` share: whose firm is meant."""

from typing import Final

from wattwarden.alarms.registry.nouns import Person
from wattwarden.storage.registry.records import load_record
from wattwarden.tools.acting import Desk
from wattwarden.tools.errors import UsageError

COMMAND: Final = "assist"


async def own_firm(desk: Desk, named: str | None) -> str:
    """Return the firm that is named, else the person's own.

    Raises:
        UsageError: None is named, and the person is of none.
    """
    if named is not None:
        return named
    found = await load_record(desk.connection, Person, desk.person)
    if found is None or found.enterprise is None:
        message = f"{desk.person} is of no enterprise"
        raise UsageError(message, "name one with --enterprise")
    return found.enterprise
