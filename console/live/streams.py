"""Who has a page open, and is told that something of theirs changed.

NOTIFY of the store ─► one connection a process ─► every open stream whose firms it concerns

A stream says that something changed, never what: the page asks for its part anew, with the rights
that its visitor has then.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiohttp import web

from wattwarden.alarms.acting.scope import Reader
from wattwarden.console.doors import PARTS
from wattwarden.console.store import Store
from wattwarden.storage.errors import StorageError
from wattwarden.storage.views.changes import listening

# Each costs some 30 KiB; a city's officers and firms' people are some hundreds.
MOST_STREAMS: Final = 2_000
# Tabs of one person on all their machines.
MOST_OF_A_PERSON: Final = 12
# Between attempts to listen again: the embedded server is back within seconds.
AGAIN_S: Final = 2.0

_log: Final = structlog.get_logger(__name__)


class TooManyError(Exception):
    """No stream more is opened; ``name`` is what is counted."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(eq=False, slots=True)
class Stream:
    """One open page."""

    reader: Reader
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Streams:
    """All streams of a process, and the one connection that they hear by."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._open: set[Stream] = set()
        self._of: Counter[str] = Counter()
        self._wanted = asyncio.Event()

    @contextlib.contextmanager
    def stream(self, person: str, reader: Reader) -> Iterator[Stream]:
        """Have a stream while the block runs.

        Raises:
            TooManyError: There are too many, of all or of this person.
        """
        if len(self._open) >= MOST_STREAMS:
            raise TooManyError("streams full")
        if self._of[person] >= MOST_OF_A_PERSON:
            raise TooManyError("streams of a person full")
        one = Stream(reader)
        self._open.add(one)
        self._of[person] += 1
        self._wanted.set()
        try:
            yield one
        finally:
            self._open.discard(one)
            self._of[person] -= 1
            if not self._of[person]:
                del self._of[person]
            if not self._open:
                self._wanted.clear()

    def tell(self, enterprise: str) -> None:
        """Tell every stream that sees a firm's things ("": nobody's) that one changed."""
        for one in self._open:
            if one.reader.sees(enterprise or None):
                one.changed.set()

    def tell_all(self) -> None:
        """Tell every stream that something may have changed."""
        for one in self._open:
            one.changed.set()

    def end(self) -> None:
        """Close all streams: the application stops."""
        self.over.set()
        self.tell_all()

    async def listen(self, store: Store) -> None:
        """Hear of changes as long as somebody has a page open, until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                await self._hear(store)
            except StorageError as error:
                _log.warning("live pages hear nothing", reason=error.message)
                await asyncio.sleep(AGAIN_S)

    async def _hear(self, store: Store) -> None:
        async with store.connection() as connection, listening(connection) as changes:
            # What changed while nobody listened is fetched by all.
            self.tell_all()
            while self._wanted.is_set():
                try:
                    async with asyncio.timeout(AGAIN_S):
                        firm = await changes.get()
                except TimeoutError:
                    continue
                if firm is None:
                    raise StorageError("the connection was lost, or too much came", retryable=True)
                self.tell(firm)


STREAMS: Final = web.AppKey("live streams", Streams)


async def stream_changes(app: web.Application) -> AsyncIterator[None]:
    """Listen while the application lives."""
    streams = app[STREAMS] = Streams()
    hearing = asyncio.create_task(streams.listen(app[PARTS].store))
    yield
    hearing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hearing


async def end_streams(app: web.Application) -> None:
    """Close all streams: the application stops."""
    app[STREAMS].end()
