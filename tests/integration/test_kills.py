"""Acknowledged means stored, whatever is killed and whenever."""

import asyncio
import os
import random
import signal
from datetime import datetime

import pytest
from tests.integration.audit import audit
from tests.integration.chaos import plan, standing_still, storm, successor
from tests.integration.fleet import (
    Acrel,
    Fleet,
    Hj212,
    Manner,
    Meter,
    loop_time,
    start_of_yesterday,
)
from tests.integration.system import System, eventually

pytestmark = pytest.mark.integration

ACREL_METERS = 160
HJ212_METERS = 40
WINDOWS = (1, 2, 3, 4)
# Twenty-five meters an address: a stranger may enrol a hundred within an hour.
SOURCES = [f"127.0.0.{last}" for last in range(2, 10)]
KILLS_OF_EACH = 2
STANDSTILL_S = 6.0
CATCH_UP_S = 20.0
# Some 1,500 frames a second: enough that every kill hits work, and half the machine stays free.
PAUSE_S = 0.3


@pytest.fixture
def seed() -> int:
    """A new one each time; to repeat a run, set it in the environment."""
    number = int(os.environ.get("WATTWARDEN_TEST_SEED") or random.randrange(2**31))
    print(f"WATTWARDEN_TEST_SEED={number}")  # noqa: T201  pytest shows it when the test fails
    return number


def fleet_of(system: System, start: datetime, seed: int) -> Fleet:
    """200 meters: Acrel ones with every window, a smaller share of HJ 212."""
    fleet = Fleet()

    def acrel(number: int) -> Meter:
        address, source = f"ACREL{number:05d}", SOURCES[number % len(SOURCES)]
        manner = fleet.manners[-1]
        return Meter(Acrel(start), address, system.target, source, manner, seed + number)

    def hj212(number: int) -> Meter:
        address, source = f"HJ212MN{number:05d}", SOURCES[number % len(SOURCES)]
        manner = fleet.manners[-1]
        return Meter(Hj212(start), address, system.target, source, manner, seed - number)

    for place, window in enumerate(WINDOWS):
        fleet.add(Manner(window, PAUSE_S), acrel, range(place, ACREL_METERS, len(WINDOWS)))
    fleet.add(Manner(2, PAUSE_S), hj212, range(HJ212_METERS))
    return fleet


async def everybody_is_answered(fleet: Fleet, within_s: float) -> None:
    """Wait until every meter has got an answer to something, from now on."""
    moment = loop_time()

    async def silent() -> int:
        return len(fleet.silent_since(moment))

    await eventually(silent, lambda count: count == 0, within_s)


async def test_what_was_acknowledged_is_stored_once_after_kills_of_everything(seed: int) -> None:
    start = start_of_yesterday()
    with System() as system:
        async with fleet_of(system, start, seed) as fleet:
            await everybody_is_answered(fleet, within_s=10)
            kills = await storm(system, seed, plan(seed, KILLS_OF_EACH), (0.5, 1.2))
            print("killed: " + ", ".join(map(str, kills)))  # noqa: T201  as above
            await everybody_is_answered(fleet, within_s=15)
            async with standing_still(system):
                until = loop_time() + STANDSTILL_S
                while loop_time() < until:
                    await everybody_is_answered(fleet, within_s=3)
                    await asyncio.sleep(0.5)
            await everybody_is_answered(fleet, within_s=10)
            await fleet.finish(within_s=15)
        found = await audit(system, fleet, start, CATCH_UP_S)
        assert found.sent == found.acked == found.stored
        assert found.stored > 10 * len(fleet.meters)
        assert any(meter.resent for meter in fleet.meters)


async def test_a_gateway_that_starts_while_postgresql_is_silent_serves_meters(seed: int) -> None:
    start = start_of_yesterday()
    with System() as system:
        async with fleet_of(system, start, seed) as fleet:
            await everybody_is_answered(fleet, within_s=10)
            async with standing_still(system):
                [gateway] = system.pids()["gateway"]
                os.kill(gateway, signal.SIGKILL)
                await successor(system, "gateway", gateway)
                await everybody_is_answered(fleet, within_s=10)
            await fleet.finish(within_s=15)
        found = await audit(system, fleet, start, CATCH_UP_S)
        assert found.sent == found.acked == found.stored
