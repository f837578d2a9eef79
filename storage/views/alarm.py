"""Beside an alarm's case: who was told of it and when, its files, its like on the same line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.cases.case import Level
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.registry.decisions import told

# As far back as one looks for what happens again and again.
LOOK_BACK: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Event:
    """People were told: when, why (``ladder.Why``), at which level, and which roles."""

    at: datetime
    why: str
    level: Level
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """Alarms of one rule on one subject within ``LOOK_BACK``: how many others, and the last."""

    others: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file about an alarm: who sent it and when, what it is."""

    sha256: str
    media: str
    name: str
    size: int
    actor: str
    at: datetime


async def load_events(connection: Connection, alarm: int) -> list[Event]:
    """Return when people were told of an alarm, in order.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading notices of alarm {alarm}"):
        rows = await connection.fetch(
            "SELECT at, why, level, told FROM case_event WHERE alarm = $1 ORDER BY at, why", alarm
        )
    return [
        Event(row["at"], row["why"], Level(row["level"]), tuple(sorted(row["told"])))
        for row in rows
    ]


async def load_like(connection: Connection, alarm: int, now: datetime) -> Like:
    """Return how often the same happened to the same thing.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading what is like alarm {alarm}"):
        row = await connection.fetchrow(
            "SELECT count(*) AS others, max(o.raised) AS last FROM alarm AS a JOIN alarm AS o"
            " ON o.rule = a.rule AND o.subject = a.subject AND o.id <> a.id"
            " WHERE a.id = $1 AND o.raised >= $2 AND o.suppressed_by IS NULL AND NOT o.withdrawn",
            alarm,
            now - LOOK_BACK,
        )
    return Like(**dict(row or {}))


async def load_files(connection: Connection, alarm: int, reader: Reader) -> list[SentFile]:
    """Return the files that were sent about an alarm, as far as somebody may see them.

    Raises:
        StorageError: The database is away.
    """
    sent = await told(
        connection,
        [Evidence.kind_name],
        enterprises=reader.enterprises,
        where={"about": "alarm", "subject": str(alarm)},
    )
    found: dict[str, SentFile] = {}
    for one in sent:
        body = one.body
        if isinstance(body, Evidence) and reader.sees_file(body.about, one.enterprise):
            found.setdefault(
                body.sha256,
                SentFile(
                    body.sha256, body.media, body.name, body.size, one.actor, body.received_at
                ),
            )
    return list(found.values())
