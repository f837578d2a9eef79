"""How the system stands, in a handful of numbers for whoever watches it.

Whatever could be long is counted only so far: a look costs milliseconds whatever lies there.
"""

from dataclasses import dataclass
from typing import Final

from wattwarden.alarms.cases.case import DONE
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.slices import least_position
from wattwarden.storage.warden.steps import last_complete_step

# Beyond that it only matters that there are very many.
COUNTED_TO: Final = 100_000


@dataclass(frozen=True, slots=True)
class Steps:
    """How far is stored, and how far is folded; steps are ticks, a second each."""

    complete: int
    folded: int

    @property
    def behind(self) -> int:
        """How many steps wait to be folded."""
        return max(self.complete - self.folded, 0)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Notices that are not done with, by state; ``oldest_s`` is how long the oldest is due."""

    by_state: dict[str, int]
    oldest_s: float


async def steps(connection: Connection, shards: int) -> Steps:
    """Return how far the system has come.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking how far steps have come"):
        complete = await last_complete_step(connection, shards)
        # Before the first pass there is no slice: nothing waits.
        folded = await least_position(connection)
        return Steps(complete, complete if folded is None else folded)


async def outbox(connection: Connection) -> Outbox:
    """Return what the outbox holds that was neither delivered nor meant to be silent.

    Raises:
        StorageError: The database is away.
    """
    now = await system_now(connection)
    with errors("counting what waits to be sent"):
        rows = await connection.fetch(
            "SELECT state, count(*) AS held FROM (SELECT state FROM outbox"
            " WHERE state IN ('waiting', 'sending', 'asking', 'merged') LIMIT $1) AS found"
            " GROUP BY state UNION ALL"
            " SELECT state, count(*) FROM (SELECT state FROM outbox"
            " WHERE state IN ('dead', 'expired') LIMIT $1) AS found GROUP BY state",
            COUNTED_TO,
        )
        oldest = await connection.fetchval(
            "SELECT min(greatest(due, not_before)) FROM outbox WHERE state = 'waiting'"
        )
    waited_s = 0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0)
    return Outbox({row["state"]: row["held"] for row in rows}, waited_s)


async def open_cases(connection: Connection) -> dict[int, int]:
    """Return how many alarms are not done with, by level.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting open alarms"):
        rows = await connection.fetch(
            "SELECT level, count(*) AS held FROM alarm_case WHERE state <> ALL ($1) GROUP BY level",
            sorted(DONE),
        )
    return {row["level"]: row["held"] for row in rows}
