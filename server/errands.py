"""What a courier has on its way, and what came back and is not kept yet.

send, ask ─► task ─► endpoint ─► outcome ─► Judge ─► finished        came: something is finished
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Final

import structlog

from wattwarden.alarms.channels.channel import Outcome, Receipt, Unknown
from wattwarden.alarms.routing.bundle import Bundle, Item, Link, compose, late_minutes
from wattwarden.alarms.routing.table import Table
from wattwarden.server.choosing import free_of
from wattwarden.server.judging import Judge
from wattwarden.server.switchboard import Switchboard
from wattwarden.storage.moments import us_of
from wattwarden.storage.outbox.queue import Finished

# A gateway that hangs holds its own share only.
MAX_SENDING: Final = 256
MAX_SENDING_PER_ENDPOINT: Final = 128
# A quarter of an endpoint's share: the others are still on their way while these are kept.
GATHERED: Final = 32
# Whoever stops waits for what is on its way: longer than any answer is waited for.
LEAVING_S: Final = 20.0

_log: Final = structlog.get_logger(__name__)


class Errands:
    """``link`` makes addresses for answers; ``came`` is set when anything came back."""

    def __init__(self, board: Switchboard, judge: Judge, link: Link) -> None:
        self.sending: dict[int, str] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.finished: list[Finished] = []
        self.outcomes: Counter[str] = Counter()
        self.came = asyncio.Event()
        self.gathered = asyncio.Event()
        self._board = board
        self._judge = judge
        self._link = link

    @property
    def room(self) -> int:
        """How many more may be on their way."""
        return max(MAX_SENDING - len(self.sending), 0)

    @property
    def in_hand(self) -> set[int]:
        """Notices that are on their way, or back and not kept yet."""
        return {*self.sending, *(one.item.id for one in self.finished)}

    def free(self) -> dict[str, int]:
        """Return how many more each endpoint may have on its way, of those that may have any."""
        return free_of(self._board.endpoints, self.sending, MAX_SENDING_PER_ENDPOINT)

    def send(self, bundled: Bundle, table: Table, now: datetime) -> None:
        """Begin to send a message."""
        self._start(bundled.head, self._send(bundled, table, now))

    def ask(self, item: Item, receipt: Receipt, table: Table) -> None:
        """Begin to ask what became of a notice."""
        self._start(item, self._ask(item, receipt, table))

    def lost(self, item: Item, started_us: int, reason: str) -> Finished:
        """Return a notice of which nobody knows what came of its last attempt, already counted."""
        attempt = self._judge.attempt("send", started_us, Unknown(reason))
        terms = self._board.terms(item)
        return self._judge.doubtful(item, item.attempts, attempt, late=item.late, terms=terms)

    def note(self, finished: Finished) -> None:
        """Let a notice be kept as it is after an attempt."""
        self.outcomes[finished.attempt.outcome] += 1
        self.finished.append(finished)
        self.came.set()
        if len(self.finished) >= GATHERED or not self.sending:
            self.gathered.set()

    def kept(self, count: int) -> None:
        """Forget what came back first: it is in the database."""
        del self.finished[:count]

    async def leave(self) -> None:
        """Wait for what is on its way, and give up what takes too long."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=LEAVING_S)
        for task in self.tasks:
            task.cancel()

    def _start(self, item: Item, work: Coroutine[Any, Any, None]) -> None:
        self.sending[item.id] = item.endpoint
        started_us = self._judge.wall_us()
        task = asyncio.create_task(work)
        self.tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                # A mistake of ours: it is in doubt as if the gateway had not answered.
                _log.error("sending failed", endpoint=item.endpoint, exc_info=error)
                doubt = Unknown(f"failed: {type(error).__name__}")
                self._came(item, doubt, started_us, late=item.late)

        task.add_done_callback(ended)

    async def _send(self, bundled: Bundle, table: Table, now: datetime) -> None:
        """Send one message and note what came of it."""
        head, started_us = bundled.head, self._judge.wall_us()
        late = late_minutes(bundled, table, now)
        # The same at every attempt: gateways tell duplicates by what they were sent.
        url = self._link(head.alarm, head.recipient, head.created)
        message = compose(bundled, table, late, url)
        outcome = await self._board.endpoints[head.endpoint].send(message)
        self._came(head, outcome, started_us, late=late > 0)

    def _came(self, item: Item, outcome: Outcome, started_us: int, *, late: bool) -> None:
        """Note what came of a send; the row has one attempt more than the item says."""
        number = item.attempts + 1
        attempt = self._judge.attempt("send", started_us, outcome)
        if isinstance(outcome, Unknown):
            terms = self._board.terms(item)
            finished = self._judge.doubtful(item, number, attempt, late=late, terms=terms)
        else:
            self._board.rest(item.endpoint, outcome)
            finished = self._judge.after(item, number, outcome, attempt, late=late)
        self._done(finished)

    async def _ask(self, item: Item, receipt: Receipt, table: Table) -> None:
        """Ask what became of a notice, and note it."""
        started_us = self._judge.wall_us()
        sent_us = started_us if item.started is None else us_of(item.started)
        message = compose(Bundle(item), table, 0, "")
        outcome = await self._board.endpoints[item.endpoint].ask(receipt, message, sent_us)
        attempt = self._judge.attempt("receipt", started_us, outcome)
        self._done(self._judge.told(item, outcome, attempt, self._board.terms(item)))

    def _done(self, finished: Finished) -> None:
        self.sending.pop(finished.item.id, None)
        self.note(finished)


async def set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at most, and clear it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
