"""What stands around orders: responses, calendars, declarations, and what firms would do."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.decisions.bodies import Plan, WarningLevel
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.bodies import Calendar
from wattwarden.alarms.responses.course import Course, ResponseState
from wattwarden.console.drawing.said import Said
from wattwarden.console.plans.seen import Orders, subject_name
from wattwarden.console.plans.words import NUMBERED, WARNINGS
from wattwarden.console.words import ABSENCES
from wattwarden.storage.cases.declared import Standing, holding_declarations
from wattwarden.storage.database import Connection
from wattwarden.storage.responses.load import calendars_for, load_presets, load_responses

# Of what is beside a page's matter.
MOST_BESIDE: Final = 8


@dataclass(frozen=True, slots=True)
class CourseRow:
    """A response by its names, and how many firms it asks for something."""

    course: Course
    warning: Said
    numbered: Said
    area: Said
    state: ResponseState
    begun: bool
    firms: int
    exempt: int


@dataclass(frozen=True, slots=True)
class Declared:
    """An approved declaration that holds or is to come."""

    standing: Standing
    firm: str
    subject: Said
    what: Said
    holds: bool


def area_of(regions: Iterable[str], registry: Registry) -> Said:
    """Name the area of a response."""
    names = [registry.region[one].name if one in registry.region else one for one in regions]
    if not names:
        return Said("全市", "the whole city")
    return Said("、".join(names), ", ".join(names))


def course_row(
    course: Course, registry: Registry, now: datetime, plans: Iterable[tuple[Plan, str]]
) -> CourseRow:
    """Return a response with the firms of its plans, which are by id the newest."""
    asked = {firm for plan, firm in plans if plan.enabled and not plan.exempt}
    named = {firm for plan, firm in plans if plan.enabled}
    return CourseRow(
        course=course,
        warning=WARNINGS[course.level],
        numbered=NUMBERED[course.level],
        area=area_of(course.regions, registry),
        state=course.state(now),
        begun=course.start <= now,
        firms=len(asked),
        exempt=len(named - asked),
    )


async def load_courses(
    connection: Connection, registry: Registry, reader: Reader, orders: Orders
) -> dict[str, list[CourseRow]]:
    """Return responses: "standing" those that stand, "over" the latest of those that do not."""
    by_origin: dict[str, list[tuple[Plan, str]]] = defaultdict(list)
    for one in orders.listed:
        by_origin[one.plan.origin].append((one.plan, one.firm))
    rows = [
        course_row(one, registry, reader.now, by_origin[one.id])
        for one in reversed(await load_responses(connection))
    ]
    standing = [one for one in rows if one.state is ResponseState.ISSUED]
    over = [one for one in rows if one.state is not ResponseState.ISSUED]
    return {"standing": standing, "over": over[:MOST_BESIDE]}


async def load_beside(connection: Connection, registry: Registry, reader: Reader) -> dict[str, Any]:
    """Return what else stops production: calendars and declarations; and what firms would do."""
    calendars = [one for one in await calendars_for(connection, reader) if one.enabled]
    standing = [one for one in calendars if any(span.end > reader.now for span in one.spans)]
    held, held_count = await holding_declarations(
        connection, reader.enterprises, reader.now, MOST_BESIDE
    )
    presets = await load_presets(connection, enterprises=reader.enterprises)
    seen = [one for one in registry.enterprise if reader.sees(one)]
    return {
        "calendars": [(one, *_span(one, reader.now)) for one in standing[:MOST_BESIDE]],
        "declared": [_declared(one, registry, reader.now) for one in held],
        "declared_count": held_count,
        "prepared": {
            level: len({one.enterprise for one in presets if one.level is level})
            for level in WarningLevel
        },
        "unprepared": len(set(seen) - {one.enterprise for one in presets}),
        "warnings": WARNINGS,
    }


def _span(calendar: Calendar, now: datetime) -> tuple[datetime, datetime]:
    """Return the present span of a calendar, else its next."""
    return min((one.start, one.end) for one in calendar.spans if one.end > now)


def _declared(one: Standing, registry: Registry, now: datetime) -> Declared:
    firm = registry.enterprise.get(one.entered.enterprise or "")
    return Declared(
        standing=one,
        firm="" if firm is None else firm.name,
        subject=subject_name(one.body.scope, one.body.subject, registry),
        what=Said(*ABSENCES[one.body.kind]),
        holds=one.body.start <= now,
    )
