"""One round of the writer: what is done before its transaction, and what is done in it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from wattwarden.protocol.codec import Batch, Codec
from wattwarden.protocol.envelope import Envelope
from wattwarden.protocol.errors import Refusal
from wattwarden.storage.database import Connection
from wattwarden.storage.journal.entry import Entry
from wattwarden.storage.moments import us_of
from wattwarden.storage.retrying import Readers
from wattwarden.storage.rows import position
from wattwarden.storage.rows.counters import WriterCounters
from wattwarden.storage.rows.filing import UNKNOWN_CODEC, Allowance, file, sender_of
from wattwarden.storage.rows.gathering import Gathered, gather
from wattwarden.storage.rows.ingest import (
    Known,
    Prepared,
    Reason,
    Trouble,
    days_by_table,
    prepare,
    store,
)
from wattwarden.storage.rows.intake import ChainLink, Intake, Spoilt, read, sift
from wattwarden.storage.rows.partitions import note_parts
from wattwarden.storage.rows.position import Position

JOURNAL_CODEC: Final = "journal"
"""The codec name under which entries are filed that cannot be read."""


Chains = Mapping[str, ChainLink | None]
"""The last envelope of each chain; None for one that is new."""


@dataclass(frozen=True, slots=True)
class Work:
    """A stretch of the journal, and what is to be stored of it.

    ``strange`` names chains whose last envelope must be known first; then nothing else is filled.
    ``unread`` are batches that no codec takes, with their troubles; ``days`` by table need
    partitions.
    """

    entries: Sequence[Entry]
    old: Position
    new: Position
    intake: Intake
    strange: frozenset[str] = frozenset()
    spoilt: int = 0
    prepared: tuple[Prepared, ...] = ()
    unread: tuple[tuple[Gathered, list[Trouble]], ...] = ()
    days: Mapping[str, set[int]] = field(default_factory=dict)

    def let_go(self) -> None:
        """Free the envelopes of what is stored, one by one: other threads get their turn."""
        for placed in self.intake.by_codec.values():
            while placed:
                placed.pop()


@dataclass(slots=True)
class Desk:
    """What the writer of a shard works with.

    ``suspects`` sent what ended a process; up to the entry ``doubted``, and within so many bytes,
    anybody may have.
    """

    shard: int
    readers: Readers
    known: Known
    allowance: Allowance
    suspects: set[str] = field(default_factory=set)
    doubted: int = 0
    doubted_bytes: int = 0


def prepare_round(desk: Desk, old: Position, entries: Sequence[Entry], chains: Chains) -> Work:
    """Decode entries, at least one, that follow ``old``.  It may run in a thread, one at a time.

    Raises:
        StorageError: There is no room for a child process where one is needed; retryable.
    """
    parsed, spoilt = read(entries)
    names = {message.chain for _, message in parsed if isinstance(message, Envelope)}
    strange = frozenset(names - chains.keys())
    if strange:
        return Work(entries, old, old, Intake(old.tick), strange)
    intake = sift(parsed, old.tick, chains)
    readers = desk.readers
    prepared: list[Prepared] = []
    unread: list[tuple[Gathered, list[Trouble]]] = []
    for codec, placed in intake.by_codec.items():
        gathered = gather(codec, desk.shard, placed, readers.profile_of(codec))
        if codec in readers.codecs:
            prepared.append(_prepared(desk, readers.codecs[codec], gathered, old))
        else:
            unread.append((gathered, _unread(gathered)))
    if spoilt:
        unread.append(_spoilt(desk.shard, spoilt))
    new = Position(entries[-1].sequence, intake.tick)
    return Work(
        entries,
        old,
        new,
        intake,
        spoilt=len(spoilt),
        prepared=tuple(prepared),
        unread=tuple(unread),
        days=days_by_table(prepared, readers.bounds),
    )


def _prepared(desk: Desk, codec: Codec, gathered: Gathered, old: Position) -> Prepared:
    """Decode a batch; in a child process first, if it may end one."""
    apart = old.sequence < desk.doubted and desk.doubted_bytes > 0
    if desk.suspects:
        senders = map(sender_of, gathered.batch.identities, gathered.peers)
        apart = apart or not desk.suspects.isdisjoint(senders)
    prepared = prepare(codec, gathered, desk.readers.bounds, apart=apart)
    desk.suspects.update(
        sender_of(gathered.identity(poison.frame), gathered.peer(poison.frame))
        for poison in prepared.decoded.poison
        if poison.died
    )
    return prepared


async def commit_round(
    connection: Connection, desk: Desk, work: Work, on_rows: Callable[[], None]
) -> tuple[WriterCounters, set[str]]:
    """Store a round in one transaction; return what it did, and which partitions got rows.

    ``on_rows`` is called when the rows are next: the database then works longest without a word
    from us.

    Raises:
        Fenced: Another writer was here.
        StorageError: A partition is gone; retryable.
        asyncpg.PostgresError: The database failed.
    """
    tally = WriterCounters(rounds=1, entries=len(work.entries), entries_spoilt=work.spoilt)
    tally.entries_purged = work.entries[0].sequence - work.old.sequence - 1
    tally.count_intake(work.intake)
    enrolled_before = desk.known.meters.enrolled
    async with connection.transaction():
        await position.move_position(connection, desk.shard, work.old, work.new)
        await _save_events(connection, desk.shard, work.intake)
        on_rows()
        parts: Counter[tuple[int, str]] = Counter()
        for prepared in work.prepared:
            outcome = await store(connection, prepared, desk.known, desk.readers.admission)
            tally.count_outcome(outcome)
            tally.count_frames(prepared, outcome)
            for stored in outcome.stored.values():
                parts.update(stored.parts)
            await _file(connection, desk, prepared.gathered, outcome.troubles, tally)
        for gathered, troubles in work.unread:
            tally.count_reasons(trouble.reason for trouble in troubles)
            tally.count_unread(gathered.codec, (trouble.reason for trouble in troubles))
            await _file(connection, desk, gathered, troubles, tally)
        await note_parts(connection, desk.shard, dict(parts))
    tally.meters_enrolled = desk.known.meters.enrolled - enrolled_before
    return tally, {partition for _, partition in parts}


async def _file(
    connection: Connection,
    desk: Desk,
    gathered: Gathered,
    troubles: Sequence[Trouble],
    tally: WriterCounters,
) -> None:
    if troubles:
        filing = await file(connection, gathered, troubles, desk.allowance, desk.readers.program)
        tally.quarantined += filing.filed
        tally.quarantine_overflow += filing.overflow


async def _save_events(connection: Connection, shard: int, intake: Intake) -> None:
    if intake.chains:
        await position.save_chains(connection, shard, intake.chains)
    if intake.ticks:
        await position.save_ticks(connection, shard, intake.ticks)
    if intake.occurrences:
        await position.save_occurrences(connection, shard, intake.occurrences)
    if intake.alive:
        await position.save_alive(connection, intake.alive)


def _unread(gathered: Gathered) -> list[Trouble]:
    """The troubles of frames that no codec of ours takes."""
    if gathered.codec == UNKNOWN_CODEC:
        return [
            Trouble(frame, Refusal.UNKNOWN, Reason.UNFRAMED, reason)
            for frame, reason in enumerate(gathered.reasons or ("",) * len(gathered))
        ]
    message = f"this program has no codec {gathered.codec}"
    return [
        Trouble(frame, Refusal.UNKNOWN, Reason.UNKNOWN_CODEC, message)
        for frame in range(len(gathered))
    ]


def _spoilt(shard: int, spoilt: Sequence[Spoilt]) -> tuple[Gathered, list[Trouble]]:
    """Entries that cannot be read, as frames of nobody."""
    batch = Batch.of([entry.payload for entry, _ in spoilt], 0)
    received_at = np.array([us_of(entry.stored_at) for entry, _ in spoilt], np.int64)
    gathered = Gathered(
        codec=JOURNAL_CODEC,
        shard=shard,
        batch=replace(batch, received_at=received_at),
        sequence=np.array([entry.sequence for entry, _ in spoilt], np.int64),
        index=np.zeros(len(spoilt), np.int32),
        step=np.zeros(len(spoilt), np.int32),
        peers=(JOURNAL_CODEC,),
        reasons=(),
    )
    troubles = [
        Trouble(place, Refusal.DECODE, Reason.SPOILT_ENTRY, message)
        for place, (_, message) in enumerate(spoilt)
    ]
    return gathered, troubles
