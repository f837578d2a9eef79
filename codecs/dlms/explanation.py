"""What each stretch of a frame is, for people."""

from collections.abc import Iterator
from typing import Any, Final

from wattwarden.codecs.dlms.apdu import body_of, key_of, read_apdu, read_or_none
from wattwarden.codecs.dlms.frame import (
    CRC_BYTES,
    FORMAT_BYTES,
    SEGMENTED,
    WRAPPER_BYTES,
    WRAPPER_HEAD,
    apdu_begin,
    begin_of,
    header_of,
    take_apart,
)
from wattwarden.codecs.dlms.lists import Entry, entries
from wattwarden.codecs.dlms.moment import date_time_text
from wattwarden.codecs.dlms.obis import describe, obis_of
from wattwarden.codecs.dlms.services import SERVICES, WHOLE
from wattwarden.codecs.tables import read_terms
from wattwarden.protocol.axdr import Step, Trace, fields_of
from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError, Refusal

TERMS: Final = read_terms("dlms_terms")


def explain(frame: bytes, request: bytes | None) -> tuple[Field, ...]:
    """Say what each stretch of a frame is, of a broken one as far as it goes.

    The stretches, one behind the other, are the frame.  ``request`` holds the segments before this
    one, which is not needed here.
    """
    del request
    fault = ""
    try:
        take_apart(frame)
    except ProtocolError as error:
        if error.kind is not Refusal.CHECKSUM:
            return (Field(0, frame, "残帧 rest", f"! {error.message}"),) if frame else ()
        fault = f"! {error.message}"
    if frame.startswith(WRAPPER_HEAD):
        fields = [*_explain_wrapper(frame), *_explain_apdu(frame, WRAPPER_BYTES, len(frame))]
    else:
        fields = list(_explain_hdlc(frame, fault))
    return tuple(field for field in fields if field.raw)


def _explain_wrapper(frame: bytes) -> Iterator[Field]:
    yield Field(0, frame[:2], "版本 version", str(int.from_bytes(frame[:2], "big")))
    for at, name in ((2, "源端口 source port"), (4, "目的端口 destination port")):
        yield Field(at, frame[at : at + 2], name, str(int.from_bytes(frame[at : at + 2], "big")))
    yield Field(6, frame[6:8], "长度 length", str(int.from_bytes(frame[6:8], "big")), "B")


def _explain_hdlc(frame: bytes, fault: str) -> Iterator[Field]:
    start = begin_of(frame)
    header = header_of(frame, start)
    if isinstance(header, int):  # take_apart would have refused it
        return
    yield Field(0, frame[:start], "标志 flag")
    at = start + FORMAT_BYTES
    size = (frame[start] & 0x07) << 8 | frame[start + 1]
    more = ", segment" if frame[start] & SEGMENTED else ""
    yield Field(start, frame[start:at], "帧格式 format and length", f"{size}{more}", "B")
    places = (
        (at, header.destination, "目的地址 destination"),
        (header.destination, header.source, "源地址 source"),
        (header.source, header.control, "控制 control"),
    )
    for begin, end, name in places:
        yield Field(begin, frame[begin:end], name, frame[begin:end].hex().upper())
    end = len(frame) - CRC_BYTES - 1
    begin = header.control
    if begin < end:
        begin += CRC_BYTES
        yield Field(header.control, frame[header.control : begin], "帧头校验 HCS")
        yield from _explain_information(frame, begin, end)
    yield Field(end, frame[end:-1], "帧校验 FCS", fault or "fits")
    yield Field(len(frame) - 1, frame[-1:], "标志 flag")


def _explain_information(frame: bytes, begin: int, end: int) -> Iterator[Field]:
    llc = apdu_begin(frame[begin:end])
    if not llc:
        yield Field(begin, frame[begin:end], "信息 information")
        return
    yield Field(begin, frame[begin : begin + llc], "逻辑链路控制 LLC")
    yield from _explain_apdu(frame, begin + llc, end)


def _explain_apdu(frame: bytes, begin: int, end: int) -> Iterator[Field]:
    return fields_of(_steps(frame[begin:end]), frame, begin, end, _label)


def _steps(apdu: bytes) -> list[Step]:
    """Return the stretches of an APDU, of a broken one as far as they can be read."""
    if not apdu:
        return []
    key = key_of(apdu)
    service = SERVICES.get(key)
    if service is None:
        return [Step(0, len(apdu), "service", WHOLE.get(apdu[0], "! not known"), "")]
    whole = read_or_none(apdu)
    trace = Trace()
    trace.subject = _Told([] if whole is None else entries(body_of(whole)))
    trace.tell(
        0, 1 if key[1] is None else 2, "service", TERMS.get(("kind", service.kind), service.kind)
    )
    try:
        read_apdu(apdu, trace)
    except ProtocolError as error:
        at = max(min(error.offset, len(apdu)), trace.steps[-1].end)
        trace.tell(at, len(apdu), "rest", f"! {error.message}")
    return trace.steps


class _Told:
    """Names and scales, for people, the values of a list as they come."""

    __slots__ = ("_entries",)

    def __init__(self, found: list[Entry]) -> None:
        self._entries = found[::-1]

    def next_value(self, kind: str, value: Any) -> tuple[str, str, str] | None:
        """Return name, value and unit of a logical name or of the value that follows it."""
        data = None if value is None else {kind: value}
        obis = obis_of(data)
        if obis is not None:
            return "logical_name", f"{obis} {describe(obis)}".strip(), ""
        while self._entries and self._entries[-1].data != data:
            if not _is_passed(self._entries[-1].data):
                return None
            self._entries.pop()
        if not self._entries:
            return None
        entry = self._entries.pop()
        scaled = entry.value
        name = f"{entry.obis} {describe(entry.obis)}".strip()
        if scaled is not None:
            return name, f"{float(scaled):.15g}", entry.unit
        time = date_time_text(bytes.fromhex(value)) if kind == "octet-string" else None
        return name, time or entry.text or f"{kind} {value}", ""


def _is_passed(data: Any) -> bool:
    """Whether a value has parts, which come one by one, so that it is never met itself."""
    return isinstance(data, dict) and isinstance(next(iter(data.values())), list | dict)


def _label(name: str) -> str:
    """Name a field in both languages; what is no field's name stays."""
    if name == "service":
        return "服务 service"
    for word in ("count of ", "choice of ", "presence of ", "type of "):
        if name.startswith(word):
            rest = name.removeprefix(word)
            return f"{word}{TERMS.get(('field', rest), rest)}"
    return TERMS.get(("field", name), name)
