"""How long an offence takes from the meter port to the first push: real TCP to real HTTP.

firms whose fan is shut down ─► meters dial in ─► gateway … warden ─► outbox ─► courier ─► receiver

A latency begins when the reading arrived with which the fold time of the line passed the rule's
delay, as the gateway noted it, and ends with the first POST about the alarm.  Seconds are real.
"""

import asyncio
import json
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from tests.integration.system import PROGRAM, System, database, eventually
from tests.storage.outbox.receiver import Receiver

from wattwarden.alarms.registry.nouns import Point, Unit
from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.clock import Clock
from wattwarden.server.rate import load_rate
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import us_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.records import load_kind
from wattwarden.storage.system_time import system_now

RULE = "R2"
# Of R2: how long a fan is off before it is an offence.
DELAY_S = 300
# A meter's next reading is expected after so much of its cycle: until then its slot is open.
NEXT_READING = 0.9
OFFENCE_MINUTES = 60
SECOND_US = 1_000_000
# What starting, registering and the last reading take beside the offence itself, real.
PATIENCE_S = 240.0
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROUTING = """
[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "k" }
allow = ["127.0.0.0/8"]

[[stream]]
endpoint = "hook"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """So many offences, the first after ``onset_s`` of simulation, all within ``spread_s``.

    ``rate`` is how many simulated seconds pass in a real one.
    """

    offences: int
    rate: int = 1
    cycle_s: int = 10
    onset_s: int = 90
    spread_s: int = 60

    def scenario(self) -> str:
        """A firm for each offence: a spray booth, and the fan that is shut down."""
        head = f'name = "latency"\nstart = 2026-03-02\ndays = 2\ncycle_s = {self.cycle_s}\n'
        firms = "".join(map(self._firm, range(self.offences)))
        offences = "".join(map(self._offence, range(self.offences)))
        return f"{head}\n{firms}\n{offences}"

    def _firm(self, number: int) -> str:
        firm = f"F{number:03}"
        return (
            f'[[factory]]\nid = "{firm}"\nname = "{firm}"\nindustry = "coating"\n'
            'protocol = "acrel"\nshifts = [["00:00", "24:00"]]\nrest_days = []\n'
            f'[[factory.unit]]\nid = "{firm}-P"\nkind = "production"\npower_kw = 37\n'
            f'[[factory.unit]]\nid = "{firm}-T"\npower_kw = 15\n'
        )

    def _offence(self, number: int) -> str:
        onset = self.onset_s + self.spread_s * number // self.offences
        return (
            f'[[offence]]\nrule = "{RULE}"\nunit = "F{number:03}-T"\n'
            f'onset = "+{onset}s"\nminutes = {OFFENCE_MINUTES}\n'
        )

    @property
    def seconds(self) -> float:
        """How long it takes until the last is told, at most."""
        simulated = self.onset_s + self.spread_s + DELAY_S + 6 * self.cycle_s
        return simulated / self.rate + PATIENCE_S


class Pushes:
    """When, by the system's time, the first POST about each firm's alarm came."""

    def __init__(self, receiver: Receiver) -> None:
        self.first: dict[str, int] = {}
        self.clock = Clock()
        self._plain = receiver.otherwise
        receiver.otherwise = self._take

    async def _take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        told: dict[str, Any] = json.loads(body)
        alarm = told["data"]["alarm"]
        # A busy machine's meters fall silent for a while, which is told as well.
        if told["type"] == "alarm.raised" and alarm["rule"]["id"] == RULE:
            self.first.setdefault(alarm["enterprise"]["id"], self.clock.now_us())
        return await self._plain(request, body)


async def measure(plan: Plan) -> list[float]:
    """Play it on a system of its own; return each offence's latency in real seconds."""
    receiver = Receiver()
    await receiver.start()
    try:
        arrived, first = await _pushed(plan, receiver)
    finally:
        await receiver.stop()
    return [(first[firm] - at_us) / SECOND_US / plan.rate for firm, at_us in arrived.items()]


async def _pushed(plan: Plan, receiver: Receiver) -> tuple[dict[str, int], dict[str, int]]:
    """Play it; return, by firm, when the reading arrived and when the first push came."""
    pushes = Pushes(receiver)
    settings = {"CLOCK_RATE": str(plan.rate)}
    with System(settings=settings) as system:
        pushes.clock = load_rate(system.data).clock()
        await _route(system, receiver.url)
        async with _played(system, plan):

            async def told() -> int:
                return len(pushes.first)

            await eventually(told, lambda count: count == plan.offences, plan.seconds)
            async with database(system.dsn) as connection:
                arrived = await _arrivals(connection, plan)
    return arrived, pushes.first


async def _route(system: System, url: str) -> None:
    folder = system.data / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "k").write_text(KEY)
    body = Routing(version="latency", text=default_text() + ROUTING.replace("URL", url))
    async with database(system.dsn) as connection:
        await enter(connection, Decision(body, "latency", await system_now(connection)))


@asynccontextmanager
async def _played(system: System, plan: Plan) -> AsyncIterator[None]:
    """Let the meters dial in while the block lasts."""
    file = system.folder / "latency.toml"
    file.write_text(plan.scenario())
    host, port = system.target
    command = ["simulate", str(file), "--register", "--to", f"{host}:{port}"]
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *command, "--data", str(system.data), "--truth", str(system.folder / "truth"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _arrivals(connection: Connection, plan: Plan) -> dict[str, int]:
    """When, by firm, the reading arrived that completed the slot of its offence."""
    alarms = await connection.fetch("SELECT enterprise, raised FROM alarm WHERE rule = $1", RULE)
    assert len(alarms) == plan.offences
    readings: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT codec || ':' || address AS meter, at, received_at FROM reading"
        " JOIN meter ON meter.id = reading.meter ORDER BY received_at"
    ):
        readings[row["meter"]].append((us_of(row["at"]), us_of(row["received_at"])))
    meters = await _meters(connection)
    cycle_us = plan.cycle_s * SECOND_US
    return {
        row["enterprise"]: max(
            _first(readings[meter], _needed(us_of(row["raised"]), cycle_us))
            for meter in meters[row["enterprise"]]
        )
        for row in alarms
    }


def _needed(raised_us: int, cycle_us: int) -> int:
    """Of when a reading is after which its meter says no more in the slot of a moment."""
    end_us = (raised_us // cycle_us + 1) * cycle_us
    return end_us - int(NEXT_READING * cycle_us)


def _first(readings: list[tuple[int, int]], since_us: int) -> int:
    """When the first reading of a moment or later arrived."""
    return next(received_us for at_us, received_us in readings if at_us >= since_us)


async def _meters(connection: Connection) -> dict[str, list[str]]:
    firms = {unit.id: unit.enterprise for unit in await load_kind(connection, Unit)}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for point in await load_kind(connection, Point):
        if point.unit is not None:
            found[firms[point.unit]].append(point.meter)
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of all is."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)]
