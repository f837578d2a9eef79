"""Real nats-servers for what cannot be learnt from a fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.conftest import NatsProcess


@pytest.fixture
def small_nats(tmp_path: Path) -> Iterator[NatsProcess]:
    """A nats-server with a store of 200 MB, for this test alone."""
    server = NatsProcess(tmp_path, store="200MB")
    server.start()
    yield server
    server.kill()
