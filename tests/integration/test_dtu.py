"""A DTU dials in, its meters are asked, and what their registers hold becomes the rows."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import pytest
from tests.integration.system import System, eventually

from wattwarden.codecs.dlt645 import CODEC as DLT645
from wattwarden.codecs.dtu import CODEC as DTU
from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.codecs.modbus.frame import check
from wattwarden.codecs.modbus.maps import MeterType
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quantity import QUANTITIES

pytestmark = pytest.mark.integration

IMEI: Final = "861234561239875"
STRANGER: Final = "867365041239871"
METER_645: Final = "170516665384"
VOLTAGE: Final = "02010100"
DEAD: Final = 9
ROUNDS: Final = 3
METERS: Final = [
    {"slave": 1, "type": "adl400", "period_s": 1},
    {"slave": DEAD, "type": "adl400", "period_s": 1},
    {"slave": 2, "type": "dds238", "period_s": 1, "channel": "2-1"},
    {"address": METER_645, "items": [VOLTAGE], "period_s": 1},
]
READINGS: Final = (
    "SELECT m.address, r.* FROM reading AS r JOIN meter AS m ON m.id = r.meter"
    " WHERE m.codec = 'dtu' ORDER BY r.at"
)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System() as system:
        yield system


def type_of(name: str) -> MeterType:
    kind = find_type(name)
    assert kind is not None
    return kind


class Site:
    """A simulated DTU with its meters, whose counters move with every answer."""

    def __init__(self) -> None:
        self.types = {1: type_of("adl400"), 2: type_of("dds238")}
        self.channels = {1: "1", 2: "2-1"}
        self.count = 0
        self.dead = 0
        self.truth: dict[tuple[str, str], list[dict[str, float]]] = {}

    async def serve(self, system: System) -> None:
        reader, writer = await asyncio.open_connection(*system.target)
        writer.write(IMEI.encode() + b"www.usr.cn")
        framer = Framer(DTU.outline)
        while min(map(len, self.truth.values()), default=0) < ROUNDS or len(self.truth) < 3:
            data = await asyncio.wait_for(reader.read(4096), 20)
            assert data, "the gateway hung up"
            for request in framer.feed(data):
                # A heartbeat now and then stands before the reply, in one segment.
                writer.write(b"www.usr.cn" * (self.count % 3 == 0) + self.answer(request))
        writer.close()

    def answer(self, request: bytes) -> bytes:
        self.count += 1
        if DTU.read(request, default_profile).kind == "dlt645":
            volts = 220.0 + self.count / 10
            self.note(METER_645, "", {"voltage_a": volts})
            fields = {"di": VOLTAGE, "value": volts}
            return DLT645.encode(Message("read_reply", METER_645, None, fields))
        asked = check(request)
        if asked.slave == DEAD:
            self.dead += 1
            return b""
        kind = self.types[asked.slave]
        values = {
            "voltage_a": 230.0,
            "energy_forward": 1000 * self.count,
            "power_total": self.count,
        }
        values |= {"current_a": 4.25}
        start, count = (int.from_bytes(asked.pdu[at : at + 2], "big") for at in (1, 3))
        within = [one.quantity for one in kind.within(start, count) if one.quantity]
        said = {name: float(values.get(name, 0)) for name in within}
        self.note(IMEI, self.channels[asked.slave], said)
        return answer(request, asked.slave, registers(kind, values)) or b""

    def note(self, address: str, channel: str, said: dict[str, float]) -> None:
        self.truth.setdefault((address, channel), []).append(said)


async def test_polled_meters_become_rows_that_are_their_registers(system: System) -> None:
    added = system.run("meters", "add", f"dtu:{IMEI}", "--option", f"meters={json.dumps(METERS)}",
                       "--option", "timeout_ms=500", "--json")  # fmt: skip
    assert added.rows[0]["options"]["meters"] == METERS
    # The gateway follows profiles within a second; a DTU that is early is asked a minute later.
    await asyncio.sleep(1)
    site = Site()
    await asyncio.wait_for(site.serve(system), 40)
    wanted = sum(map(len, site.truth.values()))
    rows = await eventually(lambda: system.fetch(READINGS), lambda found: len(found) >= wanted)
    got: dict[tuple[str, str], list[dict[str, float]]] = {}
    for row in rows:
        values = {name: float(row[name]) for name in QUANTITIES if row[name] is not None}
        got.setdefault((row["address"], row["channel"]), []).append(values)
    assert set(got) == {(IMEI, "1"), (IMEI, "2-1"), (METER_645, "")}
    for place, wanted_rows in site.truth.items():
        assert len(got[place]) == len(wanted_rows)
        for mine, its in zip(got[place], wanted_rows, strict=True):
            assert mine == pytest.approx(its, rel=1e-6)
    # Two tries, then it is left in peace; its neighbours were asked all the while.
    assert 1 <= site.dead <= 3


async def test_a_dtu_nobody_configured_is_enrolled_and_asked_nothing(system: System) -> None:
    reader, writer = await asyncio.open_connection(*system.target)
    writer.write(STRANGER.encode())
    found = await eventually(
        lambda: system.fetch(
            "SELECT state FROM meter WHERE codec = 'dtu' AND address = $1", STRANGER
        )
    )
    assert [row["state"] for row in found] == ["unconfirmed"]
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
