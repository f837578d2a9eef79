"""Responses and calendars with the plans that follow from them: all of it, or nothing.

    issue, step, keep_calendar ─► decide ─► wanted plans ─► what differs from those that stand

A response is decided here and nowhere else: without its plans it would order nothing.  ``enact`` is
for whoever decides bodies of any kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.decisions.bodies import Plan
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.nouns import Enterprise, Region
from wattwarden.alarms.responses.activation import (
    calendar_plans,
    in_area,
    response_plans,
    revised,
)
from wattwarden.alarms.responses.bodies import Calendar, Response, ResponseStep
from wattwarden.alarms.responses.numbers import default_numbers
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.ledgers.record import record
from wattwarden.storage.registry.decisions import Decision, Entered
from wattwarden.storage.registry.entering import enter_all
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.responses.load import load_presets, load_responses, plans_of


@dataclass(frozen=True, slots=True)
class Activated:
    """What was decided, the plans that were entered with it, and firms without a preset."""

    entered: Entered
    plans: tuple[Entered, ...]
    without_preset: tuple[str, ...] = ()


async def enact(
    connection: Connection,
    body: Body,
    actor: str,
    now: datetime,
    *,
    enterprise: str | None = None,
    effective_at: datetime | None = None,
) -> Entered:
    """Do what somebody decides, whatever it is, with all plans that follow from it.

    Raises:
        RefusedError: The person may not, or something stands against it; nothing was kept.
        StorageError: The database is away.
    """
    match body:
        case Response() | ResponseStep():
            return (await _responded(connection, body, actor, now)).entered
        case Calendar():
            return (await keep_calendar(connection, body, actor, now)).entered
    return await decide(
        connection, body, actor, now, enterprise=enterprise, effective_at=effective_at
    )


async def issue(connection: Connection, response: Response, actor: str, now: datetime) -> Activated:
    """Issue a response and activate the presets of its level and area.

    Raises:
        RefusedError: The person may not; nothing was kept.
        StorageError: The database is away.
    """
    return await _responded(connection, response, actor, now)


async def step(connection: Connection, taken: ResponseStep, actor: str, now: datetime) -> Activated:
    """Change or close a response, and its plans with it; raises as ``issue``."""
    return await _responded(connection, taken, actor, now)


async def keep_calendar(
    connection: Connection, calendar: Calendar, actor: str, now: datetime
) -> Activated:
    """Keep a calendar, new or in the place of the one with its id, and its plans.

    An industry's calendar that is kept again takes in firms that have come since.

    Raises:
        RefusedError: The person may not; nothing was kept.
        StorageError: The database is away.
    """
    with errors(f"keeping a {calendar.kind_name}"):
        async with connection.transaction():
            entered = await decide(connection, calendar, actor, now)
            body = entered.body
            assert isinstance(body, Calendar)  # noqa: S101  admissions keep the kind
            firms = await load_kind(connection, Enterprise)
            # Its first reference is its subject, where it has one.
            owner = entered.enterprise or "" if body.scope is not None else ""
            wanted = calendar_plans(body, firms, owner)
            plans = await _revise(connection, body.id, wanted, actor, now)
    return Activated(entered, plans)


async def _responded(
    connection: Connection, body: Response | ResponseStep, actor: str, now: datetime
) -> Activated:
    with errors(f"deciding a {body.kind_name}"):
        async with connection.transaction():
            entered = await decide(connection, body, actor, now)
            identity = _response_of(entered.body)
            (course,) = await load_responses(connection, identity)
            wanted: list[Plan] = []
            without: list[str] = []
            if course.closed_at is None:
                regions = {one.id: one for one in await load_kind(connection, Region)}
                firms = in_area(await load_kind(connection, Enterprise), course.regions, regions)
                presets = {
                    one.enterprise: one for one in await load_presets(connection, course.level)
                }
                grades = default_numbers().self_decided_grades
                wanted = list(response_plans(course, firms, presets, grades))
                without = [firm.id for firm in firms if firm.id not in presets]
            plans = await _revise(connection, identity, wanted, actor, now)
    return Activated(entered, plans, tuple(without))


async def _revise(
    connection: Connection, origin: str, wanted: Iterable[Plan], actor: str, now: datetime
) -> tuple[Entered, ...]:
    """Enter what makes an origin's plans those that are wanted, and write them into ledgers.

    The plans need no right of their own: they are what the person, who may do that, has decided.
    """
    standing = [plan for plan, _ in await plans_of(connection, origin)]
    made = [Decision(plan, actor, now) for plan in revised(standing, wanted, now)]
    entered = await enter_all(connection, made)
    for one in entered:
        await record(connection, one)
    return tuple(entered)


def _response_of(body: Body) -> str:
    if isinstance(body, ResponseStep):
        return body.response
    assert isinstance(body, Response)  # noqa: S101  one of the two was entered
    return body.id
