"""The store of the storage tests, with a data folder for the commands that speak to it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.storage.conftest import store, store_dsn, store_server

__all__ = ["store", "store_dsn", "store_server"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which a system could have run."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def where(store_dsn: str, data: Path) -> list[str]:
    """The options that lead a command to the store."""
    return ["--dsn", store_dsn, "--data", str(data)]


Execute = Callable[..., None]


@pytest.fixture
def execute(store_dsn: str) -> Execute:
    """Run SQL against the store."""

    async def work(statement: str, *values: object) -> None:
        connection = await asyncpg.connect(store_dsn)
        await connection.execute(statement, *values)
        await connection.close()

    def run(statement: str, *values: object) -> None:
        job: Coroutine[Any, Any, None] = work(statement, *values)
        asyncio.run(job)

    return run
