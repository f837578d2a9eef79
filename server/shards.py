"""The writers of the shards that this process has: begun when they are claimed, ended when not.

    share shards, each second ─┬─► claimed: a writer begins
                               ├─► lost: it ends
                               └─► surplus: it finishes its round, then the shard is let go

Nobody waits for a round that is finished: who is not seen meanwhile would lose all that he has.
While the database is away everybody keeps what he has; the position says whose work counts.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.rows.position import Fenced
from wattwarden.storage.rows.shards import leave_shards, release_shards, share_shards

SHARE_INTERVAL_S: Final = 1.0
# A database that takes longer for these few rows is away; the lease then runs out elsewhere.
SHARE_TIMEOUT_S: Final = 3.0

_log: Final = structlog.get_logger(__name__)


class ShardWriter(Protocol):
    """The part of a writer that is needed here."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; the round in hand is finished."""


class _Work:
    """A writer at work, and how it is stopped."""

    def __init__(self, writer: ShardWriter) -> None:
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(writer.run(self._stop))

    def stop(self) -> None:
        """Let it finish its round."""
        self._stop.set()

    async def finish(self) -> None:
        """Let it finish its round, and wait for that.

        Raises:
            StorageError: What does not pass by itself ended it.
        """
        self.stop()
        try:
            await self.task
        except Fenced as error:
            _log.warning("a writer gave way", reason=error.message)


class Shards:
    """The shards of one process, among ``shards``; ``make`` makes the writer of one."""

    def __init__(
        self, dsn: str, shards: int, holder: str, make: Callable[[int], ShardWriter]
    ) -> None:
        self._dsn = dsn
        self._shards = shards
        self._holder = holder
        self._make = make
        self._connection: Connection | None = None
        self._work: dict[int, _Work] = {}
        self._failing = ""

    @property
    def held(self) -> list[int]:
        """Which shards are worked on now, those that are just finished among them."""
        return sorted(self._work)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; rounds in hand are finished.

        Raises:
            StorageError: What does not pass by itself.
        """
        try:
            while not stop.is_set():
                await self.round()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SHARE_INTERVAL_S):
                        await stop.wait()
        finally:
            await self._leave()

    async def round(self) -> None:
        """Look what is ours, and see that it is worked on, and nothing else.

        Raises:
            StorageError: What does not pass by itself.
        """
        await self._look_after()
        try:
            connection = await self._ready()
            with errors("sharing shards"):
                shares = await share_shards(connection, self._holder, self._shards)
                self._follow(shares.held.keys() - set(shares.surplus))
                finished = tuple(shard for shard in shares.surplus if shard not in self._work)
                if finished:
                    await release_shards(connection, self._holder, finished)
        except StorageError as error:
            await self._failed(error)
            return
        if self._failing:
            self._failing = ""
            _log.info("shards are shared again")

    def _follow(self, wanted: set[int]) -> None:
        for shard in self._work.keys() - wanted:
            self._work[shard].stop()
        begun = sorted(wanted - self._work.keys())
        for shard in begun:
            self._work[shard] = _Work(self._make(shard))
        if begun:
            _log.info("shards held", shards=sorted(self._work))

    async def _look_after(self) -> None:
        """Forget writers that finished or gave way to others; raise what ended one for good."""
        ended = [(shard, work) for shard, work in self._work.items() if work.task.done()]
        for shard, work in ended:
            del self._work[shard]
            await work.finish()
        if ended:
            _log.info("shards held", shards=sorted(self._work))

    async def _ready(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(
                self._dsn, name=self._holder, command_timeout_s=SHARE_TIMEOUT_S
            )
        return self._connection

    async def _failed(self, error: StorageError) -> None:
        if not error.retryable:
            raise error
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        if self._failing != error.message:
            self._failing = error.message
            _log.warning("shards are not shared", reason=error.message)

    async def _leave(self) -> None:
        """Finish what is in hand and let others have it."""
        done = await asyncio.gather(
            *(work.finish() for work in self._work.values()), return_exceptions=True
        )
        self._work.clear()
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(StorageError), errors("leaving the shards"):
                await leave_shards(connection, self._holder)
                await connection.close(timeout=1.0)
        for one in done:
            if isinstance(one, BaseException):
                raise one
