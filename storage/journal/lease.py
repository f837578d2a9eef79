"""Leases: one holder at a time, as long as it renews, kept in a NATS key-value bucket.

             acquire_or_renew                     renewed in time
    FREE ───────────────────────► HELD ◄──────────────────────────┐
      ▲  ╲ another holds it        │ └────────────────────────────┘
      │   ╲──► TAKEN               │ replaced, or not renewed within the time to live
      └────────────────────────────┴──► LOST (once; the next call tries again)

Every write names the revision that it replaces, so of two writers one fails.  The server deletes a
key that was not renewed for the bucket's time to live; the holder stops counting on it a fifth
earlier, on its own monotonic clock and from before the renewal was sent.  Two holders at once would
need a server whose clock jumps ahead by more than that fifth: whoever acts under a lease still puts
``epoch``, or numbers of its own, into what it writes.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from wattwarden.storage.journal import jetstream
from wattwarden.storage.journal.errors import JournalAway, JournalRefused
from wattwarden.storage.journal.jetstream import StoredMessage
from wattwarden.storage.journal.link import Link

# A holder that dies is replaced within five seconds; renewed every second, four may fail.
DEFAULT_TTL_S: Final = 5.0
# The part of the time to live that a holder does not use, against unequal clocks.
MARGIN: Final = 0.2
# A third of the time to live lets a holder try three times before it loses the lease.
ATTEMPT_SHARE: Final = 3
# Making the bucket takes several fsyncs, once.
OPEN_TIMEOUT_S: Final = 5.0

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_OPERATION: Final = "KV-Operation"
_DELETE: Final = "DEL"


class Verdict(Enum):
    """How an attempt to hold the lease went."""

    HELD = "acquired or renewed"
    TAKEN = "another holds it"
    LOST = "held before, and not any more"
    AWAY = "the journal did not answer; until the lease runs out nothing changed"


@dataclass(slots=True)
class LeaseCounters:
    """What happened to this lease since it was opened."""

    acquired: int = 0
    renewed: int = 0
    lost: int = 0
    away: int = 0


class Lease:
    """One key of the bucket, as one possible holder sees it; made with ``open``.

    ``owner`` must be new for each start of each process, since whoever finds its own name in the
    bucket takes the lease for its own: that repairs an acquisition whose answer was lost.
    """

    def __init__(self, link: Link, subject: str, stream: str, owner: str, ttl_s: float) -> None:
        self.counters = LeaseCounters()
        self.ttl_s = ttl_s
        self.owner = owner
        self.epoch = 0
        """Grows with every acquisition by anybody; 0 while never held."""
        self.holder = ""
        """Who held it when another was last seen to hold it."""
        self._link = link
        self._subject = subject
        self._stream = stream
        self._revision = 0
        self._held_until = 0.0

    @classmethod
    async def open(
        cls,
        link: Link,
        name: str,
        *,
        owner: str,
        prefix: str = "WATTWARDEN",
        ttl_s: float = DEFAULT_TTL_S,
        replicas: int = 1,
    ) -> Self:
        """Make the bucket ``<prefix>_lease`` where it is missing, and return the lease ``name``.

        A bucket that exists keeps its time to live, which ``lease.ttl_s`` then says, and gets as
        many ``replicas``.

        Raises:
            JournalAway: no answer.
            JournalRefused: the bucket's keys do not expire, or the server makes no bucket.
        """
        bucket = f"{prefix}_lease"
        wanted = _bucket_config(bucket, ttl_s, replicas)
        stream = str(wanted["name"])
        limit_s = OPEN_TIMEOUT_S
        reply = await jetstream.call(link, f"STREAM.CREATE.{stream}", wanted, timeout_s=limit_s)
        if reply.error is not None and reply.error.err_code == jetstream.STREAM_NAME_IN_USE:
            reply = await jetstream.call(link, f"STREAM.INFO.{stream}", None, timeout_s=limit_s)
            if (reply.config or {}).get("num_replicas", replicas) != replicas:
                grown = (reply.config or {}) | {"num_replicas": replicas}
                reply = await jetstream.call(
                    link, f"STREAM.UPDATE.{stream}", grown, timeout_s=limit_s
                )
        if reply.error is not None:
            raise jetstream.error_of(reply.error, f"bucket {bucket}")
        max_age_ns = (reply.config or {}).get("max_age") or 0
        if max_age_ns <= 0:
            text = f"keys of bucket {bucket} do not expire: a dead holder would keep its lease"
            raise JournalRefused(text)
        subject = f"$KV.{bucket}.{name}"
        return cls(link, subject, stream, owner, max_age_ns / jetstream.NANOSECONDS)

    def is_held(self, now: float) -> bool:
        """Whether the lease may still be counted on; ``now`` is monotonic seconds."""
        return self._revision > 0 and now < self._held_until

    async def acquire_or_renew(self, now: float) -> Verdict:
        """Try once to become or to remain the holder; call it every fifth of ``ttl_s`` or so.

        ``now`` is monotonic seconds, read immediately before.  Takes a third of ``ttl_s`` at most
        for each of at most three requests.
        """
        held = self._revision > 0
        try:
            verdict = await (self._renew(now) if held else self._acquire(now))
        except JournalAway:
            self.counters.away += 1
            verdict = Verdict.AWAY
            if held and now >= self._held_until:
                self._forget()
                verdict = Verdict.LOST
        self.counters.lost += verdict is Verdict.LOST
        return verdict

    async def release(self) -> None:
        """Let another have the lease at once; does nothing when it is not held."""
        revision = self._revision
        self._forget()
        if revision > 0:
            try:
                await self._write(b"", {_OPERATION: _DELETE, _EXPECTED: str(revision)})
            except JournalAway:
                self.counters.away += 1  # it runs out by itself

    async def _acquire(self, now: float) -> Verdict:
        revision = await self._claim(0)
        if not revision:
            current = await self._current()
            if current is None or not (_is_deleted(current) or self._is_ours(current)):
                return Verdict.TAKEN
            revision = await self._claim(current.seq)
        if not revision:
            return Verdict.TAKEN
        self.epoch = revision
        self.counters.acquired += 1
        self._hold(revision, now)
        return Verdict.HELD

    async def _renew(self, now: float) -> Verdict:
        revision = await self._claim(self._revision)
        if not revision:
            current = await self._current()
            if current is not None and self._is_ours(current):
                revision = await self._claim(current.seq)
        if not revision:
            self._forget()
            return Verdict.LOST
        self.counters.renewed += 1
        self._hold(revision, now)
        return Verdict.HELD

    def _hold(self, revision: int, now: float) -> None:
        self._revision = revision
        self._held_until = now + self.ttl_s * (1 - MARGIN)

    def _forget(self) -> None:
        self._revision = 0
        self._held_until = 0.0

    def _is_ours(self, current: StoredMessage) -> bool:
        """Whether the key is our own, and remember whose it is if not."""
        if not _is_deleted(current) and current.data == self.owner.encode():
            return True
        self.holder = current.data.decode(errors="replace")
        return False

    async def _claim(self, replaces: int) -> int:
        """Write our name over revision ``replaces`` (0: none); the new revision, 0 if refused."""
        return await self._write(self.owner.encode(), {_EXPECTED: str(replaces)})

    async def _write(self, value: bytes, headers: dict[str, str]) -> int:
        ack = await jetstream.publish(
            self._link, self._subject, value, headers, timeout_s=self.ttl_s / ATTEMPT_SHARE
        )
        if ack.error is None:
            return ack.seq
        if ack.error.err_code in jetstream.WRONG_LAST_SEQUENCE:
            return 0
        raise jetstream.error_of(ack.error, f"lease {self._subject}")

    async def _current(self) -> StoredMessage | None:
        """What the key holds according to the bucket's leader."""
        reply = await jetstream.call(
            self._link,
            f"STREAM.MSG.GET.{self._stream}",
            {"last_by_subj": self._subject},
            timeout_s=self.ttl_s / ATTEMPT_SHARE,
        )
        if reply.error is not None and reply.error.err_code != jetstream.NO_MESSAGE_FOUND:
            raise jetstream.error_of(reply.error, f"lease {self._subject}")
        return reply.message


def _is_deleted(message: StoredMessage) -> bool:
    return _OPERATION.encode() in message.hdrs


def _bucket_config(bucket: str, ttl_s: float, replicas: int) -> dict[str, object]:
    """A stream as every NATS client takes it for a key-value bucket with a history of one."""
    ttl_ns = round(ttl_s * jetstream.NANOSECONDS)
    return {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.>"],
        "storage": "file",  # in memory, a restarted server would have forgotten the holder
        "max_msgs_per_subject": 1,
        "max_age": ttl_ns,
        "duplicate_window": ttl_ns,
        "discard": "new",
        "num_replicas": replicas,
        "allow_direct": True,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
    }
