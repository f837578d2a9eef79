"""One store for the tests of all rooms: to start a server of its own costs a room seconds."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
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
