"""Our own gateway as the platform above us: killed and cut off, it misses nothing."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from tests.integration.chaos.killing import successor
from tests.integration.system import PATIENCE_S, Port, System, database, eventually
from tests.storage.feed import LONG_AGO, register, small_city

from wattwarden.alarms.registry.nouns import Point
from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.client import Answers, Upload, upload_frame
from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.secret import Secret
from wattwarden.protocol.zone import CHINA

pytestmark = pytest.mark.integration

SOURCES: Final = {"SRC1": "UP1", "SRC2": "UP2"}
MINUTES: Final = 20
TABLE: Final = """[platforms.city]
address = "127.0.0.1:{port}"
enterprises = ["E1"]
password_file = "city_password"
overtime_s = 1
per_second = 200
ratios = false
[platforms.city.mn]
"hj212:SRC1" = "UP1"
"hj212:SRC2" = "UP2"
"""
ROWS: Final = (
    "SELECT r.at, r.power_total, r.voltage_a FROM reading AS r JOIN meter AS m ON m.id = r.meter"
    " WHERE m.codec = 'hj212' AND m.address = $1 ORDER BY r.at"
)


@dataclass
class Wiretap:
    """Stands between the forwarder and the gateway: keeps what goes up, and can be cut."""

    system: System
    port: Port = field(default_factory=Port)
    up: list[bytes] = field(default_factory=list)
    lines: list[asyncio.StreamWriter] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Wiretap"]:
        server = await asyncio.start_server(
            self.taken, "127.0.0.1", self.port.number, reuse_port=True
        )
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.wait_for(asyncio.gather(*self.serving), PATIENCE_S)
            await server.wait_closed()
            self.port.close()

    def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer(CODEC.outline)
        with contextlib.suppress(OSError):
            async with dialled(self.system, self.lines) as (gateway_reader, gateway):
                back = asyncio.create_task(passed_on(gateway_reader, writer))
                self.lines.append(writer)
                with contextlib.suppress(OSError):
                    while data := await reader.read(65_536):
                        self.up += framer.feed(data)
                        gateway.write(data)
                gateway.close()
                await back
        writer.close()

    def cut(self) -> None:
        """Cut every line, answers on their way included."""
        for line in self.lines:
            line.transport.abort()
        self.lines.clear()


@contextlib.asynccontextmanager
async def dialled(
    system: System, lines: list[asyncio.StreamWriter]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A line to the gateway that is closed, whatever happens."""
    reader, writer = await asyncio.open_connection(*system.target)
    lines.append(writer)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until one of the two is gone."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


async def report(system: System, meter: str, start: datetime) -> None:
    """A logger that sends a reading again, on a new line if need be, until it is answered."""
    minute = 0
    while minute < MINUTES:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with dialled(system, []) as (reader, writer):
                answers = Answers()
                while minute < MINUTES:
                    writer.write(reading(meter, start, minute))
                    async with asyncio.timeout(3):
                        while not answers.feed(await reader.readuntil(b"\r\n")):
                            pass
                    minute += 1
                    await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)


def reading(meter: str, start: datetime, minute: int) -> bytes:
    at = start + timedelta(minutes=minute)
    time = at.astimezone(CHINA).strftime("%Y%m%d%H%M%S")
    data = f"DataTime={time};d10001-Rtd={minute + 0.5},d10001-Flag=N;d10004-Rtd=230.1"
    number = round(at.timestamp() * 1000)
    return upload_frame(Upload(number, "31", "2011", meter, data, Secret("123456")))


def frame_facts(frame: bytes) -> tuple[str | None, datetime | None, str]:
    message = CODEC.read(frame, default_profile)
    return message.meter, message.at, str(message.fields["QN"])


async def test_nothing_is_lost_and_what_comes_twice_has_its_qn_again() -> None:
    system = System()
    tap = Wiretap(system)
    secrets = system.data / "secrets"
    secrets.mkdir(parents=True, mode=0o755)
    (secrets / "city_password").write_text("made-up")
    (secrets / "city_password").chmod(0o600)
    (system.data / "forward.toml").write_text(TABLE.format(port=tap.port.number))
    with system:
        async with tap.listening():
            await play(system, tap)

            async def status_of() -> dict[str, object]:
                found: dict[str, object] = json.loads(await told(system, "status"))
                return found

            # The last answer may come after the row it is about.
            status = await eventually(status_of, lambda found: found["owed"] == 0)
            assert (status["owed"], status["aside"], status["trouble"]) == (0, 0, None)
            assert status["acknowledged"] == MINUTES * len(SOURCES)
            listed = json.loads(await told(system, "list"))
            assert (listed["meters"], listed["problem"]) == (len(SOURCES), None)
            # The answer comes through the tap, over a line of its own.
            assert json.loads(await told(system, "test", "city"))["taken"] is True


async def told(system: System, *words: str) -> str:
    """What a command says, while the tap goes on."""
    said = await asyncio.to_thread(system.call, "forward", *words, "--json")
    return said.out


async def play(system: System, tap: Wiretap) -> None:
    registry = small_city(["E1"])
    for number, source in enumerate(SOURCES):
        unit = f"E1-{'pt'[number]}"
        point = Point(id=f"{unit}-pt", meter=f"hj212:{source}", valid_from=LONG_AGO, unit=unit)
        registry.put("point", point)
    async with database(system.dsn) as connection:
        await register(connection, registry)
    # Who owns what is known to the one that is started in its place.
    await kill(system, "forwarder")
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    loggers = [asyncio.create_task(report(system, source, start)) for source in SOURCES]
    for victim in ("gateway", "", "forwarder", ""):
        await asyncio.sleep(0.5)
        if victim:
            await kill(system, victim)
        else:
            tap.cut()
    await asyncio.gather(*loggers)
    for source, above in SOURCES.items():
        sent, found = await rows_of(system, source), await rows_of(system, above)
        assert found == sent
    assert await system.value("SELECT count(*) FROM revision") == 0
    facts = [frame_facts(frame) for frame in tap.up]
    assert len({(meter, at) for meter, at, _ in facts}) == MINUTES * len(SOURCES)
    # One QN a reading, however often it was sent; one reading a QN.
    assert len(set(facts)) == len({qn for _, _, qn in facts}) == MINUTES * len(SOURCES)


async def rows_of(system: System, meter: str) -> list[tuple[object, ...]]:
    """All that a meter has said, once it is stored."""

    async def rows() -> list[tuple[object, ...]]:
        return [tuple(row) for row in await system.fetch(ROWS, meter)]

    return await eventually(rows, lambda rows: len(rows) == MINUTES)


async def kill(system: System, role: str) -> None:
    """Kill who has a role, once there is somebody."""
    os.kill(await successor(system, role, 0), signal.SIGKILL)
