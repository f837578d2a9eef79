"""Back-tests that pages ask for: each in a process of its own, followed, bounded, ended when told.

wanted ─► row ─► process ─► lines ─► row … ─► outcome          unwanted, too long, closed ─► killed
"""

import asyncio
import contextlib
from typing import Final

import msgspec
import structlog

from wattwarden.console.store import Store
from wattwarden.server.aside.bounds import NO_MEMORY
from wattwarden.server.aside.process import Work, aside
from wattwarden.server.backtest.aside import Answer, Question
from wattwarden.storage.backtests import Outcome, State, Wanted, begin, finish, follow
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import us_of

# A month of a city of 5,000 firms takes some 40 minutes.
MOST_RUN_S: Final = 3_600.0
# As often as a page asks how far it is.
FOLLOW_S: Final = 2.0
_US_PER_MS: Final = 1_000

_log: Final = structlog.get_logger(__name__)


class Backtests:
    """What runs of them in this console."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[asyncio.Task[None]] = set()

    async def begin(self, wanted: Wanted) -> int:
        """Begin a back-test and return its number.

        Raises:
            BusyError: Another runs, here or in another console.
            StorageError: The database is away.
        """
        async with self._store.connection() as connection:
            number = await begin(connection, wanted)
        task = asyncio.create_task(self._run(number, wanted), name=f"back-test {number}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return number

    async def close(self) -> None:
        """End what runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, number: int, wanted: Wanted) -> None:
        state, outcome = State.FAILED, None
        try:
            async with asyncio.timeout(MOST_RUN_S), aside("backtest", self._asked(wanted)) as work:
                state, outcome = await self._followed(number, work)
        except TimeoutError:
            outcome = _TOO_LONG
        except (StorageError, OSError, msgspec.DecodeError) as error:
            _log.exception("back-test failed", number=number, error=str(error))
        finally:
            with contextlib.suppress(StorageError):
                async with self._store.connection() as connection:
                    await finish(connection, number, state, outcome)

    async def _followed(self, number: int, work: Work) -> tuple[State, Outcome | None]:
        """Keep how far it is until it ends; return as what, and what it came to."""
        answer = Answer(0, 0)
        reading = asyncio.create_task(work.line())
        try:
            while True:
                await asyncio.wait((reading,), timeout=FOLLOW_S)
                if reading.done():
                    line = reading.result()
                    if not line:
                        return State.FAILED, await _reason(number, work)
                    answer = msgspec.json.decode(line, type=Answer)
                    if answer.outcome is not None:
                        is_told = bool(answer.outcome.refused_en)
                        return (State.FAILED if is_told else State.DONE), answer.outcome
                    reading = asyncio.create_task(work.line())
                async with self._store.connection() as connection:
                    if not await follow(connection, number, answer.done, answer.of):
                        return State.CANCELLED, None
        finally:
            reading.cancel()

    def _asked(self, wanted: Wanted) -> bytes:
        since, until = (us_of(one) // _US_PER_MS for one in (wanted.since, wanted.until))
        question = Question(self._store.dsn, wanted.text, since, until, wanted.enterprises)
        return msgspec.json.encode(question)


async def _reason(number: int, work: Work) -> Outcome | None:
    status = await work.status()
    _log.warning("back-test ended early", number=number, status=status)
    return _NO_MEMORY if status == NO_MEMORY else None


_TOO_LONG: Final = Outcome(
    refused_zh="试算时间过长，已停止。请缩短时段，或只选部分企业。",
    refused_en="it took too long and was ended; try a shorter span, or fewer firms",
)
_NO_MEMORY: Final = Outcome(
    refused_zh="试算所需内存过大，已停止。请只选部分企业。",
    refused_en="it wanted too much memory and was ended; try fewer firms",
)
