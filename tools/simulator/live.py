"""A world that begins now and speaks to a meter port."""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.lifetime import stop_event
from wattwarden.server.rate import load_rate
from wattwarden.server.settings import Settings
from wattwarden.tools.errors import UsageError
from wattwarden.tools.running import database, run
from wattwarden.tools.simulator.entering import enter_order, enter_world
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.options import Extent, Live
from wattwarden.tools.simulator.orders import Order, orders_of
from wattwarden.tools.simulator.remarks import remark
from wattwarden.tools.simulator.scenario import Scenario, lasting
from wattwarden.tools.simulator.sendings import sendings
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.truth import progress, write_truth
from wattwarden.tools.simulator.world import World
from wattwarden.tools.target import target_of

MILLI: Final = 1000


class Show:
    """A world whose time begins now."""

    def __init__(self, world: World, speed: float, first_s: int, until_s: int) -> None:
        """Let a world go on from where it begins (``begin_s`` of its site), until ``until_s``.

        Its counters run from ``first_s`` on; both in seconds since its first midnight.
        """
        self.world = world
        self.begin_ms = world.midnight_ms + round(world.site.begin_s * MILLI)
        self._span = (first_s, until_s)
        self._speed = speed
        self._started = time.monotonic()

    @classmethod
    def today(cls, scenario: Scenario, extent: Extent, begin_ms: int, speed: float) -> "Show":
        """Return a scenario that begins now, on today's date.

        Today may be a Sunday: what a scenario writes out and cannot be today is told and left out.

        Raises:
            UsageError: the scenario is wrong.
        """
        begin = datetime.fromtimestamp(begin_ms / MILLI, UTC).astimezone(ZONE)
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        begin_s = int((begin - midnight).total_seconds())
        days = extent.days or scenario.days
        until_s = begin_s + int(days * DAY_S)
        shown = lasting(scenario, -int(-days // 1))
        shown = msgspec.structs.replace(shown, start=begin.date(), days=-int(-until_s // DAY_S))
        world = World(shown, extent.seed, begin_s, _tell)
        return cls(world, speed, begin_s // world.slot_s * world.slot_s, until_s)

    def now_ms(self) -> float:
        """Return the simulated time, ms UTC."""
        return self.begin_ms + (time.monotonic() - self._started) * MILLI * self._speed

    async def play(
        self,
        fleet: Fleet,
        registering: Settings | None,
        seen: Callable[[int], object],
        stop: asyncio.Event,
    ) -> None:
        """Enter what is to be entered, then let the meters speak to the end, or until ``stop``."""
        ordering: asyncio.Task[None] | None = None
        if registering is not None:
            async with database(registering, "simulate") as connection:
                now = datetime.fromtimestamp(self.begin_ms / MILLI, UTC)
                await enter_world(connection, self.world, now)
            ordering = asyncio.create_task(self._order(registering, orders_of(self.world)))
        self._started = time.monotonic()
        due = sendings(self.world, *self._span, int(self.world.site.begin_s))
        try:
            await fleet.play(due, self.now_ms, self._speed, seen, stop)
        finally:
            if ordering is not None:
                ordering.cancel()
                await asyncio.gather(ordering, return_exceptions=True)

    async def _order(self, settings: Settings, orders: list[Order]) -> None:
        for order in orders:
            await asyncio.sleep(max(0.0, order.at_ms - self.now_ms()) / MILLI / self._speed)
            async with database(settings, "simulate") as connection:
                await enter_order(connection, order)


def simulate_live(
    scenario: Scenario, extent: Extent, live: Live, settings: Settings
) -> dict[str, Any]:
    """Let a scenario's meters dial in and report; return what became of their frames.

    Ctrl-C ends it: ``interrupted`` says so.

    Raises:
        UsageError: the scenario, or an option, is wrong.
        StorageError: the database is away in which the scenario is to be entered.
    """
    rate = load_rate(settings.data)
    speed = float(rate.rate) if live.speed is None else live.speed
    if not speed > 0:
        raise UsageError("--speed is above 0")
    show = Show.today(scenario, extent, rate.clock().now_us() // MILLI, speed)
    fleet = Fleet(show.world, target_of(live.to or ""))
    remark(show.world)
    raise_descriptor_limit()
    started = time.monotonic()
    with progress() as seen:
        interrupted = run(_play(show, fleet, settings if live.register else None, seen))
    path = extent.truth or Path(f"{scenario.name}-truth.jsonl")
    offences = write_truth(show.world, path, show.begin_ms, show.now_ms())
    return {
        "sent": fleet.tally.sent,
        "acked": fleet.tally.acked,
        "unacked": fleet.unacked,
        "resent": fleet.tally.resent,
        "connections": fleet.tally.connections,
        "meters": len(show.world.units),
        "offences": offences,
        "truth": str(path),
        "seconds": round(time.monotonic() - started, 1),
        "interrupted": interrupted,
    }


async def _play(
    show: Show, fleet: Fleet, registering: Settings | None, seen: Callable[[int], object]
) -> bool:
    """Play to the end, or until Ctrl-C; say whether it came."""
    stop = stop_event()
    await show.play(fleet, registering, seen, stop)
    return stop.is_set()


def _tell(error: UsageError) -> None:
    print(f"wattwarden: left out: {error.message}\n  {error.cure}", file=sys.stderr)
