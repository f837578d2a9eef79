"""What the objects of DL/T 698.45 are called and how their values count.

The tables ``dlt698_objects`` and ``dlt698_terms`` hold the annexes of the standard: an object and
attribute with its names, the unit of its values, what one of them counts, and which quantity of
ours it is.  ``members`` says what the elements of an attribute are: index 0 of an OAD is the whole
attribute, index n its nth element.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from wattwarden.codecs.tables import read_table, read_terms
from wattwarden.protocol.quantity import QUANTITIES, TARIFFS

TERMS: Final = read_terms("dlt698_terms")

_PHASES: Final = ("phase_a", "phase_b", "phase_c")
_MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "": (),
    "phases": _PHASES,
    "total_phases": ("total", *_PHASES),
    "tariffs": ("total", *TARIFFS),
    "harmonics": (),
}
# How many of our unit one of the standard's is; the others are ours.
_OF_OURS: Final = {"kWh": Fraction(1000), "kvarh": Fraction(1000), "%": Fraction(1, 100)}
_NUMBERS: Final = frozenset(
    {
        "double-long", "double-long-unsigned", "integer", "long", "unsigned", "long-unsigned",
        "long64", "long64-unsigned", "float32", "float64",
    }
)  # fmt: skip
_FLOATS: Final = frozenset({"float32", "float64"})
_ATTRIBUTE: Final = 0x1F  # the upper three bits of the byte select a feature of it
# Meters report the same few objects; a hostile one may name each there is.
_REMEMBERED: Final = 4096


class Attribute(NamedTuple):
    """An attribute of an object.  ``scale`` is what one count is of ``unit``, None for no number.

    ``quantity`` is the stem of ours, ``whole`` what one of ``unit`` is of ours, ``counted`` what
    one count is.
    """

    name: str
    unit: str
    scale: Fraction | None
    members: tuple[str, ...]
    quantity: str
    whole: float
    counted: float


class Value(NamedTuple):
    """A number that an object gave, as sent: a count, or the value itself."""

    member: str
    number: float
    is_count: bool


@cache
def _attributes() -> dict[tuple[str, str], Attribute]:
    return {(row["oi"], row["attribute"]): _attribute(row) for row in read_table("dlt698_objects")}


def _attribute(row: dict[str, str]) -> Attribute:
    scale = Fraction(row["scale"]) if row["scale"] else None
    whole = _OF_OURS.get(row["unit"], Fraction(1))
    return Attribute(
        name=f"{row['name_zh']} {row['name_en']}",
        unit=row["unit"],
        scale=scale,
        members=_MEMBERS[row["members"]],
        quantity=row["quantity"],
        whole=float(whole),
        counted=float(whole * (scale or 1)),
    )


@lru_cache(_REMEMBERED)
def find(oad: str) -> Attribute | None:
    """Return the attribute of an OAD, that of its object where the attribute has no line."""
    table = _attributes()
    oi, attribute = oad[:4], str(int(oad[4:6], 16) & _ATTRIBUTE)
    return table.get((oi, attribute)) or table.get((oi, ""))


@lru_cache(_REMEMBERED)
def describe(oad: str) -> str:
    """Name an OAD in Chinese and English, "" for one of no table."""
    attribute = find(oad) or _attributes().get((oad[:4], "2"))
    if attribute is None:
        return ""
    index = int(oad[6:], 16)
    if 0 < index <= len(attribute.members):
        return f"{attribute.name}, {TERMS['member', attribute.members[index - 1]]}"
    return attribute.name


def dar_name(number: int) -> str:
    """Name an access result in Chinese and English."""
    return TERMS.get(("dar", str(number)), "")


def numbers_in(data: Any) -> Iterator[tuple[str, float] | None]:
    """Give the numbers of an attribute, element by element, with their types; None for no number.

    A structure, as maximum demands are, gives its first element.
    """
    if not data:
        yield None
        return
    ((kind, value),) = data.items()
    if kind == "array":
        for element in value:
            yield next(numbers_in(element), None)
    elif kind == "structure" and value:
        yield next(numbers_in(value[0]), None)
    else:
        is_number = kind in _NUMBERS and not isinstance(value, dict)
        yield (kind, value) if is_number else None


def scaled(attribute: Attribute, value: Value) -> float:
    """Return a value in the unit of its attribute, rounded once."""
    if attribute.scale is None or not value.is_count:
        return value.number
    return float(Fraction(value.number) * attribute.scale)


def values_of(oad: str, data: Any) -> list[Value]:
    """Return the numbers that an object of the tables gave."""
    attribute = find(oad)
    if attribute is None or attribute.scale is None:
        return []
    first = max(int(oad[6:], 16), 1) - 1
    found = []
    for place, entry in enumerate(numbers_in(data), first):
        if entry is not None:
            member = attribute.members[place] if place < len(attribute.members) else str(place + 1)
            is_count = entry[0] not in _FLOATS
            found.append(Value(member if attribute.members else "", entry[1], is_count))
    return found


@lru_cache(_REMEMBERED)
def quantity_of(stem: str, member: str) -> str:
    """Name the quantity of ours that a member of an object is, "" for none."""
    suffix = member.removeprefix("phase_")
    names = [f"{stem}_{suffix}" if suffix else stem]
    if member == "total":
        names = [f"{stem}_total", stem]
    return next((name for name in names if name in QUANTITIES), "")


class Told:
    """Names and scales, for people, the numbers that follow an OAD."""

    __slots__ = ("_attribute", "_place")

    def __init__(self) -> None:
        self._attribute: Attribute | None = None
        self._place = 0

    def begin(self, oad: str) -> None:
        """Take note of the object whose value comes next."""
        self._attribute = find(oad)
        self._place = max(int(oad[6:], 16), 1) - 1

    def next_value(self, kind: str, value: Any) -> tuple[str, str, str] | None:
        """Return name, value and unit of a number, None of what is no number of a known object."""
        attribute = self._attribute
        if attribute is None or attribute.scale is None:
            return None
        if kind not in _NUMBERS or isinstance(value, dict):
            return None
        place, self._place = self._place, self._place + 1
        name = attribute.name
        if place < len(attribute.members):
            name += f", {TERMS['member', attribute.members[place]]}"
        scaled = value if kind in _FLOATS else float(value * attribute.scale)
        return name, f"{scaled:.15g}", attribute.unit
