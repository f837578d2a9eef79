"""A meter of Modbus that dials in by itself, at a listener of its own: it answers when asked.

options ─► Plan of polls ─► Line ─► request ─► reply ─► asked
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from wattwarden.codecs.modbus.asking import requests
from wattwarden.codecs.modbus.commands import Wanted, told, wanted_of
from wattwarden.codecs.modbus.frame import check, seal
from wattwarden.codecs.modbus.maps import MeterType, find_type
from wattwarden.protocol.asking import Asking, Bindable
from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Batch, Profile, ProfileOf
from wattwarden.protocol.command import (
    HEARD,
    Answer,
    CannotAskError,
    Command,
    Peer,
    Question,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.line import Line, Plan
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.polling import entries_of, limits_of, number_of

# Polled every 1 to 15 minutes; two polls without an answer and some more.
DEFAULT_IDLE_S: Final = 1800.0
DEFAULT_PERIOD_S: Final = 60
_MOST_PERIOD_S: Final = 86_400
# A gateway of Modbus TCP has a line of 32 behind each of its ports.
MOST_METERS: Final = 96
MOST_POLLS: Final = 1024
_MOST_SLAVE: Final = 0xFF
_RTU: Final = "rtu"
# Polls are numbered from 1, commands from here on.
_FIRST_COMMAND: Final = 0x8000
_COMMANDS: Final = 0x7FFF


class ModbusDialogue(Asking, Bindable):
    """Asks a meter that its listener has named.  No frame of Modbus names a meter."""

    __slots__ = ("_profile_of", "asked", "identity", "idle_limit_s")

    def __init__(self, profile_of: ProfileOf) -> None:
        self._profile_of = profile_of
        self.line: Line | None = Line(plan_of)
        self.asked: Asked = NOTHING_ASKED
        self.identity: str | None = None
        self.idle_limit_s = DEFAULT_IDLE_S

    def bind(self, identity: str, now: int) -> None:
        """Take note of who it is, and plan what it is asked."""
        self.identity = identity
        if self.line is not None:
            self.line.begin(identity, self._profile_of, now)

    def said(self) -> Mapping[str, str]:
        """Requests repeat nothing."""
        return {}

    def receive(self, frames: list[bytes], now: int) -> bytes:
        """Take replies in order; return the next request."""
        if self.line is not None:
            self.asked = self.line.hear_all(frames, now)
        return self.tick(now)

    def tick(self, now: int) -> bytes:
        """Give up what was not answered in time; return the next request."""
        return b"" if self.line is None else self.line.due(now)

    def next_deadline(self) -> int | None:
        """Return when a request is due or overdue."""
        return None if self.line is None else self.line.next_deadline()


def plan_of(_identity: str, profile: Profile) -> Plan:
    """Read what a meter is polled for; an entry that cannot be used is left out."""
    questions: list[tuple[Question, int]] = []
    options = profile.options
    for entry in entries_of(options, "meters")[:MOST_METERS]:
        slave, kind = _slave_of(entry), find_type(str(entry.get("type")))
        period_s = number_of(entry.get("period_s"), 1, _MOST_PERIOD_S, DEFAULT_PERIOD_S)
        for request in requests(slave, kind) if slave is not None and kind is not None else ():
            if len(questions) < MOST_POLLS:
                question = _question(Wanted("", request), len(questions) + 1, options)
                hear = partial(_heard, question)
                asked = Question(str(slave), question.request, hear, question.alike)
                questions.append((asked, round(period_s * SECOND_US)))
    return Plan(tuple(questions), limits_of(options))


def ask(command: Command, peer: Peer) -> tuple[Question, ...]:
    """Return the questions of a command to a slave, by its channel.

    Raises:
        CannotAskError: there is no such slave, or it cannot be asked that.
    """
    slave, kind = _named(peer)
    first = _FIRST_COMMAND + peer.number
    return tuple(
        _question(one, _FIRST_COMMAND | (first + place) & _COMMANDS, peer.profile.options)
        for place, one in enumerate(wanted_of(command, slave, kind))
    )


def _named(peer: Peer) -> tuple[int, MeterType | None]:
    entries = list(_slaves(peer.profile.options))
    named = [one for one in entries if peer.channel in (one[0], "")]
    if len(named) == 1:
        return named[0][1:]
    if peer.channel.isdecimal() and not named and 0 < int(peer.channel) <= _MOST_SLAVE:
        return int(peer.channel), None
    known = ", ".join(one[0] for one in entries)
    message = Both(
        f"问哪个从站？已配通道：{known or '无'}",
        f"which slave? its channels are {known or 'none configured'}",
    )
    cure = Both("写成 modbus:ADDRESS/CHANNEL", "name it as modbus:ADDRESS/CHANNEL")
    raise CannotAskError(message, cure)


def _slaves(options: Mapping[str, Any]) -> Iterator[tuple[str, int, MeterType | None]]:
    for entry in entries_of(options, "meters")[:MOST_METERS]:
        slave = _slave_of(entry)
        if slave is not None:
            yield str(entry.get("channel", slave)), slave, find_type(str(entry.get("type")))


def _slave_of(entry: Mapping[str, Any]) -> int | None:
    slave = entry.get("slave")
    return slave if isinstance(slave, int) and 0 < slave <= _MOST_SLAVE else None


def _question(wanted: Wanted, transaction: int, options: Mapping[str, Any]) -> Question:
    """Return the question of a request: in a frame of TCP, or of RTU where that is configured."""
    adu = check(wanted.request)
    if options.get("framing") == _RTU:
        hear = partial(told, wanted)
        return Question(str(adu.slave), wanted.request, hear, wanted.alike)
    request = seal(transaction, adu.slave, adu.pdu)
    return Question(str(adu.slave), request, partial(_told, wanted, transaction))


def _told(wanted: Wanted, transaction: int, frame: bytes) -> Answer | None:
    try:
        adu = check(frame)
    except ProtocolError:
        return None
    return told(wanted, frame) if adu.transaction == transaction else None


def _heard(question: Question, frame: bytes) -> Answer | None:
    return None if question.hear(frame) is None else HEARD


def acknowledge(batch: Batch) -> list[bytes]:
    """Nothing is acknowledged to these meters."""
    return [b""] * len(batch)


def is_awaited(_frame: bytes) -> bool:
    """Whether the meter waits for an answer from the journal: it never does."""
    return False
