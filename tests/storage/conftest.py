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
from tests.storage.store import EMPTY_STORE

from wattwarden.storage.engines.binaries import find_nats_server
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import Connection


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of the store in one loop, so that they can share a connection."""
    for item in items:
        awaited = isinstance(item, pytest.Function) and iscoroutinefunction(item.function)
        ours = item.path.is_relative_to(Path(__file__).parent)
        if awaited and ours and "store" in getattr(item, "fixturenames", ()):
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


NATS_START_TIMEOUT_S = 60.0
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
        """Send it; a server told to stop stands still on return."""
        assert self._process is not None
        self._process.send_signal(number)
        while number is signal.SIGSTOP and not _stands_still(self._process.pid):
            time.sleep(0.001)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


def _stands_still(pid: int) -> bool:
    """Whether every thread has taken the signal: each may still write until it has."""
    states = [
        task.read_text().rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """Address of the session's nats-server; use a ``prefix`` of your own on it."""
    folder = Path(tempfile.mkdtemp(prefix="ww-", dir=quick_place()))
    server = NatsProcess(folder)
    server.start()
    yield server.url
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def prefix() -> str:
    """A stream prefix that no other test has."""
    return f"TEST{next(_prefixes)}"


@pytest.fixture
def mortal_nats(quick_folder: Path) -> Iterator[NatsProcess]:
    """A nats-server for this test alone, which may kill it."""
    server = NatsProcess(quick_folder)
    server.start()
    yield server
    server.kill()
