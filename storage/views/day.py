"""The day so far in numbers: alarms and how long they lasted, what waits for officers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors

# As long as episodes last that count as handled by themselves.
BRIEF: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Day:
    """Alarms raised since a moment: how many, how many are over, of those within ``BRIEF``.

    ``mean`` is how long they lasted or last so far; None where there were none.
    """

    raised: int
    over: int
    brief: int
    mean: timedelta | None


@dataclass(frozen=True, slots=True)
class Told:
    """How often people were told of an alarm, and when last."""

    times: int
    last: datetime


async def load_day(
    connection: Connection, firms: Collection[str] | None, since: datetime, now: datetime
) -> Day:
    """Return the alarms of some firms (None: all) that people heard of since a moment.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting the day's alarms"):
        row = await connection.fetchrow(
            "SELECT count(*) AS raised, count(ended) AS over,"
            " count(*) FILTER (WHERE ended - raised < $4) AS brief,"
            " avg(coalesce(ended, $3) - raised) AS mean FROM alarm WHERE raised >= $2"
            " AND raised <= $3 AND ($1::text[] IS NULL OR enterprise = ANY($1))"
            " AND suppressed_by IS NULL AND NOT withdrawn",
            None if firms is None else list(firms),
            since,
            now,
            BRIEF,
        )
    return Day(**dict(row or {}))


async def load_told(connection: Connection, alarms: Collection[int]) -> dict[int, Told]:
    """Return how often people were told of each of some alarms.

    Raises:
        StorageError: The database is away.
    """
    with errors("counting notices"):
        rows = await connection.fetch(
            "SELECT alarm, count(*) AS times, max(at) AS last FROM case_event"
            " WHERE alarm = ANY($1) GROUP BY alarm",
            list(alarms),
        )
    return {row["alarm"]: Told(row["times"], row["last"]) for row in rows}
