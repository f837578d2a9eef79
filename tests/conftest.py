"""One store for the tests of all rooms, and how several workers share the tests."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.schedule import spread
from tests.storage.store import Hand, start_with_schema

from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_settings import ADMIN_ROLE
from wattwarden.storage.engines.postgres_socket import dsn_for

# How long an example takes is the machine's affair, and what is tried is the same each time: a run
# that fails fails again.  New examples are hunted for by `make fuzz`.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

HERE = Path(__file__).parent
# No test goes out to strangers: each program would read some 140 of their authorities as it starts.
os.environ.setdefault("SSL_CERT_FILE", os.devnull)
# A shell's job in the background ignores Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let each worker read another part of the tests first, and the rest as they left it.

    To make asserts explain themselves takes most of the time in which tests are read; what one has
    made is kept for all.
    """
    worker = getattr(config, "workerinput", None)
    if worker is not None and [Path(named).resolve() for named in config.args] == [HERE]:
        rooms = sorted(str(place) for place in HERE.iterdir() if any(place.glob("**/test_*.py")))
        first = len(rooms) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        config.args = rooms[first:] + rooms[:first]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several workers begin with what takes long; one alone goes by the folders."""
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    if workers > 1:
        items.sort(key=lambda item: item.path)
        modules = [item.nodeid.partition("::")[0].removeprefix("tests/") for item in items]
        items[:] = spread(items, modules, workers)


@pytest.fixture(scope="session")
def store_server() -> Iterator[str]:
    """Address of a database with our schema, on a server of its own.

    It does not wait for the disk: tests of the store kill connections, not machines.
    """
    folder = Path(tempfile.mkdtemp(prefix="ww-"))
    folder.chmod(0o755)
    engine = EmbeddedPostgres(folder)
    asyncio.run(start_with_schema(engine, dsn_for(folder, ADMIN_ROLE, ADMIN_ROLE)))
    yield engine.dsn
    asyncio.run(engine.stop())
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def hand(store_server: str) -> Iterator[Hand]:
    """What empties and fills the store between the tests."""
    made = Hand(store_server)
    yield made
    made.close()
