"""The journal: what arrived, in order, on disk before anybody is told.

    Journal ──► shard 0 ──► stream WATTWARDEN_0 ──► wattwarden.0.{frames,session,alive,tick}
            ──► shard 1 ──► stream WATTWARDEN_1 ──► …

A stream numbers its entries from 1 without gaps.  Payloads are opaque here.  Reading goes by
sequence with direct batch gets; after each message is stored, JetStream repeats its headers on
``wattwarden.stored.<shard>.<kind>``, and these nudges wake ``wait``.

What is checked about durability, and what is not, stands in ``jetstream``.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, Self

import msgspec
import structlog
from nats.aio.msg import Msg

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.entry import (
    MSG_ID,
    Entry,
    Kind,
    consecutive,
    entry_of,
    entry_of_stored,
)
from wattwarden.storage.journal.errors import (
    JournalAway,
    JournalFull,
    JournalGap,
    JournalRefused,
)
from wattwarden.storage.journal.jetstream import ApiReply, Durability, StreamLimits
from wattwarden.storage.journal.link import Link
from wattwarden.storage.journal.shard import JournalCounters, Shard, ShardStatus
from wattwarden.storage.journal.streams import check_server, make_stream, unexpected

__all__ = [
    "Durability",
    "Entry",
    "Journal",
    "JournalAway",
    "JournalFull",
    "JournalGap",
    "JournalRefused",
    "Kind",
    "ShardStatus",
    "StreamLimits",
]

DEFAULT_PREFIX: Final = "WATTWARDEN"
# Used where no setting says otherwise; the program takes half the free disk where that is less.
DEFAULT_LIMITS: Final = StreamLimits(max_bytes=20 * 1024**3)
# A loaded disk syncs within a second; five times that means trouble rather than load.
DEFAULT_TIMEOUT_S: Final = 5.0
# nats-server cuts a client off that leaves 64 MiB unread; a quarter serves four shards at once.
MAX_READ_BYTES: Final = 16 * 1024**2
# Enough for any gap between readers and a leader that is being elected, too short for a poll.
REREAD_PAUSES_S: Final = (0.05, 0.2, 0.5)
# A server that lost its cluster notices within 10 s; three times that is no leader of old any more.
STALE_LEADER_S: Final = 30.0
# A nudge may be lost with a connection; polling four times a second costs 0.3 ms a shard.
POLL_INTERVAL_S: Final = 0.25

_PREFIX: Final = re.compile(r"[A-Z0-9_-]{1,32}")

_log: Final = structlog.get_logger(__name__)


class Journal:
    """Appends to and reads from the streams of all shards; made with ``connect``."""

    def __init__(self, link: Link, prefix: str, shards: int, timeout_s: float) -> None:
        self.counters = JournalCounters()
        self.durability = Durability.UNKNOWN
        self._replicas = 1
        self._link = link
        self._timeout_s = timeout_s
        self._topics = f"{prefix.lower()}."
        self._shards = tuple(Shard(prefix, index) for index in range(shards))

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        prefix: str = DEFAULT_PREFIX,
        shards: int = 2,
        limits: StreamLimits = DEFAULT_LIMITS,
        durability: Durability = Durability.UNKNOWN,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """Connect, make the streams that are missing and check those that are there.

        Afterwards the connection comes back by itself, for ever.  ``timeout_s`` bounds this call's
        and every later request.  ``limits`` are each shard's; a stream that has others gets them.
        ``durability`` is what the caller knows of the server's sync_interval.

        Raises:
            JournalAway: no server answered in time.
            JournalRefused: an old server, a stream that would lose entries, or a lazy server.
            JournalFull: the server has no room for streams of this size.
        """
        if not _PREFIX.fullmatch(prefix):
            text = f"journal prefix must be capitals, digits, _ and -, 32 at most, got {prefix!r}"
            raise ValueError(text)
        if durability is Durability.LAZY:
            raise JournalRefused(durability.value)
        link = await Link.open(url, token=token, name="wattwarden", timeout_s=timeout_s)
        journal = cls(link, prefix, shards, timeout_s)
        journal.durability = durability
        journal._replicas = limits.replicas
        try:
            check_server(link)
            for shard in journal._shards:
                await make_stream(journal._call, shard, limits)
        except BaseException:
            await journal.close()
            raise
        if durability is Durability.UNKNOWN:
            _log.warning("journal durability unknown", reason=durability.value)
        return journal

    @property
    def link(self) -> Link:
        """The connection, shared with leases."""
        return self._link

    @property
    def shards(self) -> int:
        """How many shards there are, numbered from 0."""
        return len(self._shards)

    def stream_name(self, shard: int) -> str:
        """Name of the shard's stream, which also names its folder in the archive."""
        return self._shards[shard].stream

    def first_available(self, shard: int) -> int:
        """First sequence that was not purged yet, as last seen by ``read`` or ``status``."""
        return self._shards[shard].first

    async def close(self) -> None:
        """Let appends in flight finish, within two seconds, and disconnect."""
        await self._link.close()

    async def append(self, shard: int, kind: Kind, payload: bytes, msg_id: str) -> int:
        """Store ``payload`` and return its sequence, once it is on disk.

        One attempt within the journal's timeout.  The same ``msg_id`` again within two minutes is
        not stored again and gives the sequence it had.  After JournalAway pause a little and retry
        with the same ``msg_id``.  A disk that is full below ``max_bytes`` shows as JournalAway too:
        nats-server then acknowledges nothing, and has to be restarted once there is room.

        Raises:
            JournalAway: no acknowledgement; stored or not.
            JournalFull: not stored, there is no room.
            JournalRefused: not stored and never will be, such as a payload beyond the server's.
        """
        place = self._shards[shard]
        subject = f"{place.subjects}.{kind}"
        headers = {MSG_ID: msg_id}
        try:
            ack = await jetstream.publish(
                self._link, subject, payload, headers, timeout_s=self._timeout_s
            )
        except JournalAway:
            self.counters.attempts_away += 1
            raise
        if ack.error is not None:
            raise self._count(jetstream.error_of(ack.error, f"append to {place.stream}"))
        if ack.stream != place.stream:
            text = f"{subject} belongs to stream {ack.stream}, not to {place.stream}"
            raise JournalRefused(text)
        self.counters.appended += 1
        self.counters.appended_bytes += len(payload)
        self.counters.duplicates += ack.duplicate
        place.learn(ack.seq)
        return ack.seq

    async def read(self, shard: int, after: int, *, most: int, most_bytes: int) -> list[Entry]:
        """Return the entries that follow sequence ``after``, in order and without a gap.

        At most ``most`` of them and about ``most_bytes`` of payload (at most MAX_READ_BYTES), yet
        one at least if there is any.  Empty when nothing follows yet.  When the first one is not
        ``after`` + 1, all between were purged: ``first_available`` says the same when nothing is
        left at all.

        Raises:
            JournalAway: no complete answer; read again.
            JournalGap: entries are missing that were not purged, or the journal ends before
                ``after``, as after a restored or emptied store.
        """
        if after < 0 or most < 1 or not 1 <= most_bytes <= MAX_READ_BYTES:
            text = f"read of {most} and {most_bytes} bytes after {after} is out of bounds"
            raise ValueError(text)
        place = self._shards[shard]
        query = {"seq": after + 1, "batch": most, "max_bytes": most_bytes}
        messages, _ = await self._link.collect(
            f"$JS.API.DIRECT.GET.{place.stream}",
            msgspec.json.encode(query),
            most=most,
            timeout_s=self._timeout_s,
        )
        found = [entry_of(message) for message in messages]
        entries = consecutive(found, after + 1) or await self._settle(place, after, found)
        place.early.clear()
        if entries:
            place.learn(entries[-1].sequence)
        self.counters.read += len(entries)
        self.counters.read_bytes += sum(len(entry.payload) for entry in entries)
        return entries

    async def wait(self, shard: int, after: int) -> None:
        """Return when something after ``after`` may be there: a nudge came, or 250 ms went by.

        A hint only: read in any case.
        """
        place = self._shards[shard]
        if not place.listening:
            place.listening = True
            await self._listen(place)
        if place.known > max(after, place.first - 1):
            return
        heard = place.heard
        try:
            async with asyncio.timeout(POLL_INTERVAL_S):
                await heard.wait()
        except TimeoutError:
            self.counters.polls += 1

    async def overhear(self, kind: Kind, hear: Callable[[bytes], None]) -> None:
        """Have ``hear`` called with payloads of a kind that anybody appends, as they pass by.

        For news that nobody has to have: what is sent while our connection is away is missed, what
        is tried twice is heard twice, and whether it is stored in the end is not known.
        """

        async def pass_on(message: Msg) -> None:
            hear(message.data)

        for place in self._shards:
            await self._link.listen(f"{place.subjects}.{kind}", pass_on)

    def tell(self, topic: str, payload: bytes) -> bool:
        """Tell whoever hears of a topic now; nothing is stored.  False while there is no server."""
        return self._link.tell(self._topics + topic, payload)

    async def hear(self, topic: str, hear: Callable[[bytes], None]) -> None:
        """Have ``hear`` called with what is told on a topic, a word beside those of the shards."""

        async def pass_on(message: Msg) -> None:
            hear(message.data)

        await self._link.listen(self._topics + topic, pass_on)

    async def status(self, shard: int) -> ShardStatus:
        """Return how full the shard is, as its leader knows it.

        Raises:
            JournalAway: no answer.
            JournalRefused: the stream is not there any more.
        """
        place = self._shards[shard]
        reply = await self._call(f"STREAM.INFO.{place.stream}", None)
        if reply.error is not None or reply.state is None or reply.config is None:
            raise unexpected(reply, f"status of {place.stream}")
        state = reply.state
        first = max(state.first_seq, 1)
        place.first = first
        return ShardStatus(
            state.messages, state.bytes, first, state.last_seq, int(reply.config["max_bytes"])
        )

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        """Return the last entry of ``kind``, as the shard's leader knows it; None without one.

        Raises:
            JournalAway: no answer.
        """
        place = self._shards[shard]
        return await self._from_leader(place, {"last_by_subj": f"{place.subjects}.{kind}"})

    async def purge(self, shard: int, before_sequence: int) -> int:
        """Delete all entries before ``before_sequence`` for good; return how many there were.

        Never moves the end: beyond the last entry means all entries.

        Raises:
            JournalAway: no answer; purged or not.
        """
        place = self._shards[shard]
        status = await self.status(shard)
        # Sequence 0 would mean everything, and one beyond the end would skip numbers.
        before = min(before_sequence, status.last + 1)
        if before <= status.first:
            return 0
        reply = await self._call(f"STREAM.PURGE.{place.stream}", {"seq": before})
        if reply.error is not None:
            raise unexpected(reply, f"purge of {place.stream}")
        place.first = before
        return reply.purged

    async def _call(self, name: str, body: object) -> ApiReply:
        return await jetstream.call(self._link, name, body, timeout_s=self._timeout_s)

    def _count(self, error: Exception) -> Exception:
        self.counters.refused_full += isinstance(error, JournalFull)
        self.counters.attempts_away += isinstance(error, JournalAway)
        return error

    async def _listen(self, place: Shard) -> None:
        async def hear(message: Msg) -> None:
            self.counters.nudges += 1
            place.learn(int((message.headers or {}).get("Nats-Sequence", "0")))

        await self._link.listen(f"{place.nudges}.*", hear)

    async def _settle(self, place: Shard, after: int, found: list[Entry]) -> list[Entry]:
        """Explain why ``found`` does not begin after ``after``, or read again."""
        for pause_s in REREAD_PAUSES_S:
            status = await self.status(place.index)
            if status.last < after:
                raise self._ends_early(place, status.last, after)
            due = max(after + 1, status.first)
            if due > after + 1:
                self._report_purged(place, after, due)
            if due > status.last:
                return []
            if run := consecutive(found, due):
                return run
            entry = await self._from_leader(place, {"seq": due})
            if entry is not None:
                self.counters.from_leader += 1
                return [entry]
            await asyncio.sleep(pause_s)
        text = f"{place.stream} lost entry {due}, though it holds {status.first} to {status.last}"
        raise JournalGap(text)

    def _ends_early(self, place: Shard, last: int, after: int) -> Exception:
        """Return what it means that a stream ends before what was read of it.

        In a cluster, that a server which was cut off a moment ago still takes itself for the
        leader; unless that lasts.
        """
        text = f"{place.stream} ends at {last}, yet {after} was read before"
        now = asyncio.get_running_loop().time()
        begun = place.early.setdefault(after, now)
        if self._replicas > 1 and now - begun < STALE_LEADER_S:
            return JournalAway(text)
        return JournalGap(text)

    def _report_purged(self, place: Shard, after: int, due: int) -> None:
        """Tell it once, not at every read of a reader that waits there."""
        if due > place.reported:
            place.reported = due
            self.counters.purged_unread += due - after - 1
            _log.warning("journal purged unread", stream=place.stream, after=after, next=due)

    async def _from_leader(self, place: Shard, query: dict[str, object]) -> Entry | None:
        """One entry from the stream's leader, None when it has none such."""
        reply = await self._call(f"STREAM.MSG.GET.{place.stream}", query)
        if reply.error is not None and reply.error.err_code == jetstream.NO_MESSAGE_FOUND:
            return None
        if reply.error is not None or reply.message is None:
            raise unexpected(reply, f"reading of {place.stream}")
        return entry_of_stored(reply.message)
