"""What one firm is shown of itself: what to see to, and where its weak points are."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from wattwarden.alarms.decisions.bodies import Declaration, Plan
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Enterprise, Equipment, Requirement
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.matters import Matter, matters
from wattwarden.alarms.service.weak_points import WeakPoint, weak_points
from wattwarden.alarms.statistics.coverage import lacking
from wattwarden.alarms.statistics.durations import milliseconds, told
from wattwarden.alarms.statistics.response import Period
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import in_force
from wattwarden.storage.registry.records import load_kind

_B = TypeVar("_B", bound=Body)


async def load_matters(connection: Connection, firm: Enterprise, now: datetime) -> list[Matter]:
    """Return what a firm should see to, the soonest due first.

    Raises:
        StorageError: The database is away.
    """
    registry = Registry(
        enterprise={firm.id: firm},
        requirement={one.id: one for one in await load_kind(connection, Requirement)},
        equipment={one.id: one for one in await load_kind(connection, Equipment)},
    )
    return matters(
        await load_cases(connection, Chosen(enterprises=[firm.id], open=True), now=now),
        await _of_firm(connection, Plan, firm.id),
        await _of_firm(connection, Declaration, firm.id),
        lacking(registry, [firm.id]),
        now,
    )


async def load_weak_points(
    connection: Connection, enterprise: str, period: Period
) -> list[WeakPoint]:
    """Return what troubled a firm in a span, the most open time first.

    Raises:
        StorageError: The database is away.
    """
    chosen = Chosen(enterprises=[enterprise], since=period.since, until=period.until)
    cases = await load_cases(connection, chosen, now=period.until)
    return weak_points(map(told, cases), cases, milliseconds(period.until))


async def _of_firm(connection: Connection, kind: type[_B], enterprise: str) -> Sequence[_B]:
    entered = await in_force(connection, kind.kind_name)
    return [
        one.body for one in entered if one.enterprise == enterprise and isinstance(one.body, kind)
    ]
