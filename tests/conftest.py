"""One store for the tests of all rooms: to start a server of its own costs a room seconds."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.store import start_with_schema

from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_settings import ADMIN_ROLE
from wattwarden.storage.engines.postgres_socket import dsn_for


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
