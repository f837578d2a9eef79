"""The types of COSEM data: a tag, then a value of that type (IEC 62056-5-3).

JSON: ``{type: value}`` with the standard's name of the type, None for null-data.
"""

from collections.abc import Iterable
from io import BytesIO
from itertools import repeat
from typing import Any, Final

from wattwarden.codecs.dlms.moment import DATE, DATE_TIME, TIME
from wattwarden.protocol.axdr import (
    MOST_DEPTH,
    Leaf,
    Listed,
    Nothing,
    Piece,
    Tagged,
    length_bytes,
    name_of,
    take,
    take_length,
    trace_of,
)
from wattwarden.protocol.axdr_values import OCTETS, U8, U16, U32, Bits, Boolean, Float, Number, Text
from wattwarden.protocol.errors import ProtocolError, Refusal

ARRAY: Final = 1
STRUCTURE: Final = 2
COUNT_BYTES: Final = 2
# A byte has a dozen types around it at most, and few empty values beside it; what has no bytes
# itself, such as null-data in arrays of arrays, would else make billions of values of a frame.
MOST_VALUES_A_BYTE: Final = 16

DATA: Final = Tagged(lambda: TYPES)
MANY: Final = Listed(DATA)


class CompactArray(Piece):
    """Elements of one type, which is said once: ``{"type": …, "elements": […]}``.

    The type is a name, ``{"structure": [types]}`` or ``{"array": [count, type]}``; the elements are
    written without tags, in an octet string.  What does not read as its type, or has more values
    than bytes can stand for, is ``contents``, hex.
    """

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        begin = stream.tell()
        kind = _take_type(stream, 0)
        contents = take(stream, take_length(stream))
        trace = trace_of(context)
        if trace is not None:
            trace.tell(begin, stream.tell(), name_of(path), f"{kind}: {contents.hex()}")
        try:
            return {"type": kind, "elements": _take_elements(contents, kind)}
        except ProtocolError:
            return {"type": kind, "contents": contents.hex()}

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(_type_bytes(obj["type"]))
        if "contents" in obj:
            contents = bytes.fromhex(obj["contents"])
        else:
            contents = b"".join(_element_bytes(obj["type"], element) for element in obj["elements"])
        stream.write(length_bytes(len(contents)) + contents)
        return obj


def _take_type(stream: Any, depth: int) -> Any:
    if depth >= MOST_DEPTH:
        raise ProtocolError(Refusal.DECODE, f"types are nested {MOST_DEPTH} deep at most")
    tag = take(stream, 1)[0]
    if tag == ARRAY:
        count = int.from_bytes(take(stream, COUNT_BYTES), "big")
        return {"array": [count, _take_type(stream, depth + 1)]}
    if tag == STRUCTURE:
        return {"structure": [_take_type(stream, depth + 1) for _ in range(take_length(stream))]}
    if tag not in TYPES or not isinstance(TYPES[tag][1], Leaf):
        raise ProtocolError(Refusal.DECODE, f"no compact array has elements of the tag {tag}")
    return TYPES[tag][0]


def _type_bytes(kind: Any) -> bytes:
    if isinstance(kind, str):
        return bytes([DATA.tags[kind]])
    if "array" in kind:
        count, element = kind["array"]
        size: int = count
        return bytes([ARRAY]) + size.to_bytes(COUNT_BYTES, "big") + _type_bytes(element)
    parts = kind["structure"]
    return bytes([STRUCTURE]) + length_bytes(len(parts)) + b"".join(map(_type_bytes, parts))


def _parts(kind: Any) -> tuple[str, Iterable[Any]]:
    """Return what an element is made of: ``array`` or ``structure``, and the types in it."""
    if "array" in kind:
        count, element = kind["array"]
        return "array", repeat(element, count)
    return "structure", kind["structure"]


def _take_elements(contents: bytes, kind: Any) -> list[Any]:
    stream = BytesIO(contents)
    elements = []
    room = _Room(MOST_VALUES_A_BYTE * len(contents))
    while (at := stream.tell()) < len(contents):
        elements.append(_take_element(stream, kind, room))
        if stream.tell() == at:
            raise ProtocolError(Refusal.DECODE, "elements of no size")
    return elements


class _Room:
    """For how many values there is room still."""

    def __init__(self, values: int) -> None:
        self._left = values

    def take(self) -> None:
        """Make room for a value.

        Raises:
            ProtocolError: There is none.
        """
        self._left -= 1
        if self._left < 0:
            message = f"a byte stands for {MOST_VALUES_A_BYTE} values at most"
            raise ProtocolError(Refusal.DECODE, message)


def _take_element(stream: Any, kind: Any, room: _Room) -> Any:
    room.take()
    if isinstance(kind, str):
        return {kind: _leaf(kind).get(stream)} if DATA.tags[kind] else None
    name, parts = _parts(kind)
    return {name: [_take_element(stream, part, room) for part in parts]}


def _element_bytes(kind: Any, element: Any) -> bytes:
    if isinstance(kind, str):
        return b"" if element is None else _leaf(kind).put(element[kind])
    name, parts = _parts(kind)
    pairs = zip(parts, element[name], strict=True)
    return b"".join(_element_bytes(part, value) for part, value in pairs)


def _leaf(kind: str) -> Leaf:
    leaf: Leaf = TYPES[DATA.tags[kind]][1]
    return leaf


TYPES: Final[dict[int, tuple[str, Any]]] = {
    0: ("null-data", Nothing()),
    ARRAY: ("array", MANY),
    STRUCTURE: ("structure", MANY),
    3: ("boolean", Boolean()),
    4: ("bit-string", Bits()),
    5: ("double-long", Number("i")),
    6: ("double-long-unsigned", U32),
    9: ("octet-string", OCTETS),
    10: ("visible-string", Text("ascii")),
    12: ("utf8-string", Text("utf-8")),
    13: ("bcd", U8),
    15: ("integer", Number("b")),
    16: ("long", Number("h")),
    17: ("unsigned", U8),
    18: ("long-unsigned", U16),
    19: ("compact-array", CompactArray()),
    20: ("long64", Number("q")),
    21: ("long64-unsigned", Number("Q")),
    22: ("enum", U8),
    23: ("float32", Float("f")),
    24: ("float64", Float("d")),
    25: ("date-time", DATE_TIME),
    26: ("date", DATE),
    27: ("time", TIME),
    28: ("delta-integer", Number("b")),
    29: ("delta-long", Number("h")),
    30: ("delta-double-long", Number("i")),
    31: ("delta-unsigned", U8),
    32: ("delta-long-unsigned", U16),
    33: ("delta-double-long-unsigned", U32),
    255: ("dont-care", Nothing()),
}
