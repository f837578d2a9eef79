"""What the data items (数据标识) of DL/T 645 are: names, formats, units and quantities, as data.

A line of the tables stands for many items: letters in its identifier are variables.

    0001ttnn   tt tariff 00–3F, nn settlement 00 (now) to 0C;  FF in either: all of them, a block

Formats, in wire order, blanks between parts: 6.2 a number of six digits and two decimals (- for one
with a sign), YYMMDDhhmm a wall time, n6 digits that are a name, h2 bytes shown as hex, t32 text; *
at the end: as often as there are data; nothing: no format is known.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Final

from wattwarden.codecs.tables import read_table
from wattwarden.protocol.digits import Digits, Reversed, ReversedText, WallTime
from wattwarden.protocol.quantity import QUANTITIES, TARIFFS

IDENTIFIER_2007: Final = 8
IDENTIFIER_1997: Final = 4
# No pattern has a variable in its first byte.
_FIXED_DIGITS: Final = 2
_NUMBER: Final = re.compile(r"(?P<sign>-?)(?P<digits>\d+)(?:\.(?P<decimals>\d+))?")
# The items that meters are asked for repeat; more than any plan has.
_REMEMBERED: Final = 4096
_REMEMBERED_BLOCKS: Final = 256

# How many of our unit one of the standard's is.
_SCALES: Final = {
    "V": 1.0, "A": 1.0, "kW": 1000.0, "kvar": 1000.0, "kVA": 1000.0, "kWh": 1000.0,
    "kvarh": 1000.0, "Hz": 1.0, "%": 0.01, "": 1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Variable:
    least: int
    most: int
    zh: str
    en: str


_VARIABLES: Final = {
    "t": _Variable(0, 0x3F, "费率{}", "tariff {}"),
    "n": _Variable(0, 0x0C, "上{}结算日", "{} settlements ago"),
    "m": _Variable(0, 0x0C, "上{}月", "{} months ago"),
    "p": _Variable(1, 3, "{}相", "phase {}"),
    "q": _Variable(0, 3, "{}相", "phase {}"),
    "h": _Variable(1, 0x15, "{}次", "order {}"),
    "r": _Variable(1, 0x0A, "上{}次", "{} times ago"),
    "k": _Variable(1, 0xFE, "{}", "{}"),
    "f": _Variable(1, 0xFE, "上{}次", "{} times ago"),
}
_LETTERS: Final = re.compile(r"([a-z])\1*")
_PHASES: Final = "?ABC"
_TOTALS: Final = {"t": ("总", "total"), "q": ("总", "total"), "n": ("", ""), "m": ("", "")}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an item: what it is called in the item, and how its bytes are read."""

    slug: str
    piece: Any
    size: int
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One data item.  ``quantity`` is ours, "" for none; ``scale`` brings its unit to ours.

    ``size`` counts its bytes, of one that repeats those of one repetition.
    """

    di: str
    zh: str
    en: str
    parts: tuple[Part, ...]
    size: int
    repeats: bool
    unit: str
    quantity: str
    scale: float

    @property
    def name(self) -> str:
        """Chinese and English."""
        return f"{self.zh} {self.en}"


@lru_cache(_REMEMBERED)
def find_item(di: str) -> Item | None:
    """Return the item of an identifier of 8 (2007) or 4 (1997) hex digits, None if unknown."""
    table, shapes = _table(len(di))
    for shape in shapes.get(di[:_FIXED_DIGITS], ()):
        pattern = "".join(letter or char for char, letter in zip(di, shape, strict=True))
        row = table.get(pattern)
        item = None if row is None else _item_of(row, di)
        if item is not None:
            return item
    return None


@lru_cache(_REMEMBERED_BLOCKS)
def members_of(di: str) -> tuple[Item, ...]:
    """Return the items of which a block (FF) consists, in order; () if it is none."""
    if len(di) == IDENTIFIER_1997:
        names = [f"{di[:3]}{last:X}" for last in range(0xF)] if di.endswith("F") else []
    elif di[4:6] == "FF" and di[6:] != "FF":
        names = [f"{di[:4]}{member:02X}{di[6:]}" for member in range(0xFF)]
    else:
        names = [f"{di[:6]}{member:02X}" for member in range(0xFF)] if di[6:] == "FF" else []
    return tuple(item for item in map(find_item, names) if item is not None)


def block_name(di: str) -> str:
    """Return what a block is called: after the first item that it has."""
    members = members_of(di)
    return f"{members[0].zh} 数据块 {members[0].en}, block" if members else ""


_Row = dict[str, str]
_Shape = tuple[str, ...]
"""Which letter stands at each place of a pattern, "" for a digit."""


@cache
def _table(digits: int) -> tuple[dict[str, _Row], dict[str, list[_Shape]]]:
    """Return the lines by pattern, and the shapes of patterns by their first digits."""
    year = "2007" if digits == IDENTIFIER_2007 else "1997"
    rows = {row["di"]: row for row in read_table(f"dlt645_{year}")}
    shapes: dict[str, set[_Shape]] = {}
    for pattern in rows:
        shape = tuple(char if char.islower() else "" for char in pattern)
        shapes.setdefault(pattern[:_FIXED_DIGITS], set()).add(shape)
    # Plain identifiers first: they are exceptions to what a pattern says.
    return rows, {first: sorted(those) for first, those in shapes.items()}


def _item_of(row: _Row, di: str) -> Item | None:
    values = {found[0][0]: int(di[found.start() : found.end()], 16)
              for found in _LETTERS.finditer(row["di"])}  # fmt: skip
    if any(
        not _VARIABLES[letter].least <= value <= _VARIABLES[letter].most
        or (letter == "t" and len(di) == IDENTIFIER_1997 and value == 0xF)
        for letter, value in values.items()
    ):
        return None
    zh, en = [row["zh"]], [row["en"]]
    for letter, value in values.items():
        first, second = _named(letter, value)
        zh.append(first)
        en.append(second)
    parts = parts_of(row["format"])
    return Item(
        di=di,
        zh=" ".join(filter(None, zh)),
        en=", ".join(filter(None, en)),
        parts=parts,
        size=sum(part.size for part in parts),
        repeats=row["format"].endswith("*"),
        unit=row["unit"],
        quantity=_quantity(row["quantity"], values),
        scale=_SCALES.get(row["unit"], 1.0),
    )


def _named(letter: str, value: int) -> tuple[str, str]:
    if not value and letter in _TOTALS:
        return _TOTALS[letter]
    variable = _VARIABLES[letter]
    shown = _PHASES[value] if letter in "pq" else str(value)
    return variable.zh.format(shown), variable.en.format(shown)


def _quantity(stem: str, values: dict[str, int]) -> str:
    """Return which of our quantities an item is now, "" for none."""
    if not stem or values.get("n"):
        return ""
    if "p" in values or "q" in values:
        value = values.get("p", values.get("q", 0))
        return f"{stem}_{('total', 'a', 'b', 'c')[value]}"
    tariff = values.get("t", 0)
    if not tariff:
        return stem
    name = f"{stem}_{TARIFFS[tariff - 1]}" if tariff <= len(TARIFFS) else ""
    return name if name in QUANTITIES else ""


_CLOCKS: Final = {"YY": "y", "MM": "M", "DD": "d", "WW": "w", "hh": "h", "mm": "m", "ss": "s"}


@cache
def parts_of(text: str) -> tuple[Part, ...]:
    """Return the parts of a format."""
    formats = text.removesuffix("*").split()
    if len(formats) == 1:
        part = _part(text.removesuffix("*"))
        return (replace(part, slug="value", is_text=text.startswith("t")),)
    slugs: dict[str, int] = {}
    found = []
    for part in map(_part, formats):
        number = slugs[part.slug] = slugs.get(part.slug, 0) + 1
        found.append(part if number == 1 else replace(part, slug=f"{part.slug}_{number}"))
    return tuple(found)


def _part(text: str) -> Part:
    if number := _NUMBER.fullmatch(text):
        decimals = int(number["decimals"] or 0)
        size = (int(number["digits"]) + decimals) // 2
        return Part("value", Digits(size, decimals, signed=bool(number["sign"])), size)
    if text[1:].isdigit():
        size = int(text[1:])
        return Part("value", ReversedText(size) if text[0] == "t" else Reversed(size), size)
    names = [text[at : at + 2] for at in range(0, len(text), 2)]
    clock = "".join(_CLOCKS[name] for name in reversed(names))
    return Part("time", WallTime(clock), len(clock))
