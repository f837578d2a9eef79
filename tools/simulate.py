"""``wattwarden simulate``: a believable city, to a meter port or straight into a journal."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.rate import load_rate
from wattwarden.server.roles import stop_event
from wattwarden.server.settings import Settings
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.main import COMMANDS
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import frame_progress, show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.simulator.direct import TICK_S, Direct, last_tick
from wattwarden.tools.simulator.entering import enter_order, enter_world
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import (
    FOLDING_ROLE,
    House,
    Reached,
    open_house,
    read_reached,
    write_reached,
)
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.registry import Order, orders_of
from wattwarden.tools.simulator.scenario import Scenario, load_scenario
from wattwarden.tools.simulator.sendings import Sending, sendings
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.world import World

MILLI: Final = 1000


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Live:
    """A simulation that speaks to a meter port."""

    to: Annotated[str | None, Parameter(help="The meter port, HOST:PORT.")] = None
    speed: Annotated[
        float | None,
        Parameter(help="Simulated seconds in one; the clock rate of the data folder by default."),
    ] = None
    register: Annotated[
        bool,
        Parameter(help="Enter the scenario's registry, meters and decisions.", show_default=False),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Straight:
    """A simulation that writes the journal of an empty data folder."""

    direct: Annotated[
        bool,
        Parameter(help="Write the journal of the data folder; no port.", show_default=False),
    ] = False
    until: Annotated[
        str | None, Parameter(help='Stop there: "day 3 09:30", "2026-03-04 09:30", +90m.')
    ] = None
    resume: Annotated[
        bool, Parameter(help="Go on where the last one stopped.", show_default=False)
    ] = False
    hold: Annotated[
        bool,
        Parameter(help="Leave everything running after the stop.", show_default=False),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Extent:
    """What of a scenario is simulated, and where the truth goes."""

    days: Annotated[float | None, Parameter(help="How long, instead of the scenario's.")] = None
    seed: Annotated[int | None, Parameter(help="Instead of the scenario's.")] = None
    truth: Annotated[
        Path | None, Parameter(help="Where to write what is wrong on purpose, as JSON lines.")
    ] = None


NO_PORT: Final = Live()
NOT_STRAIGHT: Final = Straight()
AS_WRITTEN: Final = Extent()


def simulate(
    scenario: Annotated[
        str, Parameter(name="SCENARIO", help="A file, or the name of one of ours.")
    ],
    *,
    live: Live = NO_PORT,
    straight: Straight = NOT_STRAIGHT,
    extent: Extent = AS_WRITTEN,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Simulate a city or a factory: its machines, its meters, and what is wrong on purpose.

    With --to, meters dial in, log in, report, keep what is not acknowledged and send it again; the
    scenario begins now, on today's date.  With --direct, the same frames go straight into the
    journal of an empty data folder, with the scenario's own times, as fast as it can be done.

    docs/scenarios.md explains scenario files; names of our own: factory, city, judge, blackout,
    silent, demo.
    """
    if (live.to is None) != straight.direct:
        raise UsageError("say either --to HOST:PORT or --direct")
    chosen = find_scenario(scenario)
    if extent.days is not None and not extent.days > 0:
        raise UsageError("--days is above 0")
    settings = settings_of(system)
    if straight.direct:
        summary = _straight(chosen, extent, straight, settings)
    else:
        summary = _live(chosen, extent, live, settings)
    if json:
        print(as_json(summary))
    else:
        show_table(("", ""), list(summary.items()))
    return 1 if summary.get("unacked") else 0


def find_scenario(name: str) -> Scenario:
    """Load a scenario file, or the shipped one of that name.

    Raises:
        UsageError: there is none, or something in it is wrong.
    """
    path = Path(name)
    shipped = files("wattwarden.tools.simulator") / "scenarios"
    if not path.exists() and path.suffix == "" and "/" not in name:
        ours = sorted(one.name.removesuffix(".toml") for one in shipped.iterdir())
        if name not in ours:
            message = f"there is no file and no scenario {name!r}"
            raise UsageError(message, f"scenarios of our own: {', '.join(ours)}")
        path = Path(str(shipped / f"{name}.toml"))
    return load_scenario(path)


# ── to a meter port ─────────────────────────────────────────────────────────────


def _live(scenario: Scenario, extent: Extent, live: Live, settings: Settings) -> dict[str, Any]:
    rate = load_rate(settings.data)
    speed = float(rate.rate) if live.speed is None else live.speed
    if not speed > 0:
        raise UsageError("--speed is above 0")
    show = Show(scenario, extent, rate.clock().now_us() // MILLI, speed)
    fleet = Fleet(show.world, target_of(live.to or ""))
    raise_descriptor_limit()
    started = time.monotonic()
    try:
        with _progress() as seen:
            run(show.play(fleet, settings if live.register else None, seen))
    finally:
        # After Ctrl-C too: what was sent was sent.
        path = extent.truth or Path(f"{scenario.name}-truth.jsonl")
        offences = write_truth(show.world, path, show.begin_ms, show.now_ms())
        tally = fleet.tally
        summary = {
            "sent": tally.sent,
            "acked": tally.acked,
            "unacked": fleet.unacked,
            "resent": tally.resent,
            "connections": tally.connections,
            "meters": len(show.world.units),
            "offences": offences,
            "truth": str(path),
            "seconds": round(time.monotonic() - started, 1),
        }
    return summary


class Show:
    """A world whose time begins now."""

    def __init__(self, scenario: Scenario, extent: Extent, begin_ms: int, speed: float) -> None:
        begin = datetime.fromtimestamp(begin_ms / MILLI, UTC).astimezone(ZONE)
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        self.begin_s = int((begin - midnight).total_seconds())
        self.begin_ms = begin_ms
        self._until_s = self.begin_s + int((extent.days or scenario.days) * DAY_S)
        whole_days = -int(-self._until_s // DAY_S)
        today = msgspec.structs.replace(scenario, start=begin.date(), days=whole_days)
        self.world = World(today, extent.seed, self.begin_s)
        self._speed = speed
        self._started = time.monotonic()

    def now_ms(self) -> float:
        """Return the simulated time, ms UTC."""
        return self.begin_ms + (time.monotonic() - self._started) * MILLI * self._speed

    async def play(
        self, fleet: Fleet, registering: Settings | None, seen: Callable[[int], object]
    ) -> None:
        """Enter what is to be entered, then let the meters speak."""
        ordering: asyncio.Task[None] | None = None
        if registering is not None:
            async with database(registering, "simulate") as connection:
                now = datetime.fromtimestamp(self.begin_ms / MILLI, UTC)
                await enter_world(connection, self.world, now)
            ordering = asyncio.create_task(self._order(registering, orders_of(self.world)))
        self._started = time.monotonic()
        step = self.world.slot_s
        due = sendings(self.world, self.begin_s // step * step, self._until_s, self.begin_s)
        try:
            await fleet.play(due, self.now_ms, self._speed, seen)
        finally:
            if ordering is not None:
                ordering.cancel()
                await asyncio.gather(ordering, return_exceptions=True)

    async def _order(self, settings: Settings, orders: list[Order]) -> None:
        for order in orders:
            await asyncio.sleep(max(0.0, order.at_ms - self.now_ms()) / MILLI / self._speed)
            async with database(settings, "simulate") as connection:
                await enter_order(connection, order)


def target_of(text: str) -> tuple[str, int]:
    """Read HOST:PORT.

    Raises:
        UsageError: it is not.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        message = f"--to {text} is not HOST:PORT"
        raise UsageError(message, "such as --to 127.0.0.1:10212")
    return host.strip("[]"), int(port)


# ── straight into a journal ─────────────────────────────────────────────────────


def _straight(
    scenario: Scenario, extent: Extent, straight: Straight, settings: Settings
) -> dict[str, Any]:
    days = extent.days
    if days is not None:
        scenario = msgspec.structs.replace(scenario, days=max(1, -int(-days // 1)))
    world = World(scenario, extent.seed)
    begin = _begin(world, straight, settings)
    end = _end(world, straight, begin, days)
    settings.data.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with _progress() as seen:
        direct = run(_write(world, (begin, end), settings, straight, seen))
    path = extent.truth or settings.data / "truth.jsonl"
    offences = write_truth(world, path, world.midnight_ms, world.midnight_ms + end * MILLI)
    written = direct.written
    return {
        "frames": written.frames,
        "envelopes": written.envelopes,
        "ticks": written.ticks,
        "bytes": written.bytes,
        "reached": str(datetime.fromtimestamp(world.midnight_ms / MILLI + end, ZONE)),
        "offences": offences,
        "truth": str(path),
        "seconds": round(time.monotonic() - started, 1),
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
        stops = [world.site.moment(straight.until, "--until")]
    end = int(min([stop for stop in stops if stop > begin] + [float(last)]))
    if end <= begin:
        message = "nothing is left to simulate"
        raise CommandError(message, "name a later --until, or more --days")
    return min(last, -(-end // TICK_S) * TICK_S)


async def _write(
    world: World,
    span: tuple[int, int],
    settings: Settings,
    straight: Straight,
    seen: Callable[[int], object],
) -> Direct:
    async with open_house(settings, _roles()) as house:
        begin, end = span
        if begin == 0:
            now = datetime.fromtimestamp(world.midnight_ms / MILLI, UTC)
            await enter_world(house.connection, world, now)
        tick = await last_tick(house.journal)
        direct = Direct(house.journal, house.journal.shards, Frames(world.site), tick)
        await _run_through(world, span, house, direct, seen)
        await direct.close(world.midnight_ms // MILLI + end)
        await house.caught_up(direct.tick)
        write_reached(settings.data, Reached(world.scenario.name, world.seed, end))
        if straight.hold:
            print("stopped; everything runs until Ctrl-C", file=sys.stderr)
            await stop_event().wait()
    return direct


def _roles() -> tuple[str, ...]:
    """The writer, and the warden where this program has one."""
    return tuple(role for role in ("writer", FOLDING_ROLE) if role in COMMANDS)


async def _run_through(
    world: World,
    span: tuple[int, int],
    house: House,
    direct: Direct,
    seen: Callable[[int], object],
) -> None:
    begin, end = span
    midnight_s = world.midnight_ms // MILLI
    orders = [order for order in orders_of(world) if order.at_ms >= (midnight_s + begin) * MILLI]
    minutes = group_by_tick(sendings(world, 0, end, begin), midnight_s, begin, end)
    for second, due in minutes:
        while orders and orders[0].at_ms < second * MILLI:
            await house.caught_up(direct.tick)
            await enter_order(house.connection, orders.pop(0))
        await direct.minute(due, second)
        seen(direct.written.frames)


def group_by_tick(
    due: Iterator[Sending], midnight_s: int, begin: int, end: int
) -> Iterator[tuple[int, list[Sending]]]:
    """Group sendings by the tick before which they come; ticks come without them too."""
    waiting = next(due, None)
    for second in range(midnight_s + begin + TICK_S, midnight_s + end + 1, TICK_S):
        group = []
        while waiting is not None and waiting.at_ms < second * MILLI:
            group.append(waiting)
            waiting = next(due, None)
        yield second, group


# ── shared ──────────────────────────────────────────────────────────────────────


def write_truth(world: World, path: Path, since_ms: float, until_ms: float) -> int:
    """Write the offences of a stretch of time as JSON lines; return how many."""
    found = [one for one in world.truth() if one.end_ms > since_ms and one.onset_ms < until_ms]
    lines = b"".join(msgspec.json.encode(one.as_json()) + b"\n" for one in found)
    path.write_bytes(lines)
    return len(found)


def _progress() -> AbstractContextManager[Callable[[int], object]]:
    return frame_progress(None) if sys.stderr.isatty() else nullcontext(lambda _sent: None)
