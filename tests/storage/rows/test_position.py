"""How far the shards are stored, as those ask who do not write."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.position import (
    TICK_DAYS,
    TICKS_BEHIND_WARDEN,
    forget_old,
    stored_sequences,
)

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


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


async def ticks(store: Connection) -> list[int]:
    return [row["number"] for row in await store.fetch("SELECT number FROM tick ORDER BY number")]


async def test_old_ticks_go_but_the_first_those_of_alarms_and_what_a_warden_has_to_fold(
    store: Connection,
) -> None:
    await store.execute(
        "INSERT INTO tick (shard, number, second, covers_s)"
        " SELECT 0, n, extract(epoch FROM $1::timestamptz) + n, 1 FROM generate_series(1, 9) AS n",
        NOON,
    )
    await store.execute(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, found_in,"
        " version, explanation) VALUES ('R1', 's', '', $1, 'e', 'l', $2, 'readings', '1', '{}')",
        NOON,
        NOON + timedelta(seconds=4),
    )
    old = NOON + timedelta(days=TICK_DAYS, seconds=8)

    await store.execute("UPDATE slice_position SET step = $1", 10 + TICKS_BEHIND_WARDEN)
    await forget_old(store, NOON + timedelta(days=TICK_DAYS))
    assert await ticks(store) == [1, 2, 3, 4, 5, 6, 7, 8, 9]

    await store.execute("UPDATE slice_position SET step = step - 4 WHERE slice = 17")
    await forget_old(store, old)
    assert await ticks(store) == [1, 4, 6, 7, 8, 9]

    await store.execute("UPDATE slice_position SET step = step + 4 WHERE slice = 17")
    await forget_old(store, old)
    assert await ticks(store) == [1, 4, 8, 9]


async def test_ticks_of_years_go_a_part_at_a_time_the_oldest_first(store: Connection) -> None:
    await store.execute(
        "INSERT INTO tick (shard, number, second, covers_s)"
        " SELECT 0, n, extract(epoch FROM $1::timestamptz) + n, 1 FROM generate_series(1, 9) AS n",
        NOON,
    )
    await store.execute("UPDATE slice_position SET step = $1", 10 + TICKS_BEHIND_WARDEN)
    now = NOON + timedelta(days=TICK_DAYS + 1)
    left = []
    for _ in range(3):
        await forget_old(store, now, most_ticks=3)
        left.append(await ticks(store))
    assert left == [[1, 5, 6, 7, 8, 9], [1, 8, 9], [1]]
