"""Books of tables: an Excel file, or a folder of CSV files, read with bounds and written whole.

Formulas are neither computed nor believed: a cell that holds one is refused.  A text that a
spreadsheet would take for a formula is written so that it stays a text.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import IO, Any, Final

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

from wattwarden.tools.errors import CommandError
from wattwarden.tools.registry.sheets import Cell

# A city of 10,000 firms has some 20 MB as an Excel file and 200 MB unpacked; more is no registry.
MAX_FILE_BYTES: Final = 64 * 2**20
MAX_UNPACKED_BYTES: Final = 512 * 2**20
MAX_SHEETS: Final = 64
MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 64
# Spreadsheets write a byte-order mark; older ones in China write GBK.
WRITTEN_AS: Final = "utf-8-sig"
READ_AS: Final = ("utf-8-sig", "gb18030")
# What a spreadsheet computes when it stands first; the apostrophe says that a text follows.
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_BOLD: Final = Font(bold=True)
_COLUMN_WIDTH: Final = 18


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that holds a formula instead of a value."""


Row = Sequence[Cell | Formula]
Watch = Callable[[str, Iterable[Any]], Iterable[Any]]
"""Looks on while the rows of a table of a title go by."""
FORMULA: Final = Formula()


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet as it was read: its title, its heads, and rows with their numbers from 1."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[int, Row], ...]


def unwatched(_title: str, rows: Iterable[Any]) -> Iterable[Any]:
    """Look at nothing."""
    return rows


def read_book(path: Path, watch: Watch = unwatched) -> list[Table]:
    """Read every table of a file (.xlsx) or of a folder (.csv); tables without rows as well.

    Raises:
        CommandError: It is neither, or larger than a registry is.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.casefold() == ".csv")
        if not files:
            message = f"{path} has no .csv file"
            raise CommandError(message, "export a template with: wattwarden registry export")
        _bound(len(files), MAX_SHEETS, f"{path}: files")
        return [_table(file.stem, watch(file.stem, _csv_rows(file))) for file in files]
    if path.suffix.casefold() == ".csv":
        return [_table(path.stem, watch(path.stem, _csv_rows(path)))]
    return _read_workbook(path, watch)


def write_book(path: Path, tables: Iterable[Table], watch: Watch = unwatched) -> None:
    """Write tables as a file (.xlsx), or as .csv files into a folder.

    Folders that are not there are made.

    Raises:
        OSError: it cannot be written.
    """
    if path.suffix.casefold() == ".xlsx":
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened first: sheets of a book that cannot be saved complain when they go.
        with path.open("wb") as file:
            _write_workbook(file, tables, watch)
        return
    path.mkdir(parents=True, exist_ok=True)
    for table in tables:
        with (path / f"{table.title}.csv").open("w", encoding=WRITTEN_AS, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.heads)
            writer.writerows([_guarded(cell) for cell in row] for _, row in table.rows)


def _read_workbook(path: Path, watch: Watch) -> list[Table]:
    _bound(path.stat().st_size, MAX_FILE_BYTES, f"{path}: bytes")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        _bound(unpacked, MAX_UNPACKED_BYTES, f"{path}: bytes unpacked")
        # Read only: a row at a time, whatever size the sheet claims to have.
        book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            _bound(len(book.sheetnames), MAX_SHEETS, f"{path}: sheets")
            return [
                _table(sheet.title, watch(sheet.title, _sheet_rows(sheet)))
                for sheet in book.worksheets
            ]
        finally:
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, SyntaxError, ValueError) as error:
        message = f"{path} is no Excel file (.xlsx): {error}"
        raise CommandError(message, "save it as .xlsx, or give a folder of .csv files") from error


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    # Some programs write a wrong size; without it every row is looked at.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_col=MAX_COLUMNS + 1):
        yield tuple(FORMULA if cell.data_type == "f" else _plain(cell.value) for cell in row)


def _plain(value: Any) -> Cell:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    cell: Cell = value
    return cell


def _csv_rows(path: Path) -> Iterator[Row]:
    _bound(path.stat().st_size, MAX_FILE_BYTES, f"{path}: bytes")
    try:
        for row in csv.reader(io.StringIO(_decoded(path), newline="")):
            yield tuple(_unguarded(cell) for cell in row)
    except csv.Error as error:
        message = f"{path}: {error}"
        raise CommandError(message) from error


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in READ_AS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    message = f"{path} is neither UTF-8 nor GBK"
    raise CommandError(message, "save it as CSV UTF-8")


def _table(title: str, rows: Iterable[Row]) -> Table:
    """The first row that is not empty has the heads; empty rows are passed over."""
    heads: tuple[str, ...] = ()
    kept: list[tuple[int, Row]] = []
    for number, whole in enumerate(rows, 1):
        _bound(number, MAX_ROWS, f"{title}: rows")
        row = _trimmed(whole)
        if not row:
            continue
        _bound(len(row), MAX_COLUMNS, f"{title}: columns")
        if heads:
            kept.append((number, row))
        else:
            heads = tuple("" if cell is None else str(cell).strip() for cell in row)
    return Table(title, heads, tuple(kept))


def _trimmed(row: Row) -> Row:
    """A row without the empty cells at its end."""
    size = len(row)
    while size and (row[size - 1] is None or row[size - 1] == ""):
        size -= 1
    return row[:size]


def _bound(found: int, most: int, what: str) -> None:
    if found > most:
        message = f"{what}: at most {most:,} are read, got {found:,}"
        raise CommandError(message, "is it the right file?")


def _write_workbook(file: IO[bytes], tables: Iterable[Table], watch: Watch) -> None:
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.title)
        sheet.freeze_panes = "B2"
        for place in range(len(table.heads)):
            sheet.column_dimensions[_letter(place)].width = _COLUMN_WIDTH
        sheet.append([_written(sheet, head, bold=True) for head in table.heads])
        for _, row in watch(table.title, table.rows):
            sheet.append([_written(sheet, cell) for cell in row])
    book.save(file)


def _written(sheet: Any, cell: object, *, bold: bool = False) -> Any:
    if not isinstance(cell, str):
        return cell
    made = WriteOnlyCell(sheet, cell)
    # Said last: the library takes "=…" for a formula and "1" may be wanted as a text.
    made.data_type = "s"
    if bold:
        made.font = _BOLD
    return made


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _guarded(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_COMPUTED):
        return f"'{cell}"
    return cell


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_COMPUTED) else text
