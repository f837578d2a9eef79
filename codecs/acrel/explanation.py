"""Which bytes of an Acrel frame say what, for people."""

from wattwarden.codecs.acrel.frame import (
    BODY_BEGIN,
    LEAST_BYTES,
    NAMES,
    NB_HEARTBEAT,
    NB_HEARTBEAT_BYTES,
    PASS_THROUGH,
    REGISTER,
    SERIAL_BYTES,
    TIME,
    body_end,
    fits,
    serial_of,
)
from wattwarden.codecs.acrel.layouts import CLOCK, REGISTRATION, STRUCTS
from wattwarden.codecs.acrel.message import CARRY_SECTIONS
from wattwarden.codecs.acrel.sections import sections
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.explain import explain_struct


def explain(frame: bytes, request: bytes | None = None) -> tuple[Field, ...]:
    """Name every stretch of a frame, of a broken one as far as it can be followed."""
    del request
    if len(frame) < LEAST_BYTES:
        return (Field(0, frame, "rest"),)
    command = frame[2]
    name = NAMES.get(command, "no such command")
    fields = [Field(0, frame[:2], "head"), Field(2, frame[2:3], "command", name)]
    fields += _explain_body(frame, command)
    if command == NB_HEARTBEAT and len(frame) == NB_HEARTBEAT_BYTES:
        return (*fields, Field(len(frame) - 2, frame[-2:], "tail"))
    verdict = "fits" if fits(frame, 0, len(frame)) else "! does not fit"
    at = len(frame) - 4
    return (*fields, Field(at, frame[at:-2], "CRC", verdict), Field(at + 2, frame[-2:], "tail"))


def _explain_body(frame: bytes, command: int) -> list[Field]:
    at, end = BODY_BEGIN, body_end(frame)
    if command == REGISTER and end > at:
        return list(explain_struct(REGISTRATION, frame[at:end], at))
    if command == TIME and end - at == CLOCK.sizeof():
        return list(explain_struct(CLOCK, frame[at:end], at))
    fields = []
    serial = serial_of(frame)
    if serial is not None:
        fields.append(Field(at, frame[at : at + SERIAL_BYTES], "serial", serial))
        at += SERIAL_BYTES
    if command in CARRY_SECTIONS:
        return fields + _explain_sections(frame, at, end)
    if at < end:
        fields.append(Field(at, frame[at:end], "RTU" if command == PASS_THROUGH else "body"))
    return fields


def _explain_sections(frame: bytes, at: int, end: int) -> list[Field]:
    try:
        found = sections(frame)
    except ProtocolError as error:
        return [Field(at, frame[at:end], "sections", f"! {error.message}")] if at < end else []
    fields: list[Field] = []
    for section in found:
        fields.append(Field(at, frame[at : section.begin], "section", section.channel))
        payload = frame[section.begin : section.end]
        if section.layout:
            registers = frame[section.data : section.data_end]
            fields.append(Field(section.begin, payload[:3], "modbus reply", section.layout))
            fields += explain_struct(STRUCTS[section.layout], registers, section.data)
            verdict = "fits" if rtu.is_sound(payload) else "! does not fit"
            fields.append(Field(section.data_end, payload[-2:], "section CRC", verdict))
        else:
            fields.append(Field(section.begin, payload, "payload"))
        fields.append(Field(section.end, frame[section.end : section.closed], "end of section"))
        at = section.closed
    if at < end:
        fields.append(Field(at, frame[at:end], "body"))
    return fields
