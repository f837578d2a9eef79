"""``wattwarden demo``: a whole system, a few firms that dial in, and something wrong in one.

a week of history ─► everything starts ─► meters dial in ─► five offences ─► five alarms, as told
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import RoutingError, load_table
from wattwarden.server.children import RoleError
from wattwarden.server.lifetime import stop_event
from wattwarden.server.rate import load_rate
from wattwarden.server.settings import Settings
from wattwarden.server.supervise import run_up
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.errors import StorageError
from wattwarden.storage.system_time import system_now
from wattwarden.storage.warden.listing import Chosen, ListedAlarm, list_alarms
from wattwarden.tools.acting import refused
from wattwarden.tools.errors import CommandError
from wattwarden.tools.logfile import logged
from wattwarden.tools.people import invited
from wattwarden.tools.render import printable
from wattwarden.tools.running import database, run, settings_with
from wattwarden.tools.simulate import find_scenario
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.live import Show
from wattwarden.tools.simulator.moments import ZONE, midnight_ms
from wattwarden.tools.simulator.registry import CITY
from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.steps import DAY_S
from wattwarden.tools.simulator.straight import write_history
from wattwarden.tools.simulator.world import Truth, World
from wattwarden.tools.target import target_of

# An offence of ten minutes is seen after ten seconds; a meter reports once in one.
CLOCK_RATE: Final = 60
# Wherever the kernel has room: a demonstration stands in nobody's way.
LISTEN: Final = "127.0.0.1:0"
PUBLIC_URL: Final = "http://127.0.0.1:0"
ADMINISTRATOR: Final = f"{CITY}-{Role.ADMINISTRATOR}"
FIRM: Final = "DEMO"
# Who looks at the pages of a demonstration.
SIGN_INS: Final = (
    (f"{CITY}-{Role.CITY_OFFICER}", "an officer"),
    (f"{FIRM}-duty", "the firm"),
    (ADMINISTRATOR, "administrator"),
)
# What is normal for a unit is known after seven days of running.
HISTORY_DAYS: Final = 7
# A tick a minute would take a minute for a week.
HISTORY_TICK_S: Final = 1_800
# The line that starts late does so then, and works for so long.
STARTS_IN: Final = timedelta(minutes=20)
WORKS_FOR: Final = timedelta(hours=20)
POLL_S: Final = 0.5
# Of the log, when something did not start: its folder may be gone afterwards.
LAST_WORDS: Final = 5
# What is still not found then is told to be looked for by hand.
PATIENCE_S: Final = 120.0


def demo(
    *,
    data: Annotated[
        Path | None, Parameter(help="Keep it there; else it is gone afterwards.")
    ] = None,
    clock_rate: Annotated[int, Parameter(help="How many seconds pass in one.")] = CLOCK_RATE,
    routing: Annotated[
        Path | None, Parameter(help="A routing table by which notices go out.")
    ] = None,
) -> None:
    """Run a whole system with a few simulated firms that dial in, and something wrong in one.

    Everything on embedded defaults in a folder of its own, sixty times as fast as real time: what
    is done to five machines, and how it is found.  Ctrl-C stops it.  Secrets that a routing table
    names are files in secrets/ of the folder that --data names.
    """
    table = None if routing is None else routing_of(routing)
    with _folder(data) as folder:
        settings = settings_with(
            data=folder,
            gateway={"listen": LISTEN},
            console={"listen": LISTEN, "public_url": PUBLIC_URL},
            clock_rate=clock_rate,
        )
        log = settings.data / "demo.log"
        print(f"logs: {log}", flush=True)
        try:
            with logged(log):
                run(_serve(settings, table))
        except RoleError as error:
            said = log.read_text("utf-8", "replace").splitlines()[-LAST_WORDS:]
            raise CommandError(str(error), "\n  ".join(said)) from error


def demonstration(now: datetime) -> Scenario:
    """Return the scenario, its history of whole days before today, a line about to start."""
    scenario = find_scenario("demo")
    today = now.astimezone(ZONE)
    begin = today + STARTS_IN
    shift = (f"{begin:%H:%M}", f"{begin + WORKS_FOR:%H:%M}")
    factories = [
        msgspec.structs.replace(
            firm,
            line=tuple(
                msgspec.structs.replace(line, shifts=(shift,)) if line.shifts else line
                for line in firm.line
            ),
        )
        for firm in scenario.factory
    ]
    return msgspec.structs.replace(
        scenario,
        start=today.date() - timedelta(days=HISTORY_DAYS),
        days=HISTORY_DAYS + scenario.days,
        factory=tuple(factories),
    )


def routing_of(file: Path) -> Routing:
    """Return the decision that puts a file's table in force.

    Raises:
        CommandError: It cannot be used.
    """
    text = file.read_text(encoding="utf-8")
    try:
        return Routing(version=load_table(text).version, text=text)
    except RoutingError as error:
        raise CommandError(str(error), "see wattwarden notify routing for one that can") from error


async def _serve(settings: Settings, table: Routing | None) -> None:
    stop = stop_event()
    scenario = demonstration(datetime.now(UTC))
    await _remember(scenario, settings, stop)
    playing: list[asyncio.Task[None]] = []

    async def play(listen: str, base: str) -> None:
        await _let_in(settings, base)
        await _route(settings, table)
        await _play(scenario, settings, listen, stop)

    def ready(facts: Mapping[str, object]) -> None:
        _say(f"pages: {facts['links']}")
        story = told_whole(play(str(facts["listen"]), str(facts["links"])), stop)
        playing.append(asyncio.create_task(story))

    try:
        if not stop.is_set():
            _say("starting the whole system: meter port, journal, database, warden, courier, pages")
            await run_up(settings, stop.wait, _log, ready)
    finally:
        for task in playing:
            task.cancel()
        ends = await asyncio.gather(*playing, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def told_whole(story: Awaitable[None], stop: asyncio.Event) -> None:
    """Wait for a story; where it breaks off, nobody is left waiting for its end.

    Raises:
        Exception: What broke it off.
    """
    try:
        await story
    except Exception:
        stop.set()
        raise


async def _let_in(settings: Settings, base: str) -> None:
    """Say by which links one signs in: as an officer, as the firm, as whoever runs it all."""
    links = [f"  {what:<14}{await invited(settings, base, person)}" for person, what in SIGN_INS]
    _say("\n".join(["sign in, each link once, and choose a password:", *links]))


async def _route(settings: Settings, table: Routing | None) -> None:
    """Put a routing table in force, and say by which endpoints notices go out."""
    if table is None:
        _say("notices go nowhere: no endpoint is configured (--routing FILE configures some)")
        return
    async with database(settings, "demo") as connection:
        try:
            await decide(connection, table, ADMINISTRATOR, await system_now(connection))
        except RefusedError as error:
            raise refused(error) from error
    endpoints = ", ".join(load_table(table.text).endpoint)
    _say(f"notices go out by {endpoints or 'no endpoint: the table has none'}")


async def _remember(scenario: Scenario, settings: Settings, stop: asyncio.Event) -> None:
    """Let the firm have a past, so that what is normal is known."""
    alone = msgspec.structs.replace(scenario, city=None, offence=())
    world = World(alone)
    until_s = int(time.time()) - world.midnight_ms // 1000
    _say(f"writing {HISTORY_DAYS} days of readings of {len(world.units)} meters, to learn from")
    began = time.monotonic()
    written = await write_history(world, until_s, settings, HISTORY_TICK_S, stop)
    _say(f"  {written.frames:,} frames stored and judged in {time.monotonic() - began:.0f} s")


async def _play(scenario: Scenario, settings: Settings, listen: str, stop: asyncio.Event) -> None:
    rate = load_rate(settings.data)
    begin_ms = rate.clock().now_us() // 1000
    begin_s = begin_ms / 1000 - midnight_ms(scenario.start) / 1000
    world = World(scenario, begin_s=begin_s)
    show = Show(world, float(rate.rate), 0, scenario.days * DAY_S)
    _announce(show.world, begin_ms, rate.rate)
    telling = asyncio.create_task(_tell(show.world, settings))
    try:
        await show.play(Fleet(show.world, target_of(listen)), settings, lambda _sent: None, stop)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


def _announce(world: World, begin_ms: int, rate: int) -> None:
    """Say what will be wrong, and when."""
    _say(f"{len(world.units)} meters dial in; time runs {rate} times as fast; what will be wrong:")
    for one in world.truth():
        wait_s = max(0, one.onset_ms - begin_ms) / 1000 / rate
        _say(f"  {_clock(one.onset_ms)}  {_called(world, one)}: {one.cause}, in {wait_s:.0f} s")


async def _tell(world: World, settings: Settings) -> None:
    """Say what is found while it is found; then where to look further."""
    wanted = {(one.rule, f"unit:{one.unit}") for one in world.truth()}
    seen: set[int] = set()
    _say("what is found:")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while wanted:
                for alarm in await _alarms(settings):
                    if alarm.id not in seen:
                        seen.add(alarm.id)
                        wanted.discard((alarm.rule, alarm.subject))
                        _say(line_of(alarm))
                await asyncio.sleep(POLL_S)
    if wanted:
        missing = ", ".join(f"{rule} of {subject}" for rule, subject in sorted(wanted))
        _say(f"not found in time: {missing}")
    for line in further(settings.data, world, min(seen, default=1)):
        _say(line)


async def _alarms(settings: Settings) -> list[ListedAlarm]:
    """The firm's alarms, the earliest first; none while the database is away."""
    try:
        async with database(settings, "demo") as connection:
            chosen = Chosen(enterprise=FIRM, since=datetime.now(UTC) - timedelta(days=1))
            found = await list_alarms(connection, chosen, 100)
    except StorageError:
        return []
    return [alarm for alarm in reversed(found) if alarm.suppressed_by is None]


def line_of(alarm: ListedAlarm) -> str:
    """Return an alarm as a line of the story."""
    raised = _clock(alarm.raised.timestamp() * 1000)
    return printable(f"  {raised}  {alarm.rule}  {alarm.explanation['en']}")


def further(data: Path, world: World, alarm: int) -> list[str]:
    """Return the commands with which to look further."""
    meter = world.site.by_id[f"{FIRM}-T1"].address
    commands = (
        (f"alarms show {alarm}", "why: signals, thresholds, windows"),
        ("alarms list --open", "what goes on now"),
        (f"states {FIRM}", "what each machine does"),
        (f"readings acrel:{meter}", "what the stopped fan's meter said"),
        (f"registry show unit {FIRM}-T4", "what is known of the one turned down"),
    )
    whole = [(f"wattwarden {command} --data {data}", what) for command, what in commands]
    wide = max(len(command) for command, _ in whole)
    lines = [f"  {command:<{wide}}  {what}" for command, what in whole]
    return ["look further, from another terminal; Ctrl-C here ends it:", *lines]


def _called(world: World, truth: Truth) -> str:
    spec = world.site.by_id[truth.unit].spec
    return f"{truth.rule} {spec.id} {spec.name}"


def _clock(at_ms: float) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, ZONE):%H:%M}"


def _say(text: str) -> None:
    print(text, flush=True)


def _log(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """The folder that was named, else one that is gone afterwards."""
    with contextlib.ExitStack() as stack:
        if data is None:
            folder = tempfile.TemporaryDirectory(prefix="wattwarden-demo-")
            data = Path(stack.enter_context(folder))
            # Engines of root's run as another user, who has to come by.
            data.chmod(0o755)
        yield data
