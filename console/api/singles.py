"""What is no list: who asks, curves of units, weak points, statistics, the bytes of files."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from pydantic import Field

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.scope import READS, Read
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.registry.nouns import Point, Role
from wattwarden.alarms.statistics.figures import By
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.api.asked import Shown, Stretch, Text, asked_for, bounds
from wattwarden.console.api.resource import ASK_AGAIN, ROOT, json_of, tagged
from wattwarden.console.api.rows import Row
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.routes import SIGNED_IN, Route
from wattwarden.console.service.documents import fetch_paper
from wattwarden.console.visit import Visit
from wattwarden.storage.cases.evidence import files_seen, load_file
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.service.firm import load_weak_points
from wattwarden.storage.statistics.beginning import heard_since
from wattwarden.storage.statistics.report import load_report
from wattwarden.storage.views.curves import load_curves

_DAY_S: Final = 86_400.0
# Curves have some thousand points whatever their length; beyond a year there are no rollups.
MOST_CURVE_S: Final = 400 * _DAY_S
# What is counted is counted by day; a year is what assessments ask for.
MOST_COUNTED_S: Final = 400 * _DAY_S
USUAL_COUNTED_S: Final = 30 * _DAY_S


class Counting(Stretch):
    """Which statistics."""

    by: Annotated[By, Field(description="A row for each of these.")] = By.ALL
    enterprise: Annotated[Text | None, Field(description="Only of this enterprise.")] = None


class MeRow(Row, frozen=True):
    """Who asks, and what is theirs to read and to decide."""

    id: str
    name: str
    role: Role
    agency: str | None
    enterprise: str | None
    language: str
    reads: list[str]
    rights: list[str]


class CurveRow(Row, frozen=True):
    """A unit's power: Unix seconds and W; each point stands for `width_s`, 0: as it was read."""

    unit: str
    since: datetime
    until: datetime
    width_s: float
    at: list[int]
    watts: list[float]


class WeakRow(Row, frozen=True):
    """A machine or line that troubled a firm: alarms by rule, ms with one open, causes."""

    subject: str
    alarms: int
    open_ms: int
    rules: dict[str, int]
    causes: dict[str, int]
    parts: list[str]


class WeakPoints(Row, frozen=True):
    """What troubled a firm in a time, the most open time first."""

    since: datetime
    until: datetime
    items: list[WeakRow]


class Counted(Row, frozen=True):
    """What a report says, row by row; `name` is empty for all together.

    `heard_since` is when something was first read of these firms; null: never.
    """

    since: datetime
    until: datetime
    heard_since: datetime | None
    by: By
    items: list[dict[str, Any]]


async def me(visit: Visit) -> web.StreamResponse:
    """Tell who asks."""
    asked_for(Shown, visit)
    person = visit.person
    told = MeRow(
        id=person.id,
        name=person.name,
        role=person.role,
        agency=person.agency,
        enterprise=person.enterprise,
        language=person.language,
        reads=sorted(one for one in READS if person.role in READS[one]),
        rights=sorted(name for name, roles in RIGHTS.items() if person.role in roles),
    )
    return tagged(visit.request, told)


async def curve(visit: Visit) -> web.StreamResponse:
    """Tell what a unit took."""
    asked = asked_for(Stretch, visit)
    unit = visit.parameter("unit")
    async with visit.reading() as (connection, reader):
        since, until = bounds(asked, reader.now, _DAY_S, MOST_CURVE_S)
        points = [one for one in await load_kind(connection, Point) if one.unit == unit]
        found = await load_curves(connection, points, since, until)
    at, watts, width = (
        ((), (), timedelta(0)) if not found else (found[0].at, found[0].watts, found[0].width)
    )
    told = CurveRow(
        unit=unit,
        since=since,
        until=until,
        width_s=width.total_seconds(),
        at=list(at),
        watts=list(watts),
    )
    return json_of(told)


async def weak_points(visit: Visit) -> web.StreamResponse:
    """Tell what troubled a firm."""
    asked = asked_for(Stretch, visit)
    async with visit.reading() as (connection, reader):
        since, until = bounds(asked, reader.now, USUAL_COUNTED_S, MOST_COUNTED_S)
        firm = visit.parameter("enterprise")
        found = await load_weak_points(connection, firm, Period(since, until))
    items = [
        WeakRow(
            subject=one.subject,
            alarms=one.alarms,
            open_ms=one.open_ms,
            rules=dict(one.rules),
            causes={str(cause): count for cause, count in one.causes.items()},
            parts=list(one.parts),
        )
        for one in found
    ]
    return json_of(WeakPoints(since=since, until=until, items=items))


async def statistics(visit: Visit) -> web.StreamResponse:
    """Tell the figures of a time."""
    asked = asked_for(Counting, visit)
    async with visit.reading() as (connection, reader):
        since, until = bounds(asked, reader.now, USUAL_COUNTED_S, MOST_COUNTED_S)
        registry = await load_registry(connection)
        firms = [
            one
            for one in sorted(registry.enterprise)
            if reader.sees(one) and asked.enterprise in (None, one)
        ]
        report = await load_report(connection, registry, firms, Period(since, until), asked.by)
        heard = await heard_since(connection, registry, firms)
    rows = [msgspec.to_builtins(asdict(row), str_keys=True) for row in report.rows]
    told = Counted(since=since, until=until, heard_since=heard, by=asked.by, items=rows)
    return json_of(told)


async def file_bytes(visit: Visit) -> web.StreamResponse:
    """Give the bytes of a file to whoever sees it."""
    asked_for(Shown, visit)
    digest = visit.parameter("file")
    async with visit.reading() as (connection, reader):
        sent = await files_seen(connection, reader, digest=digest)
        kept = await load_file(connection, digest) if sent else None
    if kept is None:
        raise NOT_FOUND
    body = sent[-1].body
    assert isinstance(body, Evidence)  # noqa: S101  files_seen gives no others
    return web.Response(
        body=kept.data,
        content_type=body.media,
        headers={
            "ETag": f'"{digest}"',
            "Cache-Control": ASK_AGAIN,
            # Whatever it is, no browser shows it as a page of ours.
            "Content-Disposition": f'attachment; filename="{digest[:12]}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


async def document_file(visit: Visit) -> web.StreamResponse:
    """Give the bytes of a file that came with a manual to whoever the manual is for."""
    asked_for(Shown, visit)
    return await fetch_paper(visit)


SINGLES: Final[tuple[Route, ...]] = (
    Route("GET", f"{ROOT}/me", me, SIGNED_IN, "api.me"),
    Route("GET", f"{ROOT}/units/{{unit}}/curve", curve, Read.STATES, "api.curve"),
    Route(
        "GET",
        f"{ROOT}/enterprises/{{enterprise}}/weak-points",
        weak_points,
        Read.WEAK_POINTS,
        "api.weak_points",
    ),
    Route("GET", f"{ROOT}/statistics", statistics, Read.STATISTICS, "api.statistics"),
    Route(
        "GET",
        f"{ROOT}/documents/{{document}}/files/{{file}}",
        document_file,
        Read.DOCUMENTS,
        "api.document_file",
    ),
    Route("GET", f"{ROOT}/evidence/{{file}}/bytes", file_bytes, Read.EVIDENCE, "api.file"),
)
