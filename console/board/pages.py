"""The board's pages: at a desk, and on the wall."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.cases.case import Level, State
from wattwarden.console.board.districts import map_of
from wattwarden.console.board.figures import percent, tiles_of, waiting_of
from wattwarden.console.board.headline import headline_of
from wattwarden.console.board.kept import CITY, KNOWN
from wattwarden.console.board.rows import Around, gravest_first, rows_of, step_in
from wattwarden.console.drawing.lines import bars_of, path_of, rounded_up
from wattwarden.console.routes import Only, Route
from wattwarden.console.visit import Visit
from wattwarden.storage.cases.gradings import load_gradings
from wattwarden.storage.cases.listing import Overview, look_over
from wattwarden.storage.enforcement.listing import count_open_tasks
from wattwarden.storage.views.city import midnight_of
from wattwarden.storage.views.day import load_day, load_told

# What fits a desk without scrolling for long, and a wall without scrolling at all.
SHOWN: Final = {"desk": 12, "wall": 7}
_CURVE: Final = (600.0, 100.0)
_BARS: Final = (600.0, 40.0)


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
    turns = {state for state in State if step_in(state, visit.person) is not None}
    async with visit.reading() as (connection, reader):
        overview = await look_over(
            connection, reader.enterprises, now=reader.now, turns=turns, limit=SHOWN[mode]
        )
        cases = gravest_first(overview.cases, visit.person)[: SHOWN[mode]]
        gradings = await load_gradings(connection)
        told = await load_told(connection, [case.id for case in cases])
        day = await load_day(connection, reader.enterprises, midnight_of(reader.now), reader.now)
        open_tasks = await count_open_tasks(connection, reader)
    seen = frozenset(filter(reader.sees, registry.enterprise))
    part = city.part(seen)
    around = Around(registry, gradings, told, visit.person, reader.now)
    count = sum(overview.tallies.values())
    return {
        "mode": mode,
        "now": reader.now,
        "headline": headline_of(overview, len(part.making), registry, reader.now),
        "tiles": tiles_of(part, day, waiting_of(overview.tallies), open_tasks),
        "rows": rows_of(cases, around),
        "levels": _levels(overview),
        "count": count,
        "left": count - len(cases),
        "day": day,
        "mine": sum(many for one, many in overview.tallies.items() if one.state in turns),
        "map": map_of(registry, city, overview.firms, seen),
        "percent": percent,
        "course": _course(part.course.making.tolist(), part.course.unmet.tolist()),
        "counted_at": city.at,
    }


def _levels(overview: Overview) -> list[tuple[Level, int]]:
    """Count what is open by level, the gravest first."""
    counts = dict.fromkeys(reversed(Level), 0)
    for one, many in overview.tallies.items():
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
