"""How far days are signed, and how many are late: told before somebody needs their evidence."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wattwarden.storage.database import Connection
from wattwarden.storage.proof.signed import SIGNED_WITHIN, SignedTo, signed_to

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "late_days"),
    [
        pytest.param(MIDNIGHT + SIGNED_WITHIN - timedelta(seconds=1), 0, id="just over"),
        pytest.param(MIDNIGHT + SIGNED_WITHIN, 1, id="should be signed"),
        pytest.param(MIDNIGHT + timedelta(days=2, hours=23), 3, id="for days"),
    ],
)
async def test_a_day_that_should_be_signed_is_late(
    store: Connection, wall: datetime, late_days: int
) -> None:
    await store.execute(
        "INSERT INTO day_root (day, statement, signature, leaves) VALUES"
        " ('2026-11-19', '', '', ''), ('2026-11-20', '', '', '')"
    )
    found = await signed_to(store, wall)
    assert found == SignedTo(date(2026, 11, 20), late_days)
    assert found.until_s == datetime(2026, 11, 21, tzinfo=UTC).timestamp()


async def test_before_the_first_root_days_count_from_the_beginning(store: Connection) -> None:
    begun = await store.fetchval("SELECT min(applied_at) FROM migration")
    assert await signed_to(store, begun) == SignedTo(None, 0)
    found = await signed_to(store, begun + timedelta(days=3) + SIGNED_WITHIN)
    assert found == SignedTo(None, 3)
    assert found.until_s == 0
