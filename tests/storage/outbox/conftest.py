from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.storage.outbox.city import SECRET, City

from wattwarden.storage.database import Connection


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection, store_dsn: str, tmp_path: Path) -> AsyncIterator[City]:
    (tmp_path / "hook-key").write_text(SECRET + "\n")
    (tmp_path / "corp").write_text("corp-secret")
    (tmp_path / "robot").write_text("robot-key")
    made = City(store, store_dsn, tmp_path)
    await made.receiver.start()
    yield made
    for courier in made.couriers:
        await courier.leave()
    await made.receiver.stop()
