"""Requests for help as they stand, and what firms are shown."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.service.bodies import (
    Assistance,
    AssistanceStep,
    Document,
    Reminder,
    ReminderRead,
    RoundTable,
    Solution,
    Training,
)
from wattwarden.alarms.service.requests import Request, Step, fold
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told

Held: TypeAlias = Training | RoundTable | Solution


@dataclass(frozen=True, slots=True)
class Given:
    """What officers helped firms with beside requests, as it was entered."""

    body: Held
    entered: Entered


@dataclass(frozen=True, slots=True)
class Reminded:
    """A reminder to a firm, and when somebody of it read it."""

    body: Reminder
    by: str
    at: datetime
    read_at: datetime | None = None


async def load_requests(
    connection: Connection,
    *,
    enterprises: Collection[str] | None = None,
    identity: str | None = None,
    upto: datetime | None = None,
) -> list[Request]:
    """Return requests as they stand, or stood at ``upto``, in the order in which they were made.

    With ``enterprises`` only theirs.

    Raises:
        StorageError: The database is away.
    """
    asked = await told(
        connection,
        [Assistance.kind_name],
        enterprises=enterprises,
        where=None if identity is None else {"id": identity},
    )
    done = await told(
        connection,
        [AssistanceStep.kind_name],
        enterprises=enterprises,
        where=None if identity is None else {"assistance": identity},
    )
    steps: dict[str, list[Step]] = {}
    for one in done:
        if isinstance(one.body, AssistanceStep) and _by(one, upto):
            step = Step(one.body, one.actor, one.entered_at)
            steps.setdefault(one.body.assistance, []).append(step)
    return [
        fold(Request(one.body, one.actor, one.entered_at), steps.get(one.body.id, ()))
        for one in asked
        if isinstance(one.body, Assistance) and _by(one, upto)
    ]


async def load_documents(connection: Connection, industry: str | None = None) -> list[Document]:
    """Return the manuals in force, of one industry or all; those taken back are left out.

    Raises:
        StorageError: The database is away.
    """
    entered = await documents_entered(connection)
    found = [one.body for one in entered if isinstance(one.body, Document)]
    return [one for one in found if industry in (None, one.industry)]


async def documents_entered(connection: Connection, identity: str | None = None) -> list[Entered]:
    """Return the newest decision of each manual that is in force, or of the one of an id.

    Raises:
        StorageError: The database is away.
    """
    where = None if identity is None else {"id": identity}
    newest = {
        one.body.id: one
        for one in await told(connection, [Document.kind_name], where=where)
        if isinstance(one.body, Document)
    }
    return [one for one in newest.values() if isinstance(one.body, Document) and one.body.enabled]


async def load_reminders(connection: Connection, firm: Enterprise) -> list[Reminded]:
    """Return what a firm was reminded of by name or with its industry, oldest first.

    Raises:
        StorageError: The database is away.
    """
    found = await told(connection, [Reminder.kind_name])
    read = await told(connection, [ReminderRead.kind_name], enterprise=firm.id)
    read_at: dict[str, datetime] = {}
    for one in read:
        if isinstance(one.body, ReminderRead):
            read_at.setdefault(one.body.reminder, one.entered_at)
    return [
        Reminded(one.body, one.actor, one.entered_at, read_at.get(one.body.id))
        for one in found
        if isinstance(one.body, Reminder) and is_for(one.body, firm)
    ]


async def load_sent(connection: Connection, reader: Reader) -> list[Entered]:
    """Return the reminders that somebody sees, to firms and to industries, oldest first.

    Raises:
        StorageError: The database is away.
    """
    return [
        one
        for one in await told(connection, [Reminder.kind_name])
        if isinstance(one.body, Reminder)
        and (
            reader.sees(one.body.enterprise)
            if one.body.industry is None
            else reader.concerns(one.body.industry)
        )
    ]


async def load_given(connection: Connection, reader: Reader) -> list[Given]:
    """Return what firms were helped with beside requests, as far as somebody sees it, oldest first.

    Whoever sees some of the firms that took part reads of these alone.

    Raises:
        StorageError: The database is away.
    """
    kinds = [Training.kind_name, RoundTable.kind_name, Solution.kind_name]
    found = [
        Given(one.body, one)
        for one in await told(connection, kinds)
        if isinstance(one.body, Training | RoundTable | Solution)
    ]
    return [seen for one in found if (seen := _seen(one, reader)) is not None]


def _seen(given: Given, reader: Reader) -> Given | None:
    body = given.body
    if isinstance(body, Solution):
        return given if reader.sees(body.enterprise) else None
    firms = tuple(filter(reader.sees, body.enterprises))
    whole = isinstance(body, Training) and body.industry is not None
    if not firms and not (whole and reader.concerns(str(getattr(body, "industry", "")))):
        return None
    return Given(msgspec.structs.replace(body, enterprises=firms), given.entered)


def is_for(reminder: Reminder, firm: Enterprise) -> bool:
    """Tell whether a reminder is meant for a firm."""
    return firm.id == reminder.enterprise or firm.industry == reminder.industry


def _by(entered: Entered, upto: datetime | None) -> bool:
    return upto is None or entered.entered_at < upto
