"""Data loggers of HJ 212: login, uploads answered by their number (QN), heartbeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.tables import read_factors
from wattwarden.protocol.codec import Codec, Message, default_profile
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.protocols.dialect import (
    NOTHING,
    Heard,
    Meter,
    Report,
    named,
    wall,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import measure, stored
from wattwarden.tools.simulator.protocols.past import Past
from wattwarden.tools.simulator.protocols.rows import Row, us_of

# What loggers of units report, and how many decimals of the standard's unit they write.
DECIMALS: Final = {
    "d10001": 4, "d10004": 1, "d10005": 1, "d10006": 1, "d10007": 2, "d10008": 2, "d10009": 2,
    "d10010": 3,
}  # fmt: skip
# Beside electricity, the sulphur dioxide of an outlet: no quantity, a factor.
POLLUTANT: Final = "a21026"
KINDS: Final = (("realtime", "2011", "Rtd", "instant"), ("minute", "2051", "Avg", "minute"))
"""Kind, command, statistic and period, by turns."""
SYSTEM: Final = "51"
# What people ask begins so; of that, data of the past, of which these loggers keep minutes.
ASKED: Final = frozenset("123")
HISTORY: Final = "2"
MINUTES: Final = "2051"
DONE: Final = 1
NO_DATA: Final = 100
VERSION: Final = "5"
PASSWORD: Final = "123456"  # noqa: S105  # the standard's example, known to everybody

_FACTORS: Final = read_factors("hj212_factors")
_STEPS: Final = {
    _FACTORS[code].quantity: Decimal(str(_FACTORS[code].scale)).scaleb(-decimals)
    for code, decimals in DECIMALS.items()
}


@dataclass(frozen=True, slots=True)
class Logger:
    """A data logger (数采仪) with the meter of one unit."""

    meter: Meter
    codec: Codec = CODEC
    is_answered: bool = True
    step_s: int = 1
    past: Past = field(default_factory=Past)

    @property
    def address(self) -> str:
        """Its MN."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: D102  # by Dialect
        return self._frame("login", "9021", now, "")

    def heartbeat(self, now: datetime) -> bytes:  # noqa: D102  # by Dialect
        return self._frame("heartbeat", "9015", now, "")

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        kind, command, statistic, period = KINDS[turn % len(KINDS)]
        if command == MINUTES:
            self.past.note(at, turn)
        measured = measure(self.meter.seed, self.address, turn, _STEPS)
        pollutant = Decimal(turn % 1000) / 8
        said = [
            f"{code}-{statistic}={self._written(code, measured)},{code}-Flag=N" for code in DECIMALS
        ]
        said.append(f"{POLLUTANT}-{statistic}={pollutant},{POLLUTANT}-Flag=N")
        data = f"DataTime={wall(at):%Y%m%d%H%M%S};{';'.join(said)}"
        factor = POLLUTANT if statistic == "Rtd" else f"{POLLUTANT}-{statistic}"
        row = Row(
            CODEC.name, self.address, "", period, us_of(at), stored(measured),
            {factor: float(pollutant)},
        )  # fmt: skip
        return Report(self._frame(kind, command, at, data), (row,), self._number(at))

    def hear(  # noqa: D102  # by Dialect
        self, frame: bytes, flight: Sequence[Report], now: datetime
    ) -> Heard:
        said = CODEC.read(frame, default_profile)
        if said.kind == "login_ack":
            return Heard(admitted=True)
        if said.kind == "data_ack":
            return Heard(acked=named(flight, said.fields.get("QN")))
        command = str(said.fields.get("CN", ""))
        if command[:1] not in ASKED:
            return NOTHING
        # A request is taken, answered with what it asks for, and done; HJ 212-2017, 6.6.
        told = {"1011": f"SystemTime={wall(now):%Y%m%d%H%M%S}", "1061": "RtdInterval=60"}
        if command == MINUTES:
            return self._recalled(said.fields["CP"], str(said.fields["QN"]))
        result = NO_DATA if command[:1] == HISTORY else DONE
        parts = [
            ("request_ack", "9011", f"QnRtn={DONE}"),
            ("exec_result", "9012", f"ExeRtn={result}"),
        ]
        if command in told:
            parts.insert(1, (said.kind, command, told[command]))
        number = str(said.fields["QN"])
        return Heard(reply=b"".join(self._numbered(*part, number) for part in parts))

    def _recalled(self, asked: Mapping[str, Any], number: str) -> Heard:
        """Send the minutes of a stretch again, between what takes the request and its result."""
        since, until = (
            datetime.strptime(asked[name], "%Y%m%d%H%M%S").replace(tzinfo=ZONE)
            for name in ("BeginTime", "EndTime")
        )
        found = self.past.between(since, until + timedelta(seconds=1))
        reports = [self.report(turn, at) for at, turn in found]
        result = DONE if reports else NO_DATA
        reply = (
            self._numbered("request_ack", "9011", f"QnRtn={DONE}", number),
            *(report.frame for report in reports),
            self._numbered("exec_result", "9012", f"ExeRtn={result}", number),
        )
        return Heard(reply=b"".join(reply), rows=tuple(row for one in reports for row in one.rows))

    @staticmethod
    def _written(code: str, measured: dict[str, Decimal]) -> str:
        factor = _FACTORS[code]
        value = measured[factor.quantity] / Decimal(str(factor.scale))
        return f"{value:.{DECIMALS[code]}f}"

    @staticmethod
    def _number(at: datetime) -> str:
        return f"{wall(at):%Y%m%d%H%M%S}{at.microsecond // 1000:03}"

    def _frame(self, kind: str, command: str, at: datetime, data: str) -> bytes:
        return self._numbered(kind, command, data, self._number(at))

    def _numbered(self, kind: str, command: str, data: str, number: str) -> bytes:
        fields: dict[str, Any] = {
            "QN": number,
            "ST": SYSTEM,
            "CN": command,
            "PW": PASSWORD,
            "MN": self.address,
            "Flag": VERSION,
            "CP": data,
        }
        return CODEC.encode(Message(kind, self.address, None, fields))
