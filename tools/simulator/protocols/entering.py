"""Simulated meters, registered as the system's own commands register meters."""

from datetime import UTC, datetime
from typing import Final

from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.storage.meters import add_meter, list_meters
from wattwarden.storage.profiles import ProfileBody
from wattwarden.tools.keys import write_key
from wattwarden.tools.running import database
from wattwarden.tools.simulator.protocols.cast import Cast, key_for

ACTOR: Final = "simulator"
# More than one process simulates; the table of a whole province.
MOST_METERS: Final = 1_000_000


async def enter_cast(settings: Settings, cast: Cast, cycle_s: float, seed: int) -> int:
    """Register everybody who is not known, with the options and the key that they need.

    Returns how many were new.

    Raises:
        StorageError: the database is away.
        CommandError: the folder of secrets cannot be written.
    """
    now = datetime.now(UTC)
    name, secrets = f"simulated-{seed}.key", Places(settings.data).secrets
    added = 0
    async with database(settings, "simulate") as connection:
        known = {
            (one.codec, one.address) for one in await list_meters(connection, most=MOST_METERS)
        }
        for entry in cast.entries():
            if (entry.codec, entry.address) in known:
                continue
            if entry.has_key and not (secrets / name).exists():
                write_key(secrets, name, key_for(seed))
            profile = ProfileBody(
                cycle_s=max(1, round(cycle_s)),
                key=name if entry.has_key else None,
                options=dict(entry.options),
            )
            await add_meter(
                connection, entry.codec, entry.address, profile=profile, actor=ACTOR, now=now
            )
            added += 1
    return added
