"""Lists as files: CSV, Excel, Parquet; a page after the other, never all of it in memory.

rows ─► columns of the first page ─► cells ─► file          a formula of a stranger stays text
"""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from wattwarden.console.api.asked import MOST_ROWS, Form
from wattwarden.console.visit import Visit

# A sheet of Excel holds a million; nobody reads a file with more of these than a year's alarms.
MOST_EXPORTED: Final = 100_000
# As spreadsheets do it: what begins so would be computed, after spaces and in wide letters as well.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BEFORE_FORMULA: Final = ("\t", "\r", "\n")
# What Excel refuses in a cell.
_MAX_CELL_LETTERS: Final = 32_000
TYPES: Final[Mapping[Form, str]] = {
    Form.CSV: "text/csv",
    Form.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.PARQUET: "application/vnd.apache.parquet",
}
_BLOCK_BYTES: Final = 64 * 1024
# What columns of a table hold.
_HELD: Final[Mapping[str, tuple[type, ...]]] = {"bool": (bool,), "double": (int, float)}

Page = Callable[[Any, int], Awaitable[tuple[Sequence[Any], Any]]]
"""Returns the rows after a key, at most so many, and the key to go on after; None: no more."""
Row = Mapping[str, Any]


class _Sheet(Protocol):
    """A file while it is written."""

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""

    def close(self) -> None:
        """Finish the file."""


async def send_file(visit: Visit, form: Form, name: str, page: Page) -> web.StreamResponse:
    """Send all rows of a list as a file, ``MOST_EXPORTED`` at the most."""
    pages = _pages(page)
    # The first page is asked for before anything is promised.
    first = await anext(pages)
    file = f"{name.rpartition('/')[2]}.{form.value}"
    response = web.StreamResponse(
        headers={
            "Content-Type": TYPES[form] + ("; charset=utf-8" if form is Form.CSV else ""),
            "Content-Disposition": f'attachment; filename="{file}"',
        }
    )
    if form is Form.CSV:
        await response.prepare(visit.request)
        await _send_csv(response, first, pages)
    else:
        await _send_made(visit.request, response, form, first, pages)
    await response.write_eof()
    return response


async def _pages(page: Page) -> AsyncIterator[list[Row]]:
    """Yield the rows, at least one page of them, which may be empty."""
    after, left = None, MOST_EXPORTED
    while left > 0:
        rows, after = await page(after, min(left, MOST_ROWS))
        left -= len(rows)
        yield [flat(row) for row in rows]
        if after is None:
            return


async def _send_csv(
    response: web.StreamResponse, first: list[Row], rest: AsyncIterator[list[Row]]
) -> None:
    columns = columns_of(first)
    # The mark by which Excel knows UTF-8.
    await response.write("﻿".encode() + _lines([columns]))
    rows = first
    while rows:
        await response.write(_lines([safe(row.get(name)) for name in columns] for row in rows))
        rows = await anext(rest, [])


async def _send_made(
    request: web.Request,
    response: web.StreamResponse,
    form: Form,
    first: list[Row],
    rest: AsyncIterator[list[Row]],
) -> None:
    """Write a file that is only whole at its end, beside the loop, and send it."""
    with tempfile.TemporaryDirectory(prefix="ww-export-") as folder:
        file = Path(folder) / "file"
        sheet = await asyncio.to_thread(_opened, form, file, columns_of(first))
        rows = first
        while rows:
            await asyncio.to_thread(sheet.write, rows)
            rows = await anext(rest, [])
        await asyncio.to_thread(sheet.close)
        response.content_length = (await asyncio.to_thread(file.stat)).st_size
        await response.prepare(request)
        with file.open("rb") as opened:
            while block := await asyncio.to_thread(opened.read, _BLOCK_BYTES):
                await response.write(block)


def flat(row: object) -> Row:
    """Return a row with a column for each value, those of its body among them; else as JSON.

    >>> flat({"id": 1, "body": {"why": "dust"}, "files": ["a"]})
    {'id': 1, 'body.why': 'dust', 'files': '["a"]'}
    """
    told = msgspec.to_builtins(row, builtin_types=(datetime,))
    body = told.pop("body", None)
    inner = body.items() if isinstance(body, dict) else ()
    cells = {**told, **{f"body.{name}": value for name, value in inner}}
    return {name: _cell(value) for name, value in cells.items()}


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the columns that a file has: all that its first page has."""
    return list(dict.fromkeys(name for row in rows for name in row))


def safe(value: Any) -> Any:
    """Return a cell of which no spreadsheet makes a formula.

    >>> safe("=1+1"), safe(-1)
    ("'=1+1", -1)
    """
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and (
        value.startswith(_BEFORE_FORMULA) or value.lstrip().startswith(_FORMULA)
    ):
        return f"'{value}"
    return value


class _Excel:
    """One sheet."""

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        self._file = file
        self._columns = columns
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet()
        self._sheet.append(list(columns))

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        for row in rows:
            self._sheet.append([self._cell(row.get(name)) for name in self._columns])

    def close(self) -> None:
        """Finish the file."""
        self._book.save(self._file)

    def _cell(self, value: Any) -> Any:
        told = safe(value)
        if not isinstance(told, str):
            return told
        cell = WriteOnlyCell(self._sheet, printable(told)[:_MAX_CELL_LETTERS])
        cell.data_type = "s"
        return cell


class _Parquet:
    """One table; what is no number is text."""

    def __init__(self, file: Path, columns: Sequence[str]) -> None:
        # Some 60 MB that only those need who ask for this.
        import pyarrow  # noqa: PLC0415  see above
        from pyarrow import parquet  # noqa: PLC0415  see above

        self._arrow = pyarrow
        self._file = file
        self._columns = columns
        self._open = parquet.ParquetWriter
        self._writer: Any = None
        self._schema: Any = None

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows; the first ones decide what the columns hold."""
        self._begin(rows)
        columns = {
            field.name: [_fitting(row.get(field.name), field.type) for row in rows]
            for field in self._schema
        }
        self._writer.write_table(self._arrow.table(columns, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._begin([])
        self._writer.close()

    def _begin(self, rows: Sequence[Row]) -> None:
        if self._writer is None:
            fields = [(name, self._kind(name, rows)) for name in self._columns]
            self._schema = self._arrow.schema(fields)
            self._writer = self._open(self._file, self._schema, compression="zstd")

    def _kind(self, name: str, rows: Sequence[Row]) -> Any:
        kinds = {type(row.get(name)) for row in rows} - {type(None)}
        if kinds == {bool}:
            return self._arrow.bool_()
        if kinds and kinds <= {int, float}:
            return self._arrow.float64()
        if kinds == {datetime}:
            return self._arrow.timestamp("us", tz="UTC")
        return self._arrow.string()


def printable(text: str) -> str:
    """Return a text without what Excel cannot keep."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n")


def _opened(form: Form, file: Path, columns: Sequence[str]) -> _Sheet:
    return _Excel(file, columns) if form is Form.EXCEL else _Parquet(file, columns)


def _fitting(value: Any, kind: Any) -> Any:
    """Return a value as its column holds it."""
    wanted = str(kind)
    if value is None:
        return None
    if wanted == "string":
        return str(safe(value)) if isinstance(value, datetime) else str(value)
    fits = _HELD.get(wanted, (datetime,))
    return value if isinstance(value, fits) else None


def _cell(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
