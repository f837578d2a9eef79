"""A courier as its own process; it and its database are killed in the midst of its work."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from tests.integration.system import KEPT_BYTECODE, PROBE_INTERVAL_S, eventually
from tests.storage.conftest import open_folder
from tests.storage.outbox.receiver import Receiver

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.courier import wall_us
from wattwarden.storage.database import Connection
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

__all__ = ["open_folder"]

pytestmark = pytest.mark.integration

NOTICES = 200
ALARMS = 50
# The courier, the database, and both once more.
KILLS = 4
PATIENCE_S = 120.0
ENDPOINT = """
[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "k" }
allow = ["127.0.0.0/8"]
"""


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


async def start(dsn: str, data: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wattwarden", "courier", "--dsn", dsn, "--data", str(data),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **KEPT_BYTECODE},
    )  # fmt: skip
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    assert b'"ready":"courier"' in line
    return process


async def fill(store: Connection, url: str) -> None:
    """Notices of some alarms, five of each, in order."""
    text = default_text() + ENDPOINT.replace("URL", url)
    now = moment_of(wall_us())
    await enter(store, Decision(Routing(version="1", text=text), "me", now))
    await store.executemany(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint, title,"
        " state, due, expires) VALUES ($1, 'E1', $2, 'raised', 2, 'stream:hook', 'first', 'hook',"
        " $3, 'waiting', $4, $5)",
        [
            (n % ALARMS, now + timedelta(microseconds=n), str(n), now, now + timedelta(hours=1))
            for n in range(NOTICES)
        ],
    )


async def slowly(_request: Any, _body: bytes) -> web.Response:
    await asyncio.sleep(0.05)
    return web.Response()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "k").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    return tmp_path


async def test_a_courier_and_a_database_killed_in_turns_lose_nothing_and_keep_order(
    receiver: Receiver, data: Path, open_folder: Path
) -> None:
    receiver.otherwise = slowly
    engine = EmbeddedPostgres(open_folder / "data")
    await engine.start()
    store = await asyncpg.connect(engine.dsn)
    await migrate(store, load_migrations())
    await fill(store, receiver.url)
    process = await start(engine.dsn, data)

    async def came() -> int:
        return len(receiver.got)

    for kill in range(1, KILLS + 1):
        due = (kill * NOTICES // (KILLS + 1)).__le__
        await eventually(came, due, PATIENCE_S, longest_pause_s=PROBE_INTERVAL_S)
        if kill % 2:
            process.send_signal(signal.SIGKILL)
            await process.wait()
            process = await start(engine.dsn, data)
        else:
            await kill_database(engine)
    store.terminate()
    store = await asyncpg.connect(engine.dsn)
    await eventually(partial(left, store), lambda count: count == 0, 2 * PATIENCE_S)
    await stop(process)
    # A courier that is killed leaves doubts; they are settled by sending once more.
    assert await check(store, receiver) > 0
    await store.close()
    await engine.stop()


async def kill_database(engine: EmbeddedPostgres) -> None:
    async def ended() -> bool:
        return engine.poll() is not None

    os.kill(engine.pid, signal.SIGKILL)
    await eventually(ended, within_s=PATIENCE_S)
    await engine.start()


async def stop(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def check(store: Connection, receiver: Receiver) -> int:
    """Each came, once and once more for each doubt, in order; return how many doubts there were."""
    assert await store.fetchval("SELECT count(*) FROM outbox WHERE state = 'delivered'") == NOTICES
    times = Counter(receiver.ids)
    rows = await store.fetch(
        "SELECT o.message, count(a.outbox) AS doubts FROM outbox AS o LEFT JOIN attempt AS a"
        " ON a.outbox = o.id AND a.outcome = 'unknown' GROUP BY o.id"
    )
    assert len(times) == NOTICES
    for row in rows:
        assert 1 <= times[f"ww_{row['message'].hex}"] <= 1 + row["doubts"]
    await check_order(store, receiver)
    return sum(row["doubts"] for row in rows)


async def left(store: Connection) -> int:
    found: int = await store.fetchval("SELECT count(*) FROM outbox WHERE state <> 'delivered'")
    return found


async def check_order(store: Connection, receiver: Receiver) -> None:
    """Of each alarm, none came first before an earlier one had come."""
    rows = await store.fetch("SELECT id, alarm, message FROM outbox")
    known = {f"ww_{row['message'].hex}": (row["alarm"], row["id"]) for row in rows}
    last: dict[int, int] = {}
    for one in dict.fromkeys(receiver.ids):
        alarm, number = known[one]
        assert number > last.get(alarm, 0)
        last[alarm] = number
