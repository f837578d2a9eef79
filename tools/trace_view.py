"""What happened to a meter's connection, for people and machines: decoded, beside the hex."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Codec, Field, ProfileOf
from wattwarden.protocol.errors import Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.zone import CHINA
from wattwarden.server.trace import INCOMING, OUTGOING, Happened, What
from wattwarden.tools.cutting import Piece
from wattwarden.tools.decode import as_json
from wattwarden.tools.decoding import Decoded, Unread, Value, decode_known
from wattwarden.tools.inspect_frame import dump, field_row
from wattwarden.tools.render import PIPED_WIDTH, flat, printable, show_fields
from wattwarden.tools.times import of_us, rfc3339

ARROWS: Final = {True: "◄", False: "►", None: "·"}
COLOURS: Final[Mapping[str, str]] = {
    What.HEARD: "green",
    What.ANSWERED: "cyan",
    What.SENT: "cyan",
    What.NOISE: "bold red",
    What.RETURNED: "bold red",
    What.REFUSED: "bold red",
}
# Frames of meters hold a few dozen values; the rest is in --json.
MOST_SHOWN_VALUES: Final = 40
# Energies are exact, in Wh; so many digits a float has in any case.
ALL_DIGITS: Final = 15
_WORDS: Final[Mapping[str, str]] = {
    What.HEARD: "heard",
    What.ANSWERED: "answered",
    What.SENT: "sent",
    What.NOISE: "no frame",
    What.RETURNED: "given back",
    What.REFUSED: "not let in",
}

Profiles = Callable[[str], ProfileOf]
"""The profiles that a codec, by its name, may ask for."""


class View:
    """Shows happenings; ``explain`` adds what each byte of a frame means."""

    def __init__(self, profiles: Profiles, *, json: bool, explain: bool) -> None:
        self._profiles = profiles
        self._json = json
        self._explain = explain
        self._out = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)

    def show(self, one: Happened) -> None:
        """Show one."""
        codec = None if one.codec is None else load_codecs().get(one.codec)
        read = self._read(one, codec)
        fields = list(_explained(one, codec)) if self._explain and one.data else []
        if self._json:
            print(as_json(_row(one, read, _kinds(one, codec, self._profiles), fields)), flush=True)
        else:
            self._print(one, read, codec, fields)

    def note(self, text: str) -> None:
        """Say something that is no happening, beside them."""
        print(f"wattwarden: {text}", file=sys.stderr, flush=True)

    def _read(self, one: Happened, codec: Codec | None) -> Decoded | Unread | None:
        if codec is None or one.what != What.HEARD or one.size > len(one.data):
            return None
        try:
            return decode_known(
                codec,
                one.data,
                one.at,
                self._profiles(codec.name),
                identity=one.identity,
                request=one.request,
            )
        except Exception as error:  # noqa: BLE001  # what a codec fails at is what is looked for
            message = f"the codec failed: {type(error).__name__}: {error}"
            return Unread(Piece(0, one.data, codec, sound=True), Refusal.DECODE, message, 0)

    def _print(
        self, one: Happened, read: Decoded | Unread | None, codec: Codec | None, fields: list[Field]
    ) -> None:
        kinds = read.message.kind if isinstance(read, Decoded) else ""
        kinds = kinds or ", ".join(_kinds(one, codec, self._profiles))
        colour = COLOURS.get(one.what, "bold")
        self._line(
            Text.assemble(
                (f"{_clock(one.at)} ", "dim"),
                (f"{ARROWS[_is_incoming(one)]} {_WORDS.get(one.what, one.what)}", colour),
                _waited(one),
                f"  {one.codec or ''} {printable(kinds)}".rstrip(),
                f"  {one.size} bytes" if one.size else "",
                f"  {printable(one.identity)}" if one.identity else "",
                (f"  {one.peer}", "dim"),
                (f"  {printable(one.reason)}" if one.reason else "", "yellow"),
            )
        )
        if one.request is not None:
            self._line(Text(f"    asked  {one.request.hex(' ')}", "dim"))
        if one.data and not fields:
            cut = "" if one.size <= len(one.data) else f" … {one.size:,} bytes"
            self._line(Text(f"    hex    {one.data.hex(' ')}{cut}", "dim"))
        for line in _lines(read):
            self._line(line)
        if fields:
            show_fields(fields)

    def _line(self, text: Text) -> None:
        # Folded, hex cannot be copied in one piece.
        self._out.print(text, soft_wrap=True)


def _clock(at: int) -> str:
    return of_us(at).astimezone(CHINA).strftime("%H:%M:%S.%f")[:-3]


def _waited(one: Happened) -> str:
    return "" if one.waited_us is None else f" after {one.waited_us / 1000:.1f} ms"


def _is_incoming(one: Happened) -> bool | None:
    return True if one.what in INCOMING else False if one.what in OUTGOING else None


def _lines(read: Decoded | Unread | None) -> Iterator[Text]:
    if isinstance(read, Unread):
        yield Text(
            f"    refused at byte {read.offset}: {read.kind}: {printable(read.message)}", "red"
        )
    if not isinstance(read, Decoded):
        return
    if read.message.at is not None:
        yield Text(f"    at     {_moment(read.message.at)}")
    shown = read.values[:MOST_SHOWN_VALUES]
    if shown:
        left = len(read.values) - len(shown)
        more = f"  … {left} more" if left else ""
        yield Text(f"    read   {'  '.join(map(_value, shown))}{more}", "green")
    elif fields := [(name, text) for name, text in flat(read.message.fields) if text]:
        words = (f"{name}={text}" for name, text in fields[:MOST_SHOWN_VALUES])
        yield Text(f"    says   {printable('  '.join(words))}")
    for lost in read.refused:
        yield Text(
            f"    refused at byte {lost.offset}: {lost.kind}: {printable(lost.message)}", "red"
        )


def _moment(moment: datetime) -> str:
    return moment.astimezone(CHINA).isoformat(sep=" ")


def _value(value: Value) -> str:
    name = ".".join(filter(None, (value.channel, value.quantity)))
    period = "" if value.period == "instant" else f"[{value.period}]"
    return f"{name}{period} {value.value:.{ALL_DIGITS}g} {value.unit}".rstrip()


def _kinds(one: Happened, codec: Codec | None, profiles: Profiles) -> list[str]:
    """What the frames of some bytes are called; of an answer there may be several."""
    if codec is None or one.what == What.NOISE or not one.data:
        return []
    kinds = []
    for frame in Framer(codec.outline).feed(one.data):
        # Refused, or failed at: ``_read`` says so.
        with suppress(Exception):
            kinds.append(codec.read(frame, profiles(codec.name)).kind)
    return kinds


def _explained(one: Happened, codec: Codec | None) -> Iterator[Field]:
    fields = () if codec is None or one.what == What.NOISE else codec.explain(one.data, one.request)
    yield from fields or dump(one.data)


def _row(
    one: Happened, read: Decoded | Unread | None, kinds: list[str], fields: list[Field]
) -> dict[str, Any]:
    incoming = _is_incoming(one)
    row: dict[str, Any] = {
        "at": rfc3339(of_us(one.at)),
        "what": one.what,
        "direction": None if incoming is None else "in" if incoming else "out",
        "peer": one.peer,
        "codec": one.codec,
        "meter": one.identity,
        "kinds": kinds,
        "bytes": one.size,
        "hex": one.data.hex(),
        "request": None if one.request is None else one.request.hex(),
        "reason": one.reason or None,
        "waited_ms": None if one.waited_us is None else one.waited_us / 1000,
    }
    if isinstance(read, Unread):
        row["refused"] = [_error(read.kind, read.message, read.offset)]
    if isinstance(read, Decoded):
        row["measured_at"] = None if read.message.at is None else rfc3339(read.message.at)
        row["fields"] = read.message.fields
        row["readings"] = [
            {
                "quantity": value.quantity,
                "value": value.value,
                "unit": value.unit,
                "channel": value.channel,
                "period": value.period,
            }
            for value in read.values
        ]
        row["refused"] = [_error(lost.kind, lost.message, lost.offset) for lost in read.refused]
    if fields:
        row["explained"] = [field_row(field) for field in fields]
    return row


def _error(kind: object, message: str, offset: int) -> dict[str, Any]:
    return {"kind": str(kind), "message": message, "offset": offset}
