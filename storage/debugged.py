"""Meters whose gateways write down what happens to them, until when, and who wanted that.

What was wanted is kept among the deeds that people look through (``people.log``), and nowhere else:
of each meter the newest tells what is in force.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from wattwarden.storage.commands.queue import CHANNEL
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.moments import read_moment
from wattwarden.storage.people.log import Deed, note_event

# A day shows whatever comes once a day; who needs more says so again.
LONGEST: Final = timedelta(days=1)
_UNTIL: Final = " until "


@dataclass(frozen=True, slots=True)
class Debugged:
    """A meter (codec:address) that is debugged until a moment of the wall's, by whom."""

    meter: str
    until: datetime
    actor: str


async def debug_meter(
    connection: Connection, meter: str, until: datetime, *, actor: str, address: str
) -> None:
    """Have gateways write down what happens to a meter; ``until`` is past: no more.

    Raises:
        ValueError: That is too long.
        StorageError: The database is away.
    """
    detail = f"{meter}{_UNTIL}{until.astimezone(UTC).isoformat()}"
    with errors("debugging a meter"):
        async with connection.transaction():
            now: datetime = await connection.fetchval("SELECT now()")
            if until - now > LONGEST:
                message = f"at most {LONGEST.total_seconds() / 3600:.0f} hours"
                raise ValueError(message)
            await note_event(connection, actor, actor, Deed.DEBUGGED, address, detail)
            # Gateways listen to that already, and look.
            await connection.execute("SELECT pg_notify($1, '')", CHANNEL)


async def load_debugged(connection: Connection) -> list[Debugged]:
    """Return the meters that are debugged now.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for meters that are debugged"):
        rows = await connection.fetch(
            "SELECT actor, detail, now() AS now FROM access_event"
            " WHERE deed = $1 AND at > now() - $2::interval ORDER BY id",
            Deed.DEBUGGED,
            LONGEST,
        )
    newest: dict[str, Debugged] = {}
    for row in rows:
        meter, _, text = row["detail"].rpartition(_UNTIL)
        newest[meter] = Debugged(meter, read_moment(text, UTC), row["actor"])
    return [one for one in newest.values() if one.until > rows[-1]["now"]]
