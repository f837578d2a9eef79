"""Notices and attempts that are old enough are forgotten, but never what is open.

A notice is open until it is delivered or given up, and stays as long as its alarm's case is open:
whoever heard of the raise hears of the end.
"""

from datetime import datetime
from typing import Final

from wattwarden.storage.database import Connection, errors

OPEN_STATES: Final = ("waiting", "sending", "asking", "merged")


async def forget_attempts(connection: Connection, before: datetime, limit: int) -> int:
    """Delete attempts that began before a moment (wall time), at most so many; return how many.

    Raises:
        StorageError: The database is away.
    """
    with errors("forgetting old attempts"):
        done = await connection.execute(
            "DELETE FROM attempt WHERE ctid = ANY(ARRAY(SELECT a.ctid FROM attempt AS a"
            " JOIN outbox AS o ON o.id = a.outbox WHERE a.started < $1"
            " AND o.state <> ALL($2) LIMIT $3))",
            before,
            OPEN_STATES,
            limit,
        )
    return int(done.rpartition(" ")[2])


async def forget_notices(connection: Connection, before: datetime, limit: int) -> int:
    """Delete notices that were written before a moment (system time), with their attempts.

    Returns:
        How many, at most ``limit``.

    Raises:
        StorageError: The database is away.
    """
    with errors("forgetting old notices"):
        done = await connection.execute(
            "DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT o.id FROM outbox AS o"
            " WHERE o.created < $1 AND o.state <> ALL($2) AND o.fallback_at IS NULL"
            " AND NOT EXISTS (SELECT FROM alarm AS a LEFT JOIN alarm_case AS c ON c.alarm = a.id"
            " WHERE a.id = o.alarm AND NOT a.withdrawn AND (a.ended IS NULL"
            " OR coalesce(c.state, 'raised') NOT IN ('verified', 'closed')))"
            " AND NOT EXISTS (SELECT FROM outbox AS m WHERE m.head = o.id"
            " AND m.state = ANY($2)) ORDER BY o.created LIMIT $3))",
            before,
            OPEN_STATES,
            limit,
        )
    return int(done.rpartition(" ")[2])
