"""One DTU and the meters on its line: how it announces itself, and what it answers.

request ─► prefix off ─► which meter? ─► its own codec answers ─► heartbeat glued on, at times
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Final

from wattwarden.codecs.dtu import CODEC
from wattwarden.codecs.dtu.packets import HEX, has_check_digit, packet_of
from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.codecs.modbus.frame import check
from wattwarden.codecs.modbus.maps import MeterType
from wattwarden.codecs.modbus.readings import readings_of
from wattwarden.protocol.codec import Codec, Profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.tools.simulator.protocols import dlt645
from wattwarden.tools.simulator.protocols.dialect import NOTHING, Heard
from wattwarden.tools.simulator.protocols.measured import Measured, Steps, measure, stored
from wattwarden.tools.simulator.protocols.rows import Row

# What floats of 32 bits carry exactly, up to two million counts.
FLOAT_STEPS: Final = 8
HEARTBEAT_EVERY: Final = 5
"""Every so many answers, one has a heartbeat before or behind it in the same segment."""
BUILT_IN_HEARTBEAT: Final = b"www.usr.cn"


@dataclass(frozen=True, slots=True)
class Slave:
    """A meter of Modbus."""

    slave: int
    kind: MeterType

    @property
    def entry(self) -> dict[str, Any]:
        """How the DTU's profile names it."""
        return {"slave": self.slave, "type": self.kind.name}


@dataclass(frozen=True, slots=True)
class Meter645:
    """A meter of DL/T 645; ``items`` are what it is asked."""

    address: str
    items: Sequence[str]

    @property
    def entry(self) -> dict[str, Any]:
        """How the DTU's profile names it."""
        return {"address": self.address, "items": list(self.items)}


@dataclass(frozen=True, slots=True)
class Packets:
    """How a DTU announces itself: registration, heartbeat, and what stands before each frame."""

    address: str
    registration: str
    heartbeat: str = ""
    prefix: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """The part of the profile that says so."""
        found: dict[str, Any] = {}
        if self.registration != self.address:
            found["registration"] = self.registration
        if self.heartbeat:
            found["heartbeats"] = [self.heartbeat]
        return found | ({"prefix": self.prefix} if self.prefix else {})


@dataclass(slots=True)
class Site:
    """A DTU with its meters; each answer is another turn of its meter."""

    packets: Packets
    meters: Sequence[Slave | Meter645]
    period_s: float
    timeout_ms: int
    seed: int
    codec: Codec = CODEC
    answers: int = 0
    _turns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A framer of its own packets: requests have the prefix, too.
        if CODEC.knowing is not None:
            self.codec = CODEC.knowing({self.address: Profile(options=self.options)})

    @property
    def address(self) -> str:
        """Under which name it is registered."""
        return self.packets.address

    @property
    def options(self) -> dict[str, Any]:
        """What has to be configured for it."""
        meters = [{**meter.entry, "period_s": self.period_s} for meter in self.meters]
        return {"meters": meters, "timeout_ms": self.timeout_ms, **self.packets.options}

    @property
    def opening(self) -> bytes:
        """What is said first on a connection."""
        return packet_of(self.packets.registration)

    @property
    def heartbeat(self) -> bytes:
        """A sign of life."""
        return packet_of(self.packets.heartbeat) or BUILT_IN_HEARTBEAT

    def hear(self, frame: bytes) -> Heard:
        """Answer a request; what is for nobody on the line stays without an answer."""
        prefix = packet_of(self.packets.prefix)
        request = frame.removeprefix(prefix)
        for meter in self.meters:
            said = self._said(meter, request)
            if said.reply:
                self.answers += 1
                return Heard(reply=self._glued(prefix + said.reply), rows=said.rows)
        return NOTHING

    def _said(self, meter: Slave | Meter645, request: bytes) -> Heard:
        try:
            if isinstance(meter, Slave):
                return self._modbus(meter, request)
            return self._dlt645(meter, request)
        except ProtocolError:
            return NOTHING

    def _modbus(self, meter: Slave, request: bytes) -> Heard:
        if check(request).slave != meter.slave:
            return NOTHING
        channel = str(meter.slave)
        measured = self._measured(f"{self.address}/{channel}", steps_of(meter.kind))
        values = {name: float(value) for name, value in measured.items()}
        reply = answer(request, meter.slave, registers(meter.kind, values)) or b""
        told = readings_of(check(reply), check(request), meter.kind, channel) if reply else []
        names = {one.quantity for one, _ in told}
        said = {name: value for name, value in measured.items() if name in names}
        return Heard(reply=reply, rows=self._rows(self.address, channel, said))

    def _dlt645(self, meter: Meter645, request: bytes) -> Heard:
        turn = self._turn(meter.address)
        said = dlt645.answer(self.seed, meter.address, request, turn)
        if said is None:
            return NOTHING
        return Heard(reply=said.frame, rows=self._rows(meter.address, "", said.measured))

    @staticmethod
    def _rows(address: str, channel: str, measured: Measured) -> tuple[Row, ...]:
        if not measured:
            return ()
        return (Row(CODEC.name, address, channel, "instant", None, stored(measured)),)

    def _measured(self, meter: str, steps: Steps) -> Measured:
        return measure(self.seed, meter, self._turn(meter), steps)

    def _turn(self, meter: str) -> int:
        self._turns[meter] = turn = self._turns.get(meter, -1) + 1
        return turn

    def _glued(self, reply: bytes) -> bytes:
        """Put a heartbeat into the same segment now and then."""
        place = self.answers % (2 * HEARTBEAT_EVERY)
        if place == 0:
            return self.heartbeat + reply
        return reply + self.heartbeat if place == HEARTBEAT_EVERY else reply


@cache
def steps_of(kind: MeterType) -> Steps:
    """Return the quantities of a type of meter, and how finely its registers carry them."""
    return {
        one.quantity: Decimal(str(one.scale)) / (1 if one.is_whole else FLOAT_STEPS)
        for one in kind.registers
        if one.quantity
    }


def imei(number: int) -> str:
    """Return an IMEI: the check digit fits."""
    stem = f"8610{number % 10**10:010d}"
    return next(f"{stem}{d}" for d in range(10) if has_check_digit(f"{stem}{d}".encode()))


def packets_of(number: int) -> Packets:
    """Return how the ``number``-th DTU announces itself: by its SIM card, a text, or a prefix."""
    site = f"SITE-{number:05}"
    kinds: Mapping[int, Packets] = {
        0: Packets(imei(number), imei(number)),
        1: Packets(f"898604{number:014d}", f"898604{number:014d}"),
        2: Packets(site, site, heartbeat=f"{HEX}{b'PING'.hex()}"),
        3: Packets(
            f"USR-{number:05}", f"{HEX}aa55{number:08x}55aa", prefix=f"{HEX}d8b0{number:08x}"
        ),
    }
    return kinds[number % len(kinds)]


def type_of(name: str) -> MeterType:
    """Return a type of meter that there is."""
    found = find_type(name)
    if found is None:
        message = f"no map of registers is called {name}"
        raise ValueError(message)
    return found
