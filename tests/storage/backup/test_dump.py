"""A snapshot is one moment, and nobody waits for it: neither meters nor the archivist."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import zstandard

from wattwarden.storage.backup.dump import dump, snapshot
from wattwarden.storage.backup.errors import BackupError
from wattwarden.storage.backup.files import BackupFolder
from wattwarden.storage.backup.share import Share
from wattwarden.storage.database import Connection
from wattwarden.storage.rows.partitions import Partitions

METER = (
    "INSERT INTO meter (codec, address, state, enrolled_at) VALUES ('fake', $1, 'accepted', now())"
)


@pytest.fixture
def folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path, Share(max))


def lines_of(folder: BackupFolder, table: str) -> list[str]:
    packed = (folder.root / f"database/{table}.copy.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(packed).decode().splitlines()


async def test_what_is_written_meanwhile_is_not_in_it(
    store: Connection, store_dsn: str, folder: BackupFolder
) -> None:
    await store.execute(METER, "before")
    async with snapshot(store_dsn) as held:
        await store.execute(METER, "after")
        await store.execute("DELETE FROM slice_position WHERE slice > 3")
        tables = {one.name: one for one in await dump(store_dsn, held, folder)}

    assert tables["meter"].rows == 1
    assert lines_of(folder, "meter")[0].split("\t")[1:3] == ["fake", "before"]
    assert tables["slice_position"].rows == 32
    assert tables["reading_20261122"].parent == "reading"
    assert tables["reading_default"].parent is None
    assert folder.files["database/meter.copy.zst"].bytes > 0


async def test_tomorrow_s_partition_is_made_meanwhile_and_yesterday_s_is_not_dropped(
    store: Connection, store_dsn: str
) -> None:
    async with snapshot(store_dsn):
        assert await Partitions(0).ensure(store, "reading", [20_790]) == 1
        await store.execute("SET lock_timeout = 50")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await store.execute("DROP TABLE reading_20261122")
        await store.execute("RESET lock_timeout")


async def test_a_schema_that_changes_meanwhile_is_noticed(
    store: Connection, store_dsn: str, folder: BackupFolder
) -> None:
    async with snapshot(store_dsn) as held:
        await store.execute("INSERT INTO migration VALUES (999, 'more', '')")
        with pytest.raises(BackupError, match="upgraded while it was copied"):
            await dump(store_dsn, held, folder)
        await store.execute("DELETE FROM migration WHERE number = 999")


async def test_a_database_without_a_system_is_said_to_be_none(store_dsn: str) -> None:
    with pytest.raises(BackupError, match="no tables of this program"):
        async with snapshot(f"{store_dsn}&search_path=elsewhere"):
            pass


async def test_work_in_a_thread_ends_before_it_counts_as_given_up() -> None:
    ended: list[bool] = []
    share = Share(max)

    def work() -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(ended.append, True)  # noqa: FBT003  theirs
            for _ in endless():
                share(1)

    task = asyncio.create_task(share.aside(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


def endless() -> Iterator[None]:
    while True:
        yield
