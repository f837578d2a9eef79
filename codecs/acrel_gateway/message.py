"""One frame of a gateway in readable form, and back; what it is made of, for people."""

from typing import Any, Final

from wattwarden.codecs.acrel_gateway.dialogue import BEAT, VALIDATION
from wattwarden.codecs.acrel_gateway.frame import (
    AUTH,
    DATA,
    DATA_ZIPPED,
    HEAD,
    HEADER_BYTES,
    HEARTBEAT,
    MOST_BYTES,
    PASS_DOWN,
    PASS_UP,
    SEALED,
    TYPES,
    XML,
    check,
    seal,
)
from wattwarden.codecs.acrel_gateway.texts import notice_of, parse
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import Field, Message, ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal

KINDS: Final = {
    "auth": "01: the gateway wants to prove who it is, or a step of that",
    "heartbeat": "02: sign of life, and the server's time as its answer",
    "data": "03: readings, encrypted",
    "data_zipped": "04: readings, compressed and encrypted",
    "pass_down": "F1: a frame for a meter on a bus of the gateway",
    "pass_up": "F2: what that meter answered",
}
_NAMES: Final = {
    AUTH: "auth",
    HEARTBEAT: "heartbeat",
    DATA: "data",
    DATA_ZIPPED: "data_zipped",
    PASS_DOWN: "pass_down",
    PASS_UP: "pass_up",
}
_ELEMENTS: Final = {AUTH: VALIDATION, HEARTBEAT: BEAT}


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one frame; what is encrypted stays so, since no frame says by whom.

    Raises:
        ProtocolError: unknown, length or decode.
    """
    del profile_of
    kind, data = check(frame)
    if kind in SEALED:
        return Message(_NAMES[kind], fields={"cipher": data.hex()})
    text = _text(data)
    if kind in XML:
        said = notice_of(parse(data), _ELEMENTS[kind])
        fields: dict[str, Any] = {"text": text, "operation": said.operation, "parts": said.parts}
        return Message(_NAMES[kind], said.gateway, None, fields)
    place, _, digits = text.partition("|")
    try:
        raw = bytes.fromhex(digits)
    except ValueError as error:
        text = "what is passed through is hex"
        raise ProtocolError(Refusal.DECODE, text, HEADER_BYTES + len(place) + 1) from error
    return Message(_NAMES[kind], fields={"text": text, "place": place, **rtu.read(raw)})


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = HEADER_BYTES + error.start
        raise ProtocolError(Refusal.DECODE, "a text is UTF-8", where) from error


def encode(message: Message) -> bytes:
    """Build a frame from ``text``, or from ``cipher`` in hex; the inverse of ``read``.

    Raises:
        ValueError: unknown kind, or no such data.
    """
    kind = next((code for code, name in _NAMES.items() if name == message.kind), None)
    if kind is None:
        text = f"no such kind {message.kind!r}, known are {', '.join(KINDS)}"
        raise ValueError(text)
    name = "cipher" if kind in SEALED else "text"
    value = message.fields.get(name)
    if not isinstance(value, str):
        text = f"{message.kind} cannot be built: it has no {name}"
        raise ValueError(text)  # noqa: TRY004  # what is missing is a value of the caller's
    frame = seal(kind, bytes.fromhex(value) if kind in SEALED else value.encode())
    if len(frame) > MOST_BYTES:
        text = f"{message.kind} would have {len(frame)} bytes, at most {MOST_BYTES} are accepted"
        raise ValueError(text)
    return frame


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame, of a broken one as far as it can be followed."""
    del request
    if len(frame) < HEADER_BYTES or not frame.startswith(HEAD):
        return (Field(0, frame, "rest"),)
    kind = frame[2]
    size = int.from_bytes(frame[3:HEADER_BYTES], "big")
    data = frame[HEADER_BYTES:]
    shown = "" if kind in SEALED or kind not in TYPES else data.decode("utf-8", "replace")
    fields = (
        Field(0, frame[:2], "head"),
        Field(2, frame[2:3], "type", _NAMES.get(kind, "no such type")),
        Field(3, frame[3:HEADER_BYTES], "length", str(size)),
        Field(HEADER_BYTES, data, "cipher" if kind in SEALED else "text", shown),
    )
    return tuple(field for field in fields if field.raw)
