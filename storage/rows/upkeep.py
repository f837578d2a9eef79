"""What a writer does between rounds: partitions ahead of their day, index summaries, forgetting."""

import asyncio
from typing import Final

import asyncpg

from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.storage.database import Connection, deadline, errors
from wattwarden.storage.moments import moment_of
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.partitions import DAY_US, Partitions, default_name
from wattwarden.storage.rows.position import forget_old
from wattwarden.storage.rows.tables import FACTOR, READING

# What is not summarised yet is read in full by whoever asks for a step: ten seconds of rows.
SUMMARISE_INTERVAL_S: Final = 10.0
FORGET_INTERVAL_S: Final = 3600
# A vacuum of a day's partition takes this long; upkeep comes again.
UPKEEP_DEADLINE_S: Final = 60.0
LOCK_TIMEOUT_MS: Final = 500


class Upkeep:
    """Remembers what is due.  ``touched`` collects partitions that got rows."""

    def __init__(self, bounds: ClockBounds) -> None:
        self.touched: set[str] = set()
        self._bounds = bounds
        self._ready_until = 0
        self._forgot_second = 0
        self._summarised_at = 0.0

    async def look(
        self, connection: Connection, partitions: Partitions, second: int | None
    ) -> None:
        """Do what is due; ``second`` (Unix) is that of the last tick, None when none came.

        Raises:
            StorageError: The database is away.
        """
        with errors("keeping the store in order"):
            async with deadline(connection, UPKEEP_DEADLINE_S):
                if second is not None:
                    await self._look_ahead(connection, partitions, second)
                    if second >= self._forgot_second + FORGET_INTERVAL_S:
                        self._forgot_second = second
                        await forget_old(connection, moment_of(second * SECOND_US))
                now = asyncio.get_running_loop().time()
                if self.touched and now >= self._summarised_at + SUMMARISE_INTERVAL_S:
                    self._summarised_at = now
                    await self._summarise(connection)

    async def _look_ahead(
        self, connection: Connection, partitions: Partitions, second: int
    ) -> None:
        """Make the partitions that readings of these days will need, before they come."""
        today = second * SECOND_US // DAY_US
        last = today + self._bounds.future_days
        if last <= self._ready_until:
            return
        for table in (READING.name, FACTOR.name):
            await partitions.ensure(connection, table, range(today, last + 1))
        self._ready_until = last

    async def _summarise(self, connection: Connection) -> None:
        defaults = {default_name(READING.name), default_name(FACTOR.name)}
        partitions, self.touched = self.touched - defaults, set()
        for partition in sorted(partitions):
            try:
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                    await connection.fetchval(
                        "SELECT brin_summarize_new_values(to_regclass($1))",
                        f"{partition}_step_idx",
                    )
            except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError):
                # Somebody works on the table, or dropped it: the next time, or never.
                continue
