"""Acrel's gateways: proof by a secret, then encrypted reports of the meters behind; unanswered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from wattwarden.codecs.acrel_gateway import CODEC
from wattwarden.codecs.acrel_gateway.dialogue import BEAT, VALIDATION
from wattwarden.codecs.acrel_gateway.frame import HEADER_BYTES
from wattwarden.codecs.acrel_gateway.secrets import encrypt, proof, zipped
from wattwarden.codecs.acrel_gateway.texts import (
    Notice,
    notice_of,
    parse,
    write_notice,
    write_report,
)
from wattwarden.codecs.acrel_gateway.texts import Report as Text
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.codec import Codec, Message, default_profile
from wattwarden.tools.simulator.protocols.dialect import (
    NOTHING,
    Heard,
    Meter,
    Report,
    wall,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import measure, stored
from wattwarden.tools.simulator.protocols.rows import Row, us_of

METERS: Final = 4
"""How many meters are behind each."""
BUILDING: Final = "B1"
# A function of no table: it is kept under its own name.
PLAIN: Final = "DI1"
# kWh with two decimals.
STEP_WH: Final = Decimal(10)
_FUNCTIONS: Final = {
    row["quantity"]: (row["id"], Decimal(row["scale"]))
    for row in read_table("acrel_gateway_functions")
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway; its reports are compressed by its number."""

    meter: Meter
    key: bytes
    codec: Codec = CODEC
    is_answered: bool = False
    step_s: int = 1

    @property
    def address(self) -> str:
        """How it calls itself."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return self._notice("auth", VALIDATION, "request", {})

    def heartbeat(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return self._notice("heartbeat", BEAT, "notify", {})

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        meters: dict[str, dict[str, float]] = {}
        rows = []
        for number in range(1, METERS + 1):
            channel = f"{number:02}"
            steps = dict.fromkeys(_FUNCTIONS, STEP_WH)
            measured = measure(self.meter.seed, f"{self.address}/{channel}", turn, steps)
            meters[channel] = {
                function: float(measured[name] / scale)
                for name, (function, scale) in _FUNCTIONS.items()
            } | {PLAIN: float(turn % 2)}
            rows.append(
                Row(
                    CODEC.name, self.address, channel, "instant", us_of(at), stored(measured),
                    {PLAIN: float(turn % 2)},
                )
            )  # fmt: skip
        text = write_report(Text(self.address, f"{wall(at):%Y%m%d%H%M%S}", meters))
        return Report(self._sealed(text), tuple(rows))

    def hear(  # noqa: D102  # by Dialect
        self,
        frame: bytes,
        flight: Sequence[Report],  # noqa: ARG002  # seam
        now: datetime,  # noqa: ARG002  # seam
    ) -> Heard:
        if CODEC.read(frame, default_profile).kind != "auth":
            return NOTHING
        said = notice_of(parse(frame[HEADER_BYTES:]), VALIDATION)
        if said.operation == "sequence":
            answer = proof(self.key, said.parts["sequence"])
            return Heard(reply=self._notice("auth", VALIDATION, "md5", {"md5": answer}))
        return Heard(admitted=said.parts.get("result") == "pass")

    def _sealed(self, text: bytes) -> bytes:
        kind, plain = ("data_zipped", zipped(text)) if self.meter.number % 2 else ("data", text)
        return CODEC.encode(Message(kind, fields={"cipher": encrypt(plain, self.key).hex()}))

    def _notice(self, kind: str, element: str, operation: str, parts: dict[str, str]) -> bytes:
        text = write_notice(Notice(self.address, BUILDING, operation, parts), element)
        return CODEC.encode(Message(kind, fields={"text": text.decode()}))
