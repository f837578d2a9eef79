"""How far the shards are stored, as those ask who do not write."""

from pathlib import Path

import pytest

from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.position import stored_sequences


async def test_each_shard_tells_up_to_where_it_is_stored(store: Connection, store_dsn: str) -> None:
    assert await stored_sequences(store_dsn) == {}
    await store.execute(
        "INSERT INTO journal_position (shard, sequence, tick) VALUES (0, 17, 3), (1, 5, 3)"
    )
    assert await stored_sequences(store_dsn) == {0: 17, 1: 5}


async def test_a_database_that_is_away_is_an_error_that_passes(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        await stored_sequences(f"postgresql:///none?host={tmp_path}")
    assert caught.value.retryable
