"""Terminals of Q/GDW 376.1: login, heartbeat, class 1, curves of what they reported, meters behind.

A terminal's values follow from its clock, so that a report and an answer of one minute agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from wattwarden.codecs.gdw376 import CODEC
from wattwarden.codecs.gdw376.frame import address_of
from wattwarden.codecs.gdw376.kinds import CLASS_1, CLASS_2, CONFIRMATION, afn_of
from wattwarden.codecs.gdw376.layouts import find_layout
from wattwarden.codecs.gdw376.units import DENSITY_MIN
from wattwarden.protocol.codec import Codec, Message, default_profile
from wattwarden.protocol.digits import Digits
from wattwarden.protocol.quantity import QUANTITIES, TARIFFS, Unit
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.protocols import dlt645
from wattwarden.tools.simulator.protocols.dialect import (
    Heard,
    Meter,
    Report,
    named,
    wall,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import Measured, Steps, measure, stored
from wattwarden.tools.simulator.protocols.past import Past
from wattwarden.tools.simulator.protocols.rows import Row, us_of

NOW: Final = 25
"""Fn of voltage, current and power now."""
ENERGY: Final = 129
"""Fn of the forward energy now, with tariffs."""
ENERGY_CURVE: Final = 101
"""Fn of class 2 of its curve."""
# Of its own accord, with a confirmation wanted: DIR and PRM set, function 4; and an answer.
UNASKED: Final = "C4"
ANSWER: Final = "88"
ALL_DONE: Final = 1
ALL_DENIED: Final = 2
SETTINGS: Final = frozenset({"set_parameters", "control"})
# A year of minutes, then its counters begin anew.
MOST_TURNS: Final = 525_600
NUMBERS: Final = 16
LINK_REPLY: Final = 0x0B
_OURS: Final[dict[str, int | Decimal]] = {
    "kW": 1000,
    "kvar": 1000,
    "kVA": 1000,
    "kWh": 1000,
    "%": Decimal("0.01"),
}
_TARIFFS: Final = TARIFFS[:4]
_REGISTERS: Final = ("energy_forward", *(f"energy_forward_{name}" for name in _TARIFFS))


@cache
def steps_of(fn: int, afn: int = CLASS_1) -> Steps:
    """Return the quantities of a Fn, and how finely it carries them.

    The store has whole watt-hours, where the terminal has tenths.
    """
    layout = find_layout(afn, fn, up=True)
    groups = () if layout is None else layout.groups
    return {
        part.slug: max(
            Decimal(_OURS.get(part.unit, 1)).scaleb(-part.piece.decimals),
            Decimal(QUANTITIES[part.slug].exact),
        )
        for group in groups
        for part in group.parts
        if part.slug in QUANTITIES and isinstance(part.piece, Digits)
    }


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal with one measuring point; its readings are of whole minutes.

    ``behind`` are meters of DL/T 645 on its line, which it hands requests to.
    """

    meter: Meter
    behind: tuple[str, ...] = ()
    codec: Codec = CODEC
    is_answered: bool = True
    step_s: int = 60
    past: Past = field(default_factory=Past)
    _asked: Counter[str] = field(default_factory=Counter)

    @property
    def address(self) -> str:
        """Region and number."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: ARG002, D102  # by Dialect
        return CODEC.encode(Message("login", self.address, None, {"number": 1}))

    def heartbeat(self, now: datetime) -> bytes:  # noqa: D102  # by Dialect
        fields = {"number": 2, "units": [{"Pn": 0, "Fn": 3, "values": {"clock": _clock(now)}}]}
        return CODEC.encode(Message("heartbeat", self.address, None, fields))

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        self.past.note(at, turn)
        number = turn % NUMBERS
        units = [self._unit(self._point, fn, at) for fn in (NOW, ENERGY)]
        fields = {"C": UNASKED, "CON": 1, "number": number, "units": units}
        frame = CODEC.encode(Message("class1", self.address, None, fields))
        return Report(frame, (self._row(self._point, (NOW, ENERGY), at),), number)

    def hear(  # noqa: D102  # by Dialect
        self, frame: bytes, flight: Sequence[Report], now: datetime
    ) -> Heard:
        said = CODEC.read(frame, default_profile)
        number = said.fields["number"]
        if said.kind == "confirm":
            # Login and heartbeat have numbers of their own, and nothing is in flight at the login.
            is_link = said.fields["function"] == LINK_REPLY
            return Heard(admitted=True) if is_link else Heard(named(flight, number))
        asked = [(unit["Pn"], unit["Fn"]) for unit in said.fields["units"]]
        if said.kind == afn_of(CLASS_1).down and all(fn in (NOW, ENERGY) for _, fn in asked):
            return self._now(asked, number, whole(now, self.step_s))
        if said.kind == afn_of(CLASS_2).down and all(_curve_of(fn) for _, fn in asked):
            return self._curves(said.fields["units"], number)
        if said.kind == "forward":
            return self._forwarded(said.fields["units"][0]["values"], number)
        fn = ALL_DONE if said.kind in SETTINGS else ALL_DENIED
        return Heard(reply=self._answer("confirm", number, [{"Pn": 0, "Fn": fn}]))

    @property
    def _point(self) -> int:
        return 1 + self.meter.number % 8

    def _now(self, asked: Sequence[tuple[int, int]], number: int, at: datetime) -> Heard:
        """Answer what stands in the registers now."""
        units = [self._unit(point, fn, at) for point, fn in asked]
        rows = tuple(self._row(point, (fn,), at) for point, fn in asked)
        return Heard(reply=self._answer("class1", number, units), rows=rows)

    def _curves(self, units: Sequence[Mapping[str, Any]], number: int) -> Heard:
        """Answer curves of what was reported; points of which nothing is known are left blank."""
        rows: list[Row] = []
        answered = []
        for unit in units:
            asked, point = unit["values"], unit["Pn"]
            [(name, step)] = steps_of(unit["Fn"], CLASS_2).items()
            begin = datetime.fromisoformat(asked["Td"]).replace(tzinfo=ZONE)
            density = timedelta(minutes=DENSITY_MIN[asked["density"]])
            values: list[Decimal | None] = []
            for at in (begin + place * density for place in range(asked["points"])):
                if point != self._point or at not in self.past:
                    values.append(None)
                    continue
                measured = self._look(point, {name: step}, at)
                values.append(_own(name, measured[name]))
                channel = f"p{point}"
                told = stored(measured)
                rows.append(Row(CODEC.name, self.address, channel, "instant", us_of(at), told))
            answered.append({**unit, "values": {**asked, name: values}})
        return Heard(reply=self._answer("class2", number, answered), rows=tuple(rows))

    def _forwarded(self, values: Mapping[str, Any], number: int) -> Heard:
        """Hand a frame on to the line, and bring back what was answered: nothing, perhaps."""
        request, said = bytes.fromhex(values["frame"]), b""
        rows: tuple[Row, ...] = ()
        for address in self.behind:
            answer = dlt645.answer(self.meter.seed, address, request, self._asked[address])
            if answer is not None:
                self._asked[address] += 1
                said = answer.frame
                if answer.measured:
                    row = stored(answer.measured)
                    rows = (Row(CODEC.name, address, "", "instant", None, row),)
        back = {"port": values["port"], "length": len(said), "frame": said.hex()}
        units = [{"Pn": 0, "Fn": 1, "values": back}]
        return Heard(reply=self._answer("forward_reply", number, units), rows=rows)

    def _answer(self, kind: str, number: int, units: list[dict[str, Any]]) -> bytes:
        fields: dict[str, Any] = {"C": ANSWER, "CON": 0, "number": number, "units": units}
        if kind == "confirm":
            # The kind does not tell who confirms.
            region, own = address_of(self.address)
            fields |= {"AFN": f"{CONFIRMATION:02X}", "A1": region, "A2": own}
        return CODEC.encode(Message(kind, self.address, None, fields))

    def _measured(self, point: int, fn: int, at: datetime) -> Measured:
        steps = steps_of(fn)
        if fn == ENERGY:
            # As finely as its curve has it, so that both say the same of a moment.
            steps = dict.fromkeys(_REGISTERS, steps_of(ENERGY_CURVE, CLASS_2)["energy_forward"])
        return self._look(point, steps, at)

    def _look(self, point: int, steps: Steps, at: datetime) -> Measured:
        turn = int(at.timestamp()) // self.step_s % MOST_TURNS
        return measure(self.meter.seed, f"{self.address}/{point}", turn, steps)

    def _row(self, point: int, fns: Sequence[int], at: datetime) -> Row:
        said = {name: one for fn in fns for name, one in self._measured(point, fn, at).items()}
        return Row(CODEC.name, self.address, f"p{point}", "instant", us_of(at), stored(said))

    def _unit(self, point: int, fn: int, at: datetime) -> dict[str, Any]:
        measured = self._measured(point, fn, at)
        values: dict[str, Any] = {name: _own(name, value) for name, value in measured.items()}
        if fn == ENERGY:
            values = {"tariffs": len(_TARIFFS), "energy_forward": list(values.values())}
        return {"Pn": point, "Fn": fn, "values": {"clock": f"{wall(at):%Y-%m-%d %H:%M}", **values}}


def _curve_of(fn: int) -> bool:
    """Whether a Fn of class 2 is the curve of a quantity."""
    layout = find_layout(CLASS_2, fn, up=True)
    return layout is not None and layout.period == "curve" and len(steps_of(fn, CLASS_2)) == 1


def _clock(now: datetime) -> str:
    return f"{wall(now):%Y-%m-%d %H:%M:%S} dow={wall(now).isoweekday()}"


def _own(name: str, value: Decimal) -> Decimal:
    """Return a value in the unit of the standard."""
    if name.startswith("power_factor"):
        return value * 100
    unit = QUANTITIES[name].unit
    is_large = unit not in (Unit.VOLT, Unit.AMPERE)
    return value / 1000 if is_large else value
