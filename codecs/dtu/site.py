"""What is configured for a DTU: the meters behind it, how they are asked, and what they answer.

options ─► Plan of polls          command ─► Questions          frame ─► what it answers
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from wattwarden.codecs.dlt645 import commands as dlt645
from wattwarden.codecs.dlt645.asking import answer_of
from wattwarden.codecs.dlt645.asking import request as request_645
from wattwarden.codecs.dtu.frame import Carried, inner_of
from wattwarden.codecs.dtu.packets import packet_of
from wattwarden.codecs.modbus import commands as modbus
from wattwarden.codecs.modbus.asking import requests as modbus_requests
from wattwarden.codecs.modbus.maps import MeterType, find_type
from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import Profile
from wattwarden.protocol.command import (
    HEARD,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
)
from wattwarden.protocol.line import Plan
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.polling import entries_of, limits_of, number_of

DEFAULT_PERIOD_S: Final = 60
MOST_PERIOD_S: Final = 86_400
# What a plant of this kind is judged by: U, I, P, power factor, and the energies with tariffs.
DEFAULT_ITEMS: Final = (
    "0201FF00", "0202FF00", "0203FF00", "0204FF00", "0206FF00", "0001FF00", "00020000",
)  # fmt: skip
# 32 stations on one RS-485 line, thrice for repeaters; and a request each two seconds of a day.
MOST_METERS: Final = 96
MOST_POLLS: Final = 1024
_MOST_SLAVE: Final = 0xFF


def plan_of(_identity: str, profile: Profile) -> Plan:
    """Read the options of a DTU; an entry that cannot be used is left out."""
    options = profile.options
    prefix = packet_of(options.get("prefix"))
    questions: dict[bytes, tuple[Question, int]] = {}
    for entry in entries_of(options, "meters")[:MOST_METERS]:
        period_s = number_of(entry.get("period_s"), 1, MOST_PERIOD_S, DEFAULT_PERIOD_S)
        for question in _questions(entry, prefix):
            if len(questions) < MOST_POLLS:
                period_us = round(period_s * SECOND_US)
                questions.setdefault(question.request, (question, period_us))
    return Plan(tuple(questions.values()), limits_of(options))


def ask(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command to a meter behind a DTU: by its address, or by channel.

    Raises:
        CannotAskError: there is no such meter, or it cannot be asked that.
    """
    options = peer.profile.options
    prefix = packet_of(options.get("prefix"))
    if peer.address != peer.identity:
        return tuple(
            Question(
                one.address,
                one.request,
                _hearing(prefix, Carried.DLT645, partial(dlt645.told, one)),
                is_answered=one.is_answered,
            )
            for one in dlt645.wanted_of(command, peer)
        )
    slave, kind = _slave_of(options, peer.channel)
    return tuple(
        Question(
            str(slave),
            one.request,
            _hearing(prefix, Carried.MODBUS, partial(modbus.told, one)),
            one.alike,
        )
        for one in modbus.wanted_of(command, slave, kind)
    )


def _slave_of(options: Mapping[str, Any], channel: str) -> tuple[int, MeterType | None]:
    slaves = [
        entry
        for entry in entries_of(options, "meters")[:MOST_METERS]
        if _is_slave(entry.get("slave"))
    ]
    named = [one for one in slaves if channel in (str(one.get("channel", one["slave"])), "")]
    if len(named) == 1:
        return named[0]["slave"], find_type(str(named[0].get("type")))
    if channel.isdecimal() and not named and _is_slave(int(channel)):
        return int(channel), None
    known = ", ".join(str(one.get("channel", one["slave"])) for one in slaves)
    message = Both(
        f"问 DTU 后面的哪块表？已配通道：{known or '无'}",
        f"which meter behind the DTU? its channels are {known or 'none configured'}",
    )
    cure = Both(
        "写成 dtu:ID/CHANNEL，DL/T 645 表则写其地址",
        "name it as dtu:ID/CHANNEL, or a DL/T 645 meter by its address",
    )
    raise CannotAskError(message, cure)


def _is_slave(slave: Any) -> bool:
    return isinstance(slave, int) and 0 < slave <= _MOST_SLAVE


def _questions(entry: Mapping[str, Any], prefix: bytes) -> Iterator[Question]:
    """Yield what one entry of ``meters`` is asked, nothing when it cannot be used."""
    if "address" in entry:
        yield from _questions_645(str(entry["address"]), entry.get("items", DEFAULT_ITEMS), prefix)
        return
    slave, kind = entry.get("slave"), find_type(str(entry.get("type")))
    if kind is None or not isinstance(slave, int) or not _is_slave(slave):
        return
    for request in modbus_requests(slave, kind):
        hear = _hearing(prefix, Carried.MODBUS, partial(_heard_modbus, request))
        yield Question(str(slave), request, hear, modbus.Wanted("", request).alike)


def _questions_645(address: str, items: Any, prefix: bytes) -> Iterator[Question]:
    for item in items if isinstance(items, list | tuple) else ():
        name = str(item).upper()
        try:
            request = request_645(address, name)
        except ValueError:
            continue
        hear = _hearing(prefix, Carried.DLT645, partial(_heard_645, address, name))
        yield Question(address, request, hear)


def _hearing(
    prefix: bytes, kind: Carried, told: Callable[[bytes], Answer | None]
) -> Callable[[bytes], Answer | None]:
    """Hear a frame of a meter of that kind, without what its DTU puts before it."""

    def hear(frame: bytes) -> Answer | None:
        begin = len(prefix) if prefix and frame.startswith(prefix) else 0
        inner = inner_of(frame, begin)
        return None if inner is None or inner.kind is not kind else told(inner.raw)

    return hear


def _heard_modbus(request: bytes, frame: bytes) -> Answer | None:
    return HEARD if modbus.is_answer(request, frame) else None


def _heard_645(address: str, item: str, frame: bytes) -> Answer | None:
    answer = answer_of(frame)
    if answer is None or answer.address != address:
        return None
    return HEARD if answer.item == item or answer.err else None
