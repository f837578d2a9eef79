"""Meters of Acrel: registration, uploads with a clock, each taken off by the next answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.layouts import STRUCTS
from wattwarden.protocol.codec import Codec, Message, default_profile
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.wire import Scaled, parts_of
from wattwarden.tools.simulator.protocols.dialect import (
    NOTHING,
    Heard,
    Meter,
    Report,
    clock_of,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import Steps, measure, stored
from wattwarden.tools.simulator.protocols.rows import Row, us_of

# The two whose blocks have a clock; a repetition without one would be a reading of its own.
LAYOUTS: Final = ("prepaid_0x60", "eight_tariffs_0x90")
CHANNEL: Final = "1-1"


@cache
def steps_of(layout: str) -> Steps:
    """Return the quantities of a layout, and how finely it carries them."""
    found: dict[str, Decimal] = {}
    for name, piece in parts_of(STRUCTS[layout]):
        if name in QUANTITIES and isinstance(piece, Scaled):
            scale = piece.scale
            found[name] = Decimal(scale.numerator) / Decimal(scale.denominator)
    return found


@dataclass(frozen=True, slots=True)
class AcrelMeter:
    """A meter on 4G, or on NB-IoT."""

    meter: Meter
    codec: Codec = CODEC
    is_answered: bool = True
    step_s: int = 1

    @property
    def address(self) -> str:
        """Its serial."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        fields = {
            "serial": self.address,
            "iccid": f"898604{self.address}",
            "rssi": 23,
            "report_interval_min": 1,
        }
        return CODEC.encode(Message("register", self.address, None, fields))

    def heartbeat(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return CODEC.encode(Message("heartbeat"))

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        layout = LAYOUTS[self.meter.number % len(LAYOUTS)]
        measured = measure(self.meter.seed, self.address, turn, steps_of(layout))
        block: dict[str, Any] = {"clock": clock_of(at), **stored(measured)}
        sections = [{"channel": CHANNEL, "layout": layout, "values": block}]
        fields = {"serial": self.address, "sections": sections}
        frame = CODEC.encode(Message("upload", self.address, None, fields))
        row = Row(CODEC.name, self.address, CHANNEL, "instant", us_of(at), stored(measured))
        return Report(frame, (row,))

    def hear(  # noqa: D102  # by Dialect
        self,
        frame: bytes,
        flight: Sequence[Report],
        now: datetime,  # noqa: ARG002  # seam
    ) -> Heard:
        kind = CODEC.read(frame, default_profile).kind
        if kind == "register_ack":
            return Heard(admitted=True)
        return Heard(acked=tuple(flight[:1])) if kind == "upload_ack" else NOTHING
