"""SMPP 3.4 gateway of an operator: a message as submit_sm PDUs, and what their answers mean.

Request   SUBMIT smpp://host:port, the body holds the parts' submit_sm back to back
Response  status 0, the body holds their submit_sm_resp back to back, all of them

Whoever carries them binds once a session (``bind``), numbers the PDUs (smpp_pdu.renumber),
answers what the gateway asks (smpp_pdu.answer) and reads the delivery reports (``read_report``).
Parts that were not answered leave the message unknown: a gateway cannot be asked for what it gave
no id, but a report may still name the message's reference.  So its receipt is waited for, and when
the wait is over there is nobody to ask.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from wattwarden.alarms.channels.answers import (
    BUSY,
    CONTACT,
    ENDPOINT,
    REFUSED,
    UNCERTAIN,
    Ruling,
    Verdict,
    judge,
)
from wattwarden.alarms.channels.channel import (
    Absent,
    BuildError,
    Channel,
    Credentials,
    Delivered,
    Fault,
    Limit,
    Message,
    Outcome,
    Pace,
    Receipt,
    Refused,
    Request,
    Response,
    Unknown,
)
from wattwarden.alarms.channels.smpp_pdu import Command, Pdu, Tag, cut, decode, encode
from wattwarden.alarms.channels.texts import cut_chars, one_line, only_address
from wattwarden.protocol.errors import ProtocolError

MAX_SINGLE_UNITS: Final = 70  # 140 octets of UCS-2 (GSM 03.40)
MAX_PART_UNITS: Final = 67  # six octets of the 140 number the parts (GSM 03.40, 9.2.3.24.1)
# What people pay and read: the title, where, and the link; three parts hold 201 characters.
MAX_PARTS: Final = 3
MAX_PASSWORD_CHARS: Final = 8  # 5.2.2
UCS2: Final = 0x08  # 5.2.19: Chinese has no other coding
UDH: Final = 0x40  # 5.2.12: the text begins with a header
REPORT_WANTED: Final = 0x01  # 5.2.17: a report of the final state
IS_REPORT: Final = 0x04  # 5.2.12: deliver_sm holds a report
# A phone that is on answers within seconds; an L4's other way is due after as long.
REPORT_WAIT_S: Final = 60
REPORTED: Final = "REPORT"  # the method of a question that the carrier answers by itself
THROTTLED_S: Final = 5  # windows are of a second; five let a full queue drain
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")  # 5.2.9: 21 octets with the zero
_FAILED: Final = frozenset({"EXPIRED", "DELETED", "UNDELIV", "REJECTD"})
_REPORT: Final = re.compile(rb"id:(\S+) .*?stat:(\w+)", re.DOTALL)  # appendix B

# command_status, 5.1.3.
RULINGS: Final = {
    0x04: BUSY,  # not bound: bind again
    0x08: BUSY,  # the gateway's own error
    0x0B: CONTACT,  # no such destination
    0x0D: ENDPOINT,  # bind failed
    0x0E: ENDPOINT,  # no such password
    0x0F: ENDPOINT,  # no such system_id
    0x14: Ruling(Verdict.THROTTLE, THROTTLED_S),  # queue full
    0x45: BUSY,  # submit failed
    0x58: Ruling(Verdict.THROTTLE, THROTTLED_S),  # too fast
    0x64: BUSY,  # the receiving application says: later
    0xFF: UNCERTAIN,
}

ASCII: Final = "^[ -~]*$"  # 3.1: octet strings are ASCII
# 5.2.1, 5.2.3 and 5.2.8, each without the zero at its end.
Name = Annotated[str, msgspec.Meta(pattern=ASCII, max_length=15)]
Type = Annotated[str, msgspec.Meta(pattern=ASCII, max_length=12)]
Number = Annotated[str, msgspec.Meta(pattern=ASCII, max_length=20)]
Octet = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which gateway, as whom, and what stands before every text (operators ask for 【…】)."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    system_id: Name
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 2775
    system_type: Type = ""
    source: Number = ""
    source_ton: Octet = 0
    source_npi: Octet = 0
    destination_ton: Octet = 1
    destination_npi: Octet = 1
    signature: Annotated[str, msgspec.Meta(max_length=20)] = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What finally became of a part: the gateway's id and its word, such as DELIVRD."""

    message_id: str
    state: str
    reference: int | None


def bind(settings: Settings, credentials: Credentials, sequence: int) -> bytes:
    """Return the PDU that begins a session.

    Raises:
        BuildError: The password is missing, or longer than SMPP allows.
    """
    password = credentials.reveal("password")
    if len(password) > MAX_PASSWORD_CHARS or not password.isascii():
        raise BuildError("password is longer than SMPP allows, or not ASCII")
    fields = {
        "system_id": settings.system_id,
        "password": password,
        "system_type": settings.system_type,
    }
    return encode(Command.BIND_TRANSCEIVER, sequence, fields)


def build(
    message: Message, settings: Settings, _credentials: Credentials, _now_us: int, _nonce: str
) -> Request:
    """Return the parts of a message, numbered from 1; what is under them is the same every time."""
    number = only_address(message)
    if not _NUMBER.fullmatch(number):
        raise BuildError("address is no number")
    texts = _split(_text(message, settings))
    pdus = [
        encode(
            Command.SUBMIT_SM,
            index,
            {
                "source_ton": settings.source_ton,
                "source_npi": settings.source_npi,
                "source": settings.source,
                "destination_ton": settings.destination_ton,
                "destination_npi": settings.destination_npi,
                "destination": number.lstrip("+"),
                "esm_class": UDH if len(texts) > 1 else 0,
                "registered": REPORT_WANTED,
                "data_coding": UCS2,
                "short_message": _header(message, index, len(texts)) + text.encode("utf-16-be"),
            },
            {Tag.USER_MESSAGE_REFERENCE: reference(message.id).to_bytes(2, "big")},
        )
        for index, text in enumerate(texts, 1)
    ]
    return Request("SUBMIT", f"smpp://{settings.host}:{settings.port}", (), b"".join(pdus))


def interpret(response: Response, _message: Message, now_us: int) -> Outcome:
    """All parts taken is success; else the first that was not says why."""
    try:
        found, rest = cut(response.body)
        answers = [decode(pdu) for pdu in found]
    except ProtocolError as error:
        return Unknown(f"answer cannot be read: {error.message}")
    if rest or not answers:
        return Unknown("answer is cut short")
    for answer in answers:
        if answer.status:
            reason = f"command_status 0x{answer.status:08X}"
            return judge(RULINGS.get(answer.status, REFUSED), reason, now_us)
        if answer.command != Command.SUBMIT_SM_RESP:
            return Unknown(f"command 0x{answer.command:08X} is no answer to submit_sm")
    return Delivered(",".join(answer.fields.get("message_id") or "" for answer in answers))


def read_report(pdu: Pdu) -> Report | None:
    """Return the delivery report of a deliver_sm, None where it is none."""
    if pdu.command != Command.DELIVER_SM or not pdu.fields["esm_class"] & IS_REPORT:
        return None
    found = _REPORT.search(pdu.fields["short_message"])
    if found is None:
        return None
    message_id, state = (group.decode("latin-1") for group in found.groups())
    tlv = pdu.tlvs.get(Tag.RECEIPTED_MESSAGE_ID)
    raw = pdu.tlvs.get(Tag.USER_MESSAGE_REFERENCE)
    return Report(
        tlv.rstrip(b"\0").decode("latin-1") if tlv else message_id,
        state,
        int.from_bytes(raw, "big") if raw else None,
    )


def outcome_of(report: Report) -> Outcome | None:
    """Return what a report means for its message, None while that is open (appendix B)."""
    if report.state == "DELIVRD":
        return Delivered(report.message_id)
    if report.state in _FAILED:
        return Refused(f"report: {report.state}", Fault.CONTACT)
    return None


def reference(message_id: str) -> int:
    """Return the 16 bits under which a message is known beside the gateway's id (5.3.2.17)."""
    return zlib.crc32(message_id.encode()) & 0xFFFF


def _ask(
    message: Message,
    settings: Settings,
    _credentials: Credentials,
    _sent_us: int,
    _now_us: int,
    _nonce: str,
) -> Request:
    """Return a question that goes nowhere: a report would have settled the matter by itself."""
    place = f"smpp://{settings.host}:{settings.port}"
    return Request(REPORTED, place, (), reference(message.id).to_bytes(2, "big"))


def _read(_response: Response, message: Message, _now_us: int) -> Absent:
    return Absent(f"no report has named reference {reference(message.id)}")


def _text(message: Message, settings: Settings) -> str:
    """Return title and text in what room the link leaves."""
    link = f" {message.url}" if message.url else ""
    # A part may end one unit early, so as not to cut a character in two.
    room = MAX_PARTS * (MAX_PART_UNITS - 1) - _units(link)
    words = f"{settings.signature}{one_line(message.title)} {one_line(message.text)}".strip()
    while _units(words) > room > 0:
        words = cut_chars(words, min(room, len(words) - 1))
    if _units(words) > room:
        raise BuildError("link is longer than a message")
    return words + link


def _split(text: str) -> tuple[str, ...]:
    """Return the parts of a text; no part ends within a character."""
    if _units(text) <= MAX_SINGLE_UNITS:
        return (text,)
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[str]:
    part = ""
    for sign in text:
        if _units(part) + _units(sign) > MAX_PART_UNITS:
            yield part
            part = ""
        part += sign
    yield part


def _units(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


def _header(message: Message, index: int, count: int) -> bytes:
    """Return the header that numbers a part (GSM 03.40, 9.2.3.24.1)."""
    if count == 1:
        return b""
    return bytes((5, 0, 3, reference(message.id) & 0xFF, count, index))


CHANNEL: Final = Channel(
    name="smpp",
    settings=Settings,
    secrets=("password",),
    # Contracts of operators begin at ten messages a second.
    pace=Pace((Limit(10, 1, reserve=2),)),
    digest=True,
    build=build,
    interpret=interpret,
    receipt=Receipt(REPORT_WAIT_S, _ask, _read),
)
