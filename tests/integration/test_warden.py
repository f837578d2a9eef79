"""The warden as a process of its own, killed while it folds."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from tests.integration.system import (
    KEPT_BYTECODE,
    PATIENCE_S,
    PROBE_INTERVAL_S,
    PROGRAM,
    eventually,
    open_folder,
)
from tests.storage.feed import readings, register, small_city, store_rows, store_ticks
from tests.storage.warden.test_folding import begin_anew, power, same, snapshot

from wattwarden.alarms.decisions.slices import SLICES
from wattwarden.storage.database import Connection
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate

pytestmark = pytest.mark.integration

FIRMS = ("E0", "E1", "E2")
# Hours enough that a pass an hour leaves time to be killed between them.
END = 900
# Whoever kills may be slow, and find it at its end already.
TRIES = 5


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[EmbeddedPostgres]:
    folder = open_folder()
    engine = EmbeddedPostgres(folder)
    await engine.start()
    yield engine
    await engine.stop()
    shutil.rmtree(folder)


@pytest_asyncio.fixture
async def fed(engine: EmbeddedPostgres) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(engine.dsn)
    await migrate(connection, load_migrations())
    await register(connection, small_city(FIRMS))
    await store_rows(connection, readings(FIRMS, range(END), power))
    await store_ticks(connection, END)
    yield connection
    await connection.close()


@contextlib.contextmanager
def warden(dsn: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A warden that works; killed when the block ends, if it still lives."""
    environment = {**os.environ, **KEPT_BYTECODE, "WATTWARDEN_JOURNAL__SHARDS": "1"}
    command = [*PROGRAM, "warden", "--dsn", dsn, "--data", str(folder)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def position(fed: Connection) -> int:
    return int(await fed.fetchval("SELECT min(step) FROM slice_position"))


async def reaches(fed: Connection, step: int) -> None:
    async def there() -> bool:
        return await position(fed) >= step

    await eventually(there, within_s=4 * PATIENCE_S, longest_pause_s=PROBE_INTERVAL_S)


async def to_the_end(fed: Connection, dsn: str, folder: Path) -> None:
    last = await fed.fetchval("SELECT max(number) FROM tick")
    with warden(dsn, folder) as process:
        await reaches(fed, last)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0


async def test_a_warden_that_is_killed_again_and_again_comes_to_the_same(
    fed: Connection, engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    await to_the_end(fed, engine.dsn, tmp_path)
    whole = await snapshot(fed)
    assert whole["alarms"]
    for _ in range(TRIES):
        await killed_thrice(fed, engine.dsn, tmp_path)
        if await position(fed) < await fed.fetchval("SELECT max(number) FROM tick"):
            break
    else:
        pytest.fail("it came to its end before it was killed, each time")
    await to_the_end(fed, engine.dsn, tmp_path)
    same(await snapshot(fed), whole)
    await taken_over(fed, engine.dsn, tmp_path)


async def taken_over(fed: Connection, dsn: str, folder: Path) -> None:
    """Of two that share the city one is killed; the other soon has everything."""

    async def held() -> list[int]:
        rows = await fed.fetch(
            "SELECT count(*) FROM slice_position WHERE holder IS NOT NULL GROUP BY holder"
        )
        return sorted(row["count"] for row in rows)

    with warden(dsn, folder), warden(dsn, folder) as killed:
        await eventually(held, lambda counts: counts == [SLICES // 2] * 2)
        killed.kill()
        killed.wait()
        await eventually(held, lambda counts: counts == [SLICES])


async def killed_thrice(fed: Connection, dsn: str, folder: Path) -> None:
    """Fold anew; it is killed each time it has come further."""
    await begin_anew(fed, 0)
    last = await fed.fetchval("SELECT max(number) FROM tick")
    for times in range(3):
        before = await position(fed)
        if before == last:
            return
        if times > 1:
            # Twice the lease ran out by itself.
            await fed.execute("UPDATE slice_position SET renewed_at = '2020-01-01'")
        with warden(dsn, folder) as process:
            await reaches(fed, before + 1)
            process.kill()
            process.wait()
