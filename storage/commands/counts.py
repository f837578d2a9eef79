"""What came of the polls of meters, as the gateway that holds their connection counts."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from wattwarden.protocol.polling import PollCounters
from wattwarden.storage.database import Connection, errors


@dataclass(frozen=True, slots=True)
class Counted:
    """The counters of one connection; of a line of several meters, those of whoever registered."""

    codec: str
    identity: str
    counters: PollCounters

    @property
    def name(self) -> str:
        """How commands call the meter."""
        return f"{self.codec}:{self.identity}"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The counters, in the order of the table."""
        return astuple(self.counters)


async def tell_counts(connection: Connection, counted: Sequence[Counted], now: datetime) -> None:
    """Keep the counters of connections; a new connection begins anew.

    Raises:
        StorageError: The database is away.
    """
    with errors("keeping what came of polls"):
        await connection.executemany(
            "INSERT INTO poll_count (codec, address, told_at, asked, answered, timed_out, silenced,"
            " late) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (codec, address) DO UPDATE"
            " SET told_at = excluded.told_at, asked = excluded.asked, answered = excluded.answered,"
            " timed_out = excluded.timed_out, silenced = excluded.silenced, late = excluded.late",
            [(one.codec, one.identity, now, *one.numbers) for one in counted],
        )


async def load_counts(connection: Connection, codec: str, address: str) -> dict[str, Any] | None:
    """Return the counters of a meter's last connection, None where it was never polled.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading what came of polls"):
        row = await connection.fetchrow(
            "SELECT told_at, asked, answered, timed_out, silenced, late FROM poll_count"
            " WHERE codec = $1 AND address = $2",
            *(codec, address),
        )
    return None if row is None else dict(row)
