"""A day goes from its partition to its file step by step, and whoever dies loses nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.storage.archive import days
from tests.storage.archive.days import (
    FACTOR,
    FIRST,
    HOUR,
    NOW,
    READING,
    START,
    archive,
    exporter,
    files_below,
    fill,
    make_days,
    meters,
    partitions,
    put_factor,
    put_reading,
    read_all,
    taken,
)

from wattwarden.storage.archive import export, extract, files, giveback
from wattwarden.storage.archive.catalogue import (
    ArchiveFile,
    Waits,
    archived,
    find_current,
    find_newest,
    list_files,
    pin_days,
    retire_before,
)
from wattwarden.storage.archive.export import Closed, Exporter, closed_days
from wattwarden.storage.archive.files import ArchiveDamagedError, verify
from wattwarden.storage.archive.giveback import give_back
from wattwarden.storage.archive.keeping import ArchiveBusyError, archiving, sweep
from wattwarden.storage.archive.store import Store
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError

DAY = timedelta(days=1)
NOW_DAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
ROLLUPS = ("rollup_15min", "rollup_hour", "rollup_day", "collected_hour")


class KilledError(Exception):
    """The process is gone."""


async def test_a_file_says_itself_what_is_in_it(store: Connection, tmp_path: Path) -> None:
    await fill(store, seed=1, days=1)
    rows = await store.fetchval("SELECT count(*) FROM reading")

    (file, factors) = await archive(store, tmp_path, READING, FACTOR)

    whole = pq.read_table(tmp_path / file.path)
    assert (file.rows, whole.num_rows, file.bytes) == (
        rows, rows, files_below(tmp_path)["reading_20260801-g1.parquet"],
    )  # fmt: skip
    key = [whole[name].to_pylist() for name in ("meter", "at", "channel", "period")]
    assert list(zip(*key, strict=True)) == sorted(zip(*key, strict=True))
    assert whole.schema.metadata[b"layout"] == b"1"
    assert whole.schema.field("energy_forward").metadata[b"unit"] == b"Wh"
    assert "current_c" not in whole.schema.names
    layouts = pq.read_schema(tmp_path / factors.path).metadata[b"codes"]
    assert b'["a34004","w01018"]' in layouts
    assert len(files_below(tmp_path)) == 2


async def test_more_rows_than_a_batch_come_in_order_and_whole(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((extract, "ROWS_PER_BATCH"), (files, "ROWS_PER_GROUP")):
        monkeypatch.setattr(module, name, 8)
    await fill(store, seed=2, days=1, rows=60)
    before = await read_all(store)

    (file, _) = await archive(store, tmp_path, READING, FACTOR)

    assert pq.ParquetFile(tmp_path / file.path).metadata.num_row_groups > 5
    assert await read_all(store) == before


@pytest.mark.parametrize("step", ["_write_file", "save_file", "stand_for_day", "_drop_partition"])
async def test_a_process_that_dies_at_any_step_leaves_the_day_readable_and_the_next_one_goes_on(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await fill(store, seed=4, days=1)
    before = await read_all(store)

    async def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Exporter if step.startswith("_") else export, step, die)
        with pytest.raises(KilledError):
            await exporter(store, tmp_path).archive(READING, NOW)
    assert await read_all(store) == before
    assert await find_current(store, "reading", FIRST) is None
    assert "reading_20260801" in await partitions(store)

    (file,) = await archive(store, tmp_path, READING)

    assert await read_all(store) == before
    assert file.generation == 1
    verify(Store(file.store), file)


async def test_a_file_that_was_verified_before_the_process_died_is_not_written_again(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, seed=4, days=1)

    async def wait(*_: object) -> Waits:
        return Waits("died")

    with monkeypatch.context() as patched:
        patched.setattr(Exporter, "drop", wait)
        await exporter(store, tmp_path).archive(READING, NOW)
    written = await find_newest(store, "reading", FIRST)
    told: list[int] = []

    done = await exporter(store, tmp_path, told.append).archive(READING, NOW)

    assert done == written
    assert told == []


@pytest.mark.parametrize("change", ["a row", "a value", "a row in a savepoint"])
async def test_rows_that_change_while_a_day_is_written_stop_it_before_anything_is_dropped(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    (one, *_) = await fill(store, seed=6, days=1)
    other = await connect(store_dsn, name="late")
    verified = files.verify
    loop = asyncio.get_running_loop()

    async def write() -> None:
        async with other.transaction():
            if change == "a value":
                await other.execute("UPDATE reading SET voltage_b = 1")
            elif change == "a row":
                await put_reading(other, one, "", "i", START + timedelta(seconds=7))
            else:
                async with other.transaction():
                    await put_reading(other, one, "", "i", START + timedelta(seconds=7))

    def late(store_: Store, file: ArchiveFile) -> None:
        verified(store_, file)
        asyncio.run_coroutine_threadsafe(write(), loop).result()

    with monkeypatch.context() as patched:
        patched.setattr(files, "verify", late)
        done = await exporter(store, tmp_path).archive(READING, NOW)
    assert done == Waits("rows came while it was written")
    before = await read_all(store)

    (file,) = await archive(store, tmp_path, READING)

    assert file.generation == 2
    assert await read_all(store) == before
    await other.close()


async def test_a_transaction_that_goes_on_while_a_day_is_written_is_not_lost(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LOCK_TIMEOUT_MS", 20)
    (one, *_) = await fill(store, seed=6, days=1)
    other = await connect(store_dsn, name="slow")
    slow = other.transaction()
    await slow.start()
    await put_reading(other, one, "", "i", START + timedelta(seconds=7), voltage_a=5.0)

    # It holds the partition, too.
    done = await exporter(store, tmp_path).archive(READING, NOW)
    await slow.commit()
    before = await read_all(store)
    await archive(store, tmp_path, READING)

    assert done == Waits("its rows are being read")
    assert await read_all(store) == before
    await other.close()


async def test_what_comes_otherwise_than_it_is_counted_is_refused(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, seed=7, days=1)
    arrays = extract._array

    def wrong(values: Any, named: Any) -> Any:
        return arrays(np.abs(values) if named.name == "power_total" else values, named)

    monkeypatch.setattr(extract, "_array", wrong)
    with pytest.raises(StorageError, match="the least power_total that came"):
        await exporter(store, tmp_path).archive(READING, NOW)
    assert await list_files(store) == []


@pytest.mark.parametrize("damage", ["a byte", "cut", "gone", "other rows"])
async def test_a_file_that_is_not_as_it_was_written_is_told(
    store: Connection, tmp_path: Path, damage: str
) -> None:
    await fill(store, seed=8, days=1)
    (file,) = await archive(store, tmp_path, READING)
    place = tmp_path / file.path
    raw = bytearray(place.read_bytes())
    match damage:
        case "a byte":
            raw[100] ^= 1
            place.write_bytes(raw)
        case "cut":
            place.write_bytes(raw[:-1])
        case "gone":
            place.unlink()
        case _:
            table = pq.read_table(place)
            pq.write_table(table.slice(1), place)

    with pytest.raises(StorageError, match="reading_20260801-g1"):
        verify(Store(file.store), file)


async def test_a_column_with_other_values_is_found_even_where_the_hash_of_the_file_agrees(
    store: Connection, tmp_path: Path
) -> None:
    await fill(store, seed=8, days=1)
    (file,) = await archive(store, tmp_path, READING)
    store_ = Store(file.store)
    digests = dict(file.digests) | {"voltage_a": "00" * 32}
    values = {name: getattr(file, name) for name in ArchiveFile.__slots__}

    with pytest.raises(ArchiveDamagedError, match="other values of voltage_a"):
        verify(store_, ArchiveFile(**(values | {"digests": digests})))
    with pytest.raises(ArchiveDamagedError, match="rows, not"):
        verify(store_, ArchiveFile(**(values | {"rows": file.rows + 1})))
    with pytest.raises(ArchiveDamagedError, match="laid out as 2"):
        verify(store_, ArchiveFile(**(values | {"layout": 2})))


async def test_a_disk_that_is_full_leaves_nothing_under_the_name(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, seed=8, days=1)
    whole = Store.create

    @contextmanager
    def full(self: Store, path: str) -> Iterator[IO[bytes]]:
        with whole(self, path) as file:
            file.close()
            yield file

    with monkeypatch.context() as patched:
        patched.setattr(Store, "create", full)
        with pytest.raises((StorageError, ValueError)):
            await exporter(store, tmp_path).archive(READING, NOW)

    assert list(files_below(tmp_path)) == []
    await archive(store, tmp_path, READING)
    assert list(files_below(tmp_path)) == ["reading_20260801-g1.parquet"]


async def test_days_wait_until_rows_rest_and_everybody_has_taken_them(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await make_days(store, 0)
    await put_reading(store, one, "", "i", START, step=7)
    work = exporter(store, tmp_path)

    first = await work.archive(READING, NOW)
    await taken(store, 7 + export.KEPT_WITHIN_STEPS)
    await store.execute("INSERT INTO forward_position (platform, step, qn) VALUES ('above', 3, 0)")
    second = await work.archive(READING, NOW)
    await store.execute("UPDATE forward_position SET step = 7")
    third = await work.archive(READING, START + HOUR / 2)
    fourth = await work.archive(READING, NOW)

    assert first == Waits("the warden has taken steps up to 0 of 21607")
    assert second == Waits("forwarding to above has taken steps up to 3 of 7")
    assert third == Waits("rows came within the last hour")
    assert isinstance(fourth, ArchiveFile)


async def test_a_partition_without_rows_is_dropped_without_a_file(
    store: Connection, tmp_path: Path
) -> None:
    await make_days(store, 0)

    assert await exporter(store, tmp_path).archive(FACTOR, NOW) is None

    assert await partitions(store) == {"reading_20260801"}
    assert await archived(store, None, None) == []


async def test_a_day_that_somebody_reads_stays(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LOCK_TIMEOUT_MS", 20)
    await fill(store, seed=3, days=1)
    await store.execute("DELETE FROM factor")
    other = await connect(store_dsn, name="reader")
    async with other.transaction():
        await other.fetch("SELECT FROM reading, factor LIMIT 1")
        done = await exporter(store, tmp_path).archive(READING, NOW)
        empty = await exporter(store, tmp_path).archive(FACTOR, NOW)
    await other.close()

    assert (done, empty) == (Waits("its rows are being read"), Waits("its rows are being read"))
    await archive(store, tmp_path, READING)


async def test_closed_days_are_those_before_the_hot_ones_and_not_kept_by_anybody(
    store: Connection,
) -> None:
    await make_days(store, 0, 1, 2)
    now = START + 10 * DAY

    async def closed(hot_days: int) -> list[str]:
        return [one.partition for one in await closed_days(store, now, hot_days)]

    assert await closed(10) == []
    assert await closed(9) == ["factor_20260801", "reading_20260801"]
    await pin_days(store, [FIRST], now + HOUR)
    assert await closed(8) == ["factor_20260802", "reading_20260802"]
    now += HOUR
    assert await closed(9) == ["factor_20260801", "reading_20260801"]


async def test_late_rows_join_those_of_the_file_as_if_they_had_stood_there(
    store: Connection, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await make_days(store, 0)
    minutes = [START + timedelta(minutes=n) for n in range(5)]
    for at in minutes[:4]:
        await put_reading(store, one, "", "i", at, voltage_a=230.0, energy_forward=10)
    await taken(store)
    (first,) = await archive(store, tmp_path, READING)

    await make_days(store, 0)
    late: dict[str, Any] = {"late": 90 * DAY, "step": 5}
    await put_reading(store, one, "", "i", minutes[0], **late, voltage_a=230.0)
    await put_reading(store, one, "", "i", minutes[1], **late, current_a=2.0)
    await put_reading(store, one, "", "i", minutes[2], **late, voltage_a=9.0, current_a=3.0)
    await put_reading(store, one, "", "i", minutes[4], **late, voltage_a=231.0)
    (second,) = await archive(store, tmp_path, READING)

    (found,) = await read_all(store)
    said = [(one.step, {value.quantity: value.value for value in one.values}) for one in found]
    whole = {"voltage_a": 230.0, "energy_forward": 10}
    assert said == [
        (1, whole),
        (5, {"voltage_a": 230.0, "current_a": 2.0, "energy_forward": 10}),
        (1, whole),
        (1, whole),
        (5, {"voltage_a": 231.0}),
    ]
    assert found[1].received_at == minutes[1] + timedelta(seconds=1)
    (revision,) = await store.fetch("SELECT at, offered, step, shard FROM revision")
    assert tuple(revision) == (
        minutes[2], '{"current_a": 3.0, "voltage_a": 9.0}', 5, giveback.NO_SHARD,
    )  # fmt: skip
    assert (second.generation, second.rows) == (2, 5)
    assert [one.file.path for one in await list_files(store)] == [second.path]
    assert (tmp_path / first.path).exists()


async def test_late_factors_join_by_their_codes(store: Connection, tmp_path: Path) -> None:
    (one, *_) = await fill(store, seed=2, days=1, rows=0)
    layout = await store.fetchval("SELECT id FROM factor_layout")
    await put_factor(store, layout, one, "", "i", START, None)
    await archive(store, tmp_path, FACTOR)
    await make_days(store, 0)
    await put_factor(store, layout, one, "", "i", START, 0.5)

    (file,) = await archive(store, tmp_path, FACTOR)

    ((reading,), *_) = await read_all(store)
    assert [(one.quantity, one.value, one.flag) for one in reading.values] == [
        ("a34004", 0.5, "N"), ("w01018", 2.25, ""),
    ]  # fmt: skip
    assert file.generation == 2


async def test_giving_a_day_back_can_die_between_any_groups_and_is_done_again(
    store: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_PER_GROUP", 8)
    await fill(store, seed=5, days=1, rows=40)
    before = await read_all(store)
    (file,) = await archive(store, tmp_path, READING)

    def die(_rows: int) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        await give_back(store, file, tell=die)
    assert await read_all(store) == before
    assert await store.fetchval("SELECT count(*) FROM ONLY reading_20260801") > 0
    done = await give_back(store, file)

    assert await read_all(store) == before
    assert await archived(store, None, None) == []
    assert (done.rows, done.complements, done.revised) == (file.rows, 0, 0)
    assert 0 < done.inserted < file.rows


async def fill_rollups(store: Connection) -> None:
    for table, more in zip(ROLLUPS, [("received, expected", "9, 9")] * 3 + [
        ("factors, received, valid, slots", "FALSE, 9, 9, 9")
    ], strict=True):  # fmt: skip
        await store.execute(
            f"INSERT INTO {table} (meter, channel, start, {more[0]}) SELECT 1, '', at, {more[1]}"  # noqa: S608  ours
            " FROM generate_series($1::timestamptz, $2::timestamptz, interval '6 hours') AS at",
            START - DAY,
            NOW,
        )


async def oldest_rollups(store: Connection) -> list[datetime]:
    return [await store.fetchval(f"SELECT min(start) FROM {table}") for table in ROLLUPS]  # noqa: S608  ours


async def test_files_go_when_their_days_were_kept_long_enough_or_replaced_for_an_hour(
    store: Connection, tmp_path: Path
) -> None:
    await fill(store, seed=5, days=1)
    await fill_rollups(store)
    (file,) = await archive(store, tmp_path, READING)

    place = tmp_path.as_uri()
    assert await sweep(store, NOW, 200, place) == (0, 0)
    assert await oldest_rollups(store) == [START - DAY] * 4
    assert await sweep(store, NOW, 30, place) == (0, 0)
    assert await oldest_rollups(store) == [NOW_DAY - 30 * DAY] * 4
    assert (tmp_path / file.path).exists()
    assert await archived(store, None, None) == []
    assert await sweep(store, NOW + 2 * HOUR, 30, place) == (1, 0)
    assert not (tmp_path / file.path).exists()
    assert await retire_before(store, FIRST + DAY, NOW) == 0


async def test_a_bucket_of_another_system_is_left_alone(store: Connection, tmp_path: Path) -> None:
    await fill(store, seed=5, days=1)
    await archive(store, tmp_path, READING)
    theirs = "s3://production/days"
    await store.execute("UPDATE archive_file SET store = $1", theirs)
    removed = list[str]()

    class Bucket:
        def __init__(self, url: str) -> None:
            self.url = url

        def remove(self, path: str) -> None:
            removed.append(f"{self.url}/{path}")

    opener = cast("type[Store]", Bucket)
    ours = "s3://trial/days"
    assert await sweep(store, NOW, 30, ours, opener) == (0, 0)
    assert await sweep(store, NOW + 2 * HOUR, 30, ours, opener) == (0, 1)
    assert removed == []
    assert await sweep(store, NOW + 2 * HOUR, 30, theirs, opener) == (1, 0)
    assert removed == [f"{theirs}/reading/2026-08/reading_20260801-g1.parquet"]


async def test_one_at_a_time_works_on_the_archive(store_dsn: str) -> None:
    async with archiving(store_dsn) as first:
        with pytest.raises(ArchiveBusyError):
            async with archiving(store_dsn):
                pass
        assert await first.fetchval("SELECT 1") == 1
    closed = Closed("reading", days.FIRST)
    assert closed.partition == "reading_20260801"
