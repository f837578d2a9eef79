"""The store of the storage tests, with a data folder for the commands that speak to it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from tests.storage.conftest import mortal_nats
from tests.storage.store import EMPTY_STORE

__all__ = ["mortal_nats"]


def _execute(dsn: str, statement: str, *values: object) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement, *values)
        await connection.close()

    asyncio.run(work())


@pytest.fixture
def store_dsn(store_server: str) -> str:
    """Address of the store, empty."""
    _execute(store_server, EMPTY_STORE)
    return store_server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which a system could have run."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def where(store_dsn: str, data: Path) -> list[str]:
    """The options that lead a command to the store."""
    return ["--dsn", store_dsn, "--data", str(data)]


@pytest.fixture
def nowhere(data: Path) -> list[str]:
    """The options that lead a command to a database that nobody runs."""
    return ["--dsn", f"postgresql:///none?host={data}", "--data", str(data)]


Execute = Callable[..., None]


@pytest.fixture
def execute(store_dsn: str) -> Execute:
    """Run SQL against the store."""

    def run(statement: str, *values: object) -> None:
        _execute(store_dsn, statement, *values)

    return run
