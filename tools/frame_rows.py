"""The JSON rows of ``wattwarden decode``: one for each frame, or for what is none."""

from collections.abc import Iterator
from typing import Any

from wattwarden.codecs import load_codecs
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.tools.decoding import NAMELESS, Decoded, Decoder, Unread, Value, profiles_with
from wattwarden.tools.errors import UsageError
from wattwarden.tools.lines import MAX_LINE_BYTES, parse_key, payload
from wattwarden.tools.times import rfc3339

Row = dict[str, Any]


def decoder_for(codec: str | None, keys: tuple[str, ...]) -> Decoder:
    """Make a decoder of all codecs, or of the one named.

    Raises:
        UsageError: there is no such codec, or a key is not MN=HEX.
    """
    codecs = load_codecs()
    if codec is not None and codec not in codecs:
        message = f"there is no codec {codec!r}"
        raise UsageError(message, f"name one of {', '.join(codecs)}")
    only = None if codec is None else codecs[codec]
    known = dict(map(parse_key, keys))
    # Whoever gives one key means the frames of that meter, also those that name none.
    nameless = next(iter(known)) if len(known) == 1 else NAMELESS
    return Decoder(list(codecs.values()), profiles_with(known), only, nameless)


def line_rows(decoder: Decoder, number: int, line: bytes | None, now: int) -> Iterator[Row]:
    """Yield the JSON rows of one line of input; None stands for a line that was too long."""
    if line is None:
        yield _error_row(number, Refusal.LENGTH, f"a line is at most {MAX_LINE_BYTES} bytes", 0)
        return
    try:
        data = payload(line)
    except ProtocolError as error:
        yield _error_row(number, error.kind, error.message, error.offset)
        return
    for result in decoder.decode(data, now):
        match result:
            case Unread():
                yield _error_row(number, result.kind, result.message, result.offset)
            case Decoded():
                yield _frame_row(number, result)


def _frame_row(number: int, frame: Decoded) -> Row:
    message = frame.message
    row: Row = {
        "line": number,
        "codec": frame.codec.name,
        "kind": message.kind,
        "meter": frame.meter,
        "at": None if message.at is None else rfc3339(message.at),
        "fields": message.fields,
        "readings": [_reading(value) for value in frame.values],
        "reply": frame.reply.hex() or None,
    }
    if message.part is not None:
        row["part"] = list(message.part)
    if frame.refused:
        row["refused"] = [
            _error(one.kind, one.message, frame.piece.offset + one.offset) for one in frame.refused
        ]
    return row


def _reading(value: Value) -> Row:
    reading: Row = {"quantity": value.quantity, "value": value.value, "unit": value.unit}
    if value.channel:
        reading["channel"] = value.channel
    if value.period != "instant":
        reading["period"] = value.period
    return reading


def _error_row(number: int, kind: Refusal, message: str, offset: int) -> Row:
    return {"line": number, "error": _error(kind, message, offset)}


def _error(kind: Refusal, message: str, offset: int) -> Row:
    return {"kind": str(kind), "message": message, "offset": offset}
