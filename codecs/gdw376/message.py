"""One frame of Q/GDW 376.1 in readable form, and back: for people, simulators and commands."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import construct as cs

from wattwarden.codecs import dlt645
from wattwarden.codecs.gdw376.frame import (
    BEGINS,
    CONFIRM,
    COUNTERS_FOLLOW,
    FIRST,
    FUNCTION,
    LAST,
    NUMBER,
    STAMPED,
    UP,
    Parts,
    address_of,
    check,
    meter_of,
    seal,
)
from wattwarden.codecs.gdw376.kinds import FORWARDING, LINK, afn_and_fn, afn_of, kind_of
from wattwarden.codecs.gdw376.layouts import (
    COUNTED,
    EACH_POINT,
    EACH_TARIFF,
    ONCE,
    REST,
    Group,
    find_layout,
)
from wattwarden.codecs.gdw376.times import time_of
from wattwarden.codecs.gdw376.units import ALL_POINTS, COUNTERS, STAMP, Body, Unit, describe, walk
from wattwarden.protocol.clock import LocalTime, utc_moment
from wattwarden.protocol.codec import DEFAULT_PROFILE, Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.plain import build

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What nearly all terminals and master stations put into the two lowest bits of L.
PROTOCOL: Final = 2


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one frame, checking everything but the digits of values.

    ``units`` holds each Fn of each measuring point with its ``values``; ``data`` is all that stands
    behind SEQ, as hex.  Values that are no digits are None and named in ``invalid``.

    Raises:
        ProtocolError: of every kind but decode.
    """
    parts = check(frame)
    body = walk(parts)
    meter = meter_of(parts)
    fields = _header(parts)
    fields["units"] = [_unit(parts, unit) for unit in body.units]
    for span in body.spans:
        if span.slug != "identifier":
            fields[span.slug] = span.value
    fields["data"] = parts.data.hex()
    fn = body.units[0].fn if body.units else None
    kind = kind_of(parts.afn, up=parts.is_up, fn=fn)
    return Message(kind, meter, _moment(body, meter, profile_of), fields)


def _header(parts: Parts) -> dict[str, Any]:
    return {
        "protocol": parts.protocol,
        "C": f"{parts.control:02X}",
        "DIR": parts.control >> 7,
        "PRM": parts.control >> 6 & 1,
        "function": parts.control & FUNCTION,
        "A1": parts.region,
        "A2": parts.terminal,
        "A2_hex": f"{parts.terminal:04X}",
        "A3": parts.a3,
        "MSA": parts.a3 >> 1,
        "AFN": f"{parts.afn:02X}",
        "name": afn_of(parts.afn).name,
        "SEQ": f"{parts.seq:02X}",
        "FIR": parts.seq >> 6 & 1,
        "FIN": parts.seq >> 5 & 1,
        "CON": parts.seq >> 4 & 1,
        "number": parts.seq & NUMBER,
    }


def _unit(parts: Parts, unit: Unit) -> dict[str, Any]:
    row: dict[str, Any] = {"Pn": unit.pn, "Fn": unit.fn}
    if unit.layout is not None:
        row["name"] = unit.layout.name
    values = describe(unit)
    if values:
        row["values"] = values
    units = {one.slug: one.unit for one in unit.said if one.unit}
    if units:
        row["unit"] = units
    if parts.afn == FORWARDING and values.get("frame"):
        row["forwarded"] = _forwarded(bytes.fromhex(values["frame"]))
    return row


def _forwarded(frame: bytes) -> dict[str, Any]:
    """Read what was forwarded; only DL/T 645 is known."""
    try:
        message = dlt645.CODEC.read(frame, lambda _address: DEFAULT_PROFILE)
    except ProtocolError as error:
        return {"error": error.message}
    return {"codec": dlt645.CODEC.name, "kind": message.kind, "meter": message.meter,
            **message.fields}  # fmt: skip


def _moment(body: Body, meter: str | None, profile_of: ProfileOf) -> datetime | None:
    """Return the time of the first unit that has one."""
    zone = profile_of(meter or "").zone
    for unit in body.units:
        digits = time_of(unit)
        if digits:
            local = LocalTime(
                int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))
            )
            return _EPOCH + timedelta(microseconds=utc_moment(local, zone))
    return None


def encode(message: Message) -> bytes:
    """Build the frame of a message; the inverse of ``read``.

    The data are given as ``data`` (hex) or as ``units``, each with ``Fn``, ``Pn`` (0) and
    ``values``, then ``PW``, ``EC``, ``Tp``.  ``AFN``, ``C``, ``SEQ``, ``A1``, ``A2``, ``A3`` and
    ``protocol`` may be given; else they follow from the kind and the meter's address.

    Raises:
        ValueError: unknown kind, or a value that its format cannot hold.
    """
    try:
        return seal(_parts(message))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error
    except cs.ConstructError as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error


def _parts(message: Message) -> Parts:
    fields = message.fields
    afn, fn, up = _what(message)
    control = int(str(fields["C"]), 16) if "C" in fields else _control(afn, fields, up=up)
    seq = int(str(fields["SEQ"]), 16) if "SEQ" in fields else _seq(afn, fields)
    if "A1" in fields:
        region, terminal = str(fields["A1"]), int(fields["A2"])
    else:
        region, terminal = address_of(message.meter or "")
    parts = Parts(
        int(fields.get("protocol", PROTOCOL)), control, region, terminal,
        int(fields.get("A3", 0)), afn, seq, b"",
    )  # fmt: skip
    if "data" in fields:
        return parts._replace(data=bytes.fromhex(str(fields["data"])))
    units = fields.get("units", [{"Fn": fn}] if fn else [])
    data = b"".join(_built(parts, unit) for unit in units)
    return parts._replace(data=data + _aux(parts, fields))


def _what(message: Message) -> tuple[int, int, bool]:
    fields = message.fields
    if "AFN" not in fields:
        return afn_and_fn(message.kind)
    return int(str(fields["AFN"]), 16), 0, False


def _control(afn: int, fields: Mapping[str, Any], *, up: bool) -> int:
    """Return the usual C: a link test or data from below, a request or confirmation from above."""
    counters = COUNTERS_FOLLOW if up and "EC" in fields else 0
    if afn == LINK:
        return UP | BEGINS | 9
    return (UP | 8 if up else BEGINS | 0x0B) | counters


def _seq(afn: int, fields: Mapping[str, Any]) -> int:
    wanted = CONFIRM if fields.get("CON", int(afn == LINK)) else 0
    number = int(fields.get("number", 0)) & NUMBER
    series = (FIRST if fields.get("FIR", 1) else 0) | (LAST if fields.get("FIN", 1) else 0)
    return series | wanted | number | (STAMPED if "Tp" in fields else 0)


def _aux(parts: Parts, fields: Mapping[str, Any]) -> bytes:
    data = bytes.fromhex(str(fields.get("PW", "")))
    if "EC" in fields:
        data += build(COUNTERS, fields["EC"])
    if parts.seq & STAMPED:
        stamp = fields["Tp"]
        data += bytes(STAMP.build({"PFC": 0, "delay_min": 0, **stamp}))
    return data


def identifier(pn: int | str, fn: int) -> bytes:
    """Return DA and DT of one measuring point and one Fn.  Raises ValueError for none."""
    if pn == ALL_POINTS:
        point = b"\xff\x00"
    elif pn:
        point = bytes([1 << (int(pn) - 1) % 8, (int(pn) - 1) // 8 + 1])
    else:
        point = bytes(2)
    return point + bytes([1 << (fn - 1) % 8, (fn - 1) // 8])


def _built(parts: Parts, unit: Mapping[str, Any]) -> bytes:
    """Build one unit from its values; it ends where they do."""
    fn = int(unit["Fn"])
    data = identifier(unit.get("Pn", 0), fn)
    values = unit.get("values", {})
    layout = find_layout(parts.afn, fn, up=parts.is_up)
    for group in layout.groups if layout is not None and values else ():
        data += _group(group, values)
    return data


def _group(group: Group, values: Mapping[str, Any]) -> bytes:
    if group.repeat == REST:
        return bytes.fromhex(str(values.get("rest", "")))
    if group.repeat == COUNTED:
        return bytes.fromhex(str(values.get(group.parts[0].slug, "")))
    if group.repeat in (EACH_TARIFF, EACH_POINT):
        columns = [values.get(part.slug, []) for part in group.parts]
        return b"".join(
            part.piece.build(value)
            for row in zip(*columns, strict=True)
            for part, value in zip(group.parts, row, strict=True)
        )
    if group.repeat != ONCE:
        text = "events are given as data"
        raise ValueError(text)
    return b"".join(part.piece.build(values.get(part.slug)) for part in group.parts)
