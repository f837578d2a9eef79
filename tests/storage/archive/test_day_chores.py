"""The archivist takes one closed day a round, tells what waits, and looks again in an hour."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.storage.archive.days import (
    HOUR,
    NOW,
    START,
    files_below,
    fill,
    make_days,
    meters,
    partitions,
    put_reading,
    read_all,
    taken,
)

from wattwarden.server.archivist import Chore
from wattwarden.server.day_chores import ArchiveCounters, days_chore
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.archive import export
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError

AUGUST = ArchivistSettings(hot_days=100)
"""On 22 November days before 14 August are closed."""


async def done(chore: Chore, rounds: int, now: object = NOW) -> None:
    with capture_logs():
        for _ in range(rounds):
            await chore.do(now)  # type: ignore[arg-type]  # a moment


async def test_every_closed_day_becomes_a_file_one_a_round(
    store: Connection, store_dsn: str, tmp_path: Path
) -> None:
    await fill(store, seed=1)
    before = await read_all(store)
    counters = ArchiveCounters()
    chore = days_chore(store_dsn, AUGUST, tmp_path.as_uri(), counters)

    await done(chore, 1)
    assert (counters.days, len(await partitions(store))) == (1, 3)
    await done(chore, 3)

    assert await partitions(store) == set()
    assert await read_all(store) == before
    assert (counters.days, counters.failed, counters.waiting) == (4, 0, {})
    assert counters.bytes == sum(files_below(tmp_path).values())
    assert counters.rows == await store.fetchval("SELECT sum(rows) FROM archive_file")


async def test_what_waits_is_told_until_it_went_and_looked_for_hourly(
    store: Connection, store_dsn: str, tmp_path: Path
) -> None:
    (one,) = await meters(store, 1)
    await make_days(store, 0, 1)
    for day in (0, 1):
        await put_reading(store, one, "", "i", START + 24 * day * HOUR, step=9)
    counters = ArchiveCounters()
    chore = days_chore(store_dsn, AUGUST, tmp_path.as_uri(), counters)

    await done(chore, 5)
    why = "the warden has taken steps up to 0 of 21609"
    both = {"reading_20260801": why, "reading_20260802": why}
    assert counters.waiting == both
    # Looked for anew they go on to wait, one of them tried again or both.
    await done(chore, 1, NOW + HOUR)
    assert counters.waiting == both
    await done(chore, 1, NOW + HOUR)
    await taken(store)
    await done(chore, 2, NOW + 2 * HOUR - timedelta(minutes=1))
    assert counters.waiting == both
    await done(chore, 1, NOW + 2 * HOUR)
    assert counters.waiting == {"reading_20260802": why}
    await done(chore, 1, NOW + 2 * HOUR)

    assert counters.waiting == {}
    assert await partitions(store) == set()


async def test_a_day_that_fails_is_counted_and_the_next_one_goes(
    store: Connection, store_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, seed=1, days=1)
    counters = ArchiveCounters()
    chore = days_chore(store_dsn, AUGUST, tmp_path.as_uri(), counters)

    async def refuse(*_: object) -> None:
        raise StorageError("no room", retryable=True)

    with monkeypatch.context() as patched:
        patched.setattr(export.Exporter, "write", refuse)
        with pytest.raises(StorageError, match="no room"):
            await done(chore, 1)
    await done(chore, 1)

    assert (counters.failed, counters.days) == (1, 1)
    assert await partitions(store) == {"factor_20260801"}


async def test_a_store_of_old_that_is_away_keeps_no_day_from_going(
    store: Connection, store_dsn: str, tmp_path: Path
) -> None:
    await fill(store, seed=1, days=1)
    (tmp_path / "a-file").touch()
    away = (tmp_path / "a-file" / "days").as_uri()
    for number, place in enumerate((away, tmp_path.as_uri()), 1):
        await store.execute(
            "INSERT INTO archive_file (kind, day, generation, store, path, sha256, bytes, rows,"
            " first_at, last_at, layout, digests, seen_before, written_at, replaced_at)"
            " VALUES ('reading', '2026-07-01', $1, $2, 'gone', decode(repeat('00', 32), 'hex'),"
            " 1, 1, $3, $3, 1, '{}', '3', $3, $3)",
            *(number, place, START),
        )
    counters = ArchiveCounters()
    chore = days_chore(store_dsn, AUGUST, tmp_path.as_uri(), counters)

    with pytest.raises(StorageError, match="a-file"):
        await done(chore, 1)
    await done(chore, 2)

    assert (counters.days, counters.removed, counters.failed) == (2, 1, 0)
    stores = await store.fetch("SELECT store FROM archive_file WHERE replaced_at IS NOT NULL")
    assert [row["store"] for row in stores] == [away]


async def test_nothing_is_opened_while_no_day_is_closed(store_dsn: str, tmp_path: Path) -> None:
    chore = days_chore(store_dsn, AUGUST, (tmp_path / "none").as_uri(), ArchiveCounters())

    await done(chore, 2)

    assert not (tmp_path / "none").exists()
