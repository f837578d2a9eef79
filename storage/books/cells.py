"""Between a cell and a field's value, so that what is written is read back the same."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.protocol.zone import CHINA
from wattwarden.storage.books.sheets import Cell, Column, Form
from wattwarden.storage.moments import read_moment

TRUE: Final = "是"
FALSE: Final = "否"
# The longest field is a patrol's report.
MAX_CELL_LETTERS: Final = 4_000
# Excel's serial days count from here; 1900's wrong leap day is before any date of ours.
_SERIAL_EPOCH: Final = datetime(1899, 12, 30, tzinfo=DEFAULT_ZONE)
_SERIAL_DAYS: Final = range(36_526, 73_051)  # the years 2000 to 2099
_TRUTHS: Final = {
    "是": True, "true": True, "yes": True, "1": True, "y": True,
    "否": False, "false": False, "no": False, "0": False, "n": False,
}  # fmt: skip
_BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)


class CellError(ValueError):
    """A cell holds no value of its column."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def to_cell(column: Column, value: Any) -> str | float | int | None:
    """Return what stands in a cell for a field's value; nothing for None and for empty texts."""
    if value is None or value in ("", {}):
        return None
    if column.form in (Form.NUMBER, Form.INTEGER):
        return _unscaled(value, column.scale)
    if column.form is Form.CHOICE:
        return dict(column.labels)[value]
    return _WRITTEN[column.form](value)


def of_cell(column: Column, cell: Cell) -> Any:
    """Return the field's value of a cell that is not empty.

    Raises:
        CellError: It holds none.
    """
    if column.form is Form.NUMBER:
        return _scaled(cell, column.scale)
    if column.form is Form.CHOICE:
        return _choice(column, _text(cell))
    return _READ[column.form](cell)


def _local(moment: datetime) -> str:
    return moment.astimezone(DEFAULT_ZONE).replace(tzinfo=None).isoformat(" ")


def _listed(amounts: Mapping[str, float]) -> str:
    return "; ".join(f"{name}={_plain(number)}" for name, number in amounts.items())


def _texts(cell: Cell) -> list[str]:
    """Read texts with semicolons between them; full-width ones are taken as well."""
    parts = _text(cell).replace("\uff1b", ";").replace("\n", ";").split(";")
    return [part.strip() for part in parts if part.strip()]


def _yes_or_no(truth: object) -> str:
    return TRUE if truth else FALSE


def _plain(number: float) -> str:
    """The shortest text that gives the number again."""
    if float(number).is_integer() and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


def _unscaled(value: float, scale: float) -> float | int:
    cell = float(Decimal(repr(value)) / Decimal(repr(scale)))
    return int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell


def _scaled(cell: Cell, scale: float) -> float:
    if isinstance(cell, bool | datetime):
        raise CellError("应为数字", f"a number is wanted, got {cell}")
    text = str(cell).strip().replace(",", "").removesuffix("%")
    try:
        number = float(Decimal(text) * Decimal(repr(scale)))
    except (InvalidOperation, OverflowError):
        raise CellError("应为数字", f"a number is wanted, got {_short(text)}") from None
    if not math.isfinite(number):
        raise CellError("应为有限数字", f"a finite number is wanted, got {_short(text)}")
    return number


def _whole(cell: Cell) -> int:
    number = _scaled(cell, 1)
    if not number.is_integer():
        raise CellError("应为整数", f"a whole number is wanted, got {cell}")
    return int(number)


def _truth(cell: Cell) -> bool:
    if isinstance(cell, bool):
        return cell
    truth = _TRUTHS.get(_text(cell).casefold())
    if truth is None:
        raise CellError("应为 是 或 否", f"是 or 否 (yes or no) is wanted, got {_short(str(cell))}")
    return truth


def _moment(cell: Cell) -> datetime:
    if isinstance(cell, datetime):
        aware = cell if cell.tzinfo else cell.replace(tzinfo=DEFAULT_ZONE)
        return aware.astimezone(UTC)
    if isinstance(cell, int | float) and int(cell) in _SERIAL_DAYS:
        return (_SERIAL_EPOCH + timedelta(days=cell)).astimezone(UTC)
    text = _text(cell)
    try:
        moment = read_moment(text.replace("/", "-"), CHINA)
    except (ValueError, OverflowError):
        moment = _BEGINNING
    if moment <= _BEGINNING:
        en = f'a time is wanted, such as 2026-11-22 08:00, got "{_short(text)}"'
        raise CellError("应为时间,如 2026-11-22 08:00", en)
    return moment


def _choice(column: Column, text: str) -> str:
    for value, label in column.labels:
        if text in (label, value) or text.casefold() == value:
            return value
    listed = "、".join(label for _, label in column.labels)
    values = ", ".join(value for value, _ in column.labels)
    zh = f"应为 {listed} 之一"
    raise CellError(zh, f"one of {values} is wanted, got {_short(text)}")


def _amounts(cell: Cell) -> Mapping[str, float]:
    """Read ``NOx=12.5; PM=3``; full-width signs are taken as well."""
    amounts: dict[str, float] = {}
    text = _text(cell)
    for part in text.replace("\uff1b", ";").replace("\n", ";").replace("\uff1d", "=").split(";"):
        name, equals, number = part.strip().partition("=")
        if not part.strip():
            continue
        if not equals or not name.strip() or name.strip() in amounts:
            en = f'each name once with its number is wanted, "NOx=12.5; PM=3", got {_short(part)}'
            raise CellError("应写作 名称=数值; 名称=数值,名称不重复", en)
        amounts[name.strip()] = _scaled(number, 1)
    return amounts


def _text(cell: Cell) -> str:
    """A cell as text; a spreadsheet makes a number of an id that looks like one."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    text = str(cell).strip()
    if "\0" in text:
        raise CellError("含有不可用的字符", "a letter that is none: NUL")
    if len(text) > MAX_CELL_LETTERS:
        zh = f"最多 {MAX_CELL_LETTERS} 字"
        raise CellError(zh, f"at most {MAX_CELL_LETTERS} letters are taken, got {len(text)}")
    return text


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


_WRITTEN: Final[dict[Form, Callable[[Any], str]]] = {
    Form.TEXT: str,
    Form.TRUTH: _yes_or_no,
    Form.MOMENT: _local,
    Form.AMOUNTS: _listed,
    Form.TEXTS: "; ".join,
}
_READ: Final[dict[Form, Callable[[Cell], Any]]] = {
    Form.TEXT: _text,
    Form.INTEGER: _whole,
    Form.TRUTH: _truth,
    Form.MOMENT: _moment,
    Form.AMOUNTS: _amounts,
    Form.TEXTS: _texts,
}
