"""Meters that a platform hears: CTWing and OneNET push what they sent, or what it has read of it.

frame of another protocol ─► Base64 or hex in a body      numbers of a data model ─► a body
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import orjson

from wattwarden.codecs import ctwing, onenet
from wattwarden.codecs.onenet.resources import quantity_of
from wattwarden.codecs.onenet.signature import sign
from wattwarden.protocol.codec import Codec, Message
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.tools.simulator.protocols import dlt645
from wattwarden.tools.simulator.protocols.acrel import AcrelMeter
from wattwarden.tools.simulator.protocols.dialect import Meter, Report
from wattwarden.tools.simulator.protocols.dlt698 import GridMeter
from wattwarden.tools.simulator.protocols.gdw376 import Terminal
from wattwarden.tools.simulator.protocols.hj212 import Logger
from wattwarden.tools.simulator.protocols.measured import measure, stored
from wattwarden.tools.simulator.protocols.rows import Row, us_of

# A data model as people make it: names of their own, in the units that they like.
MODEL: Final = {
    "Ua": ("voltage_a", Decimal(1), Decimal("0.1")),
    "Ia": ("current_a", Decimal(1), Decimal("0.01")),
    "P": ("power_total", Decimal(1000), Decimal("0.001")),
    "EPI": ("energy_forward", Decimal(1000), Decimal("0.01")),
}
"""By name: quantity, what one is of ours, how finely it is written."""
PLAIN: Final = "signalStrength"
"""A number of the model that nobody makes a quantity of: a factor."""
STREAMS: Final = {
    "3316_0_5700": Decimal("0.1"),
    "3317_0_5700": Decimal("0.01"),
    "3328_0_5700": Decimal(1),
    "3331_0_5805": Decimal(1),
}
"""Resources of the IPSO registry, by turns."""
PROPERTIES: Final = {name: [quantity, float(scale)] for name, (quantity, scale, _) in MODEL.items()}

Carried = Callable[[Meter, int, datetime], Report]


def _acrel(meter: Meter, turn: int, at: datetime) -> Report:
    return AcrelMeter(meter).report(turn, at)


def _grid(meter: Meter, turn: int, at: datetime) -> Report:
    return GridMeter(meter).report(turn, at)


def _terminal(meter: Meter, turn: int, at: datetime) -> Report:
    return Terminal(meter).report(turn, at)


def _logger(meter: Meter, turn: int, at: datetime) -> Report:
    return Logger(meter).report(turn, at)


def _answer(meter: Meter, turn: int, at: datetime) -> Report:
    """Return what a meter answered to its module; when, the platform says."""
    di = dlt645.ITEMS_2007[turn % len(dlt645.ITEMS_2007)]
    said = dlt645.read(meter.seed, meter.address, di, turn)
    row = Row("dlt645", meter.address, "", "instant", us_of(at), stored(said.measured))
    return Report(said.frame, (row,))


CARRIED: Final[Mapping[str, Carried]] = {
    "acrel": _acrel,
    "dlt645": _answer,
    "dlt698": _grid,
    "gdw376": _terminal,
    "hj212": _logger,
}
"""What makes the frames that pushes carry, by the codec of the frame."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A meter behind a platform.  ``carries`` names the codec of its frames, "" for a data model.

    ``token`` is the platform's secret.
    """

    codec: Codec
    meter: Meter
    carries: str
    token: str

    @property
    def address(self) -> str:
        """Under which name it is registered."""
        return self.meter.address

    @property
    def step_s(self) -> int:
        """Seconds that its clock can tell apart."""
        return 60 if self.carries == "gdw376" else 1

    @property
    def options(self) -> dict[str, Any]:
        """What has to be configured for it."""
        return {} if self.carries or self.codec is onenet.CODEC else {"properties": PROPERTIES}

    def report(self, turn: int, at: datetime) -> Report:
        """Return the push of a turn."""
        heard = at.replace(microsecond=at.microsecond // 1000 * 1000)
        body, rows = self._framed(turn, heard) if self.carries else self._numbers(turn, heard)
        frame = self.codec.encode(Message("data_report", self.address, None, {"body": body}))
        return Report(frame, rows)

    def _framed(self, turn: int, heard: datetime) -> tuple[dict[str, Any], tuple[Row, ...]]:
        inner = CARRIED[self.carries](self.meter, turn, heard)
        rows = tuple(msgspec.structs.replace(row, codec=self.codec.name) for row in inner.rows)
        if self.codec is ctwing.CODEC:
            data = base64.b64encode(inner.frame).decode()
            return self._of_ctwing(heard, {"APPdata": data}), rows
        return self._of_onenet(heard, "3300_0_5706", inner.frame.hex()), rows

    def _numbers(self, turn: int, heard: datetime) -> tuple[dict[str, Any], tuple[Row, ...]]:
        if self.codec is onenet.CODEC:
            return self._resource(turn, heard)
        steps = {quantity: scale * fine for quantity, scale, fine in MODEL.values()}
        measured = measure(self.meter.seed, self.address, turn, steps)
        model = {name: float(measured[what] / scale) for name, (what, scale, _) in MODEL.items()}
        strength = float(turn % 32)
        row = Row(
            self.codec.name, self.address, "", "instant", us_of(heard), stored(measured),
            {PLAIN: strength},
        )  # fmt: skip
        body = self._of_ctwing(heard, {"serviceData": {**model, PLAIN: strength}})
        return body, (row,)

    def _resource(self, turn: int, heard: datetime) -> tuple[dict[str, Any], tuple[Row, ...]]:
        stream, step = tuple(STREAMS.items())[turn % len(STREAMS)]
        what = quantity_of(stream)
        name = "" if what is None else what.quantity
        measured = measure(self.meter.seed, self.address, turn, {name: step})
        said = stored(measured)
        number = said[name]
        shown = int(number) if QUANTITIES[name].exact else number
        row = Row(self.codec.name, self.address, "", "instant", us_of(heard), said)
        return self._of_onenet(heard, stream, shown), (row,)

    def _of_ctwing(self, heard: datetime, payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageType": "dataReport",
            "deviceId": f"{self.meter.number:032x}",
            "IMEI": self.address,
            "timestamp": us_of(heard) // 1000,
            "payload": payload,
        }

    def _of_onenet(self, heard: datetime, stream: str, value: float | str) -> dict[str, Any]:
        message = {
            "at": us_of(heard) // 1000,
            "imei": self.address,
            "type": 1,
            "ds_id": stream,
            "value": value,
            "dev_id": self.meter.number,
        }
        nonce = f"{us_of(heard):x}"
        signed = sign(self.token, nonce, orjson.dumps(message))
        return {"msg": message, "msg_signature": signed, "nonce": nonce}
