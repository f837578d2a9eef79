"""What terminals of Q/GDW 376.1 are asked, by plan and by command, and how answers are known.

    ask     time  now  energy  heartbeat      AFN.Fn.Pn, such as 0C.25.1 or 0A.3
            of a meter behind: items of DL/T 645, forwarded (10 F1)
    set     time (05 F31)                     AFN.Fn.Pn=HEX with AFN 04 or 05
    recall  day  curve (minute)               0D.Fn.Pn, a question a day

Options of a terminal's profile:

    polls      [{"item": "0C.25.1", "period_s": 300}]
    meters     [{"address": "170516665384", "items": ["0201FF00"], "period_s": 300, "port": 2}]
    password   hex, up to 16 bytes (zeros): what control and setting end with
    density    minutes between the points of curves that are recalled (15)
    timeout_ms, retries   as for DTUs (10,000 ms)

An answer repeats the number of its question (0 to 15), or denies it (00 F2).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, Final

from wattwarden.codecs.dlt645 import commands as dlt645
from wattwarden.codecs.dlt645.asking import request as request_645
from wattwarden.codecs.dlt645.functions import READ
from wattwarden.codecs.gdw376.asking import MASTER, METER_PORT, ask, forward
from wattwarden.codecs.gdw376.formats import format_piece
from wattwarden.codecs.gdw376.frame import NUMBER
from wattwarden.codecs.gdw376.hearing import Asked, told, told_inner
from wattwarden.codecs.gdw376.kinds import (
    CLASS_2,
    PARAMETERS,
    afn_of,
)
from wattwarden.codecs.gdw376.layouts import find_layout
from wattwarden.codecs.gdw376.message import encode, identifier
from wattwarden.codecs.gdw376.units import DENSITY_MIN
from wattwarden.protocol.both import Both, joined
from wattwarden.protocol.codec import Message, Profile
from wattwarden.protocol.command import (
    HEARD,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
    Verb,
    items_are,
    unknown_item,
)
from wattwarden.protocol.line import Plan
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.polling import entries_of, limits_of, number_of

CLOCK: Final = "time"
CONTROL: Final = 0x05
_CLOCK_FN: Final = 31
_ITEMS: Final = {CLOCK: (0x0C, 2, 0), "now": (0x0C, 25, 1), "energy": (0x0C, 129, 1),
                 "heartbeat": (0x0A, 1, 0)}  # fmt: skip
# Power, voltages, currents and forward energy: what a missed stretch is judged by.
_CURVES: Final = (81, 89, 90, 91, 92, 93, 94, 101)
_HISTORY: Final = {"day": (1,), "curve": _CURVES, "minute": _CURVES}
_READABLE: Final = frozenset((0x09, 0x0A, 0x0C, CLASS_2, 0x0E))
_SETTABLE: Final = frozenset((PARAMETERS, CONTROL))
_GRAMMAR: Final = Both(
    f"{', '.join(_ITEMS)}，或 AFN.Fn.Pn，如 0C.25.1；补召用 day, curve, 0D.1.1",
    f"{', '.join(_ITEMS)}, or AFN.Fn.Pn such as 0C.25.1; to recall day, curve, 0D.1.1",
)
# A terminal asks its meters before it answers.
_TIMEOUT_MS: Final = 10_000
DEFAULT_PERIOD_S: Final = 300
_MOST_PERIOD_S: Final = 86_400
MOST_POLLS: Final = 256
_MOST_DAYS: Final = 31
_PASSWORD_BYTES: Final = 16
_DENSITY_MIN: Final = 15
_DAY_MIN: Final = 1440
_MOST_POINTS: Final = 96
_REQUEST: Final = "4B"
_ITEM: Final = re.compile(r"([0-9A-Fa-f]{2})\.(\d{1,4})(?:\.(\d{1,4}))?")
DEFAULT_ITEMS: Final = ("0201FF00", "0202FF00", "0203FF00", "0206FF00", "0001FF00")
_MOST_FN: Final = 2040

Item = tuple[int, int, int]
"""AFN, Fn and measuring point."""


def plan_of(identity: str, profile: Profile) -> Plan:
    """Read what a terminal is polled for; an entry that cannot be used is left out."""
    questions: list[tuple[Question, int]] = []
    for entry, item in _entries(profile.options):
        number = len(questions) & NUMBER
        try:
            question = _polled(identity, entry, item, number)
        except (ValueError, CannotAskError):
            continue
        if len(questions) < MOST_POLLS:
            period_s = number_of(entry.get("period_s"), 1, _MOST_PERIOD_S, DEFAULT_PERIOD_S)
            questions.append((question, round(period_s * SECOND_US)))
    return Plan(tuple(questions), limits_of(profile.options, _TIMEOUT_MS))


def questions_of(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command to a terminal, or to a meter behind it.

    Raises:
        CannotAskError: an item or a value is none.
    """
    if peer.address != peer.identity:
        return tuple(_forwarded(command, peer))
    if command.verb is Verb.SET:
        return tuple(_set(name, value, peer) for name, value in command.values.items())
    if command.verb is Verb.RECALL:
        return tuple(_recalled(command, peer))
    return tuple(
        _question(item, _item_of(item, peer.channel), peer.identity, (peer.number + place) & NUMBER)
        for place, item in enumerate(command.items)
    )


def _entries(options: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Give the entries of ``polls`` and ``meters`` with each of their items."""
    for entry in entries_of(options, "polls"):
        yield entry, str(entry.get("item", ""))
    for entry in entries_of(options, "meters"):
        items = entry.get("items", DEFAULT_ITEMS)
        for item in items if isinstance(items, list | tuple) else ():
            yield entry, str(item).upper()


def _polled(identity: str, entry: Mapping[str, Any], item: str, number: int) -> Question:
    if "address" not in entry:
        return _heard(_question(item, _item_of(item, ""), identity, number))
    address = str(entry["address"])
    code = dlt645.Wanted(item, address, request_645(address, item), READ, item)
    return _heard(_passed_on(code, identity, number, _port_of(entry), dlt645.heard))


def _heard(question: Question) -> Question:
    """Return a question whose answers need not be told, as rows come of them."""

    def hear(frame: bytes) -> Answer | None:
        return None if question.hear(frame) is None else HEARD

    return replace(question, hear=hear)


def _item_of(text: str, channel: str) -> Item:
    """Read an item; a measuring point that it does not name is the channel's (``p1``)."""
    point = int(channel[1:]) if channel[:1] == "p" and channel[1:].isdecimal() else None
    if text in _ITEMS:
        afn, fn, pn = _ITEMS[text]
        return afn, fn, pn if not pn or point is None else point
    found = _ITEM.fullmatch(text)
    if found is None:
        raise unknown_item(text, _GRAMMAR)
    afn, fn = int(found[1], 16), int(found[2])
    pn = int(found[3]) if found[3] else point or 0
    if not 0 < fn <= _MOST_FN or pn > _MOST_FN:
        raise unknown_item(text, _GRAMMAR)
    return afn, fn, pn


def _question(
    name: str,
    item: Item,
    identity: str,
    number: int,
    values: Mapping[str, Any] | None = None,
) -> Question:
    afn, fn, pn = item
    if afn not in _READABLE or (afn == CLASS_2 and not values):
        message = Both(
            f"{name}：AFN {afn:02X} 不能召测", f"{name}: AFN {afn:02X} is not asked for by ask"
        )
        cure = Both("历史数据用补召", "history is asked for by recall")
        raise CannotAskError(message, joined((items_are(_GRAMMAR), cure)))
    asked = Asked(name, afn, fn, pn, number)
    try:
        request = ask(identity, item, number, values)
    except ValueError as error:
        message = Both(f"{name} 不能这样问：{error}", f"{name}: {error}")
        raise CannotAskError(message, items_are(_GRAMMAR)) from error
    return Question(identity, request, partial(told, asked), bytes([afn, number]))


def _forwarded(command: Command, peer: Peer) -> Iterator[Question]:
    entries = entries_of(peer.profile.options, "meters")
    entry = next((one for one in entries if str(one.get("address")) == peer.address), {})
    for place, wanted in enumerate(dlt645.wanted_of(command, peer)):
        number = (peer.number + place) & NUMBER
        yield _passed_on(wanted, peer.identity, number, _port_of(entry))


def _passed_on(
    wanted: dlt645.Wanted,
    identity: str,
    number: int,
    port: int,
    tell: Callable[[dlt645.Wanted, bytes], Answer | None] = dlt645.told,
) -> Question:
    request = forward(identity, wanted.request, number, port)
    hear = partial(told_inner, wanted, number, tell)
    return Question(wanted.address, request, hear, is_answered=wanted.is_answered)


def _port_of(entry: Mapping[str, Any]) -> int:
    return round(number_of(entry.get("port"), 1, 0xFF, METER_PORT))


def _set(name: str, value: str, peer: Peer) -> Question:
    if name == CLOCK:
        item = (CONTROL, _CLOCK_FN, 0)
        data = _clock(peer)
    else:
        item = _item_of(name, peer.channel)
        data = _bytes_of(value, name)
    afn, fn, pn = item
    if afn not in _SETTABLE:
        message = Both(f"{name} 不能设置", f"{name} cannot be set")
        cure = Both(
            "可设的项：time，或 AFN.Fn.Pn=HEX（AFN 04、05）",
            "settings are time, or AFN.Fn.Pn=HEX with AFN 04 or 05",
        )
        raise CannotAskError(message, cure)
    number = peer.number & NUMBER
    password = _bytes_of(str(peer.profile.options.get("password", "")), "option password")
    body = identifier(pn, fn) + data + password.ljust(_PASSWORD_BYTES, b"\0")
    fields = {
        "AFN": f"{afn:02X}", "C": _REQUEST, "A3": MASTER, "number": number, "CON": 1,
        "data": body.hex(),
    }  # fmt: skip
    request = encode(Message(afn_of(afn).down, peer.identity, None, fields))
    asked = Asked(name, afn, fn, pn, number)
    return Question(peer.identity, request, partial(told, asked), bytes([afn, number]))


def _clock(peer: Peer) -> bytes:
    """Return the meter's wall time as A.1 has it."""
    local = datetime.fromtimestamp(peer.now / SECOND_US, UTC).astimezone(peer.profile.zone)
    return bytes(format_piece("A1").build(f"{local:%Y-%m-%d %H:%M:%S} dow={local.isoweekday()}"))


def _bytes_of(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        message = Both(f"{name}：{text[:40]!r} 不是十六进制", f"{name}: {text[:40]!r} is no hex")
        raise CannotAskError(message, Both("每字节两位", "two digits a byte")) from error


def _recalled(command: Command, peer: Peer) -> Iterator[Question]:
    zone = peer.profile.zone
    since, until = (
        datetime.fromtimestamp(at / SECOND_US, UTC).astimezone(zone).date()
        for at in (command.since or 0, (command.until or 1) - 1)
    )
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    items = [
        (name, CLASS_2, fn, _item_of("energy", peer.channel)[2])
        for name in command.items
        if name in _HISTORY
        for fn in _HISTORY[name]
    ]
    items += [(name, *_item_of(name, peer.channel)) for name in command.items
              if name not in _HISTORY]  # fmt: skip
    if len(days) > _MOST_DAYS or len(days) * len(items) > MOST_POLLS:
        message = Both(
            f"一次补召 {len(days)} 天 {len(items)} 项",
            f"{len(days)} days of {len(items)} items at once",
        )
        cure = Both(
            f"一条命令最多 {_MOST_DAYS} 天", f"recall up to {_MOST_DAYS} days in one command"
        )
        raise CannotAskError(message, cure)
    for place, (day, (name, *item)) in enumerate(product(days, items)):
        afn, fn, pn = item
        if afn != CLASS_2:
            raise unknown_item(name, _GRAMMAR)
        values = _span_of(afn, fn, day, peer.profile)
        number = (peer.number + place) & NUMBER
        yield _question(f"{name} F{fn} {day}", (afn, fn, pn), peer.identity, number, values)


def _span_of(afn: int, fn: int, day: date, profile: Profile) -> dict[str, Any]:
    layout = find_layout(afn, fn, up=False)
    if layout is not None and layout.stamp == "curve":
        minutes = profile.options.get("density", _DENSITY_MIN)
        code = next((one for one, its in DENSITY_MIN.items() if its == minutes), 1)
        # A frame carries no more points than its length can say, and terminals send up to a day.
        points = min(_DAY_MIN // DENSITY_MIN[code], _MOST_POINTS)
        return {"Td": f"{day} 00:00", "density": code, "points": points}
    if layout is not None and layout.stamp == "month":
        return {"Td": f"{day:%Y-%m}"}
    return {"Td": str(day)}
