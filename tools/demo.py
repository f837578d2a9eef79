"""``wattwarden demo``: a whole system, a small city that dials in, and something wrong in it."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.server.rate import load_rate
from wattwarden.server.roles import stop_event
from wattwarden.server.settings import Settings
from wattwarden.server.supervise import run_up
from wattwarden.tools.running import run, settings_with
from wattwarden.tools.simulate import AS_WRITTEN, Show, find_scenario, target_of
from wattwarden.tools.simulator.fleet import Fleet
from wattwarden.tools.simulator.moments import ZONE
from wattwarden.tools.simulator.world import World

# An offence of ten minutes is seen after ten seconds; a meter reports once in one.
CLOCK_RATE: Final = 60
# Wherever the kernel has room: a demonstration stands in nobody's way.
LISTEN: Final = "127.0.0.1:0"


def demo(
    *,
    data: Annotated[
        Path | None, Parameter(help="Keep it there; else it is gone afterwards.")
    ] = None,
    clock_rate: Annotated[int, Parameter(help="How many seconds pass in one.")] = CLOCK_RATE,
) -> None:
    """Run a whole system with a simulated city that dials in, and something wrong in it.

    Everything on embedded defaults in a folder of its own, sixty times as fast as real time;
    Ctrl-C stops it.
    """
    with _folder(data) as folder:
        settings = settings_with(data=folder, gateway={"listen": LISTEN}, clock_rate=clock_rate)
        run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = stop_event()
    playing: list[asyncio.Task[None]] = []

    def ready(facts: Mapping[str, object]) -> None:
        playing.append(asyncio.create_task(_play(settings, str(facts["listen"]))))

    try:
        await run_up(settings, stop.wait, _say, ready)
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


async def _play(settings: Settings, listen: str) -> None:
    rate = load_rate(settings.data)
    begin_ms = rate.clock().now_us() // 1000
    show = Show(find_scenario("demo"), AS_WRITTEN, begin_ms, float(rate.rate))
    _tell(show.world, settings, begin_ms, rate.rate)
    await show.play(Fleet(show.world, target_of(listen)), settings, lambda _sent: None)


def _tell(world: World, settings: Settings, begin_ms: int, rate: int) -> None:
    """Say what is wrong, when, and where to look."""
    _say(f"{len(world.units)} meters report to a system in {settings.data}; what is wrong:")
    for one in world.truth():
        at = datetime.fromtimestamp(one.onset_ms / 1000, ZONE)
        wait_s = max(0, one.onset_ms - begin_ms) / 1000 / rate
        _say(f"  {one.rule} {one.unit} {one.cause}, from {at:%H:%M} on, in {wait_s:.0f} s")
    _say(f"look:  wattwarden alarms list --data {settings.data}     (ten minutes after the onset)")
    _say(f"       wattwarden states DEMO --data {settings.data}")
    _say(f"       wattwarden registry show --data {settings.data}")
    meter = world.site.by_id["DEMO-T1"].address
    _say(f"       wattwarden readings acrel:{meter} --data {settings.data}")


def _say(text: str) -> None:
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
