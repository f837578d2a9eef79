"""Folders that an unprivileged user can enter, one cluster for all tests, and nats-servers."""

import asyncio
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from inspect import iscoroutinefunction
from pathlib import Path

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from wattwarden.storage.engines.binaries import find_nats_server
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_settings import ADMIN_ROLE
from wattwarden.storage.engines.postgres_socket import dsn_for
from wattwarden.storage.migrate import Connection, load_migrations, migrate
from wattwarden.storage.rows.partitions import Partitions


def quick_place() -> str | None:
    """Memory, where there is enough: a busy disk makes every fsync wait."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own name is made in it
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Everybody may enter it; pytest's own folders are closed to the engines' user."""
    folder = Path(tempfile.mkdtemp(prefix="ww-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """Everybody may enter it, fsync is quick; programs may not be executable in it."""
    folder = Path(tempfile.mkdtemp(prefix="ww-", dir=quick_place()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster_folder() -> Iterator[Path]:
    """A data folder whose PostgreSQL was started and stopped once; leave it startable."""
    folder = Path(tempfile.mkdtemp(prefix="ww-", dir=quick_place()))
    folder.chmod(0o755)
    engine = EmbeddedPostgres(folder)

    async def once() -> None:
        await engine.start()
        await engine.stop()

    asyncio.run(once())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def store_server() -> Iterator[str]:
    """Address of a database with our schema, on a server of its own.

    It does not wait for the disk: tests of the store kill connections, not machines.
    """
    folder = Path(tempfile.mkdtemp(prefix="ww-"))
    folder.chmod(0o755)
    engine = EmbeddedPostgres(folder)
    asyncio.run(_start_with_schema(engine, dsn_for(folder, ADMIN_ROLE, ADMIN_ROLE)))
    yield engine.dsn
    asyncio.run(engine.stop())
    shutil.rmtree(folder)


async def _start_with_schema(engine: EmbeddedPostgres, admin_dsn: str) -> None:
    await engine.start()
    admin = await asyncpg.connect(admin_dsn)
    for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
        await admin.execute(f"ALTER SYSTEM SET {setting}")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
    connection = await asyncpg.connect(engine.dsn)
    await migrate(connection, load_migrations())
    for table in ("reading", "factor"):
        await Partitions(0).ensure(connection, table, STORE_DAYS)
    await connection.close()


# 2026-11-21 to 23 have partitions always: making one costs more than all else in most tests.
STORE_DAYS = range(20_778, 20_781)
# Deleting a few rows takes a tenth of the time of truncating, and a hundredth of a new database.
# Rows of tables that only grow go without their triggers; tables that others refer to go last.
EMPTY_STORE = """
DO $$
DECLARE name text; guarded boolean; filled boolean;
BEGIN
    FOR name IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent IN ('reading'::regclass, 'factor'::regclass)
        AND relname !~ 'default|2026112[123]'
    LOOP EXECUTE 'DROP TABLE ' || name; END LOOP;
    FOR name, guarded IN SELECT oid::regclass, EXISTS (SELECT FROM pg_trigger
            WHERE tgrelid = c.oid AND NOT tgisinternal) FROM pg_class AS c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition AND relname <> 'migration'
        ORDER BY (SELECT count(*) FROM pg_constraint WHERE confrelid = c.oid)
    LOOP
        filled := TRUE;
        IF guarded THEN
            EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
        END IF;
        CONTINUE WHEN NOT filled;
        IF guarded THEN EXECUTE 'ALTER TABLE ' || name || ' DISABLE TRIGGER USER'; END IF;
        EXECUTE 'DELETE FROM ' || name;
        IF guarded THEN EXECUTE 'ALTER TABLE ' || name || ' ENABLE TRIGGER USER'; END IF;
    END LOOP;
    INSERT INTO slice_position (slice) SELECT generate_series(0, 31);
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
    LOOP EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART'; END LOOP;
END $$
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of the store in one loop, so that they can share a connection."""
    for item in items:
        awaited = isinstance(item, pytest.Function) and iscoroutinefunction(item.function)
        if awaited and "store" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _store_connection(store_server: str) -> AsyncIterator[Connection]:
    """Kept open: the first look at sixty tables takes a new connection longer than most tests."""
    connection = await asyncpg.connect(store_server)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def store(_store_connection: Connection) -> Connection:
    """A connection to the store, empty; a test that alters a table puts it back."""
    await _store_connection.execute(EMPTY_STORE)
    await _store_connection.execute("DISCARD TEMP")
    return _store_connection


@pytest.fixture
def store_dsn(store_server: str, store: Connection) -> str:
    """Address of the store, empty."""
    assert not store.is_closed()
    return store_server


NATS_START_TIMEOUT_S = 10.0
_prefixes = itertools.count(1)


class NatsProcess:
    """A nats-server on a port of its own that it keeps across restarts."""

    def __init__(self, folder: Path, *, store: str = "8GB", more: str = "") -> None:
        self._folder = folder
        self._store = store
        self._more = more
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None
        self.monitor_url = ""

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self, sync_interval: str = "always") -> None:
        """Start, also again; returns once it answers."""
        config = self._folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self._port}"\nhttp: "127.0.0.1:-1"\n'
            f'ports_file_dir: "{self._folder}"\njetstream {{\n'
            f'  store_dir: "{self._folder}"\n  max_file_store: {self._store}\n'
            f"  sync_interval: {sync_interval}\n}}\n{self._more}\n"
        )
        deadline = time.monotonic() + NATS_START_TIMEOUT_S
        told = self._launch(config)
        while not (told.exists() and told.stat().st_size):
            assert time.monotonic() < deadline, (self._folder / "nats.log").read_text()
            time.sleep(0.005)
            if self._process is not None and self._process.poll() is not None:
                # Somebody's outgoing connection has our port for the moment.
                told = self._launch(config)
        ports = msgspec.json.decode(told.read_bytes())
        self._port = int(ports["nats"][0].rpartition(":")[2])
        self.monitor_url = ports["monitoring"][0]

    def _launch(self, config: Path) -> Path:
        """Returns the file in which it will tell its ports."""
        with (self._folder / "nats.log").open("ab") as log:
            # Killed with us, however we die.
            bound = ["setpriv", "--pdeathsig", "KILL"]
            self._process = subprocess.Popen(
                [*bound, find_nats_server(None), "-c", config], stdout=log, stderr=log
            )
        return self._folder / f"nats-server_{self._process.pid}.ports"

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the session's nats-server; use a ``prefix`` of your own on it."""
    server = NatsProcess(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def prefix() -> str:
    """A stream prefix that no other test has."""
    return f"TEST{next(_prefixes)}"


@pytest.fixture
def mortal_nats(tmp_path: Path) -> Iterator[NatsProcess]:
    """A nats-server for this test alone, which may kill it."""
    server = NatsProcess(tmp_path)
    server.start()
    yield server
    server.kill()
