"""A firm as its pages show it: its lines today, what is open, what it should see to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.timelines import Span, Timeline
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.firms.lines import LineNow, lines_of
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.consumables.load import PartNow, load_parts, parts_now
from wattwarden.storage.database import Connection
from wattwarden.storage.statistics.load import load_timelines, part_of
from wattwarden.storage.views.city import midnight_of

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FirmSeen:
    """A firm at a moment.  ``part`` is its part of the registry, ``registry`` all of it."""

    firm: Enterprise
    registry: Registry
    part: Registry
    lines: list[LineNow]
    open: list[Case]
    worn: list[PartNow]
    timelines: Mapping[str, Timeline]
    now: datetime


async def look_at(
    app: web.Application, connection: Connection, reader: Reader, enterprise: str
) -> FirmSeen:
    """Return a firm as somebody sees it.

    Raises:
        PageError: There is none, or it is not theirs.
        StorageError: The database is away.
    """
    registry = await app[KNOWN].registry(connection)
    if enterprise not in registry.enterprise or not reader.sees(enterprise):
        raise NOT_FOUND
    now = reader.now
    midnight = midnight_of(now)
    part = part_of(registry, [enterprise])
    span = Span(milliseconds(midnight), milliseconds(now))
    timelines = await load_timelines(connection, part, span)
    # What stood today was raised today, or is open, or was so yesterday.
    today = Chosen(enterprises=[enterprise], since=midnight - DAY)
    cases = {one.id: one for one in await load_cases(connection, today, now=now)}
    chosen = Chosen(enterprises=[enterprise], open=True)
    still = await load_cases(connection, chosen, now=now)
    cases |= {one.id: one for one in still}
    whole = Span(span.start, milliseconds(midnight + DAY))
    parts = await load_parts(connection, enterprises=[enterprise])
    return FirmSeen(
        firm=registry.enterprise[enterprise],
        registry=registry,
        part=part,
        lines=lines_of(part, enterprise, timelines, tuple(cases.values()), whole, now),
        open=sorted(still, key=lambda one: (one.cleared is not None, -one.level, one.raised)),
        worn=await parts_now(connection, parts, now) if parts else [],
        timelines=timelines,
        now=now,
    )
