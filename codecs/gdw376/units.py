"""The data of a frame, unit by unit: whose, which Fn, and what stands where.

Parts ─► Body(units, spans)     the one walk that reading, columns and explanation share
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from construct import Int8ub, Struct

from wattwarden.codecs.gdw376.formats import FILL, format_piece
from wattwarden.codecs.gdw376.frame import COUNTERS_FOLLOW, STAMPED, Parts
from wattwarden.codecs.gdw376.kinds import CLASS_1, CONFIGURATION, WITH_PASSWORD
from wattwarden.codecs.gdw376.layouts import (
    COUNTED,
    EACH_POINT,
    EACH_TARIFF,
    EVENTS,
    REST,
    Group,
    Layout,
    Part,
    event_name,
    find_layout,
)
from wattwarden.protocol.digits import WallTime
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import parts_of

IDENTIFIER_BYTES: Final = 4
COUNTERS: Final = Struct("EC1" / Int8ub, "EC2" / Int8ub)
STAMP: Final = Struct("PFC" / Int8ub, "sent_at" / WallTime("smhd", fill=FILL), "delay_min" / Int8ub)
_COUNTERS_BYTES: Final = 2
_STAMP_BYTES: Final = 6
# 16 bytes since 2009, 2 before.
_PASSWORD_BYTES: Final = (16, 2)
ALL_POINTS: Final = "all"
# Bit maps ask for up to 64 units in four bytes; no terminal was met that takes so many at once.
MOST_UNITS: Final = 512
# Whoever asks these for an Fn that no table knows sends nothing but its identifier.
_ASKED_BARE: Final = frozenset((CONFIGURATION, CLASS_1))

# 冻结密度 m of a curve, in minutes; of an hour, how many points it has.
DENSITY_MIN: Final = {1: 15, 2: 30, 3: 60, 254: 5, 255: 1}
_POINTS_OF_HOUR: Final = {1: 4, 2: 2, 3: 1, 254: 12, 255: 60}

_EVENT: Final = (
    Part("ERC", format_piece("B1"), 1, ""),
    Part("length", format_piece("B1"), 1, ""),
)
_EVENT_HEAD: Final = tuple(
    Part(slug, format_piece("B1"), 1, "") for slug in ("EC1", "EC2", "from", "until")
)
# Most events begin with when they happened; what follows has a layout of its own for each.
_EVENT_TIME: Final = Part("at", format_piece("A15"), 5, "")


class Said(NamedTuple):
    """One value.  ``row`` counts repetitions, None for what stands once; ``error`` why it is none.

    ``offset`` counts from the first byte behind SEQ.
    """

    slug: str
    offset: int
    size: int
    value: Any
    unit: str = ""
    row: int | None = None
    error: ProtocolError | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One Fn of one measuring point.  ``identifier`` is where its DA and DT stand."""

    pn: int | str
    fn: int
    layout: Layout | None
    said: tuple[Said, ...]


@dataclass(slots=True)
class Body:
    """All there is behind SEQ.  ``spans`` name the stretches that belong to no unit."""

    units: list[Unit] = field(default_factory=list)
    spans: list[Said] = field(default_factory=list)


def walk(parts: Parts) -> Body:
    """Take the data of a frame apart; what no table knows is ``rest``."""
    body, data = Body(), parts.data
    end = _tail(parts, body)
    at = 0
    while end - at >= IDENTIFIER_BYTES:
        if _is_password(parts, end - at) or len(body.units) >= MOST_UNITS:
            break
        pns, fns = _points(data[at : at + 2]), _functions(data[at + 2 : at + 4])
        if not (pns and fns):
            break
        body.spans.append(Said("identifier", at, IDENTIFIER_BYTES, (pns, fns)))
        at += IDENTIFIER_BYTES
        at, is_whole = _units(parts, body, (pns, fns), at, end)
        if not is_whole:
            break
    left = end - at
    if _is_password(parts, left):
        body.spans.append(Said("PW", at, left, data[at:end].hex()))
    elif left:
        body.spans.append(Said("rest", at, left, data[at:end].hex()))
    return body


def _tail(parts: Parts, body: Body) -> int:
    """Take off what stands behind the units; return where they end."""
    end = len(parts.data)
    if parts.seq & STAMPED and end >= _STAMP_BYTES:
        end -= _STAMP_BYTES
        body.spans.append(_struct("Tp", STAMP, parts.data[end : end + _STAMP_BYTES], end))
    if parts.is_up and parts.control & COUNTERS_FOLLOW and end >= _COUNTERS_BYTES:
        end -= _COUNTERS_BYTES
        body.spans.append(_struct("EC", COUNTERS, parts.data[end : end + _COUNTERS_BYTES], end))
    return end


def _struct(slug: str, struct: Any, raw: bytes, begin: int) -> Said:
    values: dict[str, Any] = {}
    at = 0
    for name, piece in parts_of(struct):
        size = int(piece.sizeof())
        try:
            values[name or ""] = piece.parse(raw[at : at + size])
        except ProtocolError:
            values[name or ""] = None
        at += size
    return Said(slug, begin, at, values)


def _is_password(parts: Parts, size: int) -> bool:
    return not parts.is_up and parts.afn in WITH_PASSWORD and size in _PASSWORD_BYTES


def _points(raw: bytes) -> list[int | str]:
    bits, group = raw
    if not group:
        return [] if bits not in (0, 0xFF) else [ALL_POINTS if bits else 0]
    return [(group - 1) * 8 + bit + 1 for bit in range(8) if bits >> bit & 1]


def _functions(raw: bytes) -> list[int]:
    bits, group = raw
    return [group * 8 + bit + 1 for bit in range(8) if bits >> bit & 1]


def _units(
    parts: Parts, body: Body, who: tuple[list[int | str], list[int]], at: int, end: int
) -> tuple[int, bool]:
    """Take the units of one identifier apart; return where they end, and whether that is known."""
    pns, fns = who
    for pn in pns:
        for fn in fns:
            layout = find_layout(parts.afn, fn, up=parts.is_up)
            reader = _Reader(parts.data, at, _end_of(parts, layout, at, end))
            if layout is not None:
                reader.read(layout)
            body.units.append(Unit(pn, fn, layout, tuple(reader.said)))
            at = reader.at
            is_bare = layout is None and not parts.is_up and parts.afn in _ASKED_BARE
            if not is_bare and (layout is None or not reader.is_whole):
                return at, False
    return at, True


def _end_of(parts: Parts, layout: Layout | None, at: int, end: int) -> int:
    """Leave the password to itself where a unit takes whatever there is."""
    greedy = layout is not None and any(group.repeat == REST for group in layout.groups)
    if greedy and not parts.is_up and parts.afn in WITH_PASSWORD and end - at >= _PASSWORD_BYTES[0]:
        return end - _PASSWORD_BYTES[0]
    return end


class _Reader:
    """Reads one unit; ``at`` is how far it came, ``is_whole`` whether that was to its end."""

    __slots__ = ("_data", "_end", "_known", "at", "is_whole", "said")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data = data
        self._end = end
        self._known: dict[str, Any] = {}
        self.at = at
        self.is_whole = True
        self.said: list[Said] = []

    def read(self, layout: Layout) -> None:
        """Read the groups of a layout as far as there are data."""
        for group in layout.groups:
            for row in self._rows(group):
                if self._end - self.at < group.size:
                    # A group without data is one that the terminal leaves out.
                    self.is_whole = False
                    self._partly(group, row)
                    return
                for part in group.parts:
                    self._take(part, row)

    def _partly(self, group: Group, row: int | None) -> None:
        for part in group.parts:
            if self._end - self.at < part.size:
                return
            self._take(part, row)

    def _rows(self, group: Group) -> Iterator[int | None]:
        if group.repeat == EACH_TARIFF:
            yield from self._each_tariff(group)
        elif group.repeat == EACH_POINT:
            yield from range(self._points())
        elif group.repeat == REST:
            self._bytes("rest", self._end - self.at)
        elif group.repeat == COUNTED:
            size = min(int(self._known.get("length") or 0), self._end - self.at)
            self._bytes(group.parts[0].slug, size)
        elif group.repeat == EVENTS:
            self._events()
        else:
            yield None

    def _each_tariff(self, group: Group) -> Iterator[int]:
        if "tariffs" in self._known:
            yield from range(self._known["tariffs"] + 1)
            return
        row = 0
        while self._end - self.at >= group.size:
            yield row
            row += 1

    def _points(self) -> int:
        points = self._known.get("points")
        return _POINTS_OF_HOUR.get(self._known["density"], 0) if points is None else int(points)

    def _events(self) -> None:
        for part in _EVENT_HEAD:
            if self.at < self._end:
                self._take(part, None)
        row = 0
        while self._end - self.at > sum(part.size for part in _EVENT):
            for part in _EVENT:
                self._take(part, row)
            size = min(int(self._known["length"]), self._end - self.at)
            if size >= _EVENT_TIME.size:
                self._take(_EVENT_TIME, row)
                size -= _EVENT_TIME.size
            self._bytes("detail", size, row)
            row += 1

    def _take(self, part: Part, row: int | None) -> None:
        raw = self._data[self.at : self.at + part.size]
        one = _said(part, raw, self.at, row)
        self._known[part.slug] = one.value
        self.said.append(one)
        self.at += part.size

    def _bytes(self, slug: str, size: int, row: int | None = None) -> None:
        if size:
            text = self._data[self.at : self.at + size].hex()
            self.said.append(Said(slug, self.at, size, text, "", row))
            self.at += size


def _said(part: Part, raw: bytes, at: int, row: int | None) -> Said:
    try:
        # Past construct's own parse, which would cost ten times what it does.
        return Said(part.slug, at, part.size, part.piece.value(raw), part.unit, row)
    except ProtocolError as error:
        return Said(part.slug, at, part.size, None, part.unit, row, error)


def describe(unit: Unit) -> dict[str, Any]:
    """Return what a unit says as JSON can carry it; values that repeat as lists.

    Bytes that are no digits are shown in ``invalid``, by name.
    """
    values: dict[str, Any] = {}
    for one in unit.said:
        if one.row is None:
            values[one.slug] = one.value
        else:
            values.setdefault(one.slug, []).append(one.value)
    if "ERC" in values:
        values["events"] = [event_name(erc) for erc in values["ERC"]]
    invalid = {one.slug: one.error.message for one in unit.said if one.error is not None}
    return values | ({"invalid": invalid} if invalid else {})
