"""What the archivist does about meters: what is missing is asked for again, clocks are set right.

gaps, clocks ─► commands, each at most so often a meter and hour ─► the gateway that holds the meter
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from wattwarden.protocol.command import CannotAskError, Command, Verb
from wattwarden.server.archivist import Chore, Due, Rested
from wattwarden.storage.clocks import astray, note_sync
from wattwarden.storage.commands.queue import enter
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.gaps import LONGEST
from wattwarden.storage.moments import us_of
from wattwarden.storage.recalls import due_recalls, forget_recalls, note_recall

# Gaps are found with the rollups, once a minute.
INTERVAL: Final = timedelta(minutes=1)
# A meter that spoke last within the cycle takes a command at once; one that went is asked later.
COMMAND_LIFE: Final = timedelta(hours=1)
RECALLED_CODECS: Final = ("dlt698", "gdw376", "hj212")
"""Those whose meters keep what they measured, and give it when they are asked for a stretch."""

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class MeterChoreCounters:
    """What was queued since the process started, and what the queue had no room for."""

    recalled: int = 0
    synced: int = 0
    refused: int = 0


def recall_chore(dsn: str, counters: MeterChoreCounters) -> Chore:
    """Return the chore that asks for what is missing again, once a minute."""
    due = Due(INTERVAL)

    async def recall(now: datetime) -> Rested | None:
        if not due.begins(now):
            return Rested.NOT_DUE
        connection = await connect(dsn, name="recalls")
        try:
            await queue_recalls(connection, counters, now)
        finally:
            connection.terminate()
        due.done(now)
        return None

    return Chore("recalls", recall)


def clock_chore(dsn: str, counters: MeterChoreCounters) -> Chore:
    """Return the chore that has clocks set right, once a minute."""
    due = Due(INTERVAL)

    async def sync(now: datetime) -> Rested | None:
        if not due.begins(now):
            return Rested.NOT_DUE
        connection = await connect(dsn, name="clocks")
        try:
            await queue_syncs(connection, counters, now)
        finally:
            connection.terminate()
        due.done(now)
        return None

    return Chore("clocks", sync)


async def queue_recalls(
    connection: Connection,
    counters: MeterChoreCounters,
    now: datetime,
    codecs: Collection[str] = RECALLED_CODECS,
) -> None:
    """Queue what is due of what is missing of meters of some codecs.

    Raises:
        StorageError: The database is away.
    """
    await forget_recalls(connection, now - LONGEST - INTERVAL)
    for recall in await due_recalls(connection, codecs, now):
        command = Command(
            verb=Verb.RECALL,
            items=("minute",),
            since=us_of(recall.since),
            until=us_of(recall.until),
        )
        async with connection.transaction():
            number = await _enter(connection, recall.meter, command, counters, now)
            if number is not None:
                await note_recall(connection, recall, number, now)
                counters.recalled += 1


async def queue_syncs(connection: Connection, counters: MeterChoreCounters, now: datetime) -> None:
    """Queue the time for clocks that are off and to be set right.

    Raises:
        StorageError: The database is away.
    """
    for one in await astray(connection, now):
        command = Command(verb=Verb.SET, values={"time": "now"})
        async with connection.transaction():
            number = await _enter(connection, one.meter, command, counters, now)
            if number is not None:
                await note_sync(connection, one.meter, number, now)
                counters.synced += 1
                _log.info("a clock is to be set right", meter=one.meter, off_s=round(one.skew_s))


async def _enter(
    connection: Connection,
    meter: int,
    command: Command,
    counters: MeterChoreCounters,
    now: datetime,
) -> int | None:
    """Queue a command; None where the meter's queue is full."""
    # Rights are the alarms': a break there must not keep the other chores from being done.
    from wattwarden.alarms.acting.rights import SYSTEM  # noqa: PLC0415  # see above

    try:
        return await enter(
            connection, meter, command, actor=SYSTEM, now=now, expires_at=now + COMMAND_LIFE
        )
    except CannotAskError:
        counters.refused += 1
        return None
