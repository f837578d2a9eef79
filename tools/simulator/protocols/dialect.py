"""What a meter of a protocol says and understands, without sockets.

turn ─► report ─► frame, rows     bytes of the server ─► hear ─► what is acknowledged, a reply
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Codec
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.protocols.rows import Row


class Report(NamedTuple):
    """A frame that tells readings; ``token`` is what its acknowledgement names."""

    frame: bytes
    rows: tuple[Row, ...]
    token: Hashable = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a frame of the server means to a meter.

    ``acked`` are reports in flight that it acknowledges; ``admitted`` says that it lets the meter
    speak; ``reply`` is what the meter says to it, ``rows`` what that reply tells.
    """

    acked: tuple[Report, ...] = ()
    reply: bytes = b""
    rows: tuple[Row, ...] = ()
    admitted: bool = False


NOTHING: Final = Heard()


class Dialect(Protocol):
    """One meter that dials in by itself: it reports, and some answer what they are asked.

    ``is_answered`` is whether its reports are acknowledged; ``step_s`` how fine its clock is: two
    reports are never nearer to each other on it.
    """

    @property
    def codec(self) -> Codec:
        """Whose frames it speaks."""

    @property
    def address(self) -> str:
        """Under which name it is registered."""

    @property
    def is_answered(self) -> bool:
        """Whether the server acknowledges reports."""

    @property
    def step_s(self) -> int:
        """Seconds that its clock can tell apart."""

    def opening(self, now: datetime) -> bytes:
        """Return what is said first on a connection, b"" where reports may follow at once."""

    def heartbeat(self, now: datetime) -> bytes:
        """Return a sign of life, b"" where the protocol has none."""

    def report(self, turn: int, at: datetime) -> Report:
        """Return the report of a turn."""

    def hear(self, frame: bytes, flight: Sequence[Report], now: datetime) -> Heard:
        """Understand a frame of the server; ``flight`` are unanswered reports, the oldest first."""


class Meter(NamedTuple):
    """Who a dialect speaks for: its address, the number in its cast, and the seed of its values."""

    address: str
    number: int
    seed: int


def wall(moment: datetime) -> datetime:
    """Return the wall time of mainland China."""
    return moment.astimezone(ZONE)


def clock_of(moment: datetime) -> LocalTime:
    """Return a moment as the clock of a meter in mainland China."""
    return LocalTime.of(wall(moment))


def whole(moment: datetime, step_s: int) -> datetime:
    """Return the last moment that a clock of such steps can show."""
    shown = moment.replace(microsecond=0)
    return shown - timedelta(seconds=int(shown.timestamp()) % step_s)


def named(flight: Sequence[Report], token: Hashable) -> tuple[Report, ...]:
    """Return the report in flight that a token names."""
    return tuple(one for one in flight if one.token == token)[:1]
