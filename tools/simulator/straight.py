"""A world that is written straight into the journal of an empty data folder."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wattwarden.protocol.envelope import Tick
from wattwarden.server.lifetime import stop_event
from wattwarden.server.settings import Settings
from wattwarden.storage.database import Connection
from wattwarden.storage.system_time import mark_simulated
from wattwarden.tools.errors import CommandError
from wattwarden.tools.main import COMMANDS
from wattwarden.tools.running import run
from wattwarden.tools.simulator.direct import TICK_S, Direct, Written, last_tick
from wattwarden.tools.simulator.entering import enter_order, enter_world
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import (
    FOLDING_ROLE,
    House,
    Reached,
    open_house,
    read_reached,
    write_reached,
)
from wattwarden.tools.simulator.moments import ZONE, parse_moment
from wattwarden.tools.simulator.options import Extent, Straight
from wattwarden.tools.simulator.orders import orders_of
from wattwarden.tools.simulator.remarks import remark
from wattwarden.tools.simulator.scenario import Scenario, lasting
from wattwarden.tools.simulator.sendings import Sending, sendings
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.truth import progress, write_truth
from wattwarden.tools.simulator.world import World

MILLI: Final = 1000


def simulate_straight(
    scenario: Scenario, extent: Extent, straight: Straight, settings: Settings
) -> dict[str, Any]:
    """Write a scenario's frames with their own times, as fast as they are stored and folded.

    Ctrl-C stops it after the simulated minute that is written: ``--resume`` goes on from there.

    Raises:
        UsageError: the scenario, or an option, is wrong.
        CommandError: the folder holds something else, or something stands still.
    """
    if extent.days is not None:
        scenario = lasting(scenario, max(1, -int(-extent.days // 1)))
    world = World(scenario, extent.seed)
    remark(world)
    begin = _begin(world, straight, settings)
    end = _end(world, straight, begin, extent.days)
    settings.data.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with progress() as seen:
        reached, written = run(_write(world, (begin, end), settings, straight, seen))
    path = extent.truth or settings.data / "truth.jsonl"
    offences = write_truth(world, path, world.midnight_ms, world.midnight_ms + reached * MILLI)
    return {
        "frames": written.frames,
        "envelopes": written.envelopes,
        "ticks": written.ticks,
        "bytes": written.bytes,
        "reached": str(datetime.fromtimestamp(world.midnight_ms / MILLI + reached, ZONE)),
        "offences": offences,
        "truth": str(path),
        "seconds": round(time.monotonic() - started, 1),
        "interrupted": reached < end,
    }


def _begin(world: World, straight: Straight, settings: Settings) -> int:
    reached = read_reached(settings.data)
    if not straight.resume:
        if settings.data.exists() and any(settings.data.iterdir()):
            message = f"{settings.data} is not empty"
            raise CommandError(message, "name another folder with --data, or go on with --resume")
        return 0
    if reached is None:
        message = f"no simulation has stopped in {settings.data}"
        raise CommandError(message, "leave out --resume, or name its folder with --data")
    if (reached.scenario, reached.seed) != (world.scenario.name, world.seed):
        message = f"{settings.data} holds {reached.scenario} with seed {reached.seed}"
        raise CommandError(message, "go on with that scenario and seed")
    return reached.second


def _end(world: World, straight: Straight, begin: int, days: float | None) -> int:
    """Where to stop: --until, the scenario's next stop, or the end of its days; whole minutes."""
    last = int((days or world.scenario.days) * DAY_S)
    stops = [world.site.moment(text, "stops") for text in world.scenario.stops]
    if straight.until is not None:
        stops = [parse_moment(straight.until, world.scenario.start, "--until")]
    end = int(min([stop for stop in stops if stop > begin] + [float(last)]))
    if end <= begin:
        message = "nothing is left to simulate"
        raise CommandError(message, "name a later --until, or more --days")
    return min(last, -(-end // TICK_S) * TICK_S)


async def write_history(
    world: World, until_s: int, settings: Settings, tick_s: int, stop: asyncio.Event
) -> Written:
    """Write the beginning of a world into an empty data folder, with ticks as seldom as asked for.

    Raises:
        CommandError: something stands still.
        StorageError, RoleError: something did not start.
    """
    async with open_house(settings, _roles()) as house:
        now = datetime.fromtimestamp(world.midnight_ms / MILLI, UTC)
        await enter_world(house.connection, world, now)
        direct = Direct(house.journal, house.journal.shards, Frames(world.site), None, tick_s)
        outside = (lambda _frames: None, stop)
        reached = await _run_through(world, (0, until_s), house, direct, outside)
        await direct.close(world.midnight_ms // MILLI + reached)
        await house.caught_up(direct.tick)
    return direct.written


async def _write(
    world: World,
    span: tuple[int, int],
    settings: Settings,
    straight: Straight,
    seen: Callable[[int], object],
) -> tuple[int, Written]:
    """Write the frames of a span; return the second that was reached, and how much it was."""
    async with open_house(settings, _roles()) as house:
        begin, end = span
        stop = stop_event()
        await _mark_and_enter(house.connection, world, begin)
        tick = await last_tick(house.journal)
        check_tick(tick, world.midnight_ms // MILLI + begin, settings.data)
        direct = Direct(house.journal, house.journal.shards, Frames(world.site), tick)
        reached = await _run_through(world, span, house, direct, (seen, stop))
        await direct.close(world.midnight_ms // MILLI + reached)
        await house.caught_up(direct.tick)
        write_reached(settings.data, Reached(world.scenario.name, world.seed, reached))
        if straight.hold and reached == end:
            print("stopped; everything runs until Ctrl-C", file=sys.stderr)
            await stop.wait()
    return reached, direct.written


async def _mark_and_enter(connection: Connection, world: World, begin: int) -> None:
    """Let the simulated time be the system's, also for who acts while it holds; enter the world."""
    await mark_simulated(connection)
    if begin == 0:
        await enter_world(connection, world, datetime.fromtimestamp(world.midnight_ms / MILLI, UTC))


def check_tick(tick: Tick | None, second: int, data: Path) -> None:
    """Refuse to go on at a second (Unix) that has passed in the folder.

    Raises:
        CommandError: a system has run there since the simulation stopped.
    """
    if tick is not None and tick.second > second:
        at = datetime.fromtimestamp(tick.second, ZONE)
        message = f"a system has run in {data} since, until {at:%Y-%m-%d %H:%M}"
        raise CommandError(message, "its time does not go back: begin again in another folder")


def _roles() -> tuple[str, ...]:
    """The writer, and the warden where this program has one."""
    return tuple(role for role in ("writer", FOLDING_ROLE) if role in COMMANDS)


async def _run_through(
    world: World,
    span: tuple[int, int],
    house: House,
    direct: Direct,
    outside: tuple[Callable[[int], object], asyncio.Event],
) -> int:
    """Write minute after minute; ``outside`` sees the frames, and may say stop."""
    begin, end = span
    seen, stop = outside
    midnight_s = world.midnight_ms // MILLI
    orders = [order for order in orders_of(world) if order.at_ms >= (midnight_s + begin) * MILLI]
    minutes = group_by_tick(sendings(world, 0, end, begin), midnight_s, (begin, end), direct.tick_s)
    for second, due in minutes:
        while orders and orders[0].at_ms < second * MILLI:
            await house.caught_up(direct.tick)
            await enter_order(house.connection, orders.pop(0))
        await direct.minute(due, second)
        seen(direct.written.frames)
        if stop.is_set():
            return second - midnight_s
    return end


def group_by_tick(
    due: Iterator[Sending], midnight_s: int, span: tuple[int, int], tick_s: int = TICK_S
) -> Iterator[tuple[int, list[Sending]]]:
    """Group sendings by the tick before which they come; ticks come without them too.

    The last tick is the span's end, however near to the one before.
    """
    begin, end = span
    waiting = next(due, None)
    ticks = [*range(begin + tick_s, end, tick_s), end]
    for second in (midnight_s + tick for tick in ticks):
        group = []
        while waiting is not None and waiting.at_ms < second * MILLI:
            group.append(waiting)
            waiting = next(due, None)
        yield second, group
