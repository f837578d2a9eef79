"""Real nats-servers for what cannot be learnt from a fake; logs as nobody has set them up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.storage.conftest import NatsProcess, quick_folder

__all__ = ["quick_folder"]


@pytest.fixture
def small_nats(quick_folder: Path) -> Iterator[NatsProcess]:
    """A nats-server with a store of 200 MB, for this test alone."""
    server = NatsProcess(quick_folder, store="200MB")
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _logs_as_at_first() -> Iterator[None]:
    """Forget what commands tested in this process made of logging, and leave nothing of it."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
