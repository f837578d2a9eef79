"""Meters of DLMS/COSEM that push lists, in HDLC or in the TCP wrapper; nobody answers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from wattwarden.codecs.dlms import CODEC
from wattwarden.codecs.dlms.obis import UNITS, find, obis_hex
from wattwarden.protocol.codec import Codec, Message
from wattwarden.tools.simulator.protocols.dialect import (
    NOTHING,
    Heard,
    Meter,
    Report,
    clock_of,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import Measured, Steps, measure, stored
from wattwarden.tools.simulator.protocols.rows import Row, us_of

METER_NUMBER: Final = "0.0.96.1.0.255"
# By logical name: type and scaler.  Power is imported: none of what a workshop draws goes back.
ITEMS: Final = {
    **{f"1.0.{c}.7.0.255": ("long-unsigned", -1) for c in (32, 52, 72)},
    **{f"1.0.{c}.7.0.255": ("double-long-unsigned", -3) for c in (31, 51, 71)},
    "1.0.1.7.0.255": ("double-long-unsigned", 0),
    "1.0.3.7.0.255": ("double-long-unsigned", 0),
    "1.0.1.8.0.255": ("double-long-unsigned", 1),
    "1.0.2.8.0.255": ("double-long-unsigned", 0),
}
_NUMBER_OF_UNIT: Final = {unit: number for number, unit in UNITS.items()}


def _quantity(obis: str) -> tuple[str, str]:
    """Return quantity and unit of a logical name."""
    meaning = find(obis)
    if meaning is None:
        message = f"no table has {obis}"
        raise ValueError(message)
    # What is imported is all of a net power that a meter without export has.
    return meaning.quantity.removeprefix("net_"), meaning.unit


STEPS: Final[Steps] = {
    _quantity(obis)[0]: Decimal(10) ** scaler for obis, (_, scaler) in ITEMS.items()
}


@dataclass(frozen=True, slots=True)
class CosemMeter:
    """A meter that pushes its list, by its number in HDLC or in the wrapper."""

    meter: Meter
    codec: Codec = CODEC
    is_answered: bool = False
    step_s: int = 1

    @property
    def address(self) -> str:
        """The meter number in its list."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return b""

    def heartbeat(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return b""

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        measured = measure(self.meter.seed, self.address, turn, STEPS)
        fields: dict[str, Any] = {
            "long_invoke_id_and_priority": f"{turn % 2**24:08X}",
            "date_time": f"{clock_of(at)} hundredths=0 deviation=-480 status=0",
            "body": {"structure": self._list(measured)},
        }
        if self.meter.number % 2:
            fields |= {"source_port": 1, "destination_port": 16}
        frame = CODEC.encode(Message("data_notification", self.address, None, fields))
        row = Row(CODEC.name, self.address, "", "instant", us_of(at), stored(measured))
        return Report(frame, (row,))

    def hear(  # noqa: D102  # by Dialect
        self,
        frame: bytes,  # noqa: ARG002  # seam
        flight: Sequence[Report],  # noqa: ARG002  # seam
        now: datetime,  # noqa: ARG002  # seam
    ) -> Heard:
        return NOTHING

    def _list(self, measured: Measured) -> list[dict[str, Any]]:
        name = {"octet-string": self.address.encode().hex()}
        number: dict[str, Any] = {"structure": [{"octet-string": obis_hex(METER_NUMBER)}, name]}
        return [number, *(_element(obis, measured) for obis in ITEMS)]


def _element(obis: str, measured: Measured) -> dict[str, Any]:
    """Return a logical name, its value, scaler and unit."""
    kind, scaler = ITEMS[obis]
    quantity, unit = _quantity(obis)
    count = int(measured[quantity].scaleb(-scaler))
    stated = [{"integer": scaler}, {"enum": _NUMBER_OF_UNIT[unit]}]
    named = {"octet-string": obis_hex(obis)}
    return {"structure": [named, {kind: count}, {"structure": stated}]}
