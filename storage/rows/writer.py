"""The writer: one shard of the journal becomes rows, everything exactly once.

    read entries after the position
      → sift: repeats out, steps by ticks ─► decode, bind (pure)
      → partitions of their days, each in its own transaction
      → one transaction: position (fence) │ ticks, connections, signs of life │ rows │ quarantine
                                                                              └ the next is decoded

Whatever ends a round before its commit leaves nothing; the next one reads the same entries again.
That may have been one of them: whoever takes a shard up tries what its predecessor may have had in
hand in a child process first (``decoding``).
"""

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from wattwarden.protocol.envelope import MAX_ENVELOPE_BYTES
from wattwarden.protocol.spread import ANSWER_BOUNDS_S, BATCH_BOUNDS, Spread
from wattwarden.storage.database import Connection, connect, deadline, errors
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.entry import Entry
from wattwarden.storage.retrying import Readers
from wattwarden.storage.rows import position
from wattwarden.storage.rows.counters import WriterCounters
from wattwarden.storage.rows.filing import Allowance, load_suspects
from wattwarden.storage.rows.ingest import Known
from wattwarden.storage.rows.intake import ChainLink  # noqa: TC001  # as every import here: at run time
from wattwarden.storage.rows.position import Position
from wattwarden.storage.rows.round import Chains, Desk, Work, commit_round, prepare_round
from wattwarden.storage.rows.upkeep import Upkeep

_log = structlog.get_logger(__name__)


class JournalReader(Protocol):
    """What the writer needs of the journal."""

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Return the entries that follow ``after``, in order; empty when there is none yet."""

    async def wait(self, shard: int, after: int) -> None:
        """Return when something after ``after`` may be there."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much a round takes, and how long things may last."""

    # In a city whose meters speak in turn an entry holds a frame or two: what was journalled while
    # the database was away is stored in seconds, in transactions as long as those of full entries.
    round_entries: int = 4_096
    # Some 50,000 frames of 140 bytes and what is said of them: a transaction of a quarter of a
    # second, which pays for its statements and its commit twenty times over.
    round_bytes: int = 8 * 1024 * 1024
    # While these are read and decoded the database has nothing to do.  Each round after them may be
    # twice as large as the one that is written meanwhile, which takes twice as long as decoding.
    first_bytes: int = 1024 * 1024
    # A round takes under a second; one that takes this long waits for what will not come.
    round_s: float = 30.0
    # With little to do, collecting for a moment spares writer and database most of their CPU, and a
    # row is visible that much later.
    lull_s: float = 0.1
    lull_frames: int = 2_000
    # After a failure: at once nearly, then ever slower, so that a database that starts is left in
    # peace.
    first_pause_s: float = 0.1
    last_pause_s: float = 1.0


DEFAULT_LIMITS: Final = WriterLimits()

# The thread that decodes gives the interpreter up this soon when the loop wants it.  Python's own
# 5 ms are as long as the database takes for all that its socket holds: it would wait each time.
THREAD_TURN_S: Final = 0.0002

# What somebody should look at, said once a round.
COMPLAINTS: Final[Mapping[str, str]] = {
    "chain_jumps": "envelopes are missing in a gateway's chain",
    "chain_breaks": "an envelope names another predecessor than the one stored",
    "entries_purged": "entries of the journal were purged before they became rows",
    "entries_spoilt": "entries of the journal cannot be read",
    "ticks_missed": "ticks are missing in the journal",
    "decoder_errors": "a codec failed on frames, which wait in quarantine",
    "rows_refused": "the database refused rows, whose frames wait in quarantine",
    "quarantine_overflow": "frames were not filed, their address is over its allowance",
}


class Writer:
    """Takes one shard of the journal into the database.

    ``position`` is None until the database has told it.  One coroutine at a time.  Making one sets
    the switch interval of the process.
    """

    def __init__(
        self,
        shard: int,
        journal: JournalReader,
        dsn: str,
        readers: Readers,
        limits: WriterLimits = DEFAULT_LIMITS,
    ) -> None:
        sys.setswitchinterval(THREAD_TURN_S)
        self.counters = WriterCounters()
        self.round_frames = Spread(BATCH_BOUNDS)
        self.round_s = Spread(ANSWER_BOUNDS_S)
        self.position: Position | None = None
        # Where we ourselves may have left the position: whoever else moved it may have died next.
        self._own: tuple[Position, ...] = ()
        self._journal = journal
        self._dsn = dsn
        self._limits = limits
        self._connection: Connection | None = None
        self._desk = Desk(shard, readers, Known.nothing(shard), Allowance())
        self._chains: dict[str, ChainLink | None] = {}
        self._upkeep = Upkeep(readers.bounds)
        self._most = limits.round_entries
        self._most_bytes = limits.first_bytes
        # What is fetched while a round is written, and from which position on.
        self._ahead: tuple[Position, asyncio.Task[Work | None]] | None = None
        # What was stored, until the thread that decodes the next has let it go: freeing its objects
        # takes as long as a commit, and the database would wait for us.
        self._stored: list[Work] = []

    @property
    def shard(self) -> int:
        """Which one it takes."""
        return self._desk.shard

    def admit(self, admission: Admission) -> None:
        """Go by other limits from the next round on."""
        self._desk.readers = replace(self._desk.readers, admission=admission)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; the round in hand is finished.

        A database or journal that is away is waited for, logged once and counted.

        Raises:
            Fenced: Another writer works on the shard.
            StorageError: What does not pass by itself: no schema, no rights, a gap in the journal.
        """
        pause_s, failures = self._limits.first_pause_s, 0
        try:
            while not stop.is_set():
                try:
                    frames = await self.round()
                except StorageError as error:
                    failures = self._failed(error, failures)
                    await _pause(pause_s, stop)
                    pause_s = min(2 * pause_s, self._limits.last_pause_s)
                    continue
                if failures:
                    _log.info("writer goes on", shard=self._desk.shard, failures=failures)
                    pause_s, failures = self._limits.first_pause_s, 0
                if frames < self._limits.lull_frames:
                    await _pause(self._limits.lull_s, stop)
        finally:
            await self.close()

    async def round(self) -> int:
        """Take what follows the position, waiting a moment if nothing does; return its frames.

        Raises:
            StorageError: Nothing was taken, or it was and nobody told us: the next round finds out.
        """
        connection, old = await self._ready()
        work = await self._next(old)
        if work is None:
            await self._journal.wait(self._desk.shard, old.sequence)
            return 0
        try:
            return await self._take(connection, work)
        except BaseException:
            self._forget()
            raise

    async def close(self) -> None:
        """Close the connection."""
        await self._drop_ahead()
        self._stored.clear()
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(StorageError), errors("closing the connection"):
                await connection.close(timeout=1.0)

    async def _next(self, old: Position) -> Work | None:
        """What follows a position, None when nothing does: prepared ahead, if it is that."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            start, task = ahead
            if start != old:
                await _cancel(task)
            elif (work := await task) is not None:
                return work
        self._most_bytes = self._limits.first_bytes
        return await self._fetch(old, dict(self._chains))

    async def _fetch(self, old: Position, chains: Chains) -> Work | None:
        entries = await self._journal.read(
            self._desk.shard, old.sequence, most=self._most, most_bytes=self._most_bytes
        )
        # Handed over here: a thread whose fetch is given up still runs beside the next one.
        stored, self._stored = self._stored, []
        if entries:
            return await asyncio.to_thread(self._prepare, stored, old, entries, chains)
        if stored:
            await asyncio.to_thread(_let_go, stored)
        return None

    def _prepare(
        self, stored: list[Work], old: Position, entries: Sequence[Entry], chains: Chains
    ) -> Work:
        _let_go(stored)
        return prepare_round(self._desk, old, entries, chains)

    def _fetch_ahead(self, work: Work) -> None:
        """While there is more to take, read and decode it while the database writes."""
        size = sum(len(entry.payload) for entry in work.entries)
        if len(work.entries) >= self._most or size >= self._most_bytes // 2:
            self._most_bytes = min(2 * self._most_bytes, self._limits.round_bytes)
            chains = self._chains | work.intake.chains
            self._ahead = work.new, asyncio.create_task(self._fetch(work.new, chains))

    async def _drop_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await _cancel(ahead[1])

    async def _ready(self) -> tuple[Connection, Position]:
        """A connection, and where the shard stands."""
        connection, shard = self._connection, self._desk.shard
        if connection is None or connection.is_closed():
            # Rounds have a deadline of their own.
            connection = await connect(self._dsn, name=f"writer {shard}", command_timeout_s=None)
            self._connection, self.position = connection, None
        if self.position is None:
            with errors(f"reading the position of shard {shard}"):
                async with deadline(connection, self._limits.round_s):
                    self.position = await position.load_position(connection, shard)
                    self._desk.suspects |= await load_suspects(connection, shard)
            # A round that was written, and one that was decoded meanwhile.
            if self.position not in self._own:
                self._doubt_from(self.position.sequence)
            self._own = (self.position,)
            # Another may have moved it on meanwhile, and the chains with it.
            self._chains = {}
        return connection, self.position

    def _doubt_from(self, sequence: int) -> None:
        """Doubt what a predecessor may have had in hand: two rounds of entries, or of bytes."""
        self._desk.doubted = sequence + 2 * self._limits.round_entries
        self._desk.doubted_bytes = 2 * (self._limits.round_bytes + MAX_ENVELOPE_BYTES)

    async def _take(self, connection: Connection, work: Work) -> int:
        """Store what was fetched; return how many frames it held."""
        if work.strange:
            work = await self._with_chains(connection, work)
        made = await self._make_partitions(connection, work)
        self._own = (work.old, work.new)
        tally = await self._commit(connection, work)
        tally.partitions_made = made
        self.position = work.new
        self._stored.append(work)
        self._desk.doubted_bytes -= sum(len(entry.payload) for entry in work.entries)
        self._chains |= work.intake.chains
        self.counters.add(tally)
        self._complain(tally)
        ticks = work.intake.ticks
        second = ticks[-1].second if ticks else None
        await self._upkeep.look(connection, self._desk.known.partitions, second)
        return tally.frames

    async def _with_chains(self, connection: Connection, work: Work) -> Work:
        """The same work, now that its chains are known."""
        with errors("reading the chains"):
            async with deadline(connection, self._limits.round_s):
                self._chains |= await position.load_chains(connection, work.strange)
        return await asyncio.to_thread(
            prepare_round, self._desk, work.old, work.entries, dict(self._chains)
        )

    async def _make_partitions(self, connection: Connection, work: Work) -> int:
        """Make the partitions that the rows need, each in a transaction of its own."""
        made = 0
        partitions = self._desk.known.partitions
        for table, wanted in work.days.items():
            made += await partitions.ensure(connection, table, wanted)
        return made

    async def _commit(self, connection: Connection, work: Work) -> WriterCounters:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            with errors(f"writing shard {self._desk.shard}"):
                async with deadline(connection, self._limits.round_s):
                    tally, touched = await commit_round(
                        connection, self._desk, work, lambda: self._fetch_ahead(work)
                    )
        except StorageError:
            self.counters.timeouts += loop.time() - started >= self._limits.round_s
            # Should the size have been the cause, a smaller round gets through.
            self._most = max(1, self._most // 2)
            raise
        self.round_s.note(loop.time() - started)
        self.round_frames.note(tally.frames)
        self._most = min(2 * self._most, self._limits.round_entries)
        self._upkeep.touched |= touched
        return tally

    def _failed(self, error: StorageError, failures: int) -> int:
        """Count a failure that passes; raise one that does not."""
        if not error.retryable:
            raise error
        self.counters.failures += 1
        if not failures:
            _log.warning("writer waits", shard=self._desk.shard, reason=error.message)
        return failures + 1

    def _forget(self) -> None:
        """Begin again from what the database says: what we know may not have been committed."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection, self.position = None, None
        self._desk.known = Known.nothing(self._desk.shard)
        self._chains = {}

    def _complain(self, tally: WriterCounters) -> None:
        for name, event in COMPLAINTS.items():
            count = getattr(tally, name)
            if count:
                _log.error(event, shard=self._desk.shard, count=count)


def _let_go(stored: list[Work]) -> None:
    while stored:
        stored.pop().let_go()


async def _cancel(task: asyncio.Task[Work | None]) -> None:
    """End a fetch that nobody wants, whatever became of it."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, unless ``stop`` comes first."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
