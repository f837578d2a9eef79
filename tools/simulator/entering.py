"""A world's registry, meters and decisions, entered as the system's own commands enter them."""

from datetime import UTC, datetime
from typing import Final

from wattwarden.storage.database import Connection
from wattwarden.storage.meters import add_meter, list_meters
from wattwarden.storage.profiles import ProfileBody
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.warden.slices import least_position
from wattwarden.tools.simulator.frames import protocol_of
from wattwarden.tools.simulator.orders import Order
from wattwarden.tools.simulator.registry import changes_of
from wattwarden.tools.simulator.world import World

ACTOR: Final = "simulator"
METERS_A_PAGE: Final = 10_000


async def enter_world(connection: Connection, world: World, now: datetime) -> tuple[int, int]:
    """Enter what the registry and the list of meters lack; return records and meters added.

    Raises:
        RefusedError: the registry would not hold together, with what was there before.
        StorageError: the database is away.
    """
    changes = changes_of(world, await load_registry(connection))
    await save_registry(connection, changes, ACTOR, now=now)
    known = await _known_meters(connection)
    added = 0
    for speaker in world.site.speakers:
        codec, address = protocol_of(world.site, speaker), speaker.address
        if (codec, address) not in known:
            profile = ProfileBody(cycle_s=speaker.cycle_s)
            await add_meter(connection, codec, address, profile=profile, actor=ACTOR, now=now)
            added += 1
    return len(changes), added


async def enter_order(connection: Connection, order: Order) -> None:
    """Enter a decision of the scenario at its moment.

    Raises:
        RefusedError: it refers to nothing in the registry.
        StorageError: the database is away.
    """
    now = datetime.fromtimestamp(order.at_ms / 1000, UTC)
    await enter(connection, Decision(order.body, order.actor, now))


async def folded_to(connection: Connection) -> int:
    """Return the step to which every slice is folded."""
    return await least_position(connection)


async def _known_meters(connection: Connection) -> set[tuple[str, str]]:
    known: set[tuple[str, str]] = set()
    last = 0
    while page := await list_meters(connection, after_id=last, most=METERS_A_PAGE):
        known |= {(meter.codec, meter.address) for meter in page}
        last = page[-1].id
    return known
