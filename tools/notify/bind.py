"""``wattwarden notify bind``: a code to scan that makes a WeChat or WeCom account a person's."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import segno
from cyclopts import Parameter

from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.routing.table import Table
from wattwarden.console.links import BOUND_WITHIN, Invitation, invitation_address
from wattwarden.server.answering import keys_of
from wattwarden.server.settings import Settings
from wattwarden.storage.outbox.answers import reach_number
from wattwarden.storage.outbox.load import load_routing
from wattwarden.storage.registry.records import load_record
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import database, links_of, run, settings_of
from wattwarden.tools.times import local, rfc3339


def bind(
    person: Annotated[str, Parameter(name="PERSON", help="By id.")],
    /,
    *,
    channel: Annotated[str, Parameter(help="The endpoint, as the routing table names it.")],
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Print a code to scan with WeChat or WeCom: whoever does so first gets this person's notices.

    It holds once, and for a quarter of an hour of the system's time.
    """
    settings = settings_of(system)
    public_url = links_of(settings)
    if public_url is None:
        message = "nobody has said how people reach the console"
        raise CommandError(message, "set public_url of [console] in wattwarden.toml, and restart")
    number = run(_number(settings, person, channel))
    keys = keys_of(settings)
    until = datetime.fromtimestamp(keys.now_s(), UTC) + BOUND_WITHIN
    invitation = Invitation(person, channel, number, int(until.timestamp()))
    address = invitation_address(public_url, keys, invitation)
    if json:
        print(as_json({"person": person, "url": address, "until": rfc3339(until)}))
        return
    if sys.stdout.isatty():
        segno.make(address, micro=False).terminal(compact=True)
    print(address)
    print(f"until {local(until)}, once; whoever opens it first is bound to {person}")


async def _number(settings: Settings, person: str, channel: str) -> int:
    """Return the decision by which a person is reached now.

    Raises:
        CommandError: There is no such person, or accounts of the channel cannot be bound.
        StorageError: The database is away.
    """
    async with database(settings, "notify bind") as connection:
        if await load_record(connection, Person, person) is None:
            message = f"there is no person {person}"
            raise CommandError(message, "see wattwarden registry show person")
        table = await load_routing(connection)
        able = _able(table)
        if channel not in able:
            known = ", ".join(able) or "none"
            message = f"accounts of {channel} cannot be bound; those that can: {known}"
            raise CommandError(message, "an endpoint of WeChat or WeCom with an address is needed")
        return await reach_number(connection, person)


def _able(table: Table) -> list[str]:
    return [
        name
        for name, endpoint in table.endpoint.items()
        if endpoint.address is not None and endpoint.kind().identity is not None
    ]
