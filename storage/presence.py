"""Who of several processes that share work is there, and the end of those who are gone.

    seen each second ─► there     not seen for 5 s, or for 2 s and without a session ─► gone
    nobody seen for 2 s ─► the database was away: all are taken for seen when the first comes back

Else whoever came back first would take what others had, and give it back a moment later.

The database's clock is the only one that counts.  Who is gone may still have transactions open, as
a process that stands still or a machine that was cut off has: they are ended, so that nobody has
to wait for the rows that they lock.
"""

from typing import Final

from wattwarden.storage.database import Connection, session_name

# Seen every second: what a dead one had is taken over within ten.
TTL_S: Final = 5.0
# A process that was killed has no session any more; a database that was restarted gets new ones.
GRACE_S: Final = 2.0

_TABLES: Final = frozenset({"warden", "writer"})


async def be_seen(connection: Connection, table: str, holder: str) -> None:
    """Say that ``holder`` is there; its sessions are named after it."""
    await connection.execute(
        f"UPDATE {_checked(table)} SET seen_at = clock_timestamp() WHERE"  # noqa: S608  checked
        f" (SELECT max(seen_at) FROM {_checked(table)})"
        " < clock_timestamp() - make_interval(secs => $1)",
        GRACE_S,
    )
    await connection.execute(
        f"INSERT INTO {_checked(table)} (holder, seen_at) VALUES ($1, clock_timestamp())"  # noqa: S608  checked
        " ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at",
        holder,
    )


async def forget_gone(connection: Connection, table: str) -> int:
    """Forget who is gone and end their sessions; return how many are there."""
    gone = await connection.fetch(
        f"DELETE FROM {_checked(table)} AS t WHERE seen_at < clock_timestamp()"  # noqa: S608  checked
        " - make_interval(secs => $1) OR (seen_at < clock_timestamp() - make_interval(secs => $2)"
        " AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datname = current_database()"
        " AND a.application_name = $3 || t.holder)) RETURNING holder",
        TTL_S,
        GRACE_S,
        session_name(""),
    )
    for row in gone:
        await end_sessions(connection, row["holder"])
    count: int = await connection.fetchval(f"SELECT count(*) FROM {_checked(table)}")  # noqa: S608  checked
    return count


async def leave(connection: Connection, table: str, holder: str) -> None:
    """Say that ``holder`` is there no more."""
    await connection.execute(f"DELETE FROM {_checked(table)} WHERE holder = $1", holder)  # noqa: S608  checked


async def end_sessions(connection: Connection, name: str) -> None:
    """End the sessions of a name, but for the one that asks."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = $1 AND pid <> pg_backend_pid()",
        session_name(name),
    )


def _checked(table: str) -> str:
    if table not in _TABLES:
        message = f"{table} is no table of holders"
        raise ValueError(message)
    return table
