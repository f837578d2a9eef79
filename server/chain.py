"""One chain of envelopes: what a gateway process writes into one shard of the journal.

    add ─► draft ─► sealed ─► in the journal ─► replies
           │        one in flight, retried under the same id until it is stored
           └ sealed when the one before is stored and 500 frames wait, or after a 5 ms lull, or
             after 20 ms; where nobody waits for an answer, after 100 ms

Nothing is answered before it is stored.  Whoever adds bounds what waits (``pending_bytes``).
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from wattwarden.protocol.codec import NOTHING_ASKED, Asked, Codec, ProfileOf, Routine
from wattwarden.protocol.envelope import (
    FORMAT,
    Occurrence,
    Occurrences,
    digest,
    encode,
)
from wattwarden.protocol.spread import ANSWER_BOUNDS_S, BATCH_BOUNDS, Spread
from wattwarden.server.draft import Draft, Frozen, Source
from wattwarden.server.waiting import LULL_FRAMES, Waiting
from wattwarden.storage.journal.journal import JournalAway, JournalFull, JournalRefused, Kind

RETRY_PAUSES_S: Final = (0.02, 0.05, 0.1, 0.2, 0.5)
FULL_PAUSE_S: Final = 1.0
# Occurrences travel together; nobody waits for them.
OCCURRENCE_PAUSE_S: Final = 0.25
MOST_OCCURRENCES: Final = 2000
# While the journal is away a whole city may redial again and again; 20 MiB of it are enough.
MOST_WAITING_OCCURRENCES: Final = 100_000
# A segment with more frames is taken in parts, so that no envelope outgrows its bounds.
MOST_FRAMES_AT_ONCE: Final = 32
# What becomes of frames.
STORED: Final = "stored"
CHECKSUM: Final = "checksum"
REFUSED: Final = "refused"

_log: Final = structlog.get_logger(__name__)


class Appender(Protocol):
    """What a chain needs of the journal."""

    async def append(self, shard: int, kind: Kind, payload: bytes, msg_id: str) -> int:
        """Store a payload; raise JournalAway, JournalFull or JournalRefused."""


@dataclass(slots=True)
class ChainCounters:
    """What a chain did since the process started."""

    frames: int = 0
    envelopes: int = 0
    bytes: int = 0
    retries: int = 0
    full: int = 0
    unconfirmed: int = 0
    refused: int = 0
    occurrences_dropped: int = 0
    # Frames by codec and what became of them.
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    sizes: Spread = field(default_factory=lambda: Spread(BATCH_BOUNDS))
    ack_s: Spread = field(default_factory=lambda: Spread(ANSWER_BOUNDS_S))


class Chain:
    """Envelopes of one gateway process for one shard.

    ``on_trouble(chain, reason)`` is called when the journal takes nothing of this chain (reason),
    and when it does again (None).  ``profiles(codec name)`` gives the profiles that a codec may
    ask for.  ``rate`` seconds of ``now_us`` pass in a real one, in which lulls are counted.
    """

    def __init__(
        self,
        journal: Appender,
        shard: int,
        gateway: str,
        profiles: Callable[[str], ProfileOf],
        now_us: Callable[[], int],
        on_trouble: Callable[[str, str | None], None],
        rate: int = 1,
    ) -> None:
        self.counters = ChainCounters()
        self.pending_bytes = 0
        self._journal = journal
        self._shard = shard
        self._gateway = gateway
        self._name = f"{gateway}.{shard}"
        self._profiles = profiles
        self._now_us = now_us
        self._on_trouble = on_trouble
        self._second_us = 1_000_000 * rate
        self._waiting = Waiting(self._second_us)
        # Something new may be due.
        self._filled = asyncio.Event()
        self._closing = False
        self._number = 0
        self._previous = b""
        self._occurrences: list[Occurrence] = []
        self._occurrence_number = 0
        self._flushing = asyncio.Lock()

    def add(
        self,
        source: Source,
        codec: Codec | None,
        frames: list[bytes],
        now: int,
        asked: Asked = NOTHING_ASKED,
    ) -> None:
        """Take frames of one received segment, and what they answer or continue.

        ``codec`` is None for bytes that no framer accepts.
        """
        count = len(frames)
        if count > MOST_FRAMES_AT_ONCE:
            for at in range(0, count, MOST_FRAMES_AT_ONCE):
                stretch = range(at, min(at + MOST_FRAMES_AT_ONCE, count))
                theirs = {index - at: asked[index] for index in stretch if index in asked}
                self.add(source, codec, frames[at : stretch.stop], now, theirs)
            return
        size = sum(map(len, frames))
        if asked is not NOTHING_ASKED:
            size += sum(map(len, asked.values()))
        draft = self._with_room(codec, count, size, now)
        if not draft.is_awaited and _may_wait(codec, frames):
            self._hurry(draft)
        if asked is not NOTHING_ASKED:
            draft.ask(asked)
        draft.add(source, frames, now)

    def add_many(self, sources: Sequence[Source], codec: Codec, routine: Routine, now: int) -> None:
        """Take the frames of as many received segments, one from each source.

        Together they must fit into one envelope.
        """
        draft = self._with_room(codec, len(routine.lengths), len(routine.data), now)
        self._hurry(draft)
        draft.add_many(sources, routine, now)

    def add_unknown(self, source: Source, data: bytes, reason: str, now: int) -> None:
        """Keep bytes that belong to no frame."""
        self.add(source, None, [data], now)
        self._waiting.last_of(None).reasons.append(reason)

    def note(self, occurrence: Occurrence) -> None:
        """Record what happened to a connection."""
        if len(self._occurrences) < MOST_WAITING_OCCURRENCES:
            self._occurrences.append(occurrence)
        else:
            self.counters.occurrences_dropped += 1

    def close(self) -> None:
        """Let ``run`` end once everything that was added is stored."""
        self._closing = True
        self._filled.set()

    async def run(self) -> None:
        """Seal and store until ``close``."""
        waiting = self._waiting
        while waiting or not self._closing:
            pause = waiting.pause_us(self._now_us(), closing=self._closing)
            if pause is not None and pause <= 0:
                await self._store(waiting.pop())
            elif waiting.is_hurried and pause is not None:
                await asyncio.sleep(pause / self._second_us)
            else:
                await self._wait(None if pause is None else pause / self._second_us)
        await self.flush_occurrences()

    async def run_occurrences(self) -> None:
        """Store occurrences every so often, for ever."""
        while True:
            await asyncio.sleep(OCCURRENCE_PAUSE_S)
            await self.flush_occurrences()

    async def flush_occurrences(self) -> None:
        """Store the occurrences noted so far; those noted meanwhile wait for the next time."""
        async with self._flushing:
            left = len(self._occurrences)
            while left > 0:
                rows = self._occurrences[: min(left, MOST_OCCURRENCES)]
                del self._occurrences[: len(rows)]
                left -= len(rows)
                self._occurrence_number += 1
                payload = encode(Occurrences(FORMAT, self._gateway, rows))
                msg_id = f"{self._name}:s{self._occurrence_number}"
                await self._append(Kind.SESSION, payload, msg_id)

    def _with_room(self, codec: Codec | None, count: int, size: int, now: int) -> Draft:
        """Return the draft that takes so many frames and bytes, which are counted as its own."""
        self.pending_bytes += size
        draft = self._waiting.room(codec, count, size, now)
        # What joins others that have time wakes nobody.
        if not len(draft) or len(draft) + count >= LULL_FRAMES:
            self._filled.set()
        return draft

    def _hurry(self, draft: Draft) -> None:
        if not draft.is_awaited:
            self._waiting.hurry(draft)
            self._filled.set()

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something comes, so long at most."""
        self._filled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._filled.wait()

    async def _store(self, draft: Draft) -> None:
        size = draft.size_bytes
        try:
            frozen = self._confirm(draft)
            if len(draft):
                await self._store_frozen(draft, frozen)
        finally:
            self.pending_bytes -= size

    def _confirm(self, draft: Draft) -> Frozen:
        """Check the checksums that framing left open; failing frames go back to their sessions."""
        frozen = draft.freeze()
        codec = draft.codec
        if codec is None or codec.confirm is None:
            return frozen
        confirmed = codec.confirm(frozen.batch(self._profiles(codec.name)))
        if confirmed.all():
            return frozen
        failed = [index for index, fine in enumerate(confirmed.tolist()) if not fine]
        self.counters.unconfirmed += len(failed)
        self.counters.outcomes[codec.name, CHECKSUM] += len(failed)
        for source, frame in draft.take_out(failed):
            source.reject(frame)
        return draft.freeze()

    async def _store_frozen(self, draft: Draft, frozen: Frozen) -> None:
        number = self._number + 1
        payload = encode(frozen.envelope(self._name, number, self._previous, self._now_us()))
        storing = asyncio.ensure_future(
            self._append(Kind.FRAMES, payload, f"{self._name}:{number}")
        )
        # While the journal syncs, the replies are made.
        await asyncio.sleep(0)
        codec = draft.codec
        replies = (
            codec.acknowledge(frozen.batch(self._profiles(codec.name)))
            if codec is not None and draft.is_awaited
            else None
        )
        is_stored = await storing
        # Only what is stored is a link: the next envelope names no predecessor that nobody has.
        # What may be stored is one, too: under its number the next would pass for it.
        if is_stored is not False:
            self._number, self._previous = number, digest(payload)
        if not is_stored:
            self.counters.outcomes[draft.name, REFUSED] += len(draft)
            return
        counters = self.counters
        counters.frames += len(draft)
        counters.envelopes += 1
        counters.bytes += len(payload)
        counters.outcomes[draft.name, STORED] += len(draft)
        counters.sizes.note(len(draft))
        if replies is not None:
            draft.send(replies)
            now = self._now_us()
            for at, count in frozen.spans:
                counters.ack_s.note((now - at) / self._second_us, count)

    async def _append(self, kind: Kind, payload: bytes, msg_id: str) -> bool | None:
        """Store under one id until it is stored.

        False when the journal never will take it, None when an attempt before may have stored it.
        """
        attempt, may_be_stored = 0, False
        while True:
            try:
                await self._journal.append(self._shard, kind, payload, msg_id)
            except JournalAway as error:
                may_be_stored = True
                pause = RETRY_PAUSES_S[min(attempt, len(RETRY_PAUSES_S) - 1)]
                self.counters.retries += 1
                if attempt == len(RETRY_PAUSES_S):
                    self._on_trouble(self._name, f"journal away: {error}")
            except JournalFull as error:
                pause = FULL_PAUSE_S
                self.counters.full += 1
                self._on_trouble(self._name, f"journal full: {error}")
            except JournalRefused as error:
                self.counters.refused += 1
                _log.error("journal refused an entry", msg_id=msg_id, reason=str(error))
                self._on_trouble(self._name, None)
                return None if may_be_stored else False
            else:
                if attempt:
                    self._on_trouble(self._name, None)
                return True
            attempt += 1
            await asyncio.sleep(pause)


def _may_wait(codec: Codec | None, frames: list[bytes]) -> bool:
    """Whether a sender of frames may wait for an answer from the journal."""
    if codec is None:
        return False
    return codec.is_awaited is None or any(map(codec.is_awaited, frames))
