"""Vouching for a meter that enrolled itself, for pages and programs alike."""

from datetime import datetime

from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import Meter, accept_meters
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.quarantine import Selection


async def accept_meter(visit: Visit, connection: Connection, meter: Meter, now: datetime) -> None:
    """Vouch for a meter as the visitor, and read what waits of it.

    Raises:
        StorageError: The database is away.
    """
    actor = visit.person.id
    async with connection.transaction():
        await accept_meters(connection, [meter.id], actor=actor, now=now)
        what = f"accepted {meter.name}"
        await note_event(connection, actor, actor, Deed.METER, visit.address, what)
    await visit.parts.gateways.retry(connection, Selection(meter=meter.address))
