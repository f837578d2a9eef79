import asyncio
from datetime import UTC, datetime

import pytest

from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.moments import us_of
from wattwarden.storage.rows import partitions as partitions_module
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.partitions import DAY_US, Partitions, note_parts, partition_name
from wattwarden.storage.rows.tables import FACTOR, READING
from wattwarden.storage.rows.upkeep import Upkeep

DAY = us_of(datetime(2027, 3, 1, tzinfo=UTC)) // DAY_US


async def columns(store: Connection, table: str) -> list[tuple[str, str]]:
    rows = await store.fetch(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
        table,
    )
    return [(row["column_name"], row["data_type"]) for row in rows]


async def test_the_table_has_a_column_for_each_quantity_in_order(store: Connection) -> None:
    found = await columns(store, "reading")
    wanted = [(name, "bigint" if q.exact else "real") for name, q in QUANTITIES.items()]
    assert found[-len(wanted) :] == wanted
    assert sorted(name for name, _ in found) == sorted(READING.columns)
    assert sorted(name for name, _ in await columns(store, "factor")) == sorted(FACTOR.columns)


async def test_a_partition_is_made_once_with_the_keys_and_indexes_of_its_table(
    store: Connection,
) -> None:
    partitions = Partitions(0)

    assert await partitions.ensure(store, "reading", [DAY, DAY + 1]) == 2
    assert await partitions.ensure(store, "reading", [DAY]) == 0
    assert await Partitions(1).ensure(store, "reading", [DAY, DAY + 2]) == 1

    name = partition_name("reading", DAY)
    assert name == "reading_20270301"
    indexes = await store.fetch(
        "SELECT indexdef FROM pg_indexes WHERE tablename = $1 ORDER BY indexname", name
    )
    keyed, step = (row["indexdef"] for row in indexes)
    assert "UNIQUE" in keyed
    assert "(meter, channel, period, at)" in keyed
    assert "pages_per_range='16', autosummarize='on'" in step
    assert {DAY, DAY + 1} <= partitions.days("reading")


async def test_rows_that_waited_in_default_move_and_lose_the_mark(store: Connection) -> None:
    await store.execute(
        "INSERT INTO reading_default (meter, step, at, received_at, quality, period, channel)"
        " SELECT 1, 1 + n % 2, '2027-03-01 23:59:58+00'::timestamptz + n * interval '1 s', now(),"
        " $1, 'i', '' FROM generate_series(0, 3) AS n",
        Quality.DEFAULT_PARTITION | Quality.DOUBTFUL,
    )

    await Partitions(3).ensure(store, "reading", [DAY])

    rows = await store.fetch(
        "SELECT tableoid::regclass::text AS name, quality FROM reading ORDER BY at"
    )
    kept = int(Quality.DEFAULT_PARTITION | Quality.DOUBTFUL)
    moved = ("reading_20270301", int(Quality.DOUBTFUL))
    assert [tuple(row) for row in rows] == [moved, moved, *[("reading_default", kept)] * 2]
    parts = await store.fetch("SELECT step, shard, partition, rows FROM step_part ORDER BY step")
    assert [tuple(part) for part in parts] == [
        (1, 3, "reading_20270301", 1), (2, 3, "reading_20270301", 1),
    ]  # fmt: skip


async def test_two_that_make_the_same_partition_do_not_hurt_each_other(
    store: Connection, store_dsn: str
) -> None:
    other = await connect(store_dsn, name="test")

    made = await asyncio.gather(
        Partitions(0).ensure(store, "reading", [DAY]), Partitions(1).ensure(other, "reading", [DAY])
    )

    assert sorted(made) == [0, 1]
    await other.close()


async def test_a_partition_waits_for_the_next_time_while_a_query_holds_the_tables(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions_module, "LOCK_TIMEOUT_MS", 50)
    reader = await connect(store_dsn, name="test")
    partitions = Partitions(0)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM reading")
        assert await partitions.ensure(store, "reading", [DAY]) == 0
    assert DAY not in partitions.days("reading")
    assert await partitions.ensure(store, "reading", [DAY]) == 1
    await reader.close()


async def test_parts_of_a_step_add_up(store: Connection) -> None:
    await note_parts(store, 0, {(1, "a"): 2, (1, "b"): 3})
    await note_parts(store, 0, {(1, "a"): 5})
    await note_parts(store, 1, {(1, "a"): 7})
    await note_parts(store, 1, {})

    rows = await store.fetch("SELECT shard, partition, rows FROM step_part ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == [(0, "a", 7), (0, "b", 3), (1, "a", 7)]


async def test_upkeep_makes_the_partitions_of_the_next_days(store: Connection) -> None:
    upkeep, partitions = Upkeep(ClockBounds(future_days=2)), Partitions(0)
    noon = DAY * 86_400 + 43_200

    await upkeep.look(store, partitions, None)
    assert partitions.days("reading") == frozenset()
    await upkeep.look(store, partitions, noon)

    for table in ("reading", "factor"):
        assert {DAY, DAY + 1, DAY + 2} <= partitions.days(table)


async def test_upkeep_summarises_and_forgets_what_is_old(store: Connection) -> None:
    await store.execute(
        "INSERT INTO session_event (shard, sequence, place, at, gateway, epoch, what, peer, reason)"
        " SELECT 0, n, 0, to_timestamp($1::bigint - n * 86400), 'g', 1, 'open', 'p', ''"
        " FROM generate_series(0, 200, 50) AS n",
        DAY * 86_400,
    )
    await store.execute(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
        " SELECT n, n, '2026-11-21 12:00+00', now(), 0, 'i', '' FROM generate_series(1, 9000) AS n"
    )
    upkeep = Upkeep(ClockBounds())
    upkeep.touched |= {"reading_20261121", "reading_default", "reading_20000101"}

    await upkeep.look(store, Partitions(0), DAY * 86_400)

    assert await store.fetchval("SELECT count(*) FROM session_event") == 2
    assert upkeep.touched == set()
    left = await store.fetchval("SELECT brin_summarize_new_values('reading_20261121_step_idx')")
    assert left == 0
