"""Roots time-stamped by the archivist's chore."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.storage.fakes import MemoryJournal
from tests.storage.proof.place import Shards, with_ticks
from tests.storage.proof.scene import WHEN, entries

from wattwarden.server.archivist import RETRY_INTERVAL, Chore, Rested
from wattwarden.server.aside.signing import Signed
from wattwarden.server.root_chores import roots_chore, stamp_roots
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.history import History
from wattwarden.storage.journal.journal import ShardStatus
from wattwarden.storage.proof.keys import open_signer
from wattwarden.storage.proof.roots import load_roots, sign_days


class Journal(MemoryJournal, Shards):
    """A journal in memory that nothing was archived of."""

    def __init__(self) -> None:
        MemoryJournal.__init__(self)
        self.entries = with_ticks(entries())
        Shards.__init__(self, self.entries)

    def stream_name(self, shard: int) -> str:
        return f"S{shard}"

    def first_available(self, shard: int) -> int:
        return 1 + shard

    async def status(self, shard: int) -> ShardStatus:
        return ShardStatus(len(self.entries), 0, 1 + shard, len(self.entries), 0)


class Authority:
    """Says what it is told to say, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.says = b"<html>"

    async def answer(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        assert (await request.read())[0] == 0x30
        self.asked += 1
        return web.Response(body=self.says)


def chore_of(dsn: str, folder: Path, stamps: str | None, wall: Callable[[], datetime]) -> Chore:
    """The chore, with what the process aside does done here."""
    journal, archive = Journal(), folder / "archive"

    async def sign() -> list[Signed]:
        connection = await asyncpg.connect(dsn)
        history, signer = History(journal, archive), open_signer(folder, wall())
        made = await sign_days(connection, journal, history, signer, wall(), most=1)
        await connection.close()
        return [Signed(str(one.statement.day), one.digest) for one in made]

    return roots_chore(dsn, journal, archive, folder, sign, stamps, wall)


@pytest_asyncio.fixture(loop_scope="session")
async def authority() -> AsyncIterator[tuple[Authority, str]]:
    made = Authority()
    app = web.Application()
    app.router.add_post("/", made.answer)
    server = TestServer(app)
    await server.start_server()
    yield made, str(server.make_url("/"))
    await server.close()


async def test_days_that_are_over_are_signed_one_a_round_then_looked_for_once_an_hour(
    store: Connection, store_dsn: str, tmp_path: Path
) -> None:
    moments = [WHEN]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    chore = chore_of(store_dsn, secrets, None, lambda: moments[0])

    for _ in range(3):
        await chore.do(WHEN)
    first = await load_roots(store)
    assert [one.statement.closed for one in first] == [True, True]
    assert {one.statement.key for one in first} == {open_signer(secrets, WHEN).public}
    await store.execute("DELETE FROM day_root WHERE day = $1", first[1].statement.day)
    await chore.do(WHEN)
    assert len(await load_roots(store)) == 1
    moments[0] += timedelta(hours=1)
    await chore.do(WHEN)
    assert (await load_roots(store))[1].statement.tree == first[1].statement.tree
    with pytest.raises(Exception, match="never changed"):
        await store.execute("UPDATE day_root SET signature = ''")


@pytest.mark.parametrize(
    ("says", "why"),
    [(b"<html>", "no time-stamp"), (bytes(70_000), "more than")],
    ids=["a page", "too long"],
)
async def test_an_authority_that_says_something_else_is_told_and_asked_again(
    store: Connection,
    store_dsn: str,
    tmp_path: Path,
    authority: tuple[Authority, str],
    says: bytes,
    why: str,
) -> None:
    made, url = authority
    made.says = says
    chore = chore_of(store_dsn, tmp_path, url, lambda: WHEN)
    with pytest.raises(StorageError, match=why):
        await chore.do(WHEN)
    assert [one.token for one in await load_roots(store)] == [None]
    with pytest.raises(StorageError, match=why):
        await stamp_roots(store, url, WHEN)
    assert made.asked == 2
    await stamp_roots(store, url, WHEN + timedelta(days=60))
    assert made.asked == 2, "what is a month old is asked for no more"


async def test_an_authority_that_is_away_is_asked_again_after_a_minute_and_not_an_hour(
    store: Connection, store_dsn: str, tmp_path: Path, authority: tuple[Authority, str]
) -> None:
    made, url = authority
    moments = [WHEN]
    chore = chore_of(store_dsn, tmp_path, url, lambda: moments[0])
    # Two days are signed one after the other; then there is none left to be signed.
    for _ in range(3):
        assert await chore_failed(chore, WHEN)
    assert len(await load_roots(store)) == 2
    asked = made.asked
    moments[0] += RETRY_INTERVAL / 2
    assert await chore.do(WHEN) is Rested.NOT_DUE
    moments[0] += RETRY_INTERVAL
    assert await chore_failed(chore, WHEN)
    assert made.asked == asked + 1


async def chore_failed(chore: Chore, now: datetime) -> bool:
    try:
        await chore.do(now)
    except StorageError:
        return True
    return False
