"""How fast what is kept grows: for whoever has to say when a disk will be full."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from wattwarden.storage.database import Connection, errors

# A week has its Sunday; what changed before it tells nothing of the coming month.
LOOK_BACK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes a day, of rows in the database and of days that became files; ``days`` were seen."""

    rows_bytes: int
    files_bytes: int
    days: int


async def measure_growth(connection: Connection, today: date) -> Growth:
    """Measure the days before today.

    Raises:
        StorageError: The database is away.
    """
    with errors("measuring how fast rows grow"):
        rows = await connection.fetch(
            "SELECT right(c.relname, 8) AS day, sum(pg_total_relation_size(c.oid))::bigint AS size"
            " FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
            " WHERE i.inhparent IN ('reading'::regclass, 'factor'::regclass)"
            r" AND c.relname ~ '_\d{8}$' AND to_date(right(c.relname, 8), 'YYYYMMDD') < $1"
            " AND to_date(right(c.relname, 8), 'YYYYMMDD') >= $1 - $2::int GROUP BY 1",
            today,
            LOOK_BACK_DAYS,
        )
        files = await connection.fetchval(
            "SELECT coalesce(sum(bytes) / nullif(count(DISTINCT day), 0), 0)::bigint"
            " FROM archive_file WHERE replaced_at IS NULL AND day >= ("
            " SELECT max(day) - $1::int FROM archive_file)",
            LOOK_BACK_DAYS,
        )
    count = len(rows)
    total = sum(row["size"] for row in rows)
    return Growth(total // count if count else 0, files, count)
