"""Books that are read, within bounds: a workbook, or files of text in whatever code they are in."""

import csv
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from wattwarden.storage.books.book import (
    FORMULA,
    ON_DISK,
    SENT,
    BookError,
    Bounds,
    Row,
    Table,
    Watch,
    unguarded,
    unwatched,
)
from wattwarden.storage.books.sheets import Cell

# Spreadsheets write a byte-order mark; older ones in China write GBK.
READ_AS: Final = ("utf-8-sig", "gb18030")
# With what every ZIP begins, empty ones and workbooks among them, and what makes one a workbook.
ZIP_BEGINS: Final = (b"PK\x03\x04", b"PK\x05\x06")
WORKBOOK_HAS: Final = "[Content_Types].xml"
# What reading ends by where a file is no book: openpyxl makes its objects of whatever stands there,
# and each packing has an error of its own.
_NO_BOOK: Final = (
    zipfile.BadZipFile,
    InvalidFileException,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    # A packing that is unknown here, or a password.
    RuntimeError,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
# Names of files in a ZIP are UTF-8 where this flag is set; else they are in the packer's own code.
_NAMED_IN_UTF8: Final = 0x800


def read_book(path: Path, watch: Watch = unwatched, bounds: Bounds = ON_DISK) -> list[Table]:
    """Read every table of a file (.xlsx) or of a folder (.csv); tables without rows as well.

    Raises:
        BookError: It is neither, or larger than a registry is.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.casefold() == ".csv")
        if not files:
            message = f"{path} has no .csv file"
            raise BookError(message, "export a template with: wattwarden registry export")
        _bound(len(files), bounds.sheets, f"{path}: files")
        return [_read_csv(file, watch, bounds) for file in files]
    if path.suffix.casefold() == ".csv":
        return [_read_csv(path, watch, bounds)]
    _bound(path.stat().st_size, bounds.file_bytes, f"{path}: bytes")
    with path.open("rb") as file:
        return _read_workbook(file, str(path), watch, bounds)


def read_sent(data: bytes, name: str, bounds: Bounds = SENT) -> list[Table]:
    """Read every table of a file that somebody sent: a workbook, a ZIP of .csv files, or one .csv.

    What it is is told by its content; only the title of a single .csv is that of its ``name``.

    Raises:
        BookError: It is none of these, or larger than a registry is.
    """
    _bound(len(data), bounds.file_bytes, f"{name}: bytes")
    if not data.startswith(ZIP_BEGINS):
        title = PurePosixPath(name.replace("\\", "/")).stem
        return [_table(title, _csv_rows(data, name), bounds)]
    with _only_books(name), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        if any(one.filename == WORKBOOK_HAS for one in members):
            return _read_workbook(io.BytesIO(data), name, unwatched, bounds)
        _bound(len(members), bounds.sheets, f"{name}: files")
        _bound(sum(one.file_size for one in members), bounds.unpacked_bytes, f"{name}: unpacked")
        return [_read_member(archive, one, bounds) for one in members]


def _read_workbook(file: IO[bytes], name: str, watch: Watch, bounds: Bounds) -> list[Table]:
    with _only_books(name):
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        _bound(unpacked, bounds.unpacked_bytes, f"{name}: bytes unpacked")
        # Read only: a row at a time, whatever size the sheet claims to have.
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        try:
            _bound(len(book.sheetnames), bounds.sheets, f"{name}: sheets")
            return [
                _table(sheet.title, watch(sheet.title, _sheet_rows(sheet, bounds)), bounds)
                for sheet in book.worksheets
            ]
        finally:
            book.close()


@contextmanager
def _only_books(name: str) -> Iterator[None]:
    """Say of what turns out to be no book that it is none.

    Raises:
        BookError: It is none.
    """
    try:
        yield
    except _NO_BOOK as error:
        message = f"{name} is no Excel file (.xlsx): {error}"
        raise BookError(message, "save it as .xlsx, or give .csv files") from error


def _read_csv(path: Path, watch: Watch, bounds: Bounds) -> Table:
    _bound(path.stat().st_size, bounds.file_bytes, f"{path}: bytes")
    rows = _csv_rows(path.read_bytes(), str(path))
    return _table(path.stem, watch(path.stem, rows), bounds)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, bounds: Bounds) -> Table:
    name = _name_of(member)
    if PurePosixPath(name).suffix.casefold() != ".csv":
        message = f"{name} is no .csv file"
        raise BookError(message, "a ZIP holds .csv files, one a table, and nothing else")
    # As much as it says it has, and no more, is ever unpacked.
    data = archive.read(member)
    return _table(PurePosixPath(name).stem, _csv_rows(data, name), bounds)


def _name_of(member: zipfile.ZipInfo) -> str:
    """Return a file's name; Windows in China writes it in GBK and does not say so."""
    if member.flag_bits & _NAMED_IN_UTF8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _sheet_rows(sheet: Any, bounds: Bounds) -> Iterator[Row]:
    # Some programs write a wrong size; without it every row is looked at.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(max_col=bounds.columns + 1):
        yield tuple(FORMULA if cell.data_type == "f" else _plain(cell.value) for cell in row)


def _plain(value: Any) -> Cell:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    cell: Cell = value
    return cell


def _csv_rows(raw: bytes, name: str) -> Iterator[Row]:
    try:
        for row in csv.reader(io.StringIO(_decoded(raw, name), newline="")):
            yield tuple(unguarded(cell) for cell in row)
    except csv.Error as error:
        message = f"{name}: {error}"
        raise BookError(message) from error


def _decoded(raw: bytes, name: str) -> str:
    for encoding in READ_AS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    message = f"{name} is neither UTF-8 nor GBK"
    raise BookError(message, "save it as CSV UTF-8")


def _table(title: str, rows: Iterable[Row], bounds: Bounds) -> Table:
    """The first row that is not empty has the heads; empty rows are passed over."""
    heads: tuple[str, ...] = ()
    kept: list[tuple[int, Row]] = []
    for number, whole in enumerate(rows, 1):
        _bound(number, bounds.rows, f"{title}: rows")
        row = _trimmed(whole)
        if not row:
            continue
        _bound(len(row), bounds.columns, f"{title}: columns")
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
        raise BookError(message, "is it the right file?")
