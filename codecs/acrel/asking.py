"""What people ask of and set in a meter of Acrel's: its Modbus registers, passed through (90).

    ask  voltage_a, 0x0014:3, i:0x34:2      set  interval=S, 0x1001=5, 0x0057=1,0

A channel that is a number is the slave on the meter's bus; else the option ``slave`` (1) is meant.
Replies come in the order of the requests and name no number.  The report interval is register
0x1001, minutes with their bytes swapped.  The meter asks for the time by itself (93).
"""

from functools import partial
from typing import Final

import msgspec

from wattwarden.codecs.acrel.frame import (
    BODY_BEGIN,
    PASS_THROUGH,
    SERIAL_BYTES,
    body_end,
    seal,
    serial_of,
)
from wattwarden.codecs.modbus.commands import Wanted, told, wanted_of, write_registers
from wattwarden.codecs.modbus.maps import find_type
from wattwarden.protocol.both import Both
from wattwarden.protocol.command import Answer, CannotAskError, Command, Peer, Question

_INTERVAL: Final = "interval"
_INTERVAL_REGISTER: Final = 0x1001
_MINUTE_S: Final = 60
_MOST_MINUTES: Final = 0xFF
_MOST_SLAVE: Final = 0xFF


def ask(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command.

    Raises:
        CannotAskError: an item or a value is none.
    """
    slave = _slave_of(peer)
    values = dict(command.values)
    wanted: list[Wanted] = []
    if "time" in (*values, *command.items):
        message = Both(
            "安科瑞表自行对时（93）", "a meter of Acrel's asks for the time by itself (93)"
        )
        cure = Both("它上次请求时已对时", "it has the gateway's time since it last asked")
        raise CannotAskError(message, cure)
    if _INTERVAL in values:
        wanted.append(_interval(slave, values.pop(_INTERVAL)))
    kind = find_type(str(peer.profile.options.get("type", "")))
    wanted += wanted_of(msgspec.structs.replace(command, values=values), slave, kind)
    return tuple(
        Question(peer.address, seal(PASS_THROUGH, one.request), partial(_told, one), one.alike)
        for one in wanted
    )


def _slave_of(peer: Peer) -> int:
    told = int(peer.channel) if peer.channel.isdecimal() else peer.profile.options.get("slave", 1)
    if not isinstance(told, int) or not 0 < told <= _MOST_SLAVE:
        message = Both(f"{told} 不是从站地址", f"{told} is no slave on the meter's bus")
        cure = Both(f"从站为 1 至 {_MOST_SLAVE}", f"slaves are 1 to {_MOST_SLAVE}")
        raise CannotAskError(message, cure)
    return told


def _interval(slave: int, value: str) -> Wanted:
    seconds = int(value) if value.isdecimal() else 0
    minutes, rest = divmod(seconds, _MINUTE_S)
    if rest or not 0 < minutes <= _MOST_MINUTES:
        most_s = _MOST_MINUTES * _MINUTE_S
        message = Both(f"interval 不能是 {value!r}", f"interval is {value!r}")
        cure = Both(f"整分钟的秒数，60 至 {most_s}", f"whole minutes in seconds, 60 to {most_s}")
        raise CannotAskError(message, cure)
    return Wanted(_INTERVAL, write_registers(slave, _INTERVAL_REGISTER, [minutes << 8]))


def _told(wanted: Wanted, frame: bytes) -> Answer | None:
    """Return what a frame brings; a serial alone says that it is done, without data."""
    if frame[2] != PASS_THROUGH:
        return None
    body = frame[BODY_BEGIN : body_end(frame)]
    if serial_of(frame) is not None:
        body = body[SERIAL_BYTES:]
    if not body:
        return Answer({wanted.name: "done"})
    return told(wanted, body)
