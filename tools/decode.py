"""``wattwarden decode``: what frames say, without a running system."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
from cyclopts import Parameter

from wattwarden.tools.lines import STANDARD_INPUT, numbered_lines, opened
from wattwarden.tools.options import AsJson, CodecName, Keys
from wattwarden.tools.times import parse_time, to_us

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
    message, and the offset in bytes. A master's request of Q/GDW 376.1 or Modbus whose checksum
    alone is wrong is shown with what it asks, and with that as refused.

    The exit status is 1 if anything was refused.
    """
    # The codecs bring numpy, cryptography and more: half of the start, for which no help waits.
    from wattwarden.tools.frame_rows import decoder_for, line_rows  # noqa: PLC0415  # see above

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
