"""One frame of Acrel's in readable form, and back: for people, simulators and commands."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from wattwarden.codecs.acrel.frame import (
    ACKS,
    ALARM,
    ALARM_SETTINGS,
    BODY_BEGIN,
    HEAD,
    KINDS,
    NAMES,
    NB_HEARTBEAT,
    NB_HEARTBEAT_BYTES,
    PASS_THROUGH,
    REGISTER,
    SERIAL_BYTES,
    TAIL,
    TIME,
    UPLOAD,
    body_end,
    check,
    fits,
    seal,
    serial_of,
)
from wattwarden.codecs.acrel.layouts import CLOCK, REGISTRATION, STRUCTS
from wattwarden.codecs.acrel.sections import ERROR_TEXT, sections, write_section
from wattwarden.protocol import rtu
from wattwarden.protocol.clock import LocalTime, utc_moment
from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.protocol.plain import build, parse, plain

CARRY_SECTIONS: Final = frozenset((UPLOAD, ALARM, ALARM_SETTINGS))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read(frame: bytes, profile_of: ProfileOf) -> Message:
    """Read one frame, checking everything.

    Raises:
        ProtocolError: of every kind.
    """
    command = check(frame)
    serial = serial_of(frame)
    body = frame[BODY_BEGIN : body_end(frame)]
    rest = body if serial is None else body[SERIAL_BYTES:]
    fields: dict[str, Any] = {"command": f"{command:02X}"}
    if serial is not None:
        fields["serial"] = serial
    kind, at = NAMES[command], None
    if not body and command in ACKS:
        kind += "_ack"
    elif command == REGISTER:
        fields |= plain(parse(REGISTRATION, body, BODY_BEGIN))
    elif command == TIME:
        kind, more = _read_time(body)
        fields |= more
    elif command in CARRY_SECTIONS and body:
        fields["sections"], at = _read_sections(frame, profile_of(serial or "").zone)
    elif command == PASS_THROUGH:
        fields |= rtu.read(rest)
    elif rest:
        fields["body"] = rest.hex()
    return Message(kind, serial, at, fields)


def _read_time(body: bytes) -> tuple[str, dict[str, Any]]:
    if len(body) in (0, SERIAL_BYTES):
        return "time_request", {}
    return "time", plain(parse(CLOCK, body, BODY_BEGIN))


def _read_sections(frame: bytes, zone: tzinfo) -> tuple[list[dict[str, Any]], datetime | None]:
    rows: list[dict[str, Any]] = []
    at = None
    for section in sections(frame):
        payload = frame[section.begin : section.end]
        row: dict[str, Any] = {"channel": section.channel, "payload": payload.hex()}
        text = payload.rstrip(b"\0 ").decode("latin-1")
        if payload.startswith(ERROR_TEXT) and text.isascii() and text.isprintable():
            row["error"] = text
        if section.layout:
            registers = frame[section.data : section.data_end]
            values = parse(STRUCTS[section.layout], registers, section.data)
            row |= {"layout": section.layout, "values": plain(values)}
            clock = values.get("clock")
            at = at or (clock and _moment(clock, zone))
        rows.append(row)
    return rows, at


def _moment(clock: LocalTime, zone: tzinfo) -> datetime:
    return _EPOCH + timedelta(microseconds=utc_moment(clock, zone))


def encode(message: Message) -> bytes:
    """Build the frame of a message; the inverse of ``read``.

    A section is given by ``payload`` (hex) or by ``layout`` and ``values``.

    Raises:
        ValueError: unknown kind, or a field that the layout cannot hold.
    """
    kind = message.kind.removesuffix("_ack").removesuffix("_request")
    command = next((code for code, name in NAMES.items() if name == kind), None)
    if command is None:
        text = f"no such kind {message.kind!r}, known are {', '.join(KINDS)}"
        raise ValueError(text)
    try:
        body = _body(command, message.fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{message.kind} cannot be built: {error}"
        raise ValueError(text) from error
    bare = HEAD + bytes([command]) + body + TAIL
    if command == NB_HEARTBEAT and len(bare) == NB_HEARTBEAT_BYTES and fits(bare, 0, len(bare)):
        return bare
    return seal(command, body)


def _body(command: int, fields: Mapping[str, Any]) -> bytes:
    if command == REGISTER and fields.get("iccid") is not None:
        return build(REGISTRATION, fields)
    if "clock" in fields:
        return build(CLOCK, fields)
    serial = str(fields.get("serial", "")).encode("ascii")
    body = serial.ljust(SERIAL_BYTES, b"\0") if serial else b""
    if "sections" in fields:
        return body + b"".join(_section(section) for section in fields["sections"])
    return body + bytes.fromhex(str(fields.get("rtu", fields.get("body", ""))))


def _section(section: Mapping[str, Any]) -> bytes:
    if "payload" in section:
        payload = bytes.fromhex(section["payload"])
    else:
        payload = rtu.reply(build(STRUCTS[section["layout"]], section["values"]))
    return write_section(str(section["channel"]), payload)
