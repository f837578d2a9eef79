"""The store of the storage tests, with a data folder for the commands that speak to it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.storage.conftest import mortal_nats, quick_folder
from tests.storage.store import Hand

__all__ = ["mortal_nats", "quick_folder"]


@pytest.fixture
def store_dsn(store_server: str, hand: Hand) -> str:
    """Address of the store, empty."""
    hand.empty()
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
def execute(store_dsn: str, hand: Hand) -> Execute:
    """Run SQL against the store."""
    assert store_dsn

    def run(statement: str, *values: object) -> None:
        hand.do(lambda connection: connection.execute(statement, *values))

    return run
