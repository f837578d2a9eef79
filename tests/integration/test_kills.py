"""Acknowledged means stored, whatever is killed and whenever, and however long nobody stores it."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.integration.audit import Audit, audit
from tests.integration.chaos import double_fault, plan, standing_still, storm, successor
from tests.integration.fleet import Fleet, loop_time, mixed_fleet, start_of_yesterday
from tests.integration.system import System

pytestmark = pytest.mark.integration

CONNECTIONS = 200
KILLS_OF_EACH = 2
KILL_PAUSES_S = (0.3, 1.0)
CATCH_UP_S = 20.0
# Some 1,000 frames a second: enough that every kill hits work, and half the machine stays free.
PAUSE_S = 0.4
# So small that segments are closed and purged between any two kills.
SEGMENTS = {"ARCHIVIST__SEGMENT_BYTES": "50000", "ARCHIVIST__INTERVAL_S": "0.2"}

STANDSTILL_S = 60.0
# Some 40 frames a second, beside the kills: what is tested is patience.
PATIENT_CONNECTIONS = 20
PATIENT_PAUSE_S = 1.0


@pytest.fixture(scope="module")
def seed() -> int:
    """A new one each time; to repeat a run, set it in the environment."""
    number = int(os.environ.get("WATTWARDEN_TEST_SEED") or random.randrange(2**31))
    print(f"WATTWARDEN_TEST_SEED={number}")  # noqa: T201  pytest shows it when the test fails
    return number


@pytest.fixture(scope="module")
def standstill(seed: int) -> Iterator[Future[Audit]]:
    """A minute without PostgreSQL, on a system of its own, which passes while others are killed."""
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(asyncio.run, a_minute_without_database(seed))


@pytest.mark.usefixtures("standstill")
async def test_what_was_acknowledged_is_stored_once_whatever_is_killed(seed: int) -> None:
    start = start_of_yesterday()
    with System(settings=SEGMENTS) as system:
        async with mixed_fleet(system.target, start, seed, CONNECTIONS, PAUSE_S) as fleet:
            await fleet.everybody_is_answered(within_s=10)
            kills = await storm(system, seed, plan(seed, KILLS_OF_EACH), KILL_PAUSES_S)
            print("killed: " + ", ".join(map(str, kills)))  # noqa: T201  as above
            await fleet.everybody_is_answered(within_s=15)
            await double_fault(system)
            await fleet.everybody_is_answered(within_s=15)
            await fleet.finish(within_s=15)
        found = await audit(system, fleet, start, CATCH_UP_S)
        assert found.stored > 10 * len(fleet.meters)
        assert any(meter.resent for meter in fleet.meters)
        assert list(system.data.glob("archive/*/*.json"))
        system.hold_log_structured()


def test_a_minute_without_its_database_stops_no_answer_and_loses_nothing(
    standstill: Future[Audit],
) -> None:
    found = standstill.result()
    assert found.stored > STANDSTILL_S / PATIENT_PAUSE_S * PATIENT_CONNECTIONS / 2


async def a_minute_without_database(seed: int) -> Audit:
    """Meters go on while PostgreSQL stands still, and while the gateway dies meanwhile."""
    start = start_of_yesterday()
    with System() as system:
        target, connections = system.target, PATIENT_CONNECTIONS
        async with mixed_fleet(target, start, seed, connections, PATIENT_PAUSE_S) as fleet:
            await fleet.everybody_is_answered(within_s=15)
            async with standing_still(system):
                await everybody_is_answered_for(fleet, STANDSTILL_S / 2)
                # It starts with what it knew, for nobody tells it more.
                [gateway] = system.pids()["gateway"]
                os.kill(gateway, signal.SIGKILL)
                await successor(system, "gateway", gateway)
                await fleet.everybody_is_answered(within_s=15)
                await everybody_is_answered_for(fleet, STANDSTILL_S / 2)
            await fleet.everybody_is_answered(within_s=10)
            await fleet.finish(within_s=15)
        found = await audit(system, fleet, start, CATCH_UP_S)
        system.hold_log_structured()
        return found


async def everybody_is_answered_for(fleet: Fleet, seconds: float) -> None:
    """Insist on answers for every meter, again and again."""
    until = loop_time() + seconds
    while loop_time() < until:
        await fleet.everybody_is_answered(within_s=10)
        await asyncio.sleep(0.5)
