from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wattwarden.storage.engines.postgres import EmbeddedPostgres


@pytest.fixture
async def stopped(cluster_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Not started; the test need not stop it."""
    engine = EmbeddedPostgres(cluster_folder)
    yield engine
    await engine.stop()
