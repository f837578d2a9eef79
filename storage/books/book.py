"""Books of tables: an Excel file, or CSV files in a folder or a ZIP; and how large one may be.

Formulas are neither computed nor believed: a cell that holds one is refused.  A text that a
spreadsheet would take for a formula is written so that it stays a text.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwarden.storage.books.sheets import Cell

# What a spreadsheet computes when it stands first; the apostrophe says that a text follows.
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "'")


class BookError(Exception):
    """A file is no book of ours, or larger than any; ``cure`` is what to do about it."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a book may be; a city of 10,000 firms has 11 MB as Excel, 120 MB unpacked."""

    file_bytes: int = 64 * 2**20
    unpacked_bytes: int = 512 * 2**20
    sheets: int = 64
    rows: int = 200_000
    columns: int = 64


ON_DISK: Final = Bounds()
"""Of files that the operator of this machine names."""
# A city of 7,000 firms, which takes fifty seconds to read; nobody waits longer for a page.
SENT: Final = Bounds(file_bytes=8 * 2**20, unpacked_bytes=96 * 2**20, rows=100_000)
"""Of files that somebody sends."""


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


def guarded(cell: object) -> object:
    """Return a cell as a file of text holds it: what would be computed stays a text."""
    if isinstance(cell, str) and cell.startswith(_COMPUTED):
        return f"'{cell}"
    return cell


def unguarded(text: str) -> str:
    """Return the text that ``guarded`` made safe, or that nobody had to."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_COMPUTED) else text
