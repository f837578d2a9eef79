"""The registry as a book: given away whole, and taken in after it was shown what would change."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.console.visit import Visit
from wattwarden.storage.books.book import SENT
from wattwarden.storage.books.exchange import Sent, Taken, load_tables
from wattwarden.storage.books.sheets import SHEETS
from wattwarden.storage.books.tables import notes, tables_of
from wattwarden.storage.books.writing import packed_book, packed_csv

# The form around a file: its fields, and what browsers put between them.
BOOK_BYTES: Final = SENT.file_bytes + 65_536
NAME_LETTERS: Final = 200


class Packing(StrEnum):
    """As what a book is given."""

    EXCEL = "xlsx"
    CSV = "zip"


MEDIA: Final[Mapping[Packing, str]] = {
    Packing.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Packing.CSV: "application/zip",
}


async def show(visit: Visit) -> web.StreamResponse:
    """Ask for a book; after an import, say what it was."""
    return _page(visit, None)


async def take(visit: Visit) -> web.StreamResponse:
    """Say what a book would change, or import it where that was seen."""
    file = visit.form.get("file")
    if not isinstance(file, web.FileField) or not file.filename:
        return _page(visit, Taken(refused=_NO_FILE))
    with file.file as opened:
        data = opened.read()
    is_dry = visit.field("do") != "import"
    sent = Sent(
        data,
        file.filename[:NAME_LETTERS],
        visit.person,
        removes_others=visit.field("others") == "remove",
        is_dry=is_dry,
        # Whoever saw no changes wants none: nothing has this mark.
        seen="" if is_dry else visit.field("seen") or "none",
    )
    taken = await visit.parts.gateways.take_book(sent)
    if taken.decisions:
        numbers = ",".join(map(str, taken.decisions[:1]))
        return visit.go(f"{visit.url('book')}?done={numbers}")
    return _page(visit, taken, is_stale=not is_dry and not taken.faults and not taken.refused)


async def give(visit: Visit) -> web.StreamResponse:
    """Give the registry and what is in force as a book."""
    asked = visit.asked("format")
    packing = Packing(asked) if asked in tuple(Packing) else Packing.EXCEL
    async with visit.reading() as (connection, _reader):
        tables = [] if visit.asked("empty") else await load_tables(connection)
    return await book_of(tables or tables_of({}), packing)


async def book_of(tables: list[Any], packing: Packing) -> web.Response:
    """Return tables with the one that explains them, as a file to keep."""
    pack = packed_book if packing is Packing.EXCEL else packed_csv
    # A city's takes seconds to write: others are answered meanwhile.
    data = await asyncio.to_thread(pack, [notes(), *tables])
    return web.Response(
        body=data,
        content_type=MEDIA[packing],
        headers={"Content-Disposition": f'attachment; filename="registry.{packing}"'},
    )


def _page(visit: Visit, taken: Taken | None, *, is_stale: bool = False) -> web.Response:
    done = visit.asked("done")
    shown = {
        "taken": taken,
        "is_stale": is_stale,
        "sheets": SHEETS,
        "done": done if done.isdecimal() else "",
        "most_mib": SENT.file_bytes // 2**20,
        "removes": visit.field("others") == "remove",
    }
    is_wrong = taken is not None and bool(taken.refused or taken.faults or is_stale)
    if visit.wants_fragment:
        # It is shown all the same, and browsers note other statuses as errors.
        return visit.page("registry/outcome.html", shown)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    return visit.page("registry/book.html", shown, status)


_NO_FILE: Final = ("请选择文件。", "Choose a file.")
