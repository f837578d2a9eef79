"""``wattwarden inspect``: a frame byte by byte."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.tools.decode import as_json
from wattwarden.tools.decoding import Decoded, Unread
from wattwarden.tools.errors import UsageError
from wattwarden.tools.frame_rows import decoder_for
from wattwarden.tools.lines import STANDARD_INPUT, payload
from wattwarden.tools.options import AsJson, CodecName, Keys
from wattwarden.tools.render import show_explained
from wattwarden.tools.times import to_us

# One row of a classic dump for bytes that nobody can explain.
DUMP_BYTES = 16


def inspect(
    *frame: Annotated[
        str,
        Parameter(
            name="HEX", allow_leading_hyphen=True, help="Bytes as hex; - reads standard input."
        ),
    ],
    request: Annotated[
        str | None, Parameter(help="Hex of the request that the frame answers (Modbus, DL/T 645).")
    ] = None,
    codec: CodecName = None,
    key: Keys = (),
    json: AsJson = False,
) -> int:
    """Show a frame byte by byte.

    Each stretch of the frame stands in one line: offset, bytes, name, value, unit. Several frames
    may follow each other; a broken frame is shown as far as it can be explained, with what is
    wrong.

    The exit status is 1 if anything was refused.
    """
    if not frame:
        raise UsageError("no frame given", "wattwarden inspect 7b7b84bf237d7d")
    text = " ".join(frame)
    data = _bytes(sys.stdin.read() if text == STANDARD_INPUT else text)
    asked = None if request is None else _bytes(request)
    results = decoder_for(codec, key).decode(data, to_us(datetime.now(UTC)))
    for result in results:
        fields = list(explain(result, asked))
        if json:
            print(as_json(_row(result, fields)))
        else:
            show_explained(_heading(result), fields, _fault(result))
    return 1 if any(isinstance(result, Unread) for result in results) else 0


def explain(result: Decoded | Unread, request: bytes | None) -> Iterator[Field]:
    """Yield the fields of a frame or of other bytes; offsets count from the input's start."""
    piece = result.piece
    fields = piece.codec.explain(piece.raw, request) if piece.codec is not None else ()
    for field in fields or dump(piece.raw):
        yield Field(piece.offset + field.offset, field.raw, field.name, field.value, field.unit)


def dump(raw: bytes) -> Iterator[Field]:
    """Yield bytes in rows, with what is printable of them."""
    for offset in range(0, len(raw), DUMP_BYTES):
        row = raw[offset : offset + DUMP_BYTES]
        yield Field(offset, row, "", "".join(chr(b) if 32 <= b < 127 else "." for b in row))


def _bytes(text: str) -> bytes:
    try:
        return payload(" ".join(text.split()).encode())
    except ProtocolError as error:
        raise UsageError(error.message, "give the frame as hex, spaces allowed") from error


def _heading(result: Decoded | Unread) -> str:
    if isinstance(result, Unread):
        codec = result.piece.codec
        return f"{len(result.piece.raw)} bytes" + (f" of {codec.name}" if codec else "")
    named = result.meter or "unnamed"
    size = len(result.piece.raw)
    return f"{result.codec.title}: {result.message.kind}, meter {named}, {size} bytes"


def _fault(result: Decoded | Unread) -> str:
    if isinstance(result, Unread):
        return f"{result.kind} at byte {result.offset}: {result.message}"
    return ""


def field_row(field: Field) -> dict[str, Any]:
    """Return a field as JSON has it."""
    return {
        "offset": field.offset,
        "bytes": field.raw.hex(),
        "name": field.name,
        "value": field.value,
        "unit": field.unit,
    }


def _row(result: Decoded | Unread, fields: list[Field]) -> dict[str, Any]:
    codec = result.piece.codec
    return {
        "offset": result.piece.offset,
        "codec": None if codec is None else codec.name,
        "error": _fault(result) or None,
        "fields": [field_row(field) for field in fields],
    }
