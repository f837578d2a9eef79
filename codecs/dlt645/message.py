"""One frame of DL/T 645 in readable form, and back: for people, simulators and commands."""

from collections.abc import Mapping
from typing import Any

import construct as cs

from wattwarden.codecs.dlt645.fields import REST, Said, build_values, name_of, walk
from wattwarden.codecs.dlt645.frame import DATA, check, meter_of, seal
from wattwarden.codecs.dlt645.functions import (
    MORE_FOLLOWS,
    READ_NEXT,
    REFUSED,
    REPLY,
    control_of,
    errors_of,
    function_of,
    kind_of,
)
from wattwarden.codecs.dlt645.items import find_item
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import parts_of


def read(frame: bytes, _profile_of: ProfileOf) -> Message:
    """Read one frame, checking everything.

    ``data`` is all of its data as hex, without 33H; a single value stands in ``value`` and
    ``unit``, several in ``items``.

    Raises:
        ProtocolError: of every kind.
    """
    parts = check(frame)
    fields: dict[str, Any] = {
        "address": parts.address,
        "control": f"{parts.control:02X}",
        "function": function_of(parts.control).name,
    }
    if parts.control & REPLY and parts.control & MORE_FOLLOWS:
        fields["more"] = True
    said = walk(parts.control, parts.data)
    for one in said:
        if one.error is not None:
            where = parts.begin + DATA + one.offset
            raise ProtocolError(one.error.kind, one.error.message, where)
        if one.item is None and one.value is not None:
            fields[one.slug] = one.value
    if "di" in fields and name_of(fields["di"]):
        fields["name"] = name_of(fields["di"])
    if "err" in fields:
        fields["errors"] = errors_of(int(fields["err"], 16))
    fields |= _values(fields.get("di"), said)
    if parts.data:
        fields["data"] = parts.data.hex()
    return Message(kind_of(parts.control), meter_of(parts.address), None, fields)


def _values(di: str | None, said: list[Said]) -> dict[str, Any]:
    """Return the values of the items: each item's parts together."""
    rows: list[dict[str, Any]] = []
    for one in said:
        if one.item is None:
            continue
        if not rows or rows[-1]["di"] != one.item.di or one.slug in rows[-1]:
            rows.append({"di": one.item.di, "name": one.item.name})
        rows[-1][one.slug] = one.value
        if one.item.unit and one.slug == "value":
            rows[-1]["unit"] = one.item.unit
    if len(rows) == 1 and rows[0]["di"] == di:
        return {key: value for key, value in rows[0].items() if key not in ("di", "name")}
    return {"items": rows} if rows else {}


def encode(message: Message) -> bytes:
    """Build the frame of a message, without preamble; the inverse of ``read``.

    The data are given as ``data`` (hex) or by the names of their parts: ``di``, ``password`` …,
    then ``value`` or ``items``.  ``control`` may name what the kind does not.

    Raises:
        ValueError: unknown kind, or a value that its item cannot hold.
    """
    fields = message.fields
    try:
        control = (
            int(str(fields["control"]), 16) if "control" in fields else control_of(message.kind)
        )
        data = bytes.fromhex(str(fields["data"])) if "data" in fields else _data(control, fields)
        address = str(fields.get("address", message.meter or ""))
        return seal(address, control, data)
    except (ValueError, KeyError, TypeError, AttributeError, cs.ConstructError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error


def _data(control: int, fields: Mapping[str, Any]) -> bytes:
    if control & REFUSED:
        return bytes.fromhex(str(fields.get("err", "")))
    function = function_of(control)
    reply = bool(control & REPLY)
    data = b""
    for name, piece in parts_of(function.reply if reply else function.request):
        if name is None or name not in fields:
            break
        data += piece.build(fields[name])
    data += _built_values(fields) + bytes.fromhex(str(fields.get(REST, "")))
    if reply and function.code == READ_NEXT and "sequence" in fields:
        data += bytes([int(fields["sequence"])])
    return data


def _built_values(fields: Mapping[str, Any]) -> bytes:
    rows = fields.get("items")
    if rows is None:
        rows = [fields] if "value" in fields or "time" in fields else []
    data = b""
    for row in rows:
        item = find_item(str(row["di"]).upper())
        if item is None:
            text = f"no format is known of {row['di']}"
            raise ValueError(text)
        data += build_values(item, dict(row))
    return data
