"""``wattwarden decode``: what frames say, without a running system."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
from cyclopts import Parameter

from wattwarden.codecs import load_codecs
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.tools.decoding import Decoded, Decoder, Unread, Value, profiles_with
from wattwarden.tools.errors import UsageError
from wattwarden.tools.lines import (
    MAX_LINE_BYTES,
    STANDARD_INPUT,
    numbered_lines,
    opened,
    parse_key,
    payload,
)
from wattwarden.tools.options import AsJson, CodecName, Keys
from wattwarden.tools.times import parse_time, rfc3339, to_us

Row = dict[str, Any]


def decode(
    file: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="Lines of hex; - is standard input.")
    ] = STANDARD_INPUT,
    /,
    *,
    codec: CodecName = None,
    now: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="The time that replies carry; see --since."),
    ] = "now",
    key: Keys = (),
    json: AsJson = False,
) -> int:
    """Show what frames say, which readings they give and what would be answered.

    Each line of FILE is the hex (spaces allowed) of one or several frames, as one connection would
    send them, or the body of an HTTP push. With --json each frame gives one line with the keys
    line, codec, kind, meter, at, fields, readings, reply (and part, for a part of a split packet);
    bytes that are refused give line and error, with kind checksum, length, unknown or decode,
    message, and the offset in bytes.

    The exit status is 1 if anything was refused.
    """
    decoder = decoder_for(codec, key)
    moment = to_us(parse_time(now, datetime.now(UTC)))
    refused = 0
    with ExitStack() as stack:
        source = stack.enter_context(opened(file))
        seen = stack.enter_context(_progress(file))
        show = _view(file, json=json)
        for number, line in numbered_lines(source, seen):
            rows = list(line_rows(decoder, number, line, moment))
            refused += sum("error" in row or "refused" in row for row in rows)
            show(rows)
    return 1 if refused else 0


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
    return Decoder(list(codecs.values()), profiles_with(dict(map(parse_key, keys))), only)


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


def _json_lines(*, flushed: bool) -> Callable[[list[Row]], None]:
    """Write rows as JSON lines; ``flushed`` after each line of input, for whoever follows a log."""
    out = sys.stdout

    def show(rows: list[Row]) -> None:
        out.write("".join(as_json(row) + "\n" for row in rows))
        if flushed:
            out.flush()

    return show


def as_json(row: Row) -> str:
    """Write a row as JSON in one line."""
    return orjson.dumps(row, default=_jsonable, option=orjson.OPT_NON_STR_KEYS).decode()


def _jsonable(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)


def _view(file: str, *, json: bool) -> Callable[[list[Row]], None]:
    if json:
        return _json_lines(flushed=file == STANDARD_INPUT)
    from wattwarden.tools.render import show_frames  # noqa: PLC0415  # rich is slow to import

    return show_frames


def _progress(file: str) -> AbstractContextManager[Callable[[int], object]]:
    """A bar while a file is read and the output goes elsewhere; nothing otherwise."""
    if file == STANDARD_INPUT or not sys.stderr.isatty() or sys.stdout.isatty():
        return nullcontext(lambda _bytes: None)
    from wattwarden.tools.render import byte_progress  # noqa: PLC0415  # rich is slow to import

    return byte_progress(Path(file).stat().st_size)
