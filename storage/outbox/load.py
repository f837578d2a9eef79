"""What notices are routed by, as it is in force."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person
from wattwarden.alarms.routing.bodies import Reach, Routing, Silence, SilenceEnd
from wattwarden.alarms.routing.people import Scene
from wattwarden.alarms.routing.table import RoutingError, Table, default_text, load_table
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.decisions import Entered, in_force, told
from wattwarden.storage.registry.records import load_kind, load_record


async def load_routing(connection: Connection) -> Table:
    """Return the routing table in force, the program's own where nobody has given one.

    Raises:
        StorageError: The database is away, or the table was written by another program.
    """
    entered = await in_force(connection, Routing.kind_name)
    texts = [one.body.text for one in entered if isinstance(one.body, Routing)]
    try:
        return load_table(texts[-1] if texts else default_text())
    except RoutingError as error:
        raise StorageError(str(error), retryable=False) from error


async def routing_number(connection: Connection) -> int:
    """Return the number of the decision that put the table in force, 0 for none."""
    with errors("looking for a newer routing table"):
        number = await connection.fetchval("SELECT max(id) FROM decision WHERE kind = 'routing'")
    return int(number or 0)


async def load_reaches(connection: Connection) -> dict[str, Reach]:
    """Return how people are reached, by person, where that was decided."""
    entered = await in_force(connection, Reach.kind_name)
    return {one.body.id: one.body for one in entered if isinstance(one.body, Reach)}


async def load_silences(
    connection: Connection, enterprises: Collection[str] | None = None
) -> list[tuple[Entered, Silence]]:
    """Return silences with the ends that they have now, of some enterprises or of all."""
    entered = await told(connection, [Silence.kind_name, SilenceEnd.kind_name])
    ended = {
        one.body.silence: one.entered_at for one in entered if isinstance(one.body, SilenceEnd)
    }
    return [
        (one, _until(one.body, ended.get(one.body.id)))
        for one in entered
        if isinstance(one.body, Silence)
        and (enterprises is None or one.body.enterprise in enterprises)
    ]


async def load_scene(connection: Connection, enterprise: str | None, now: datetime) -> Scene:
    """Return what notices of a firm (None: the platform) are routed by, as it is entered now."""
    firm = None if enterprise is None else await load_record(connection, Enterprise, enterprise)
    found = [] if firm is None else await load_silences(connection, [firm.id])
    return Scene(
        table=await load_routing(connection),
        firm=firm,
        people=await load_kind(connection, Person),
        agencies={one.id: one for one in await load_kind(connection, Agency)},
        now=now,
        reaches=await load_reaches(connection),
        silences=[silence for _, silence in found],
    )


def _until(silence: Silence, ended: datetime | None) -> Silence:
    if ended is None or ended >= silence.end:
        return silence
    return msgspec.structs.replace(silence, end=max(ended, silence.start))
