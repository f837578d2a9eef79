"""Meters of DL/T 698.45: login, heartbeat, reports that the server answers, objects read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any, Final

from wattwarden.codecs.dlt698 import CODEC
from wattwarden.codecs.dlt698.objects import find, quantity_of
from wattwarden.protocol.codec import Codec, Message, default_profile
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.protocols.dialect import (
    NOTHING,
    Heard,
    Meter,
    Report,
    clock_of,
    named,
    wall,
    whole,
)
from wattwarden.tools.simulator.protocols.measured import Measured, Steps, measure, stored
from wattwarden.tools.simulator.protocols.past import Past
from wattwarden.tools.simulator.protocols.rows import Row, us_of

CLOCK: Final = "40000200"
FROZEN_AT: Final = "20210200"
MINUTE_FREEZE: Final = "50020200"
# Voltage, current, power, reactive, power factor, frequency, forward energy with its tariffs.
TYPES: Final = {
    "20000200": "long-unsigned",
    "20010200": "double-long",
    "20040200": "double-long",
    "20050200": "double-long",
    "200A0200": "long",
    "200F0200": "long-unsigned",
    "00100200": "double-long-unsigned",
}
PIIDS: Final = 64
HEARTBEAT_S: Final = 60
# Twelve days of seconds, then its counters begin anew.
MOST_TURNS: Final = 2**20
# A minute takes some hundred bytes, an answer 16 KiB at most; what is left is asked for again.
MOST_ROWS: Final = 100
# Results of an access (DAR): done, and no such object.
DONE: Final = 0
UNDEFINED: Final = 6
_LARGE: Final = {"kWh": 1000, "kvarh": 1000}


@cache
def _members(oad: str) -> tuple[str, ...]:
    """Return the quantities of an object, element by element."""
    attribute = find(oad)
    if attribute is None or not attribute.quantity:
        return ()
    return tuple(quantity_of(attribute.quantity, name) for name in attribute.members or ("",))


@cache
def _step(oad: str) -> Decimal:
    attribute = find(oad)
    if attribute is None or attribute.scale is None:
        return Decimal(1)
    scale = Decimal(attribute.scale.numerator) / Decimal(attribute.scale.denominator)
    return scale * _LARGE.get(attribute.unit, 1)


@cache
def steps() -> Steps:
    """Return the quantities that are reported, and how finely."""
    return {name: _step(oad) for oad in TYPES for name in _members(oad)}


@dataclass(frozen=True, slots=True)
class GridMeter:
    """A meter that reports values of now, or minutes that it froze: by its number."""

    meter: Meter
    codec: Codec = CODEC
    is_answered: bool = True
    step_s: int = 1
    past: Past = field(default_factory=Past)
    _asked: Counter[str] = field(default_factory=Counter)

    @property
    def address(self) -> str:
        """Twelve digits."""
        return self.meter.address

    def opening(self, now: datetime) -> bytes:  # noqa: D102  # by Dialect
        return self._link("login", now)

    def heartbeat(self, now: datetime) -> bytes:  # noqa: D102  # by Dialect
        return self._link("heartbeat", now)

    def report(self, turn: int, at: datetime) -> Report:  # noqa: D102  # by Dialect
        at = whole(at, self.step_s)
        measured = measure(self.meter.seed, self.address, turn, steps())
        time = {"date_time_s": f"{wall(at):%Y-%m-%d %H:%M:%S}"}
        fields: dict[str, Any] = {"piid": turn % PIIDS, "follow_report": None, "time_tag": None}
        period = "minute" if self.meter.number % 2 else "instant"
        if period == "minute":
            self.past.note(at, turn)
            kind = "report_records"
            columns = [{"oad": oad} for oad in (FROZEN_AT, *TYPES)]
            cells = [time, *(_data(oad, measured) for oad in TYPES)]
            result = {"rows": [cells]}
            fields["items"] = [{"oad": MINUTE_FREEZE, "rcsd": columns, "result": result}]
        else:
            kind = "report"
            items = [(CLOCK, time), *((oad, _data(oad, measured)) for oad in TYPES)]
            fields["items"] = [{"oad": oad, "result": {"data": data}} for oad, data in items]
        frame = CODEC.encode(Message(kind, self.address, None, fields))
        row = Row(CODEC.name, self.address, "", period, us_of(at), stored(measured))
        return Report(frame, (row,), turn % PIIDS)

    def hear(  # noqa: D102  # by Dialect
        self, frame: bytes, flight: Sequence[Report], now: datetime
    ) -> Heard:
        said = CODEC.read(frame, default_profile)
        fields = said.fields
        if said.kind == "link_response":
            return Heard(admitted=True)
        if said.kind in ("report_answer", "report_records_answer"):
            return Heard(acked=named(flight, fields["piid"]))
        if said.kind == "get_request_record":
            return self._recalled(fields)
        if said.kind in ("get_request", "get_request_list"):
            oads = [fields["oad"]] if said.kind == "get_request" else fields["items"]
            return self._read(fields, said.kind.replace("request", "response"), oads, now)
        if said.kind == "set_request":
            done = {"oad": fields["oad"], "dar": DONE}
            return Heard(reply=self._answer("set_response", fields, done))
        return NOTHING

    def _read(
        self, asked: Mapping[str, Any], kind: str, oads: Sequence[str], now: datetime
    ) -> Heard:
        """Answer what objects hold now; the clock among them is the time of all."""
        at = whole(now, self.step_s)
        self._asked[kind] += 1
        # With its time a value is that of the clock: asked twice a second, it is the same.
        turn = int(at.timestamp()) % MOST_TURNS if CLOCK in oads else self._asked.total()
        measured = measure(self.meter.seed, self.address, turn, steps())
        data = {oad: _data(oad, measured) for oad in oads if oad in TYPES}
        if CLOCK in oads:
            data[CLOCK] = {"date_time_s": f"{wall(at):%Y-%m-%d %H:%M:%S}"}
        items = [
            {"oad": oad, "result": {"data": data[oad]} if oad in data else {"dar": UNDEFINED}}
            for oad in oads
        ]
        said = {name: measured[name] for oad in oads if oad in TYPES for name in _members(oad)}
        at_us = us_of(at) if CLOCK in oads else None
        row = Row(CODEC.name, self.address, "", "instant", at_us, stored(said))
        body = items[0] if kind == "get_response" else {"items": items}
        return Heard(reply=self._answer(kind, asked, body), rows=(row,) if said else ())

    def _recalled(self, asked: Mapping[str, Any]) -> Heard:
        """Answer the minutes that were frozen in a stretch, with the columns that are wanted."""
        head = {"oad": asked["oad"], "rcsd": asked["rcsd"]}
        span = asked["rsd"].get("between")
        if asked["oad"] != MINUTE_FREEZE or span is None:
            body = {**head, "result": {"dar": UNDEFINED}}
            return Heard(reply=self._answer("get_response_record", asked, body))
        since, until = (
            datetime.fromisoformat(span[name]["date_time_s"]).replace(tzinfo=ZONE)
            for name in ("begin", "end")
        )
        oads = [column["oad"] for column in asked["rcsd"]]
        cells: list[list[Any]] = []
        rows: list[Row] = []
        for at, turn in islice(self.past.between(since, until), MOST_ROWS):
            measured = measure(self.meter.seed, self.address, turn, steps())
            known = {oad: _data(oad, measured) for oad in oads if oad in TYPES}
            known[FROZEN_AT] = {"date_time_s": f"{wall(at):%Y-%m-%d %H:%M:%S}"}
            cells.append([known.get(oad) for oad in oads])
            said = {name: measured[name] for oad in oads if oad in TYPES for name in _members(oad)}
            rows.append(Row(CODEC.name, self.address, "", "minute", us_of(at), stored(said)))
        body = {**head, "result": {"rows": cells}}
        return Heard(reply=self._answer("get_response_record", asked, body), rows=tuple(rows))

    def _answer(self, kind: str, asked: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        fields = {"piid": asked["piid"], "CA": asked["CA"], **body}
        return CODEC.encode(
            Message(kind, self.address, None, {**fields, "follow_report": None, "time_tag": None})
        )

    def _link(self, kind: str, now: datetime) -> bytes:
        clock = clock_of(now)
        time = f"{str(clock).partition(' dow=')[0]}.000 dow={clock.weekday}"
        fields = {"piid": 0, "heartbeat_s": HEARTBEAT_S, "time": time}
        return CODEC.encode(Message(kind, self.address, None, fields))


def _data(oad: str, measured: Measured) -> dict[str, Any]:
    counts = [int(measured[name] / _step(oad)) for name in _members(oad)]
    elements = [{TYPES[oad]: count} for count in counts]
    return {"array": elements} if len(elements) > 1 else elements[0]
