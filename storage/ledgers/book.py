"""A ledger as an Excel book, made to be printed: A4 landscape, a sheet a kind, ready to be signed.

    title                        who, what
    credit code, address         whose
    period, number of entries    of when
    heads                        repeated on every page
    entries …
    signatures

In the footer of every page: its number, and where the ledger ended when it was printed, by which
``wattwarden ledger verify --printed`` tells years later whether anything was touched since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from wattwarden.alarms.ledgers.entries import Head
from wattwarden.alarms.ledgers.sheets import Cell, Sheet

# So many digits of the digest are printed: nobody finds another ledger with the same 64 bits, and
# a person can still type them.
PRINTED_DIGITS: Final = 16
HEAD_ROW: Final = 4
FIRST_ROW: Final = HEAD_ROW + 1
MOMENT_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"
NO_ENTRIES: Final = "本期无记录"
SIGNATURES: Final = "填表人：____________    审核人：____________    日期：______年____月____日"
_THIN: Final = Side(style="thin", color="808080")
_GRID: Final = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
# As a correction by hand: struck out, and still to be read.
_STRUCK: Final = Font(strike=True, color="808080")
# Said of what was struck out, and not struck out itself.
_REMARK: Final = Font(bold=True)
# What a book's format cannot hold, wherever it came from.
_UNWRITABLE: Final = "\ufffd"
_SHADE: Final = PatternFill("solid", fgColor="E7EEF4")
# Excel's own number of A4.
_A4: Final = 9
_MARGIN_INCHES: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands above every sheet; ``head`` is the end of the ledger when it was printed."""

    enterprise: str
    credit_code: str
    address: str
    period: str
    head: Head

    @property
    def seal(self) -> str:
        """Where the ledger ended, as its pages and ``verify`` write it."""
        return f"{self.head.number}:{self.head.digest.hex()[:PRINTED_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet and its rows, moments in the enterprise's zone; ``count`` says how many in words.

    ``fallen`` are the places of rows that stand no more, with their mark: they are struck out, and
    their remark, in bold, says by which row.  ``amending`` are the places of those rows.
    """

    sheet: Sheet
    rows: Sequence[Sequence[Cell]]
    count: str
    fallen: Mapping[int, str] = field(default_factory=dict)
    amending: frozenset[int] = frozenset()


def write_ledger(to: Path | IO[bytes], cover: Cover, pages: Sequence[Page]) -> None:
    """Write a book with a sheet a page, into a file by its path or into an open one.

    Raises:
        OSError: The file cannot be written.
    """
    book = Workbook()
    book.properties.title = _written(f"{cover.enterprise} 环境管理台账")
    book.properties.creator = "Wattwarden"
    for number, page in enumerate(pages):
        sheet = book.active if number == 0 else book.create_sheet()
        if not isinstance(sheet, Worksheet):
            message = f"a new book begins with a sheet, got {type(sheet).__name__}"
            raise TypeError(message)
        sheet.title = page.sheet.title
        _write(sheet, cover, page)
    book.save(to)


def _write(sheet: Worksheet, cover: Cover, page: Page) -> None:
    width = len(page.sheet.columns)
    count = page.count if page.rows else NO_ENTRIES
    _line(sheet, 1, width, f"{cover.enterprise} 环境管理台账：{page.sheet.title}")
    sheet["A1"].font = Font(bold=True, size=16)
    sheet["A1"].alignment = Alignment(horizontal="center", vertical="center")
    sheet.row_dimensions[1].height = 30
    identity = f"统一社会信用代码：{cover.credit_code or '—'}    地址：{cover.address or '—'}"
    _line(sheet, 2, width, identity)
    _line(sheet, 3, width, f"时段：{cover.period}    {count}")
    for place, column in enumerate(page.sheet.columns, 1):
        head = _put(sheet, HEAD_ROW, place, column.head)
        head.font, head.fill = Font(bold=True), _SHADE
        head.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    for at, row in enumerate(page.rows):
        for place, cell in enumerate(row, 1):
            put = _put(sheet, FIRST_ROW + at, place, cell)
            if at in page.fallen:
                put.font = _STRUCK if place < width else _REMARK
    signed = FIRST_ROW + len(page.rows) + 1
    _line(sheet, signed, width, SIGNATURES)
    sheet.row_dimensions[signed].height = 30
    _set_up(sheet, cover, f"A1:{get_column_letter(width)}{signed}")


def _put(sheet: Worksheet, row: int, place: int, value: Cell) -> Any:
    cell = sheet.cell(row, place)
    if isinstance(value, datetime):
        # A spreadsheet knows no zones: what it shows is the enterprise's own time.
        cell.value = value.replace(tzinfo=None, microsecond=0)
        cell.number_format = MOMENT_FORMAT
    else:
        cell.value = _written(value) if isinstance(value, str) else value
    if isinstance(value, str):
        # Said last: the library takes "=…" for a formula.
        cell.data_type = "s"
    cell.border = _GRID
    cell.alignment = Alignment(vertical="top", wrap_text=isinstance(value, str))
    return cell


def _written(text: str) -> str:
    """Return a text as a book can hold it."""
    return str(ILLEGAL_CHARACTERS_RE.sub(_UNWRITABLE, text))


def _line(sheet: Worksheet, row: int, width: int, text: str) -> None:
    """Put a text across all columns."""
    cell = sheet.cell(row, 1, _written(text))
    cell.data_type = "s"
    cell.alignment = Alignment(vertical="center")
    sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=width)


def _set_up(sheet: Worksheet, cover: Cover, area: str) -> None:
    sheet.freeze_panes = f"A{FIRST_ROW}"
    sheet.print_area = area
    sheet.print_title_rows = f"1:{HEAD_ROW}"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.orientation = "landscape"
    # All columns on one page's width, as many pages as it takes.
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.print_options.horizontalCentered = True
    for side in ("left", "right"):
        setattr(sheet.page_margins, side, _MARGIN_INCHES)
    footer = {"left": f"台账末条 {cover.seal}", "center": "第 &P 页 共 &N 页", "right": "&D"}
    for side, text in footer.items():
        getattr(sheet.oddFooter, side).text = text
