"""How fast rows and files grow is measured on the days before today."""

from datetime import UTC, date, datetime

from wattwarden.storage.database import Connection
from wattwarden.storage.growth import measure_growth

# The store of the tests has partitions of 2026-11-21 to 23.
TODAY = date(2026, 11, 23)


async def test_the_days_before_today_are_measured(store: Connection) -> None:
    found = await measure_growth(store, TODAY)
    assert (found.days, found.files_bytes) == (2, 0)
    empty = found.rows_bytes
    assert empty > 0
    assert (await measure_growth(store, date(2026, 11, 21))).days == 0


async def test_files_are_measured_by_their_days(store: Connection) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    for kind, day, size in (("reading", 1, 100), ("factor", 1, 60), ("reading", 2, 40)):
        await store.execute(
            "INSERT INTO archive_file (kind, day, generation, store, path, sha256, bytes, rows,"
            " first_at, last_at, layout, digests, seen_before, written_at) VALUES ($1, $2, 1, '',"
            " '', $3, $4, 0, $5, $5, 1, '{}', '1', $5)",
            *(kind, date(2026, 8, day), bytes(32), size, at),
        )
    assert (await measure_growth(store, TODAY)).files_bytes == 100
