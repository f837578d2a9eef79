"""What answers from messages need: which alarms a message told of, and binding an address."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.alarms.routing.bodies import Reach
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.outbox.load import load_reaches
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.holding import hold_for


@dataclass(frozen=True, slots=True)
class Told:
    """An alarm that a message told somebody of, at their addresses."""

    alarm: int
    recipient: str
    addressed: tuple[str, ...]


async def told_by(connection: Connection, message: UUID, endpoint: str) -> list[Told]:
    """Return what a message of an endpoint told: its own notice, and those that it took along.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a message"):
        rows = await connection.fetch(
            "SELECT m.alarm, o.recipient, o.addressed FROM outbox AS o"
            " JOIN outbox AS m ON m.id = o.id OR m.head = o.id"
            " WHERE o.message = $1 AND o.endpoint = $2 ORDER BY m.alarm",
            message,
            endpoint,
        )
    found = {row["alarm"]: row for row in rows}
    return [Told(one["alarm"], one["recipient"], tuple(one["addressed"])) for one in found.values()]


async def reach_number(connection: Connection, person: str) -> int:
    """Return the number of the decision by which a person is reached, 0 for none.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking how somebody is reached"):
        number = await connection.fetchval(
            "SELECT max(id) FROM decision WHERE kind = 'reach' AND body ->> 'id' = $1", person
        )
    return int(number or 0)


@dataclass(frozen=True, slots=True)
class Binding:
    """An address of a kind becomes a person's, who says so, unless ``number`` is no more."""

    person: str
    kind: str
    address: str
    number: int


async def bind(connection: Connection, binding: Binding, now: datetime) -> Entered:
    """Decide that a person is reached at an address, once.

    Raises:
        RefusedError: It was done, or their ways were changed, since; or they may not.
        StorageError: The database is away.
    """
    with errors("binding an address"):
        async with connection.transaction():
            # Of two who come with the same invitation the second finds it used.
            await hold_for(connection, None)
            if await reach_number(connection, binding.person) != binding.number:
                zh, en = "此二维码已使用或已失效", "this code was used, or holds no more"
                raise RefusedError([Problem("reach", binding.person, "", zh, en)])
            reaches = await load_reaches(connection)
            known = reaches.get(binding.person, Reach(id=binding.person))
            addresses = {**known.addresses, binding.kind: binding.address}
            body = msgspec.structs.replace(known, addresses=addresses)
            return await decide(connection, body, binding.person, now)
