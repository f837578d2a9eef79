"""The board's pages: at a desk, and on the wall."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.enforcement.lives import TASK_OVER
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.board.districts import map_of
from wattwarden.console.board.figures import percent, tiles_of, waiting_of
from wattwarden.console.board.headline import headline_of
from wattwarden.console.board.kept import CITY, KNOWN
from wattwarden.console.board.rows import Around, gravest_first, next_step, rows_of
from wattwarden.console.drawing.lines import bars_of, path_of, rounded_up
from wattwarden.console.routes import Only, Route
from wattwarden.console.visit import Visit
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.listing import Listed, list_cases
from wattwarden.storage.cases.load import Chosen
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import TASK
from wattwarden.storage.enforcement.seen import load_seen
from wattwarden.storage.views.city import City, midnight_of
from wattwarden.storage.views.day import load_day, load_told

# What fits a desk without scrolling for long, and a wall without scrolling at all.
ROWS: Final = 40
SHOWN: Final = {"desk": 12, "wall": 7}
_CURVE: Final = (600.0, 100.0)
_BARS: Final = (600.0, 40.0)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a board is made of."""

    listed: Listed
    registry: Registry
    city: City


async def show_board(visit: Visit) -> web.Response:
    """Show the board, or with ``?part=live`` what of it changes."""
    live = visit.asked("part") == "live"
    return visit.page(f"board/{'live' if live else 'board'}.html", await _parts(visit, "desk"))


async def show_wall(visit: Visit) -> web.Response:
    """Show the board as a wall has it: nothing to press."""
    live = visit.asked("part") == "live"
    return visit.page(f"board/{'live' if live else 'wall'}.html", await _parts(visit, "wall"))


async def _parts(visit: Visit, mode: str) -> Mapping[str, Any]:
    app = visit.request.app
    async with visit.reading() as (connection, reader):
        registry = await app[KNOWN].registry(connection)
    city = await app[CITY].city(visit.parts.store, registry)
    async with visit.reading() as (connection, reader):
        listed = await _open_cases(connection, reader)
        gradings = await load_gradings(connection)
        told = await load_told(connection, [case.id for case in listed.cases])
        day = await load_day(connection, reader.enterprises, midnight_of(reader.now), reader.now)
        tasks = await load_seen(connection, TASK, reader)
    seen = frozenset(filter(reader.sees, registry.enterprise))
    part = city.part(seen)
    cases = gravest_first(listed.cases, visit.person)
    standing = [case for case in cases if case.cleared is None]
    around = Around(registry, gradings, told, visit.person, reader.now)
    open_tasks = sum(one.state not in TASK_OVER for one in tasks)
    count = sum(listed.tallies.values())
    return {
        "mode": mode,
        "now": reader.now,
        "headline": headline_of(standing, len(part.making), registry, reader.now),
        "tiles": tiles_of(part, day, waiting_of(listed.tallies), open_tasks),
        "rows": rows_of(cases[: SHOWN[mode]], around),
        "levels": _levels(listed),
        "count": count,
        "left": count - min(count, SHOWN[mode]),
        "day": day,
        "mine": sum(next_step(case, visit.person) is not None for case in cases),
        "map": map_of(registry, city, cases, seen),
        "percent": percent,
        "course": _course(part.course.making.tolist(), part.course.unmet.tolist()),
        "counted_at": city.at,
    }


async def _open_cases(connection: Connection, reader: Reader) -> Listed:
    """Return what is open: the latest, and where there is more, the gravest as well."""
    chosen = Chosen(enterprises=reader.enterprises, open=True)
    listed = await list_cases(connection, chosen, now=reader.now, limit=ROWS)
    if sum(listed.tallies.values()) <= ROWS:
        return listed
    grave = Chosen(enterprises=reader.enterprises, open=True, levels=[Level.SEVERE, Level.ALARM])
    more = await list_cases(connection, grave, now=reader.now, limit=ROWS)
    known: dict[int, Case] = {case.id: case for case in (*listed.cases, *more.cases)}
    return Listed(list(known.values()), listed.tallies)


def _levels(listed: Listed) -> list[tuple[Level, int]]:
    """Count what is open by level, the gravest first."""
    counts = dict.fromkeys(reversed(Level), 0)
    for one, many in listed.tallies.items():
        counts[one.level] += many
    return [(level, many) for level, many in counts.items() if many]


def _course(making: list[int], unmet: list[int]) -> Mapping[str, Any]:
    """Return the curves of the last 24 hours."""
    most, worst = rounded_up(max(making, default=0)), rounded_up(max(unmet, default=0))
    return {
        "most": most,
        "worst": worst,
        "line": path_of(making, *_CURVE, most),
        "bars": bars_of(unmet, *_BARS, worst),
        "making": making[-1] if making else 0,
        "unmet": unmet[-1] if unmet else 0,
    }


_AUTHORITY: Final = Only(OFFICERS | CITY_WIDE)
ROUTES: Final = (
    Route("GET", "/board", show_board, _AUTHORITY, "board"),
    Route("GET", "/wall", show_wall, _AUTHORITY, "wall"),
)
