"""Acknowledged means stored, whatever is killed and whenever, and however long nobody stores it."""

import asyncio
import os
import random
import signal

import pytest
from tests.integration.audit import Audit, audit
from tests.integration.chaos import double_fault, plan, standing_still, storm, successor
from tests.integration.fleet import Fleet, loop_time, mixed_fleet, start_of_yesterday
from tests.integration.system import System

pytestmark = pytest.mark.integration

CONNECTIONS = 200
KILLS_OF_EACH = 2
KILL_PAUSES_S = (0.3, 1.0)
CATCH_UP_S = 120.0
# For what takes a second or two, by a machine with ten times as much to do.
PATIENCE_S = 60.0
# Some 1,000 frames a second: enough that every kill hits work, and half the machine stays free.
PAUSE_S = 0.4
SHARED = ("--gateways", "2", "--writers", "2")
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


@pytest.mark.timeout(900)
async def test_what_was_acknowledged_is_stored_once_whatever_is_killed_and_whoever_stands_still(
    seed: int,
) -> None:
    # On a system of its own: the minute passes while others are killed.
    standstill = asyncio.create_task(
        asyncio.to_thread(asyncio.run, a_minute_without_database(seed))
    )
    try:
        await everything_is_killed(seed)
    finally:
        found, rounds = await standstill
    assert rounds > 1
    assert found.stored >= rounds * PATIENT_CONNECTIONS


async def everything_is_killed(seed: int) -> None:
    """Meters go on while each process dies twice at random moments, and two at once.

    Of gateways and writers there are two: meters of the dead one dial in at the other.
    """
    start = start_of_yesterday()
    with System(*SHARED, settings=SEGMENTS) as system:
        async with mixed_fleet(system.target, start, seed, CONNECTIONS, PAUSE_S) as fleet:
            await fleet.everybody_is_answered(PATIENCE_S)
            kills = await storm(system, seed, plan(seed, KILLS_OF_EACH), KILL_PAUSES_S)
            print("killed: " + ", ".join(map(str, kills)))  # noqa: T201  as above
            await fleet.everybody_is_answered(PATIENCE_S)
            await double_fault(system)
            await fleet.everybody_is_answered(PATIENCE_S)
            await fleet.acknowledges(10 * len(fleet.meters), PATIENCE_S)
            await fleet.finish(PATIENCE_S)
        await audit(system, fleet, start, CATCH_UP_S)
        assert any(meter.resent for meter in fleet.meters)
        assert list(system.data.glob("archive/*/*.json"))
        system.hold_log_structured()


async def a_minute_without_database(seed: int) -> tuple[Audit, int]:
    """Meters go on while PostgreSQL stands still, and while the gateway dies meanwhile.

    Returns what was found, and how often everybody was answered meanwhile.
    """
    start = start_of_yesterday()
    with System() as system:
        target, connections = system.target, PATIENT_CONNECTIONS
        async with mixed_fleet(target, start, seed, connections, PATIENT_PAUSE_S) as fleet:
            await fleet.everybody_is_answered(PATIENCE_S)
            async with standing_still(system):
                rounds = await everybody_is_answered_for(fleet, STANDSTILL_S / 2)
                # It starts with what it knew, for nobody tells it more.
                gateway = await successor(system, "gateway", 0)
                os.kill(gateway, signal.SIGKILL)
                await successor(system, "gateway", gateway)
                await fleet.everybody_is_answered(PATIENCE_S)
                rounds += await everybody_is_answered_for(fleet, STANDSTILL_S / 2)
            await fleet.everybody_is_answered(PATIENCE_S)
            await fleet.finish(PATIENCE_S)
        found = await audit(system, fleet, start, CATCH_UP_S)
        system.hold_log_structured()
        return found, rounds


async def everybody_is_answered_for(fleet: Fleet, seconds: float) -> int:
    """Insist on answers for every meter, again and again; return how often."""
    until, rounds = loop_time() + seconds, 0
    while loop_time() < until:
        await fleet.everybody_is_answered(PATIENCE_S)
        await asyncio.sleep(0.5)
        rounds += 1
    return rounds
