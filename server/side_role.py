"""Warden, courier and console in one process: what stands beside the gateways of a city.

warden ─ a loop of its own     courier, console ─ this one     SIGTERM ─► console, courier, warden
"""

import asyncio
from functools import partial

from wattwarden.server.answering import keys_of, link_of
from wattwarden.server.apart import run_apart
from wattwarden.server.console_role import (
    address_of,
    console_of,
    opened,
    public_address,
)
from wattwarden.server.courier_role import courier_of
from wattwarden.server.lifetime import report_ready, stop_event, until
from wattwarden.server.metrics.listener import RoleTold, watched
from wattwarden.server.metrics.of_console import console_watch
from wattwarden.server.metrics.of_courier import courier_watch
from wattwarden.server.metrics.of_warden import warden_watch
from wattwarden.server.metrics.watch import side_watch
from wattwarden.server.places import dsn_of
from wattwarden.server.reload import obey_reloads
from wattwarden.server.settings import Settings
from wattwarden.server.warden_role import renew, warden_of
from wattwarden.storage.database import connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.outbox.load import load_routing


async def run_side(settings: Settings) -> None:
    """Fold, send and show until told to stop; the first of the three that fails ends all."""
    stop = stop_event()
    keys, warden = keys_of(settings), warden_of(settings)
    obey_reloads(settings, partial(renew, warden, settings))
    with opened(settings.console.listen) as door:
        address = public_address(settings, door)
        courier = courier_of(settings, link_of(keys, address))
        console = console_of(settings, keys, address)
        await console.start(door)
        work = [
            asyncio.create_task(run_apart(warden.run, stop)),
            asyncio.create_task(courier.run(stop)),
            asyncio.create_task(console.run(stop)),
        ]
        dsn = dsn_of(settings)
        watches = (
            warden_watch(warden, dsn, settings.journal.shards),
            courier_watch(courier, dsn),
            console_watch(console, dsn),
        )
        try:
            async with watched(settings, "side", RoleTold(side_watch(watches))) as metrics:
                report_ready(
                    "side",
                    holder=warden.holder,
                    console=address_of(settings, door),
                    links=address,
                    endpoints=await _endpoints(settings),
                    metrics=metrics,
                )
                await until(stop, *work)
        finally:
            stop.set()
            # Whatever ended one of them, the others finish what they have in hand.
            await asyncio.wait(work)
        for task in work:
            task.result()


async def _endpoints(settings: Settings) -> list[str] | None:
    """Return by which endpoints notices go out; None while the database does not tell."""
    try:
        connection = await connect(dsn_of(settings), name="side")
        try:
            return list((await load_routing(connection)).endpoint)
        finally:
            await connection.close()
    except StorageError:
        return None
