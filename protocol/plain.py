"""Values of a construct Struct as JSON can carry them, and back.

bytes → parse → plain → JSON → build → the same bytes

Bytes are written as hex, wall times as ``2026-11-22 11:04:05 dow=0``, numbers and texts as they
are.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import construct as cs

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.wire import BinaryClock, FixedText, parts_of


def parse(struct: Any, raw: bytes, offset: int) -> dict[str, Any]:
    """Read ``raw``, which begins at ``offset`` of its frame, as a Struct of fixed size.

    Raises:
        ProtocolError: it is too short, or a value means nothing.
    """
    try:
        return dict(struct.parse(raw))
    except cs.ConstructError as error:
        message = f"{struct.sizeof()} bytes are needed, got {len(raw)}"
        raise ProtocolError(Refusal.LENGTH, message, offset) from error


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parsed values as JSON can carry them; what construct adds for itself is left out."""
    return {name: _plain(value) for name, value in values.items() if not name.startswith("_")}


def build(struct: Any, values: Mapping[str, Any]) -> bytes:
    """Build a Struct from plain values; what is not given is zero.

    Raises:
        ValueError: a value is not of its kind, or its part cannot hold it.
    """
    try:
        parts = {name: _value(piece, values.get(name)) for name, piece in parts_of(struct) if name}
        return bytes(struct.build(parts))
    except (cs.ConstructError, OverflowError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, LocalTime) else value


def _value(piece: Any, value: Any) -> Any:
    if isinstance(piece, BinaryClock):
        return value if isinstance(value, LocalTime) else _clock(str(value))
    if isinstance(piece, FixedText):
        return value or ""
    if isinstance(piece, cs.Bytes):
        return bytes.fromhex(value) if value else bytes(piece.sizeof())
    return 0 if value is None else value


def _clock(text: str) -> LocalTime:
    moment, _, weekday = text.partition(" dow=")
    time = LocalTime.of(datetime.fromisoformat(moment))
    return time._replace(weekday=int(weekday) if weekday else None)
