"""A firm's ledgers: on the screen, on paper, as an Excel book."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from aiohttp import web

from wattwarden.alarms.acting.roles import ENTERPRISE, MAINTENANCE
from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.drawing.said import Said
from wattwarden.console.drawing.span import Days, days_of
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit
from wattwarden.console.written import place_in
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.ledgers.book import Page, write_ledger
from wattwarden.storage.ledgers.ledger import Chosen
from wattwarden.storage.ledgers.reading import Ledger, read_ledger
from wattwarden.storage.registry.records import load_record

# A week is what one looks back; a book of five years has some hundred thousand rows.
USUAL: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=366)
# As many as somebody looks through before they search.
PAGE_FIRMS: Final = 80
# What a page shows; the book has all.
MOST_ROWS: Final = 500
_DAY_LETTERS: Final = len("2026-11-22")
KINDS: Final = {
    LedgerKind.TREATMENT: Said("治污启停", "Treatment"),
    LedgerKind.PRODUCTION: Said("生产启停", "Production"),
    LedgerKind.PATROL: Said("设施巡检", "Patrols"),
    LedgerKind.REPAIR: Said("设备检修", "Repairs"),
    LedgerKind.CONSUMABLE: Said("耗材更换", "Consumables"),
    LedgerKind.ALARM: Said("报警与整改", "Alarms"),
    LedgerKind.ABNORMAL: Said("异常情况", "Abnormal"),
    LedgerKind.SPECIAL: Said("特殊时段", "Special periods"),
}
_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a ledger, and whether it is a time of the row's day."""

    text: str
    is_time: bool


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A row of a ledger as it is written; its second cell is the time of its day.

    ``mark`` is that of a row that stands no more, "" for one that does.
    """

    day: str
    look: str
    mark: str
    cells: Sequence[Cell]


async def show_ledgers(visit: Visit) -> web.Response:
    """Lead who is of a firm to its ledger, and others to a list of those they see."""
    if visit.person.role in ENTERPRISE | MAINTENANCE and visit.person.enterprise is not None:
        return visit.go(visit.url("ledger", enterprise=visit.person.enterprise))
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
    text = visit.asked("q").casefold()
    firms = [
        one
        for one in registry.enterprise.values()
        if reader.sees(one.id) and text in f"{one.name} {one.id}".casefold()
    ]
    firms.sort(key=lambda one: one.name)
    first = place_in(visit, len(firms), PAGE_FIRMS)
    parts = {
        "firms": firms[first : first + PAGE_FIRMS],
        "next": first + PAGE_FIRMS if first + PAGE_FIRMS < len(firms) else None,
        "q": visit.asked("q"),
    }
    return visit.page("firms/ledgers.html", parts)


async def show_ledger(visit: Visit) -> web.Response:
    """Show a ledger."""
    ledger, days = await _read(visit)
    kind = _kind(visit)
    page = ledger.pages((kind,))[0]
    shown = list(enumerate(page.rows))[::-1][:MOST_ROWS]
    rows = [_line(page, place, row) for place, row in shown]
    return visit.page(
        "firms/ledger.html",
        {
            "firm": ledger.enterprise,
            "kinds": KINDS,
            "kind": kind,
            "page": page,
            "rows": rows,
            "hidden": len(page.rows) - len(rows),
            "since_day": days.first,
            "until_day": days.last,
            "seal": ledger.cover(days.since, days.until).seal,
            "moment": _moment,
            "printed": datetime.now(DEFAULT_ZONE),
        },
    )


def _line(page: Page, place_in_page: int, row: Sequence[object]) -> LedgerLine:
    texts = [_moment(cell) for cell in row]
    day = texts[1][:_DAY_LETTERS]
    mark = page.fallen.get(place_in_page, "")
    look = "struck" if mark else "amended" if place_in_page in page.amending else ""
    cells = [
        Cell(text[_DAY_LETTERS + 1 :] if place == 1 else text, is_time=text[:_DAY_LETTERS] == day)
        for place, text in enumerate(texts)
    ]
    return LedgerLine(day, look, mark, cells)


async def give_book(visit: Visit) -> web.Response:
    """Return ledgers as an Excel book: of one kind, or of all."""
    ledger, days = await _read(visit)
    kinds = () if visit.asked("kind") == "all" else (_kind(visit),)
    cover = ledger.cover(days.since, days.until)
    book = io.BytesIO()
    # A year's book takes seconds to write.
    await asyncio.to_thread(write_ledger, book, cover, ledger.pages(kinds))
    name = quote(f"{ledger.enterprise.name}-台账-{days.first}-{days.last}.xlsx")
    return web.Response(
        body=book.getvalue(),
        content_type=_EXCEL,
        headers={
            "Content-Disposition": f"attachment; filename=\"ledger.xlsx\"; filename*=UTF-8''{name}"
        },
    )


async def _read(visit: Visit) -> tuple[Ledger, Days]:
    async with visit.reading() as (connection, reader):
        days = days_of(visit.asked("from"), visit.asked("to"), reader.now, USUAL, LONGEST)
        firm = await load_record(connection, Enterprise, visit.parameter("enterprise"))
        if firm is None:
            raise NOT_FOUND
        kinds = () if visit.asked("kind") == "all" else (_kind(visit),)
        return await read_ledger(connection, firm, Chosen(kinds, days.since, days.until)), days


def _kind(visit: Visit) -> LedgerKind:
    asked = visit.asked("kind")
    return LedgerKind(asked) if asked in tuple(LedgerKind) else LedgerKind.TREATMENT


def _moment(value: object) -> str:
    """Write a cell."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


ROUTES: Final = (
    Route("GET", "/ledgers", show_ledgers, Read.LEDGERS, "ledgers"),
    Route("GET", "/enterprises/{enterprise}/ledger", show_ledger, Read.LEDGERS, "ledger"),
    Route("GET", "/enterprises/{enterprise}/ledger.xlsx", give_book, Read.LEDGERS, "ledger_book"),
)
