"""The courier role: notices of the outbox to people and machines, in order, paced, until told.

ready ─► bundle ─► pace ─► begin ─► send (tasks) ─► finish          one connection, many sends
              └► put off              └► asking ─► receipt
sweep: expired, next way         orphans: what a courier that ended had in hand

One courier sends at a time: paces are counted in its memory, and read back from the attempts when
another takes over.  What was taken is in the database before anything is sent, so whatever ends
this process leaves at most one message of each in doubt, which is sent again under the same id.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Delivered,
    Fault,
    Outcome,
    Receipt,
    Refused,
    Scope,
    Throttled,
    Unknown,
)
from wattwarden.alarms.routing.bundle import Bundle, Item, Link, bundle, compose, late_minutes
from wattwarden.alarms.routing.table import Table
from wattwarden.server.backoff import Backoff
from wattwarden.server.carrying import ANSWER_S
from wattwarden.server.clock import Clock
from wattwarden.server.endpoint import Endpoint, carrier_of
from wattwarden.server.judging import Judge, Terms
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.outbox import queue
from wattwarden.storage.outbox.follow import CHANNEL
from wattwarden.storage.outbox.load import load_routing, routing_number
from wattwarden.storage.outbox.queue import Finished

# A gateway that hangs holds its own share only.
MAX_SENDING: Final = 256
MAX_SENDING_PER_ENDPOINT: Final = 128
# Looked through at a time of what may be merged: a burst for some readers, or all of a big one.
MERGING_ROWS: Final = 1000
# What falls due by time alone is seen this soon; what is written wakes the courier.
POLL_S: Final = 0.25
# What comes back within this is kept together: less than what most gateways take to answer.
GATHER_S: Final = 0.05
SWEEP_INTERVAL_S: Final = 1.0
RELOAD_INTERVAL_S: Final = 5.0
REPORT_INTERVAL_S: Final = 60.0
# How soon another courier takes over from one that ended.
STANDBY_S: Final = 1.0
# A gateway that refuses us, or is gone, is asked again with one message after this.
REFUSING_RESTS_S: Final = 300
# Whoever stops waits for what is on its way: longer than any answer is waited for.
LEAVING_S: Final = 20.0

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a courier works: the database, the folder of secrets, who makes links for answers.

    For ``answer_s`` answers are waited for.
    """

    dsn: str
    secrets: Path
    link: Link
    answer_s: float = ANSWER_S


@dataclass(slots=True)
class Counters:
    """What a courier did since it started, by outcome."""

    outcomes: Counter[str] = field(default_factory=Counter)


def wall_us() -> int:
    """Return the wall's time, by which gateways judge, in microseconds UTC."""
    return time.time_ns() // 1000


class Courier:
    """Sends what waits.  ``clock`` is the system's, which may run faster than the wall."""

    def __init__(self, place: Place, clock: Clock, *, wall: Callable[[], int] = wall_us) -> None:
        self.counters = Counters()
        self._place = place
        self._judge = Judge(clock, wall)
        self._wall_us = wall
        self._wake = asyncio.Event()
        self._connection: Connection | None = None
        # While another courier sends.
        self._standby: Connection | None = None
        self._table: Table | None = None
        self._number = -1
        self._endpoints: dict[str, Endpoint] = {}
        self._sending: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: list[Finished] = []
        self._swept = self._reloaded = self._reported = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set; a database that is away is waited for.

        Raises:
            StorageError: What does not pass by itself.
        """
        loop = asyncio.get_running_loop()
        backoff, failing = Backoff(loop.time()), ""
        stopping = asyncio.create_task(self._awake(stop))
        try:
            while not stop.is_set():
                try:
                    await self.round()
                except StorageError as error:
                    failing = await self._failed(error, failing)
                    await self._pause(backoff.ended(loop.time()))
                    backoff.started(loop.time())
                    continue
                if failing:
                    _log.info("courier goes on")
                    failing = ""
                self._report()
                await self._pause(POLL_S)
                await asyncio.sleep(GATHER_S)
        finally:
            stopping.cancel()
            await self._leave()

    async def round(self) -> None:
        """Keep what came back, and send what may go.

        Raises:
            StorageError: The database is away; what came back is kept in memory.
        """
        connection = await self._ready()
        if connection is None:
            await self._pause(STANDBY_S)
            return
        await self._keep(connection)
        await self._reload(connection)
        await self._sweep(connection)
        await self._ask(connection)
        await self._send(connection)

    async def _ready(self) -> "Connection | None":
        """Return the connection, once it is us who send."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection, self._standby = self._standby, None
        if connection is None or connection.is_closed():
            connection = await connect(self._place.dsn, name="courier")
        try:
            if not await queue.hold(connection):
                self._standby = connection
                return None
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            await self._adopt(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    async def _adopt(self, connection: Connection) -> None:
        """Take over what another courier, or this one before it was cut off, had in hand."""
        mine = {*self._sending, *(one.item.id for one in self._finished)}
        left = await queue.orphans(connection, mine)
        self._table = None
        await self._reload(connection)
        for item in left:
            started_us = us_of(item.started or self._judge.now())
            doubt = Unknown("the courier ended while it was sent")
            attempt = self._judge.attempt("send", started_us, doubt)
            terms = self._terms(item)
            doubtful = self._judge.doubtful(
                item, item.attempts, attempt, late=item.late, terms=terms
            )
            if doubtful.state == "waiting":
                # Nothing is wrong with its gateway.
                doubtful = replace(doubtful, not_before=self._judge.now())
            self._finished.append(doubtful)
        if left:
            _log.warning("notices in doubt", count=len(left))

    async def _reload(self, connection: Connection) -> None:
        """Take up another routing table when there is one."""
        now = self._wall_us()
        if self._table is not None and now < self._reloaded + RELOAD_INTERVAL_S * SECOND_US:
            return
        self._reloaded = now
        number = await routing_number(connection)
        if self._table is not None and number == self._number:
            return
        table = await load_routing(connection)
        old, self._endpoints = self._endpoints, {}
        for name, configured in table.endpoint.items():
            known = old.get(name)
            if known is not None and known.configured == configured and self._table is not None:
                self._endpoints[name] = old.pop(name)
                continue
            place = self._place
            carrier = carrier_of(configured, place.answer_s)
            endpoint = Endpoint(
                name, configured, table.reader, place.secrets, self._wall_us, carrier
            )
            await self._remember(connection, endpoint)
            self._endpoints[name] = endpoint
        self._table, self._number = table, number
        for one in old.values():
            await one.close()

    async def _remember(self, connection: Connection, endpoint: Endpoint) -> None:
        """Let an endpoint know what was sent of late."""
        if not endpoint.longest_window_s:
            return
        since = moment_of(self._wall_us() - endpoint.longest_window_s * SECOND_US)
        for started, to in await queue.sent_lately(connection, endpoint.name, since):
            endpoint.pacer.note(to, us_of(started))

    async def _sweep(self, connection: Connection) -> None:
        now = self._wall_us()
        if now < self._swept + SWEEP_INTERVAL_S * SECOND_US:
            return
        self._swept = now
        expired, again = await queue.sweep(connection, self._judge.now())
        self.counters.outcomes["expired"] += expired
        self.counters.outcomes["next way"] += again

    async def _ask(self, connection: Connection) -> None:
        """Ask for receipts of what may have been accepted."""
        table, wall = self._table, self._wall_us()
        able = {
            name: one.receipt
            for name, one in self._endpoints.items()
            if one.receipt is not None and not one.resting(wall)
        }
        if table is None or not able:
            return
        room = MAX_SENDING - len(self._sending)
        now = self._judge.now()
        found = await queue.asking(connection, now, endpoints=able, limit=max(room, 0))
        held = {one.item.id for one in self._finished}
        for item in found:
            if item.id not in self._sending and item.id not in held:
                self._start(item, self._receipt(item, able[item.endpoint], table))

    async def _send(self, connection: Connection) -> None:
        table = self._table
        room = MAX_SENDING - len(self._sending)
        if table is None or room <= 0:
            return
        wall, now = self._wall_us(), self._judge.now()
        free = self._free()
        open_to = [name for name in free if self._endpoints[name].open_to(1, wall)]
        grave = [name for name in free if self._endpoints[name].open_to_grave_alone(wall)]
        if not open_to and not grave:
            return
        items = await queue.ready(
            connection,
            now,
            queue.Open(endpoints=open_to, grave=grave),
            single=min(room, sum(free.values())),
            merging=MERGING_ROWS,
        )
        chosen = await self._paced(connection, items, table, free)
        if not chosen:
            return
        retried = [one.head.id for one in chosen if one.head.attempts]
        along = await queue.members_of(connection, retried)
        chosen = [
            Bundle(one.head, tuple(along.get(one.head.id, ()))) if one.head.attempts else one
            for one in chosen
        ]
        taken = await queue.begin(
            connection, [(one.head, one.members) for one in chosen], moment_of(wall)
        )
        for one in chosen:
            if one.head.id in taken:
                self._start(one.head, self._attempt(one, table, now))

    def _free(self) -> dict[str, int]:
        """Return how many more each endpoint may have on its way."""
        counts = Counter(self._sending.values())
        left = {name: MAX_SENDING_PER_ENDPOINT - counts[name] for name in self._endpoints}
        return {name: count for name, count in left.items() if count > 0}

    async def _paced(
        self, connection: Connection, items: Sequence[Item], table: Table, free: dict[str, int]
    ) -> list[Bundle]:
        """Return what may go now within all limits; what a reader's limit holds is put off."""
        wall, room = self._wall_us(), MAX_SENDING - len(self._sending)
        chosen: list[Bundle] = []
        later: dict[int, datetime] = {}
        for one in bundle(items, self._judge.now(), table):
            head, endpoint = one.head, self._endpoints[one.head.endpoint]
            if len(chosen) >= room or free.get(head.endpoint, 0) <= 0:
                continue
            at = endpoint.pacer.earliest(head.to, head.level, wall)
            if at > wall:
                if endpoint.open_to(head.level, wall):
                    until = self._judge.system(at)
                    # Whatever else that reader waits for is held by the same limit.
                    later |= {
                        item.id: until
                        for item in items
                        if (item.endpoint, item.recipient) == (head.endpoint, head.recipient)
                        and item.level <= head.level
                    }
                continue
            free[head.endpoint] -= 1
            endpoint.pacer.note(head.to, wall)
            chosen.append(one)
        if later:
            await queue.put_off(connection, list(later), list(later.values()))
        return chosen

    def _start(self, item: Item, work: Coroutine[Any, Any, None]) -> None:
        self._sending[item.id] = item.endpoint
        started_us = self._wall_us()
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                # A mistake of ours: it is in doubt as if the gateway had not answered.
                _log.error("sending failed", endpoint=item.endpoint, exc_info=error)
                doubt = Unknown(f"failed: {type(error).__name__}")
                self._came(item, doubt, started_us, late=item.late)

        task.add_done_callback(ended)

    async def _attempt(self, bundled: Bundle, table: Table, now: datetime) -> None:
        """Send one message and note what came of it."""
        head, started_us = bundled.head, self._wall_us()
        late = late_minutes(bundled, table, now)
        message = compose(bundled, table, late, self._place.link(head.alarm, head.recipient, now))
        outcome = await self._endpoints[head.endpoint].send(message)
        self._came(head, outcome, started_us, late=late > 0)

    def _came(self, item: Item, outcome: Outcome, started_us: int, *, late: bool) -> None:
        """Note what came of a send; the row has one attempt more than the item says."""
        number = item.attempts + 1
        attempt = self._judge.attempt("send", started_us, outcome)
        if isinstance(outcome, Unknown):
            terms = self._terms(item)
            finished = self._judge.doubtful(item, number, attempt, late=late, terms=terms)
        else:
            self._rest(item.endpoint, outcome)
            finished = self._judge.after(item, number, outcome, attempt, late=late)
        self._done(finished)

    async def _receipt(self, item: Item, receipt: Receipt, table: Table) -> None:
        """Ask what became of a notice, and note it."""
        started_us = self._wall_us()
        sent_us = started_us if item.started is None else us_of(item.started)
        message = compose(Bundle(item), table, 0, "")
        outcome = await self._endpoints[item.endpoint].ask(receipt, message, sent_us)
        attempt = self._judge.attempt("receipt", started_us, outcome)
        self._done(self._judge.told(item, outcome, attempt, self._terms(item)))

    def _terms(self, item: Item) -> Terms:
        endpoint = self._endpoints.get(item.endpoint)
        tries = 1 if self._table is None else self._table.ambiguous_tries
        return Terms(None if endpoint is None else endpoint.receipt, tries)

    def _rest(self, name: str, outcome: Outcome) -> None:
        """Let an endpoint rest where its gateway wants that."""
        if isinstance(outcome, Delivered) or name not in self._endpoints:
            return
        endpoint = self._endpoints[name]
        match outcome:
            case Throttled(until_second=second, scope=Scope.CREDENTIAL, reason=reason):
                endpoint.rest(second * SECOND_US, reason)
            case Refused(fault=Fault.ENDPOINT, reason=reason):
                _log.error("endpoint refuses", endpoint=endpoint.name, reason=reason)
                endpoint.rest(self._wall_us() + REFUSING_RESTS_S * SECOND_US, reason)
            case _:
                pass

    def _done(self, finished: Finished) -> None:
        self.counters.outcomes[finished.attempt.outcome] += 1
        self._finished.append(finished)
        self._sending.pop(finished.item.id, None)
        self._wake.set()

    async def _keep(self, connection: Connection) -> None:
        """Write what came back; it is forgotten only once it is kept."""
        kept = list(self._finished)
        await queue.finish(connection, kept, self._judge.now())
        del self._finished[: len(kept)]

    async def _failed(self, error: StorageError, failing: str) -> str:
        if not error.retryable:
            raise error
        if error.message != failing:
            _log.warning("courier waits", reason=error.message)
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
        return error.message

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _awake(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _leave(self) -> None:
        """Wait for what is on its way, keep what came of it, and let another courier send."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVING_S)
        for task in self._tasks:
            task.cancel()
        if self._standby is not None:
            await self._standby.close()
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(StorageError):
                await self._keep(connection)
            await connection.close()
        for endpoint in self._endpoints.values():
            await endpoint.close()

    def _report(self) -> None:
        """Tell what was done, now and then."""
        now = asyncio.get_running_loop().time()
        if now < self._reported + REPORT_INTERVAL_S or not any(self.counters.outcomes.values()):
            return
        self._reported = now
        counts = {name: count for name, count in self.counters.outcomes.items() if count}
        _log.info("couriered", **{name.replace(" ", "_"): count for name, count in counts.items()})
