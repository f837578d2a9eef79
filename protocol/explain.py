"""From a construct Struct: which bytes of a frame say what, for people."""

from typing import Any

import construct as cs

from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.wire import Scaled, parts_of


def explain_struct(struct: Any, raw: bytes, offset: int) -> tuple[Field, ...]:
    """Explain ``raw``, laid out as ``struct``, that begins at ``offset`` of its frame.

    A part that cannot be read says so in its value instead of hiding the others.
    """
    fields = []
    at = 0
    for name, piece in parts_of(struct):
        size = int(piece.sizeof())
        piece_raw = raw[at : at + size]
        unit = str(piece.unit) if isinstance(piece, Scaled) else ""
        fields.append(
            Field(offset + at, piece_raw, name or "reserved", _value(piece, piece_raw), unit)
        )
        at += size
    if at < len(raw):
        fields.append(Field(offset + at, raw[at:], "rest"))
    return tuple(fields)


def _value(piece: Any, raw: bytes) -> str:
    try:
        value = piece.parse(raw)
    except ProtocolError as error:
        return f"! {error.message}"
    except cs.ConstructError:
        return "! cut short"
    if value is None:
        return ""
    if isinstance(value, float):
        # A float64 keeps 15 digits; more would show how it was rounded, not what was sent.
        return f"{value:.15g}"
    return value.hex(" ") if isinstance(value, bytes) else str(value)
