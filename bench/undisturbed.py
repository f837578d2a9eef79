"""A system that nothing happens to: what it holds of the same frames."""

import contextlib
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from bench.found import MARGIN_S, Found, found_in

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.rulebook import load_rules
from wattwarden.server.rate import Rate
from wattwarden.server.settings import JournalSettings, Settings
from wattwarden.storage.database import Connection
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.system_time import mark_simulated
from wattwarden.tools.simulator.direct import TICK_S, Direct
from wattwarden.tools.simulator.entering import ACTOR, enter_order, enter_world
from wattwarden.tools.simulator.frames import Frames
from wattwarden.tools.simulator.house import open_house
from wattwarden.tools.simulator.orders import orders_of
from wattwarden.tools.simulator.sendings import Sending
from wattwarden.tools.simulator.world import World

SECOND_US: Final = 1_000_000


def rate_from(rate: int, begin_us: int, in_s: float) -> Rate:
    """Return how time runs that shows a moment (microseconds UTC) in so many seconds.

    ``rate`` is above 1.
    """
    start_us = time.time_ns() // 1000 + round(in_s * SECOND_US)
    return Rate(rate, (rate * start_us - begin_us) // (rate - 1))


@contextlib.contextmanager
def folder_of_all() -> Iterator[Path]:
    """Make a folder that engines may enter as another user."""
    with tempfile.TemporaryDirectory(prefix="ww-cluster-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def people_of(
    connection: Connection, world: World, begin_s: int, rules: str | None = None
) -> None:
    """Enter a world and what people decide in it, all of it before its meters speak.

    ``rules`` is the rule file (TOML) that they put in force, none for the shipped one.
    """
    await mark_simulated(connection)
    begin = moment_of((world.midnight_ms // 1000 + begin_s) * SECOND_US)
    await enter_world(connection, world, begin)
    if rules is not None:
        version = load_rules(rules).version.partition("+")[0]
        await enter(connection, Decision(RuleSet(version=version, text=rules), ACTOR, begin))
    for order in orders_of(world):
        await enter_order(connection, order)


async def undisturbed(
    world: World,
    due: Iterable[Sending],
    begin_s: int,
    shards: int,
    rules: str | None = None,
    tick_s: int = TICK_S,
) -> Found:
    """Write frames straight into the journal of a system of its own; return what it makes of them.

    ``begin_s`` is when the first of them comes at the earliest, since the world's first midnight;
    ``rules`` as ``people_of`` has them, and ``tick_s`` what a tick covers.
    """
    last = world.midnight_ms // 1000 + begin_s
    with folder_of_all() as folder:
        settings = Settings(data=folder / "data", journal=JournalSettings(shards=shards))
        async with open_house(settings, ("writer", "warden")) as house:
            await people_of(house.connection, world, begin_s, rules)
            direct = Direct(house.journal, shards, Frames(world.site), None, tick_s)
            for number, found in groupby(due, lambda one: one.at_ms // (tick_s * 1000)):
                last = (number + 1) * tick_s
                await direct.minute(list(found), last)
            for quiet in range(1, MARGIN_S // tick_s + 2):
                await direct.minute([], last + quiet * tick_s)
            await house.caught_up(direct.tick)
            dsn = str(EmbeddedPostgres(settings.data).dsn)
            return await found_in(dsn)
