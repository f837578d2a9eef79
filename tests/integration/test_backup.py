"""Under load: a backup that is restored elsewhere, and a gateway replaced as in an upgrade."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.audit import FACTORS, READINGS, audit
from tests.integration.fleet import mixed_fleet, start_of_yesterday
from tests.integration.system import database, eventually, open_folder
from tests.integration.wire import ACREL_UPLOAD_ACK, acrel_upload, say

from wattwarden.server.backing import Wanted, back_up
from wattwarden.server.children import Role
from wattwarden.server.clock import Clock
from wattwarden.server.directory import Directory
from wattwarden.server.gateway import Gateway
from wattwarden.server.inherited import METER_SOCKETS, close_all, open_sets
from wattwarden.server.journal import open_journal
from wattwarden.server.places import Places, archive_of, running_of, write_running
from wattwarden.server.readers import readers_of
from wattwarden.server.restoring import Source, restore
from wattwarden.server.settings import Settings, load_settings
from wattwarden.server.supervise import environment_of
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.journal.history import History
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.profiles import ProfileBook
from wattwarden.storage.rows.writer import Writer

pytestmark = pytest.mark.integration

CONNECTIONS = 40
PAUSE_S = 0.2
PATIENCE_S = 60.0
ADDRESS = "990000000001"


@dataclass
class House:
    """Engines with a gateway and a writer."""

    settings: Settings
    dsn: str
    nats: str
    target: tuple[str, int] = ("127.0.0.1", 0)

    async def value(self, query: str, *values: object) -> Any:
        async with database(self.dsn) as connection:
            return await connection.fetchval(query, *values)

    async def rows(self) -> set[tuple[Any, Any]]:
        """Meter and time of every row, each once."""
        async with database(self.dsn) as connection:
            found = [*await connection.fetch(READINGS), *await connection.fetch(FACTORS)]
        rows = {(row["address"], row["at"]) for row in found}
        assert len(rows) == len(found)
        return rows


def settings_of(data: Path) -> Settings:
    return load_settings(data=data, gateway={"listen": "127.0.0.1:0"}, metrics={"listen": "off"})


@contextlib.asynccontextmanager
async def engines_of(data: Path) -> AsyncIterator[House]:
    settings = settings_of(data)
    async with contextlib.AsyncExitStack() as stack:
        postgres, nats = EmbeddedPostgres(data), EmbeddedNats(data)
        dsn = await postgres.start()
        stack.push_async_callback(postgres.stop)
        url = await nats.start()
        stack.push_async_callback(nats.stop)
        write_running(Places(data), running_of(settings, "", {}))
        async with database(dsn) as connection:
            await migrate(connection, load_migrations())
        yield House(settings, dsn, url)


@contextlib.asynccontextmanager
async def processes_of(house: House) -> AsyncIterator[Role]:
    """A writer, and a gateway whose sockets outlive it: what `up` has."""
    environment = environment_of(house.settings)
    gateway, writer = Role("gateway", environment), Role("writer", environment)
    [gateway.sockets] = await open_sets(house.settings.gateway, 1)
    house.target = gateway.sockets[METER_SOCKETS][0].getsockname()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(close_all, gateway.sockets)
        for role in (writer, gateway):
            await role.start()
            stack.push_async_callback(role.stop, PATIENCE_S)
            stack.callback(asyncio.create_task(role.watch(lambda: None)).cancel)
        yield gateway


@contextlib.asynccontextmanager
async def here(house: House) -> AsyncIterator[None]:
    """A writer and a gateway in this process: interpreters cost more than all else they do."""
    stop = asyncio.Event()
    journal = await open_journal(house.settings, house.nats)
    history, book = History(journal, archive_of(house.settings)), ProfileBook()
    readers = readers_of(house.settings, book)
    writers = [Writer(shard, history, house.dsn, readers) for shard in range(journal.shards)]
    writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
    gateway = Gateway(house.settings, journal, Directory(), Clock())
    host, _, port = (await gateway.start()).partition(":")
    house.target = (host, int(port))
    try:
        yield
    finally:
        await gateway.stop()
        stop.set()
        await asyncio.gather(*writing)
        await journal.close()


async def replaced(gateway: Role) -> None:
    """End a gateway as an upgrade does; whoever keeps its sockets starts the next one."""
    before = gateway.pid
    os.kill(before, signal.SIGTERM)

    async def changed() -> bool:
        return gateway.pid != before

    await eventually(changed, within_s=PATIENCE_S)


def silent(_done: int, _total: int) -> None:
    """Nobody looks."""


async def test_nothing_acknowledged_is_lost_by_a_restore_nor_by_a_gateway_that_is_replaced() -> (
    None
):
    folder, start = open_folder(), start_of_yesterday()
    try:
        async with engines_of(folder / "data") as house, processes_of(house) as gateway:
            async with mixed_fleet(house.target, start, 1, CONNECTIONS, PAUSE_S) as fleet:
                await fleet.everybody_is_answered(PATIENCE_S)
                told = {
                    (meter.address, start + timedelta(seconds=number))
                    for meter in fleet.meters
                    for number in meter.acked
                }
                await back_up(house.settings, Wanted(folder / "backup"), silent)
                await replaced(gateway)
                await fleet.everybody_is_answered(PATIENCE_S)
                await fleet.finish(PATIENCE_S)
            await audit(house, fleet, start, PATIENCE_S)  # type: ignore[arg-type]  # has what it asks
            assert sum(meter.refused for meter in fleet.meters) == 0
            everything = await house.rows()

        await restore(folder / "place", Source(folder / "backup"), settings_of, silent)

        async with engines_of(folder / "place") as again:
            # The backup may have been faster than the first tick.
            ticks = await again.value("SELECT coalesce(max(number), 0) FROM tick")
            async with here(again):
                at, said = start + timedelta(days=1), len(ACREL_UPLOAD_ACK)
                frame = acrel_upload(ADDRESS, at, 1)
                assert await say(again.target, "127.0.0.1", frame, said) == ACREL_UPLOAD_ACK
                due = {*told, (ADDRESS, at)}
                rows = await eventually(again.rows, lambda rows: rows >= due)
            assert told
            assert rows <= everything | {(ADDRESS, at)}
            assert await again.value("SELECT max(number) FROM tick") > ticks
    finally:
        shutil.rmtree(folder, ignore_errors=True)
