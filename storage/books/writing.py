"""Books that are written: a workbook, or files of text that spreadsheets read."""

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from wattwarden.storage.books.book import Table, Watch, guarded, unwatched

# With a byte-order mark, by which spreadsheets know it.
WRITTEN_AS: Final = "utf-8-sig"
_BOLD: Final = Font(bold=True)
_COLUMN_WIDTH: Final = 18


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
            _write_csv(file, table)


def packed_book(tables: Iterable[Table]) -> bytes:
    """Return tables as a workbook."""
    file = io.BytesIO()
    _write_workbook(file, tables, unwatched)
    return file.getvalue()


def packed_csv(tables: Iterable[Table]) -> bytes:
    """Return tables as a ZIP of .csv files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            text = io.StringIO(newline="")
            _write_csv(text, table)
            archive.writestr(f"{table.title}.csv", text.getvalue().encode(WRITTEN_AS))
    return packed.getvalue()


def _write_csv(file: IO[str], table: Table) -> None:
    writer = csv.writer(file)
    writer.writerow(table.heads)
    writer.writerows([guarded(cell) for cell in row] for _, row in table.rows)


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
