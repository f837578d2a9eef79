"""One frame in readable form, and back.

frame ─ read ─► Message ─ encode ─► the same frame
"""

from collections.abc import Mapping
from typing import Any, Final

from wattwarden.codecs.hj212.answer import profile_for
from wattwarden.codecs.hj212.cipher import BLOCK_BYTES
from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES, framed, halves, take_apart
from wattwarden.codecs.hj212.header import (
    CN_OF_KIND,
    CP_BEGIN,
    CP_END,
    FIELD_ORDER,
    HEAD_BYTES,
    address_of,
    command_of,
    part_of,
    read_header,
)
from wattwarden.codecs.hj212.plaintext import plain_of
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.pairs import (
    CHARSETS,
    charset_of,
    put,
    read_pairs,
    read_tree,
    write_field,
    write_tree,
)
from wattwarden.protocol.timetext import read_digits

# What is said of the data besides themselves, under names that no field on the wire can have.
DATA: Final = "CP"
TEXT: Final = "CP=text"
CIPHERTEXT: Final = "CP=cipher"
CHARSET: Final = "CP=charset"
# A header's own field CP, which is not the data.
STRAY: Final = "CP=head"

_OF_THE_DATA: Final = frozenset({DATA, TEXT, CIPHERTEXT, CHARSET})


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one whole frame, CR LF allowed behind it.  Raises ProtocolError.

    ``fields`` has the header as texts and under ``CP`` the data as ``pairs.read_tree`` gives them.
    ``CP=text`` is there where ``CP`` does not give back the data exactly, and always for ciphertext
    (its plain text); ``CP=cipher`` is that in hex, ``CP=charset`` whatever is not UTF-8.
    """
    raw = take_apart(frame)
    segment = raw.segment
    plain = segment if raw.is_plain else plain_of(raw, profile_of, None)
    head, data = halves(plain)
    header = read_header(head)
    if not header.get(b"CN"):
        raise ProtocolError(Refusal.DECODE, "the frame has no CN", HEAD_BYTES)
    meter = address_of(header)
    time = dict(reversed(read_pairs(data)[0])).get(b"DataTime")
    try:
        at = read_digits(time, profile_for(meter, profile_of).zone) if time else None
    except ProtocolError as error:
        offset = HEAD_BYTES + plain.find(b"DataTime=")
        raise ProtocolError(error.kind, error.message, offset) from error
    fields = _native(head, data, segment, plain)
    return Message(command_of(header).kind, meter, at, fields, part_of(header))


def _native(head: bytes, data: bytes, segment: bytes, plain: bytes) -> dict[str, Any]:
    """Return every field under its own name, as ``encode`` takes them."""
    charset = charset_of(plain)
    fields: dict[str, Any] = {}
    for item in head.replace(b",", b";").split(b";"):
        name, _, value = item.decode(charset, "replace").partition("=")
        if name:
            put(fields, STRAY if name == DATA else name, value)
    fields[DATA] = read_tree(data, charset)
    if plain is not segment or write_tree(fields[DATA]) != data.decode(charset):
        fields[TEXT] = data.decode(charset)
    if plain is not segment:
        fields[CIPHERTEXT] = segment[len(head) + len(CP_BEGIN) : -len(CP_END)].hex()
    if charset != CHARSETS[0]:
        fields[CHARSET] = charset
    return fields


def encode(message: Message) -> bytes:
    """Make the frame of a message as ``read`` gives it.

    ``CP`` may also be a text.  CN, MN, PNUM and PNO are taken from the message when its fields lack
    them.  Raises ValueError for what no frame can carry.
    """
    fields = message.fields
    try:
        charset = str(fields.get(CHARSET, CHARSETS[0]))
        cp = fields.get(TEXT, fields.get(DATA, ""))
        data = (write_tree(cp) if isinstance(cp, Mapping) else str(cp)).encode(charset)
        named = ((DATA if name == STRAY else name, value) for name, value in _ordered(message))
        pairs = (write_field(name, value, ";") for name, value in named)
        head = "".join(f"{pair};" for pair in pairs).encode(charset)
        body = bytes.fromhex(fields[CIPHERTEXT]) if CIPHERTEXT in fields else data
    except (LookupError, TypeError) as error:
        text = f"no frame can carry {error}"
        raise ValueError(text) from error
    lost = len(data) - len(body)
    if lost not in {0, len(data) % BLOCK_BYTES} or CP_BEGIN in head:
        raise ValueError("ciphertext is as long as its text, and CP is the last field")
    plain = head + CP_BEGIN + data + CP_END
    if len(plain) > MAX_SEGMENT_BYTES:
        text = f"a segment has at most {MAX_SEGMENT_BYTES} bytes, this one {len(plain)}"
        raise ValueError(text)
    return framed(head + CP_BEGIN + body + CP_END, hj212(plain), lost)


def _ordered(message: Message) -> list[tuple[str, Any]]:
    """Return the header's fields, in the standard's order when the message had to complete them."""
    given = {name: value for name, value in message.fields.items() if name not in _OF_THE_DATA}
    number, count = message.part or (None, None)
    known = {"CN": CN_OF_KIND.get(message.kind), "MN": message.meter, "PNO": number, "PNUM": count}
    added = {name: value for name, value in known.items() if value is not None} | given
    if "CN" not in added:
        text = f"the kind {message.kind!r} has no CN, and the fields name none"
        raise ValueError(text)
    if len(added) == len(given):
        return list(given.items())
    order = {name: place for place, name in enumerate(FIELD_ORDER)}
    return sorted(added.items(), key=lambda item: order.get(item[0], len(order)))
