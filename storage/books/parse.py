"""From tables to records and decisions' bodies; what cannot be read is told by sheet, row, column.

A row whose id is known already changes that record: columns that the sheet does not have keep what
is there, cells left empty go back to the default.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from wattwarden.alarms.registry.problems import Problem
from wattwarden.storage.books.book import Formula, Row, Table
from wattwarden.storage.books.cells import CellError, of_cell
from wattwarden.storage.books.sheets import NOTES, SHEETS, Cell, Column, Sheet, sheet_named

# More are not read by anybody; the number of all is told.
MAX_FAULTS: Final = 1_000

_PATH: Final = re.compile(r" - at `\$\.([a-z_]+)")
_IGNORED: Final = (NOTES, "readme", "notes")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong, and where: the sheet's title, the row's number, the column's head."""

    sheet: str
    row: int
    column: str
    zh: str
    en: str

    def __str__(self) -> str:
        row = f" row {self.row}" if self.row else ""
        column = f", {self.column}" if self.column else ""
        return f"{self.sheet}{row}{column}: {self.zh} ({self.en})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record was read: its sheet's title and row, and the heads of its fields."""

    sheet: str
    row: int
    heads: Mapping[str, str]


Known = Mapping[str, Mapping[str, msgspec.Struct]]
"""Records and bodies in force, by kind and id."""


@dataclass(slots=True)
class Parsed:
    """Records and bodies by kind and id, where each stands, and what could not be read.

    ``failed`` are ids by kind whose row has a fault; of kinds in ``unread`` nothing is known.
    """

    records: dict[str, dict[str, msgspec.Struct]] = field(default_factory=dict)
    places: dict[tuple[str, str], Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    failed: dict[str, set[str]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    def may_have(self, kind: str, identity: str) -> bool:
        """Whether the tables may name a record, had they been read without fault."""
        return kind in self.unread or identity in self.failed.get(kind, ())

    def located(self, problem: Problem) -> Fault:
        """Say where in the tables a problem's record stands; its kind and id where it does not."""
        place = self.places.get((problem.kind, problem.id))
        sheet = SHEETS.get(problem.kind)
        column = None if sheet is None else sheet.column(problem.field)
        head = problem.field if column is None else column.zh
        if place is None:
            title = f"{problem.kind if sheet is None else sheet.zh} {problem.id}"
            return Fault(title, 0, head, problem.zh, problem.en)
        head = place.heads.get(problem.field, head)
        return Fault(place.sheet, place.row, head, problem.zh, problem.en)


def parse_tables(tables: Sequence[Table], known: Known) -> Parsed:
    """Read every table; those that explain are passed over, unknown ones are faults."""
    parsed = Parsed()
    for table in tables:
        sheet = sheet_named(table.title)
        if sheet is not None:
            _Reader(sheet, table, known.get(sheet.kind, {}), parsed).read()
        elif table.title.strip().casefold() not in _IGNORED:
            listed = "、".join(one.zh for one in SHEETS.values())
            en = f"no such sheet; there are {', '.join(SHEETS)}"
            parsed.faults.append(Fault(table.title, 0, "", f"未知工作表,可用:{listed}", en))
            # It may have been meant for any of them.
            parsed.unread.update(SHEETS)
    return parsed


class _Reader:
    """Reads one table."""

    def __init__(
        self, sheet: Sheet, table: Table, known: Mapping[str, msgspec.Struct], parsed: Parsed
    ) -> None:
        self._sheet = sheet
        self._table = table
        self._known = known
        self._parsed = parsed
        self._records = parsed.records.setdefault(sheet.kind, {})
        self._columns: dict[int, Column] = {}
        self._heads: dict[str, str] = {}

    def read(self) -> None:
        if not self._table.heads:
            return
        if not self._read_heads():
            self._parsed.unread.add(self._sheet.kind)
            return
        for number, row in self._table.rows:
            self._read_row(number, row)
            if len(self._parsed.faults) >= MAX_FAULTS:
                self._parsed.unread.update(SHEETS)
                return

    def _read_heads(self) -> bool:
        for place, head in enumerate(self._table.heads):
            column = self._sheet.column(head) if head else None
            if column is None or column.field in self._heads:
                zh, en = ("未知列", "no such column") if column is None else ("列重复", "twice")
                self._fault(1, head or f"#{place + 1}", zh, en)
            else:
                self._columns[place] = column
                self._heads[column.field] = head
        if "id" not in self._heads:
            self._fault(1, "编号", "缺少编号列", "the column of ids is missing")
            return False
        return len(self._columns) == len(self._table.heads)

    def _read_row(self, number: int, row: Row) -> None:
        before = len(self._parsed.faults)
        values: dict[str, Any] = {}
        empty: set[str] = set()
        for place, column in self._columns.items():
            cell = row[place] if place < len(row) else None
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                empty.add(column.field)
                continue
            try:
                values[column.field] = _value(column, cell)
            except CellError as error:
                self._fault(number, self._heads[column.field], error.zh, error.en)
        if len(row) > len(self._table.heads):
            self._fault(number, f"#{len(row)}", "该列没有表头", "a cell in a column without a head")
        if len(self._parsed.faults) == before:
            self._keep(number, values, empty)
        elif "id" in values:
            self._fail(values["id"])

    def _keep(self, number: int, values: dict[str, Any], empty: set[str]) -> None:
        identity = values.get("id")
        if identity is None:
            self._fault(number, self._heads["id"], "缺少编号", "the id is missing")
            return
        if identity in self._records:
            first = self._parsed.places[self._sheet.kind, identity].row
            self._fault(number, self._heads["id"], f"编号与第{first}行重复", f"as in row {first}")
            return
        base = self._known.get(identity)
        old = {} if base is None else msgspec.to_builtins(base)
        merged = {name: value for name, value in old.items() if name not in empty} | values
        try:
            record = msgspec.convert(merged, self._sheet.type)
        except msgspec.ValidationError as error:
            self._invalid(number, str(error))
            self._fail(identity)
            return
        self._records[identity] = record
        place = Place(self._table.title, number, self._heads)
        self._parsed.places[self._sheet.kind, identity] = place

    def _fail(self, identity: str) -> None:
        self._parsed.failed.setdefault(self._sheet.kind, set()).add(identity)

    def _invalid(self, number: int, message: str) -> None:
        """A field is out of bounds, or a required one is missing."""
        found = _PATH.search(message)
        named = found[1] if found else message.rpartition("field `")[2].rstrip("`")
        head = self._heads.get(named) or next(
            (column.zh for column in self._sheet.columns if column.field == named), ""
        )
        zh = "缺少必填项" if "missing required" in message else "数值超出允许范围"
        self._fault(number, head, zh, _PATH.sub("", message).rstrip("`"))

    def _fault(self, row: int, column: str, zh: str, en: str) -> None:
        self._parsed.faults.append(Fault(self._table.title, row, column, zh, en))


def _value(column: Column, cell: Cell | Formula) -> Any:
    if isinstance(cell, Formula):
        raise CellError("不接受公式,请粘贴为数值", "a formula is not read: paste its value")
    return of_cell(column, cell)
