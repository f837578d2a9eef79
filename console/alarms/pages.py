"""Pages of alarms: the list, one with its proof, its curves, its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.registry.nouns import Unit, UnitKind
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import last_states
from wattwarden.alarms.statistics.timelines import NOTHING_HEARD, Span
from wattwarden.console.alarms.cameras import Camera, cameras_of
from wattwarden.console.alarms.chosen import PAGE_ROWS, VIEWS, Wanted, chosen_of, wanted_of
from wattwarden.console.alarms.deeds import deeds_of
from wattwarden.console.alarms.outlets import charted, outlets_of, points_of_outlets
from wattwarden.console.alarms.packages import is_offered
from wattwarden.console.alarms.seen import Seen, look, points_of
from wattwarden.console.alarms.story import story_of
from wattwarden.console.alarms.words import CAUSES, FAULTS, SIGNALS, STATES
from wattwarden.console.answering import HOURS, MAX_REASON_LETTERS
from wattwarden.console.api.resource import ASK_AGAIN
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import (
    Around,
    firm_of,
    gravest_first,
    person_of,
    place_of,
    rows_of,
)
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.ladder import ladder_of
from wattwarden.console.drawing.said import Said
from wattwarden.console.drawing.strips import LOOKS, Strip, strip_of
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit
from wattwarden.console.words import ABSENCES
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.cases.evidence import load_file
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.listing import list_cases
from wattwarden.storage.registry.rules import rules_now
from wattwarden.storage.views.curves import load_curves
from wattwarden.storage.views.day import load_told
from wattwarden.storage.views.results import load_results
from wattwarden.storage.views.saved import NAME_LETTERS, load_saved

# What a browser shows of its own accord and runs nothing of.
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_HOUR_MARKS: Final = 6


@dataclass(frozen=True, slots=True)
class Lane:
    """A unit as the page shows it: what it does now, and its strip."""

    unit: Unit
    kind: str
    state: Said
    look: str
    strip: Strip
    is_offender: bool


async def show_alarms(visit: Visit) -> web.Response:
    """List alarms."""
    app = visit.request.app
    wanted = wanted_of(visit.request.query)
    async with visit.reading() as (connection, reader):
        registry = await app[KNOWN].registry(connection)
        chosen = chosen_of(wanted, visit.person, reader, registry)
        listed = await list_cases(connection, chosen, now=reader.now, limit=PAGE_ROWS)
        gradings = await load_gradings(connection)
        told = await load_told(connection, [case.id for case in listed.cases])
        rules = await rules_now(connection)
        saved = await load_saved(connection, visit.person.id)
    around = Around(registry, gradings, told, visit.person, reader.now)
    by_time = wanted.view == "done" or wanted.before is not None
    count = sum(listed.tallies.values())
    cases = (
        listed.cases if by_time or count > PAGE_ROWS else gravest_first(listed.cases, visit.person)
    )
    seen = sorted(filter(reader.sees, registry.enterprise))
    regions = sorted({registry.enterprise[one].region for one in seen})
    parts = {
        "wanted": wanted,
        "views": VIEWS,
        "rows": rows_of(cases, around),
        "now": reader.now,
        "count": count,
        "older": _older(listed.cases, count, wanted, visit.url("alarms")),
        "rules": rules.rules,
        "districts": [registry.region[one] for one in regions if one in registry.region],
        "firm": registry.enterprise.get(wanted.enterprise),
        "is_live": wanted.before is None,
        "this_list": visit.request.path_qs,
        "saved": saved,
        "own": [one for one in saved if one.query == wanted.query],
        "query": wanted.query,
        "name_letters": NAME_LETTERS,
    }
    live = visit.asked("part") == "live"
    return visit.page(f"alarms/{'rows' if live else 'list'}.html", parts)


async def show_alarm(visit: Visit) -> web.Response:
    """Show one alarm."""
    return await alarm_page(visit, None)


async def alarm_page(visit: Visit, refused: RefusedError | None) -> web.Response:
    """Return the page of an alarm, with why something about it was refused."""
    async with visit.reading() as (connection, reader):
        number = int(visit.parameter("alarm"))
        seen = await look(visit.request.app, connection, reader, number)
    parts = _parts(visit, seen)
    problems = [] if refused is None else [Said(one.zh, one.en) for one in refused.problems]
    live = visit.asked("part") == "live"
    name = "alarms/alarm_parts.html" if live else "alarms/alarm.html"
    status = 409 if problems else 200
    response = visit.page(name, {**parts, "refused": problems})
    response.set_status(status)
    return response


async def show_curves(visit: Visit) -> web.Response:
    """Return the power of an alarm's units and what came out meanwhile, as charts draw it."""
    async with visit.reading() as (connection, reader):
        seen = await look(visit.request.app, connection, reader, int(visit.parameter("alarm")))
        since, until = seen.span
        points = points_of(seen.registry, seen.units)
        curves = await load_curves(connection, points, since, until)
        outlets = outlets_of(seen.case, seen.registry)
        stations = points_of_outlets(outlets, seen.registry)
        results = await load_results(connection, stations, since, until)
    offence = seen.offence
    known = {one.unit: one for one in curves}
    return web.json_response(
        {
            "from": milliseconds(since) // 1000,
            "to": milliseconds(until) // 1000,
            "offence": [offence.start // 1000, offence.end // 1000],
            "units": [
                {
                    "id": one.id,
                    "name": one.name,
                    "kind": "treat" if one.kind is UnitKind.TREATMENT else "prod",
                    "at": known[one.id].at if one.id in known else [],
                    "watts": known[one.id].watts if one.id in known else [],
                }
                for one in seen.units
            ],
            "results": charted(results, outlets),
        }
    )


async def show_file(visit: Visit) -> web.Response:
    """Return a file about an alarm; what is no picture is saved, never shown."""
    digest = visit.parameter("file")
    async with visit.reading() as (connection, reader):
        seen = await look(visit.request.app, connection, reader, int(visit.parameter("alarm")))
        sent = next((one for one in seen.files if one.sha256 == digest), None)
        kept = None if sent is None else await load_file(connection, digest)
    if sent is None or kept is None:
        raise NOT_FOUND
    shown = sent.media in _PICTURES
    name = f"{digest[:12]}.{sent.media.partition('/')[2]}"
    # Kept by the browser, and shown only to whom it is still theirs: others sit there later.
    headers = {"Cache-Control": ASK_AGAIN, "ETag": f'"{digest}"'}
    if any(one.value == digest for one in visit.request.if_none_match or ()):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(
        body=kept.data,
        content_type=sent.media if shown else "application/octet-stream",
        headers={
            "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{name}"',
            **headers,
        },
    )


def _parts(visit: Visit, seen: Seen) -> Mapping[str, Any]:
    case, registry = seen.case, seen.registry
    since, until = seen.span
    lanes = _lanes(seen)
    firm = registry.enterprise.get(case.enterprise)
    holder = registry.person.get(case.acked_by or "")
    return {
        "seen": seen,
        "case": case,
        "firm": firm_of(case, registry),
        "place": place_of(case, registry),
        "district": None if firm is None else registry.region.get(firm.region),
        "holder": holder,
        "acked_by": person_of(case.acked_by, registry),
        "contact": firm,
        "ladder_of_case": ladder_of(case, seen.grading, seen.now),
        "lanes": lanes,
        "cameras": _cameras(seen),
        "makers": [one for one in lanes if one.unit.kind is not UnitKind.TREATMENT],
        "treaters": [one for one in lanes if one.unit.kind is UnitKind.TREATMENT],
        "marks": _marks(since, until),
        "story": story_of(seen),
        "deeds": deeds_of(seen, visit.person),
        "has_package": is_offered(visit),
        "signals": _signals(seen),
        "name_of": lambda who: person_of(who, registry),
        "now": seen.now,
        "lasted": (case.cleared or seen.now) - case.raised,
        "causes": CAUSES,
        "faults": FAULTS,
        "absences": ABSENCES,
        "hours": HOURS,
        "most_letters": MAX_REASON_LETTERS,
        "pictures": _PICTURES,
    }


def _lanes(seen: Seen) -> list[Lane]:
    since, until = seen.span
    span = Span(milliseconds(since), milliseconds(until))
    states = last_states(seen.timelines, span.end)
    found = []
    for unit in seen.units:
        state = states.get(unit.id, UnitState.NEVER)
        offender = unit.id == seen.case.unit
        offences = (seen.offence,) if offender and unit.kind is UnitKind.TREATMENT else ()
        timeline = seen.timelines.get(unit.id, NOTHING_HEARD)
        strip = strip_of(timeline, span, seen.now, offences)
        kind = "treat" if unit.kind is UnitKind.TREATMENT else "prod"
        standing = offender and seen.case.cleared is None
        found.append(Lane(unit, kind, STATES[state], LOOKS[state], strip, standing))
    return found


def _cameras(seen: Seen) -> list[Camera]:
    outlets = outlets_of(seen.case, seen.registry)
    points = points_of(seen.registry, seen.units)
    points += points_of_outlets(outlets, seen.registry)
    return cameras_of(points, seen.case.enterprise, seen.registry)


def _marks(since: datetime, until: datetime) -> list[str]:
    """Return the times below a picture."""
    step = (until - since) / _HOUR_MARKS
    moments = (since + place * step for place in range(_HOUR_MARKS + 1))
    return [f"{one.astimezone(DEFAULT_ZONE):%H:%M}" for one in moments]


def _signals(seen: Seen) -> list[tuple[Said, str, bool]]:
    """Return what was measured and what it was compared with, as people read it."""
    found = []
    for title in ("signals", "thresholds"):
        for name, signal in sorted(seen.alarm.explanation.get(title, {}).items()):
            said = SIGNALS.get(name, Said(name, name))
            found.append((said, _amount(signal), title == "thresholds"))
    return found


def _amount(signal: Mapping[str, Any]) -> str:
    value, unit = signal["value"], signal["unit"]
    if value is None:
        return ""
    if unit == "W":
        return f"{value / 1000:,.1f} kW"
    return f"{value:.1%}" if unit == "1" else f"{value:g} {unit}".strip()


def _older(cases: Any, count: int, wanted: Wanted, path: str) -> str:
    """Return where the rest of a list is; "" where there is none."""
    if count <= len(cases) or not cases:
        return ""
    return wanted.address(path, before=min(case.raised for case in cases).isoformat())


ROUTES: Final = (
    Route("GET", "/alarms", show_alarms, Read.ALARMS, "alarms"),
    Route("GET", r"/alarms/{alarm:\d+}", show_alarm, Read.ALARMS, "alarm"),
    Route("GET", r"/alarms/{alarm:\d+}/curves", show_curves, Read.ALARMS, "alarm_curves"),
    Route("GET", r"/alarms/{alarm:\d+}/files/{file}", show_file, Read.EVIDENCE, "alarm_file"),
)
