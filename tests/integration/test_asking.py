"""Meters are asked: behind a DTU by plan, a logger by command, once, whatever is killed."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from tests.integration.system import PATIENCE_S, System, database, eventually, profiles_taken

from wattwarden.codecs.dlt645 import CODEC as DLT645
from wattwarden.codecs.dtu import CODEC as DTU
from wattwarden.codecs.hj212 import CODEC as HJ212
from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.codecs.modbus.frame import check
from wattwarden.codecs.modbus.maps import MeterType
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.command import Command, Verb
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.commands.queue import enter
from wattwarden.storage.meters import find_meter, parse_meter
from wattwarden.storage.system_time import system_now

pytestmark = pytest.mark.integration

IMEI: Final = "861234561239875"
STRANGER: Final = "867365041239871"
LOGGER: Final = "88888880000001"
TOLD: Final = "20261122120000"
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
            data = await asyncio.wait_for(reader.read(4096), PATIENCE_S)
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
    added = system.call("meters", "add", f"dtu:{IMEI}", "--option", f"meters={json.dumps(METERS)}",
                        "--option", "timeout_ms=2000", "--json")  # fmt: skip
    assert added.rows[0]["options"]["meters"] == METERS
    # A DTU that is early is asked a minute later.
    await profiles_taken(system)
    site = Site()
    await site.serve(system)
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
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()


class Logger:
    """A data logger that dials in, reports, and does what it is asked."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.framer = Framer(HJ212.outline)
        self.heard: list[Message] = []

    def say(self, kind: str, number: str, data: str, flag: str = "4", st: str = "32") -> None:
        fields = {
            "QN": number, "ST": st, "CN": {"realtime": "2011", "clock_get": "1011"}.get(kind, kind),
            "PW": "123456", "MN": LOGGER, "Flag": flag, "CP": data,
        }  # fmt: skip
        self.writer.write(HJ212.encode(Message("", fields=fields)))

    async def hear(self) -> Message:
        while True:
            data = await asyncio.wait_for(self.reader.read(4096), PATIENCE_S)
            assert data, "the gateway hung up"
            for frame in self.framer.feed(data):
                self.heard.append(HJ212.read(frame, default_profile))
            if self.heard:
                return self.heard.pop(0)


async def connected(system: System) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.open_connection(*system.target)
    except ConnectionRefusedError:
        return None


@asynccontextmanager
async def dialled_in(system: System) -> AsyncIterator[Logger]:
    streams = await eventually(lambda: connected(system))
    assert streams is not None
    logger = Logger(*streams)
    logger.say(
        "realtime", "20261122115959001", "DataTime=20261122115959;i33103-Rtd=220.5,i33103-Flag=N"
    )
    try:
        yield logger
    finally:
        logger.writer.close()


async def ordered(system: System, *items: str, expires_s: float = 600) -> int:
    """Queue a command as its tool does."""
    async with database(system.dsn) as connection:
        meter = await find_meter(connection, parse_meter(f"hj212:{LOGGER}"))
        now = await system_now(connection)
        expires_at = now + timedelta(seconds=expires_s)
        command = Command(Verb.ASK, items)
        return await enter(
            connection, meter.id, command, actor="li", now=now, expires_at=expires_at
        )


async def settled(system: System, number: int) -> dict[str, Any]:
    rows = await eventually(
        lambda: system.fetch(
            "SELECT c.state, c.reply, array_agg(e.what ORDER BY e.id) AS record FROM command AS c"
            " JOIN command_event AS e ON e.command = c.id WHERE c.id = $1 GROUP BY c.id",
            number,
        ),
        lambda rows: rows[0]["state"] not in ("queued", "sent"),
    )
    return dict(rows[0]) | {"reply": json.loads(rows[0]["reply"])}


async def test_a_meter_that_is_away_is_asked_when_it_dials_in(system: System) -> None:
    system.call("meters", "add", f"hj212:{LOGGER}")
    queued = system.call("ask", f"hj212:{LOGGER}", "time", "--wait", "0", "--json").rows[0]
    assert queued["state"] == "queued"
    expired = await settled(system, await ordered(system, "interval", expires_s=0.5))
    assert (expired["state"], expired["record"]) == ("expired", ["entered", "expired"])
    async with dialled_in(system) as logger:
        asked = await logger.hear()
        assert (asked.kind, asked.fields["PW"], asked.fields["Flag"]) == (
            "clock_get",
            "123456",
            "5",
        )
        number = asked.fields["QN"]
        logger.say("9011", number, "QnRtn=1", st="91")
        logger.say("clock_get", number, f"SystemTime={TOLD}")
        logger.say("9012", number, "ExeRtn=1", st="91")
        found = await settled(system, queued["id"])
    assert found["state"] == "answered"
    assert found["reply"]["values"]["SystemTime"] == TOLD
    assert found["record"] == ["entered", "sent", "answered"]
    shown = system.call("commands", "show", str(queued["id"]))
    assert TOLD in shown.out


async def test_what_was_sent_is_never_sent_again_by_who_comes_after_a_kill(system: System) -> None:
    number = await ordered(system, "interval")
    async with dialled_in(system) as logger:
        assert (await logger.hear()).fields["CN"] == "1061"
        (pid,) = system.pids()["gateway"]
        os.kill(pid, signal.SIGKILL)
    found = await settled(system, number)
    assert found["state"] == "expired"
    assert "not known" in found["reply"]["message"]
    later = await ordered(system, "min-interval")
    async with dialled_in(system) as logger:
        asked = await logger.hear()
        assert asked.fields["CN"] == "1063"
        logger.say("9011", asked.fields["QN"], "QnRtn=2", st="91")
        refused = await settled(system, later)
    assert (refused["state"], "refused" in refused["reply"]["message"]) == ("refused", True)
