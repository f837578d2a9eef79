"""The data of a frame, part by part: what stands where and what it says.

control, data ─► Said | Said | …     the one walk that reading, columns and explanation share
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlt645.functions import (
    READ_NEXT,
    REFUSAL,
    REFUSED,
    REPLY,
    function_of,
)
from wattwarden.codecs.dlt645.items import (
    IDENTIFIER_1997,
    Item,
    Part,
    block_name,
    find_item,
    members_of,
)
from wattwarden.protocol.digits import ReversedText
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import parts_of

# What ends a block of 1997.
_BLOCK_END: Final = b"\xaa"
REST: Final = "rest"


class Said(NamedTuple):
    """One part of the data.  ``slug`` names it; an ``item`` tells whose value it is.

    ``error`` is why its bytes mean nothing.
    """

    slug: str
    offset: int
    size: int
    value: Any = None
    item: Item | None = None
    error: ProtocolError | None = None


def walk(control: int, data: bytes) -> list[Said]:
    """Take data apart, without 33H; what no table knows is ``rest``."""
    function = function_of(control)
    reply = bool(control & REPLY)
    struct = function.reply if reply else function.request
    if reply and control & REFUSED:
        struct = REFUSAL
    said = list(_head(struct, data))
    at = sum(one.size for one in said)
    end = len(data)
    if reply and function.code == READ_NEXT and at < end:
        end -= 1
    complete = len(said) == len(struct.subcons)
    if complete and not control & REFUSED and function.carries == ("reply" if reply else "request"):
        found = _values(said[0].value, data[at:end], at)
        said += found
        at += sum(one.size for one in found)
    if at < end:
        said.append(Said(REST, at, end - at, data[at:end].hex()))
    if end < len(data):
        said.append(Said("sequence", end, 1, data[end]))
    return said


def name_of(di: str) -> str:
    """Return Chinese and English of a data item or block, "" for one of no table."""
    item = find_item(di)
    return block_name(di) if item is None else item.name


def _head(struct: Any, data: bytes) -> Iterator[Said]:
    at = 0
    for name, piece in parts_of(struct):
        size = int(piece.sizeof())
        if at + size > len(data):
            return
        yield _said(name or "", piece, data[at : at + size], at, None)
        at += size


def _said(slug: str, piece: Any, raw: bytes, at: int, item: Item | None) -> Said:
    try:
        # Past construct's own parse, which would cost ten times what it does.
        return Said(slug, at, len(raw), piece.value(raw), item)
    except ProtocolError as error:
        return Said(slug, at, len(raw), None, item, error)


def _values(di: str, raw: bytes, at: int) -> list[Said]:
    """Take the values of an item or block apart; nothing when they do not fit its format."""
    item = find_item(di)
    if item is None:
        return _block(di, raw, at)
    if not item.parts or not raw:
        return []
    if item.parts[0].is_text:
        return [_said("value", ReversedText(len(raw)), raw, at, item)]
    if item.repeats and len(raw) % item.size == 0:
        groups = range(0, len(raw), item.size)
        return [one for begin in groups for one in _group(item, raw, begin, at)]
    return list(_group(item, raw, 0, at)) if len(raw) == item.size else []


def _group(item: Item, raw: bytes, begin: int, at: int) -> Iterator[Said]:
    for part in item.parts:
        yield _said(part.slug, part.piece, raw[begin : begin + part.size], at + begin, item)
        begin += part.size


def _block(di: str, raw: bytes, at: int) -> list[Said]:
    found: list[Said] = []
    begin, last = 0, len(raw)
    if len(di) == IDENTIFIER_1997 and raw.endswith(_BLOCK_END):
        last -= 1
    for item in members_of(di):
        if not item.parts or item.repeats:
            return []
        if begin + item.size > last:
            break
        found += _group(item, raw, begin, at)
        begin += item.size
    if begin != last:
        return []
    if last < len(raw):
        found.append(Said("end", at + last, 1, "AA"))
    return found


def build_values(item: Item, given: dict[str, Any]) -> bytes:
    """Build the bytes of one item from its values by slug."""
    return b"".join(_built(part, given.get(part.slug)) for part in item.parts)


def _built(part: Part, value: Any) -> bytes:
    if part.is_text and value is not None:
        return bytes(ReversedText(max(part.size, len(str(value)))).build(value))
    return bytes(part.piece.build(value))
