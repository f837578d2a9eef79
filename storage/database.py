"""Connections to PostgreSQL with bounds, and what its errors mean to us.

open_pool, connect ──► asyncpg ──► errors() ──► StorageError(retryable)
deadline(connection, s)    ends the connection when what runs on it takes longer
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeAlias

import asyncpg

from wattwarden.storage.errors import StorageError

# Quoted: generic for type checkers only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

# A server under load answers a new connection within a second; ten mean that it is away.
CONNECT_TIMEOUT_S: Final = 10.0
# The console's largest page takes under a second; a minute is a query that forgot its limit.
COMMAND_TIMEOUT_S: Final = 60.0
# Each costs the server some 10 MB; a role needs one to work with and one to listen or report.
POOL_CONNECTIONS: Final = 4
# The cancellation follows the cut connection, so that nothing waits for an answer any more.
CANCEL_AFTER_CUT_S: Final = 0.1
# Connection, rollback by the server, resources, intervention, system: they pass, or are mended.
RETRYABLE_CLASSES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
# Read-only: the server became a standby, and the next connection finds the one that is primary now.
DEMOTED: Final = "25006"
# Data, integrity, a trigger's own exception: the row's fault, which another try meets again.
ROW_FAULTS: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.RaiseError,
)


async def open_pool(dsn: str, *, name: str, most: int = POOL_CONNECTIONS) -> Pool:
    """Open a pool whose every call is bounded; ``name`` shows in the server's list of sessions.

    Raises:
        StorageError: No connection could be made.
    """
    with errors(f"connecting to the database for {name}"):
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=most,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings=_session_settings(name),
        )


async def connect(
    dsn: str, *, name: str, command_timeout_s: float | None = COMMAND_TIMEOUT_S
) -> Connection:
    """Open one connection; the caller closes it.

    Raises:
        StorageError: It could not be made.
    """
    with errors(f"connecting to the database for {name}"):
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            server_settings=_session_settings(name),
        )


@contextlib.contextmanager
def errors(doing: str) -> Iterator[None]:
    """Turn what the driver raises into StorageError; ``doing`` begins the message."""
    try:
        yield
    except asyncpg.PostgresError as error:
        message = f"{doing}: {error}"
        raise StorageError(message, retryable=is_passing(error)) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        message = f"{doing}: {str(error) or type(error).__name__}"
        raise StorageError(message, retryable=True) from error


def is_passing(error: asyncpg.PostgresError) -> bool:
    """Whether the same statement can succeed later without anybody's help."""
    state = error.sqlstate or ""
    return state[:2] in RETRYABLE_CLASSES or state == DEMOTED


@contextlib.asynccontextmanager
async def deadline(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """End the connection when the block takes longer; what waits for it then fails.

    A timeout alone is not enough: after it the driver still waits for the server to take back what
    it began, and a COPY that waits for room to write does not hear that the connection is gone.

    Raises:
        TimeoutError: The block took longer; or the driver's own error for the lost connection.
    """
    cut = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        async with asyncio.timeout(seconds + CANCEL_AFTER_CUT_S):
            yield
    finally:
        cut.cancel()


def session_name(name: str) -> str:
    """Return how a session shows in the server's list."""
    return f"wattwarden {name}"


def _session_settings(name: str) -> dict[str, str]:
    return {
        "application_name": session_name(name),
        "timezone": "UTC",
        # An abandoned transaction would hold its rows and the vacuum's horizon for ever.
        "idle_in_transaction_session_timeout": "5min",
        # A machine that was cut off says no good-bye: after 6 s its rows are free for others.
        "tcp_keepalives_idle": "3",
        "tcp_keepalives_interval": "1",
        "tcp_keepalives_count": "3",
    }
