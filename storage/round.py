"""One round of the writer: what is done before its transaction, and what is done in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from wattwarden.protocol.codec import Batch
from wattwarden.protocol.errors import Refusal
from wattwarden.storage import position
from wattwarden.storage.counters import WriterCounters
from wattwarden.storage.database import Connection
from wattwarden.storage.gathering import Gathered, gather
from wattwarden.storage.ingest import Known, Prepared, Reason, Trouble, prepare, store
from wattwarden.storage.intake import ChainLink, Intake, Parsed, Spoilt, sift
from wattwarden.storage.moments import us_of
from wattwarden.storage.partitions import note_parts
from wattwarden.storage.position import Position
from wattwarden.storage.quarantine import UNKNOWN_CODEC, Allowance, Readers, file

JOURNAL_CODEC: Final = "journal"
"""The codec name under which entries are filed that cannot be read."""


@dataclass(slots=True)
class Work:
    """What a round has to store; ``unread`` are batches that no codec takes."""

    old: Position
    new: Position
    intake: Intake
    prepared: list[Prepared] = field(default_factory=list)
    unread: list[tuple[Gathered, list[Trouble]]] = field(default_factory=list)


@dataclass(slots=True)
class Desk:
    """What the writer of a shard works with."""

    shard: int
    readers: Readers
    known: Known
    allowance: Allowance


def prepare_round(
    desk: Desk,
    old: Position,
    sequence: int,
    parsed: Sequence[Parsed],
    spoilt: Sequence[Spoilt],
    chains: Mapping[str, ChainLink],
) -> Work:
    """Decode what was read of the journal up to ``sequence``; needs no database."""
    intake = sift(parsed, old.tick, chains)
    work = Work(old, Position(sequence, intake.tick), intake)
    readers = desk.readers
    for codec, placed in intake.by_codec.items():
        gathered = gather(codec, desk.shard, placed, readers.profile_of(codec))
        if codec in readers.codecs:
            work.prepared.append(prepare(readers.codecs[codec], gathered, readers.bounds))
        else:
            work.unread.append((gathered, _unread(gathered)))
    if spoilt:
        work.unread.append(_spoilt(desk.shard, spoilt))
    return work


async def commit_round(
    connection: Connection, desk: Desk, work: Work
) -> tuple[WriterCounters, set[str]]:
    """Store a round in one transaction; return what it did, and which partitions got rows.

    Raises:
        Fenced: Another writer was here.
        StorageError: A partition is gone; retryable.
        asyncpg.PostgresError: The database failed.
    """
    tally = WriterCounters(rounds=1)
    tally.count_intake(work.intake)
    enrolled_before = desk.known.meters.enrolled
    async with connection.transaction():
        await position.move_position(connection, desk.shard, work.old, work.new)
        parts: Counter[tuple[int, str]] = Counter()
        for prepared in work.prepared:
            outcome = await store(connection, prepared, desk.known, desk.readers.admission)
            tally.count_outcome(outcome)
            for stored in outcome.stored.values():
                parts.update(stored.parts)
            await _file(connection, desk, prepared.gathered, outcome.troubles, tally)
        for gathered, troubles in work.unread:
            tally.count_reasons(trouble.reason for trouble in troubles)
            await _file(connection, desk, gathered, troubles, tally)
        await note_parts(connection, desk.shard, dict(parts))
        await _save_events(connection, desk.shard, work.intake)
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
