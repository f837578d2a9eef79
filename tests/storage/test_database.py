import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from wattwarden.storage.database import Connection, connect, deadline, errors, open_pool
from wattwarden.storage.errors import StorageError

BOUND_S = 0.2
MEGABYTE = bytes(1024 * 1024)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (asyncpg.DeadlockDetectedError("x"), True),
        (asyncpg.AdminShutdownError("x"), True),
        (asyncpg.CannotConnectNowError("x"), True),
        (asyncpg.DiskFullError("x"), True),
        (asyncpg.LockNotAvailableError("x"), True),
        (asyncpg.UndefinedTableError("x"), False),
        (asyncpg.InsufficientPrivilegeError("x"), False),
        (asyncpg.InvalidPasswordError("x"), False),
        (asyncpg.InterfaceError("connection is closed"), True),
        (ConnectionRefusedError("x"), True),
        (TimeoutError(), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_driver_raises_says_whether_it_passes(
    error: Exception,
    retryable: bool,  # noqa: FBT001  # a case
) -> None:
    with pytest.raises(StorageError, match=r"^looking: .+") as caught, errors("looking"):
        raise error
    assert caught.value.retryable is retryable
    assert caught.value.__cause__ is error


def test_an_error_of_ours_passes_unchanged() -> None:
    ours = StorageError("ours", retryable=False)
    with pytest.raises(StorageError) as caught, errors("looking"):
        raise ours
    assert caught.value is ours


async def test_a_server_that_is_not_there_is_away(store_dsn: str) -> None:
    nowhere = store_dsn.replace("run&", "nowhere&")
    assert nowhere != store_dsn
    with pytest.raises(StorageError) as caught:
        await connect(nowhere, name="test")
    assert caught.value.retryable


async def test_sessions_bear_their_name_and_speak_utc(store_dsn: str) -> None:
    pool = await open_pool(store_dsn, name="console")
    async with pool.acquire() as connection:
        assert await connection.fetchval("SHOW application_name") == "wattwarden console"
        assert await connection.fetchval("SHOW timezone") == "UTC"
    await pool.close()


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield MEGABYTE


async def test_a_copy_that_cannot_go_on_writing_is_cut(store: Connection, store_dsn: str) -> None:
    connection = await connect(store_dsn, name="test", command_timeout_s=None)
    async with store.transaction():
        await store.execute("LOCK TABLE tick")
        started = asyncio.get_running_loop().time()
        with pytest.raises((TimeoutError, asyncpg.InterfaceError, OSError, asyncpg.PostgresError)):
            async with deadline(connection, BOUND_S), connection.transaction():
                await connection.copy_to_table("tick", source=endless(), format="binary")
        took_s = asyncio.get_running_loop().time() - started

    assert BOUND_S <= took_s < 20 * BOUND_S
    assert connection.is_closed()


async def test_what_ends_in_time_keeps_its_connection(store_dsn: str) -> None:
    connection = await connect(store_dsn, name="test")
    async with deadline(connection, 5):
        assert await connection.fetchval("SELECT 1") == 1
    assert not connection.is_closed()
    await connection.close()
