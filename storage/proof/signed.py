"""How far days are signed: what whoever runs the system has to know of evidence."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from wattwarden.storage.database import Connection, errors

# A day is over ten minutes after midnight, is looked for each hour, and takes minutes to sign.
SIGNED_WITHIN: Final = timedelta(hours=3)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignedTo:
    """The last day (UTC) that is signed, None before the first, and how many are late since.

    Days in which nothing ran are never signed: they count until a later day is.
    """

    day: date | None
    late_days: int

    @property
    def until_s(self) -> float:
        """The end of the last signed day, in seconds since 1970; 0 before the first."""
        return 0.0 if self.day is None else _midnight(self.day + _DAY).timestamp()


async def signed_to(connection: Connection, wall: datetime) -> SignedTo:
    """Return how far days are signed; before the first, days count from the system's beginning.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking how far days are signed"):
        row = await connection.fetchrow(
            "SELECT (SELECT max(day) FROM day_root) AS last,"
            " (SELECT min(applied_at) FROM migration) AS begun"
        )
    assert row is not None  # noqa: S101  a query without a table is one row
    last: date | None = row["last"]
    since = row["begun"].astimezone(UTC).date() if last is None else last + _DAY
    # Midnight by which every day before it should have been signed.
    due = (wall - SIGNED_WITHIN).astimezone(UTC).date()
    return SignedTo(last, max(0, (due - since).days))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
