"""What meters of DL/T 698.45 are asked, by plan and by command, and how answers are known.

    ask     time  voltage  current  power  power_factor  energy_forward …    OAD, 8 hex digits
    set     time              OAD=TYPE:VALUE, such as 40010200=octet-string:170516665384
    recall  minute  hour  day, perhaps with columns: minute:20000200,20010200

Options of a meter's profile:

    polls      [{"items": ["voltage", "20010200"], "period_s": 300}]
    timeout_ms, retries   as for DTUs (10,000 ms)

An answer repeats the PIID of its question.  Of one that comes in fragments the last ends it, and
all of them together say what it says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from wattwarden.codecs.dlt698.apdu import Apdu, read_apdu
from wattwarden.codecs.dlt698.asking import CLIENT, request
from wattwarden.codecs.dlt698.contents import readings
from wattwarden.codecs.dlt698.frame import LAST, Link, take_apart
from wattwarden.codecs.dlt698.message import encode
from wattwarden.codecs.dlt698.objects import dar_name, describe, find, scaled, values_of
from wattwarden.codecs.dlt698.pieces import Pieces
from wattwarden.protocol.both import Both, term
from wattwarden.protocol.codec import Message, Profile
from wattwarden.protocol.command import (
    HEARD,
    STREAM_US,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
    Verb,
    items_are,
    unknown_item,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.line import Plan
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.polling import entries_of, limits_of, number_of
from wattwarden.protocol.timetext import write_digits

CLOCK: Final = "time"
_CLOCK_OAD: Final = "40000200"
ITEMS: Final = {
    CLOCK: _CLOCK_OAD, "voltage": "20000200", "current": "20010200", "power": "20040200",
    "reactive": "20050200", "power_factor": "200A0200", "frequency": "200F0200",
    "energy_forward": "00100200", "energy_reverse": "00200200",
}  # fmt: skip
"""Names of objects that people ask for."""
_FROZEN_AT: Final = "20210200"
_HISTORY: Final = {"minute": "50020200", "hour": "50030200", "day": "50040200"}
_COLUMNS: Final = ("20000200", "20010200", "20040200", "200A0200", "00100200", "00200200")
_OAD: Final = re.compile(r"[0-9A-Fa-f]{8}")
_GRAMMAR: Final = Both(
    f"{', '.join(ITEMS)}，或 8 位十六进制 OAD；补召用 {', '.join(_HISTORY)}",
    f"{', '.join(ITEMS)}, or an OAD of 8 hex digits; to recall {', '.join(_HISTORY)}",
)
# PIID bits 0 to 5 number the interactions.
_NUMBER: Final = 0x3F
_TIMEOUT_MS: Final = 10_000
_DEFAULT_PERIOD_S: Final = 300
_MOST_PERIOD_S: Final = 86_400
MOST_POLLS: Final = 256
_ERROR: Final = "server_error"


def plan_of(identity: str, profile: Profile) -> Plan:
    """Read what a meter is polled for; an entry that cannot be used is left out."""
    questions: list[tuple[Question, int]] = []
    for entry in entries_of(profile.options, "polls")[:MOST_POLLS]:
        items = entry.get("items", ())
        number = len(questions) & _NUMBER
        try:
            oads = [_oad(str(item)) for item in items if isinstance(items, list | tuple)]
            sent = request(identity, oads, number) if oads else b""
        except (ValueError, CannotAskError, TypeError):
            continue
        if sent:
            hear = partial(_heard, number)
            period_s = number_of(entry.get("period_s"), 1, _MOST_PERIOD_S, _DEFAULT_PERIOD_S)
            question = Question(identity, sent, hear, bytes([number]))
            questions.append((question, round(period_s * SECOND_US)))
    return Plan(tuple(questions), limits_of(profile.options, _TIMEOUT_MS))


def ask(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command.

    Raises:
        CannotAskError: an item or a value is none, or the meter is behind another.
    """
    if peer.address != peer.identity:
        message = Both(
            "DL/T 698.45 终端后面的表不能单独问",
            "meters behind a terminal of DL/T 698.45 are not asked",
        )
        raise CannotAskError(message, Both("请问终端本身", "ask the terminal itself"))
    found = list(_messages(command, peer))
    questions = []
    for place, (name, kind, fields) in enumerate(found):
        number = (peer.number + place) & _NUMBER
        whole = {"SA": peer.identity, "CA": CLIENT, "piid": number, **fields}
        try:
            sent = encode(Message(kind, None, None, whole))
        except ValueError as error:
            message = Both(f"{name} 不能这样问：{error}", f"{name}: {error}")
            raise CannotAskError(message, items_are(_GRAMMAR)) from error
        question = Question(peer.address, sent, _Telling(name, number), bytes([number]))
        is_stream = command.verb is Verb.RECALL
        questions.append(replace(question, timeout_us=STREAM_US) if is_stream else question)
    return tuple(questions)


def _messages(command: Command, peer: Peer) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give name, kind and fields of each request."""
    if command.verb is Verb.SET:
        for name, value in command.values.items():
            yield name, "set_request", _setting(name, value, peer)
    elif command.verb is Verb.RECALL:
        for item in command.items:
            yield item, "get_request_record", _record(item, command, peer)
    else:
        oads = [_oad(item) for item in command.items]
        name = ", ".join(command.items)
        if len(oads) == 1:
            yield name, "get_request", {"oad": oads[0]}
        else:
            yield name, "get_request_list", {"items": oads}


def _oad(item: str) -> str:
    if item in ITEMS:
        return ITEMS[item]
    if not _OAD.fullmatch(item):
        raise unknown_item(item, _GRAMMAR)
    return item.upper()


def _setting(name: str, value: str, peer: Peer) -> dict[str, Any]:
    if name == CLOCK:
        return {"oad": _CLOCK_OAD, "data": {"date_time_s": _wall(peer.now, peer)}}
    kind, colon, text = value.partition(":")
    if not colon or not _OAD.fullmatch(name):
        message = Both(f"{name}={value} 不能设置", f"{name}={value} cannot be set")
        cure = Both(
            "可设的项：time，或 OAD=类型:值，如 43000300=long-unsigned:300",
            "settings are time, or OAD=TYPE:VALUE such as 43000300=long-unsigned:300",
        )
        raise CannotAskError(message, cure)
    number = text.removeprefix("-")
    data = (
        int(text) if number.isdecimal() and kind not in ("octet-string", "visible-string") else text
    )
    return {"oad": name.upper(), "data": {kind: data}}


def _record(item: str, command: Command, peer: Peer) -> dict[str, Any]:
    name, colon, columns = item.partition(":")
    if name not in _HISTORY:
        raise unknown_item(item, _GRAMMAR)
    oads = [_oad(one) for one in columns.split(",")] if colon else list(_COLUMNS)
    begin, end = ({"date_time_s": _wall(at or 0, peer)} for at in (command.since, command.until))
    selector = {"oad": _FROZEN_AT, "begin": begin, "end": end, "interval": None}
    return {
        "oad": _HISTORY[name],
        "rsd": {"between": selector},
        "rcsd": [{"oad": oad} for oad in (_FROZEN_AT, *oads)],
    }


def _wall(us: int, peer: Peer) -> str:
    digits = write_digits(us, peer.profile.zone)
    date, time = digits[:8], digits[8:14]
    return f"{date[:4]}-{date[4:6]}-{date[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"


def _link(frame: bytes) -> Link | None:
    """Return the link layer of a meter's frame."""
    try:
        link = take_apart(frame)
    except ProtocolError:
        return None
    return link if link.from_meter else None


def _read(number: int, raw: bytes) -> Apdu | None:
    """Return an APDU that answers under a number, None for any other."""
    apdu = _whole(raw)
    return apdu if apdu is not None and _is_answer(number, apdu) else None


def _whole(raw: bytes) -> Apdu | None:
    """Return an APDU, None where nobody can read it."""
    try:
        return read_apdu(raw)
    except ProtocolError:
        return None


def _is_answer(number: int, apdu: Apdu) -> bool:
    """Whether an APDU answers under a number."""
    piid = apdu.fields.get("piid")
    is_ours = isinstance(piid, int) and piid & _NUMBER == number
    return is_ours and (apdu.kind == _ERROR or "_response" in apdu.kind)


def _heard(number: int, frame: bytes) -> Answer | None:
    link = _link(frame)
    if link is None:
        return None
    if link.fragment is not None:
        return HEARD if link.place == LAST else Answer(is_last=False)
    return None if _read(number, link.apdu) is None else HEARD


class _Telling:
    """Tells what the frames of one answer say: fragments say it with the last of them."""

    __slots__ = ("_name", "_number", "_pieces")

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._number = number
        self._pieces = Pieces()

    def __call__(self, frame: bytes) -> Answer | None:
        link = _link(frame)
        if link is None:
            return None
        if link.fragment is None:
            said = _read(self._number, link.apdu)
            return None if said is None else _told(self._name, said)
        before = self._pieces.join(link)
        if link.place != LAST:
            return Answer(is_last=False)
        said = _whole(before + link.apdu) if before else None
        if said is None:
            # Without its beginning nobody can read it; it is in the journal, as it came.
            return Answer({self._name: "in fragments"})
        return _told(self._name, said) if _is_answer(self._number, said) else None


def _told(name: str, said: Apdu) -> Answer:
    if said.kind == _ERROR:
        code = said.fields.get("error")
        return Answer(refused=Both(f"{name}：错误应答 {code}", f"{name}: error {code}"))
    refusals = list(_refusals(said.fields))
    values = _values(said.fields)
    if refusals:
        zh, en = (", ".join(texts) for texts in zip(*refusals, strict=True))
        return Answer(values, refused=Both(f"{name}：{zh}", f"{name}: {en}"))
    return Answer(values or {name: "done"})


def _refusals(fields: Mapping[str, Any]) -> Iterator[Both]:
    items: Sequence[Any] = (fields, *fields.get("items", ()))
    for item in items:
        result = item.get("result")
        dar = item.get("dar", result.get("dar", 0) if isinstance(result, dict) else 0)
        if dar:
            why = term(dar_name(dar) or f"结果码{dar} DAR {dar}")
            oad = item.get("oad", "")
            yield Both(f"{oad} {why.zh}".strip(), f"{oad} {why.en}".strip())


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for reading in readings(fields):
        for oad, data in reading.items:
            numbers = values_of(oad, data)
            attribute = find(oad)
            told = data if attribute is None or not numbers else [
                scaled(attribute, number) for number in numbers
            ]  # fmt: skip
            key = f"{oad} {describe(oad)}".strip()
            if reading.time:
                key = f"{reading.time.decode()} {key}"
            found[key] = told
    return found
