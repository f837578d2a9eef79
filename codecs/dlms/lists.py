"""The lists that meters push: which value belongs to which logical name, and what it counts.

    {obis value {scaler unit}} …     Aidon, and push lists of the standard
    id obis value obis value …       Kamstrup, Kaifa in Sweden; null where a phase is missing
    id meter type value value …      Kaifa in Norway: the number of elements says which list

The last two send no scalers, so that what a value counts is the maker's, whom the list's id names;
of a list without scalers and without a known maker no reading is made.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlms.obis import UNITS, find, obis_of

_INTEGERS: Final = frozenset(
    {
        "double-long", "double-long-unsigned", "integer", "long", "unsigned", "long-unsigned",
        "long64", "long64-unsigned",
    }
)  # fmt: skip
_FLOATS: Final = frozenset({"float32", "float64"})
# How a maker counts where no scaler is sent, by unit; all other units are counted singly.
_MAKERS: Final[dict[str, dict[str, Fraction]]] = {
    "KFM_": {"A": Fraction(1, 1000), "V": Fraction(1, 10)},
    "Kamstrup_": {"A": Fraction(1, 100), "Wh": Fraction(10), "varh": Fraction(10)},
}
_KAIFA: Final = "KFM_"
_IDS: Final = ("1.1.0.2.129.255", "0.0.96.1.0.255", "0.0.96.1.7.255")
_POWERS: Final = tuple(f"1.0.{c}.7.0.255" for c in (1, 2, 3, 4))
_ONE_PHASE: Final = (*_IDS, *_POWERS, "1.0.31.7.0.255", "1.0.32.7.0.255")
_THREE_PHASES: Final = (
    *_IDS, *_POWERS, *(f"1.0.{c}.7.0.255" for c in (31, 51, 71, 32, 52, 72)),
)  # fmt: skip
_ENERGIES: Final = ("0.0.1.0.0.255", *(f"1.0.{c}.8.0.255" for c in (1, 2, 3, 4)))
# Kaifa's lists by the number of their elements.
_POSITIONS: Final = {
    len(names): names
    for names in (
        _POWERS[:1],
        _ONE_PHASE,
        _THREE_PHASES,
        _ONE_PHASE + _ENERGIES,
        _THREE_PHASES + _ENERGIES,
    )
}
# What names a meter, the most telling first: its number, its GIAI, the logical device.
_ADDRESSES: Final = ((96, 1, 0), (0, 0, 5), (42, 0, 0), (96, 1, 1))
_CLOCK: Final = (1, 0, 0)
MAX_ADDRESS_BYTES: Final = 32
# Beyond 10^±9 a scaler is no electricity, and its power would take time and room.
_MOST_SCALER: Final = 9


class Entry(NamedTuple):
    """A value of a list.  ``scale`` is what one count is of ``unit``, None where nobody says."""

    obis: str
    data: Any
    scale: Fraction | None
    unit: str

    @property
    def number(self) -> float | None:
        """The count as sent, None where it is no number."""
        ((kind, value),) = self.data.items() if self.data else (("", 0),)
        number: float = value
        return number if kind in _INTEGERS or self.is_float else None

    @property
    def is_float(self) -> bool:
        """Whether the value is sent as it is, uncounted."""
        ((kind, value),) = self.data.items() if self.data else (("", None),)
        return kind in _FLOATS and not isinstance(value, dict)

    @property
    def value(self) -> Fraction | None:
        """The value in ``unit``."""
        if self.number is None or self.scale is None:
            return None
        return Fraction(self.number) * (1 if self.is_float else self.scale)

    @property
    def text(self) -> str | None:
        """The printable text that the value is, None where it is none."""
        found: dict[str, Any] = self.data or {}
        raw = found.get("octet-string")
        octets = bytes.fromhex(raw).decode("latin-1") if isinstance(raw, str) else None
        for text in (octets, found.get("visible-string"), found.get("utf8-string")):
            if isinstance(text, str) and text.isascii() and text.isprintable():
                return text.strip() or None
        return None


def entries(body: Any) -> list[Entry]:
    """Return the values of a list with their logical names, in order."""
    elements = _elements(body)
    maker = _maker(elements)
    names = _POSITIONS.get(len(elements))
    if names is not None and (maker == _KAIFA or len(elements) == 1) and _is_flat(elements):
        if len(elements) == 1 and "double-long-unsigned" not in (elements[0] or {}):
            return []
        return [
            _entry(obis, data, None, _KAIFA) for obis, data in zip(names, elements, strict=True)
        ]
    return list(_named(elements, maker))


def _elements(data: Any) -> list[Any]:
    """Return what a structure or an array holds."""
    if not isinstance(data, dict):
        return []
    found = data.get("structure", data.get("array"))
    if found is None and isinstance(data.get("compact-array"), dict):
        found = data["compact-array"].get("elements")
    return found if isinstance(found, list) else []


def _is_flat(elements: list[Any]) -> bool:
    return not any(obis_of(element) or _elements(element) for element in elements)


def _maker(elements: list[Any]) -> str:
    """Return whose list it is by the id at its beginning, "" for nobody known."""
    for element in elements[:2]:
        text = Entry("", element, None, "").text or ""
        for maker in _MAKERS:
            if text.startswith(maker):
                return maker
    return ""


def _named(elements: list[Any], maker: str) -> Iterator[Entry]:
    obis: str | None = None
    for element in elements:
        inner = _elements(element)
        if inner and obis_of(inner[0]) and len(inner) > 1:
            scaler = inner[2] if len(inner) > 2 else None
            yield _entry(obis_of(inner[0]) or "", inner[1], scaler, maker)
        elif inner:
            yield from _named(inner, maker)
        elif obis is None:
            obis = obis_of(element)
            continue
        else:
            yield _entry(obis, element, None, maker)
        obis = None


def _entry(obis: str, data: Any, scaler: Any, maker: str) -> Entry:
    meaning = find(obis)
    unit = meaning.unit if meaning is not None else ""
    stated = _elements(scaler)
    if len(stated) == 2:
        power, number = (stated[0] or {}).get("integer"), (stated[1] or {}).get("enum")
        if power is not None and number is not None and abs(power) <= _MOST_SCALER:
            return Entry(obis, data, Fraction(10) ** power, UNITS.get(number, f"unit {number}"))
    if maker:
        return Entry(obis, data, _MAKERS[maker].get(unit, Fraction(1)), unit)
    return Entry(obis, data, None, unit)


def address_of(found: list[Entry]) -> str | None:
    """Return the number of the meter whose list it is, None where the list does not say."""
    texts = {tuple(map(int, entry.obis.split(".")[2:5])): entry.text for entry in reversed(found)}
    for name in _ADDRESSES:
        text = texts.get(name)
        if text and len(text) <= MAX_ADDRESS_BYTES:
            return str(text)
    return None


def clock_of(found: list[Entry]) -> bytes:
    """Return the date-time of the meter's clock in the list, b"" where there is none."""
    for entry in found:
        if tuple(map(int, entry.obis.split(".")[2:5])) == _CLOCK:
            raw: Any = (entry.data or {}).get("octet-string")
            return bytes.fromhex(raw) if isinstance(raw, str) else b""
    return b""
