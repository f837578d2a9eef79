"""What the forwarder's process does from start to stop: a forwarder for each platform of the table.

The table is read again when the file changes; what it takes out is forwarded to no more, and goes
on from where it stood when it is back.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from wattwarden.server.forward_table import ForwardTableError, Platform, load_forward_table
from wattwarden.server.forwarder import Forwarder, ForwardPlace
from wattwarden.server.lifetime import give_up, report_ready, stop_event, unless
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_forwarder import forwarder_watch
from wattwarden.server.places import Places, dsn_of
from wattwarden.server.reload import obey_reloads
from wattwarden.server.settings import Settings

# Who edits the table looks at the status a little later.
TABLE_INTERVAL_S: Final = 5.0
# What is on its way is sent again anyway, under the same QN.
PATIENCE_S: Final = 10.0

_log: Final = structlog.get_logger(__name__)


async def run_forwarder(settings: Settings) -> None:
    """Forward readings until told to stop.

    Raises:
        ForwardTableError: The table cannot be used.
    """
    stop = stop_event()
    obey_reloads(settings)
    places = Places(settings.data)
    table, told = load_forward_table(places.forward), ""
    place = ForwardPlace(dsn_of(settings), places.secrets, settings.journal.shards)
    running: dict[str, _Running] = {}
    watch = forwarder_watch(lambda: table, place.dsn)
    async with watched(settings, "forwarder", RoleTold(watch)) as metrics:
        report_ready("forwarder", platforms=sorted(table), metrics=metrics)
        try:
            while not stop.is_set():
                await _follow(running, table, place)
                await unless(stop, asyncio.sleep(TABLE_INTERVAL_S))
                table, told = _again(places.forward, table, told)
                for one in running.values():
                    if one.task.done():
                        one.task.result()
        finally:
            await _end(list(running.values()))


@dataclass(slots=True)
class _Running:
    platform: Platform
    stop: asyncio.Event
    task: asyncio.Task[None]


async def _follow(
    running: dict[str, _Running], table: dict[str, Platform], place: ForwardPlace
) -> None:
    """End forwarders whose platform changed or went, and start those that are new."""
    changed = [name for name, one in running.items() if table.get(name) != one.platform]
    await _end([running.pop(name) for name in changed])
    for name, platform in table.items():
        if name not in running:
            stop = asyncio.Event()
            task = asyncio.create_task(Forwarder(name, platform, place).run(stop))
            running[name] = _Running(platform, stop, task)


async def _end(some: list[_Running]) -> None:
    for one in some:
        one.stop.set()
    if some:
        tasks = [one.task for one in some]
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        await give_up(*late)
        await asyncio.gather(*tasks, return_exceptions=True)


def _again(path: Path, table: dict[str, Platform], told: str) -> tuple[dict[str, Platform], str]:
    """Read the table again, and what is wrong with it, told once; a wrong one changes nothing."""
    try:
        return load_forward_table(path), ""
    except ForwardTableError as error:
        if str(error) != told:
            _log.warning("the table of platforms is as it was", reason=str(error))
        return table, str(error)
