"""One batch of one codec into the store: decode, find the meters, put the rows, say what was left.

    Gathered ─ prepare (pure) ─► Prepared ─ store (in a transaction) ─► Outcome
                                    │ covered_days: make partitions between the two

The writer does it with what the journal brings, and a retry with what waits in quarantine.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.codec import Block, Codec, Columns, FactorBlock
from wattwarden.protocol.errors import Refusal
from wattwarden.storage.database import Connection
from wattwarden.storage.enrolment import (
    NOBODY,
    Admission,
    Applicant,
    Denied,
    LayoutIds,
    MeterIds,
    host_of,
)
from wattwarden.storage.rollups import note_touched, touched_hours
from wattwarden.storage.rows.binding import (
    ClockBounds,
    by_partition,
    covered_days,
    mark_clocks,
    rows_of,
)
from wattwarden.storage.rows.clocking import apply_clocks
from wattwarden.storage.rows.decoding import Decoded, Piece, decode
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.outliving import computing
from wattwarden.storage.rows.partitions import Partitions
from wattwarden.storage.rows.rows import Stored, put
from wattwarden.storage.rows.tables import FACTOR, READING, Rows, Table


class Reason(StrEnum):
    """Why a frame waits in quarantine, beside the reasons in ``Denied``."""

    REFUSED = "refused"
    """The codec refused it, or a part of it."""
    DECODER_ERROR = "decoder_error"
    """The codec failed on it: a mistake of ours."""
    DECODER_DIED = "decoder_died"
    """The codec ended its process on it: such a mistake, which is met in child processes only."""
    ROW_REFUSED = "row_refused"
    """The table refused its row."""
    UNFRAMED = "unframed"
    """Bytes that no framer accepts."""
    UNKNOWN_CODEC = "unknown_codec"
    """This program has no such codec."""
    SPOILT_ENTRY = "spoilt_entry"
    """An entry of the journal that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What kept a frame of a batch, or a part of it, from becoming rows."""

    frame: int
    kind: Refusal
    reason: str
    message: str
    offset: int = 0
    meter: str | None = None


@dataclass(frozen=True, slots=True)
class BoundBlock:
    """Rows of one block; their meters are places in ``addresses``."""

    table: Table
    rows: Rows
    addresses: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch decoded and bound; nothing in it depends on the database."""

    gathered: Gathered
    decoded: Decoded
    blocks: tuple[BoundBlock, ...]

    def at_step(self, step: int) -> "Prepared":
        """Return the same with all rows in one step."""
        blocks = (
            replace(block, rows=replace(block.rows, step=np.full(len(block.rows), step, np.int32)))
            for block in self.blocks
        )
        return replace(self, blocks=tuple(blocks))


@dataclass(slots=True)
class Known:
    """What this process knows of the store; make it anew when a transaction was undone."""

    meters: MeterIds
    layouts: LayoutIds
    partitions: Partitions

    @classmethod
    def nothing(cls, shard: int) -> "Known":
        """Return empty knowledge."""
        return cls(MeterIds(), LayoutIds(), Partitions(shard))


@dataclass(slots=True)
class Outcome:
    """What became of a batch.  ``stored`` by table name; frames without trouble are done."""

    stored: dict[str, Stored] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)


def prepare(
    codec: Codec, gathered: Gathered, bounds: ClockBounds, *, apart: bool = False
) -> Prepared:
    """Decode a batch and bind its blocks to their tables; ``apart``: if a child outlives it.

    Raises:
        StorageError: There is no room for a child process; retryable.
    """
    with computing():
        decoded = decode(codec, gathered, apart=apart)
        blocks = tuple(
            _bind(block, piece, gathered, bounds)
            for piece in decoded.pieces
            for block in _blocks(piece.columns)
            if len(block.frame)
        )
    return Prepared(gathered, decoded, blocks)


def days_by_table(prepared: Sequence[Prepared], bounds: ClockBounds) -> dict[str, set[int]]:
    """The days that rows need partitions for, by table."""
    days: dict[str, set[int]] = defaultdict(set)
    for batch in prepared:
        for block in batch.blocks:
            days[block.table.name] |= covered_days(block.rows, bounds)
    return days


async def store(
    connection: Connection, prepared: Prepared, known: Known, admission: Admission
) -> Outcome:
    """Put a batch's rows into their partitions.  Call it in a transaction.

    Raises:
        StorageError: A partition is gone; retryable.
        asyncpg.PostgresError: Anything that is not the rows' fault.
    """
    outcome = Outcome(troubles=list(_undecoded(prepared.decoded)))
    denied = await _resolve_meters(connection, prepared, known.meters, admission)
    waiting: dict[tuple[str, str], list[Rows]] = defaultdict(list)
    tables: dict[str, Table] = {}
    for block in prepared.blocks:
        rows = _with_meters(prepared.gathered, block, known.meters, denied, outcome.troubles)
        if block.codes:
            rows = await _with_layout(
                connection, rows, block.codes, known.layouts, admission, outcome.troubles
            )
        name = block.table.name
        tables[name] = block.table
        for partition, part in by_partition(name, rows, known.partitions.days(name)):
            waiting[name, partition].append(part)
    for (name, partition), parts in sorted(waiting.items()):
        stored = await put(connection, tables[name], partition, parts, prepared.gathered)
        _add(outcome.stored.setdefault(name, Stored()), stored)
        outcome.troubles += (
            Trouble(fault.frame, Refusal.DECODE, Reason.ROW_REFUSED, fault.message)
            for fault in stored.faults
        )
    stored_rows = [part for parts in waiting.values() for part in parts]
    await note_touched(connection, touched_hours(stored_rows))
    return outcome


def _blocks(columns: Columns) -> Iterator[Block | FactorBlock]:
    yield from columns.blocks
    yield from columns.factors


def _bind(
    block: Block | FactorBlock, piece: Piece, gathered: Gathered, bounds: ClockBounds
) -> BoundBlock:
    rows = rows_of(block, piece.start, gathered)
    rows = apply_clocks(rows, piece.columns.meters, gathered.batch.profile_of)
    rows = mark_clocks(rows, bounds)
    # A meter's rows side by side, each in order of arrival: where many wait, a page of the index is
    # looked for once, which takes a fifth off what a row costs the database.
    rows = rows.take(np.argsort(rows.meter, kind="stable"))
    if isinstance(block, FactorBlock):
        return BoundBlock(FACTOR, rows, piece.columns.meters, block.layout)
    return BoundBlock(READING, rows, piece.columns.meters, ())


def _undecoded(decoded: Decoded) -> Iterator[Trouble]:
    for piece in decoded.pieces:
        for refused in piece.columns.refused:
            yield Trouble(
                piece.start + refused.frame,
                refused.kind,
                Reason.REFUSED,
                refused.message,
                refused.offset,
            )
    for poison in decoded.poison:
        reason = Reason.DECODER_DIED if poison.died else Reason.DECODER_ERROR
        yield Trouble(poison.frame, Refusal.DECODE, reason, poison.message)


async def _resolve_meters(
    connection: Connection, prepared: Prepared, meters: MeterIds, admission: Admission
) -> Mapping[str, Denied]:
    """Learn the numbers of all meters that rows name or that announce themselves.

    Return those that get none.
    """
    gathered = prepared.gathered
    strangers: dict[str, Applicant] = dict(_announced(prepared, meters))
    for block in prepared.blocks:
        unknown = meters.of(gathered.codec, block.addresses) == NOBODY
        if not unknown.any():
            continue
        places, firsts = np.unique(block.rows.meter, return_index=True)
        for place, first in zip(places.tolist(), firsts.tolist(), strict=True):
            if unknown[place]:
                frame = int(block.rows.order[first])
                received_at = int(gathered.batch.received_at[frame])
                address = block.addresses[place]
                applicant = Applicant(address, host_of(gathered.peer(frame)), received_at)
                earlier = strangers.get(address, applicant)
                strangers[address] = min(earlier, applicant, key=lambda one: one.received_at)
    if not strangers:
        return {}
    return await meters.resolve(connection, gathered.codec, list(strangers.values()), admission)


def _announced(prepared: Prepared, meters: MeterIds) -> Iterator[tuple[str, Applicant]]:
    """Yield the meters that nobody knows and that said who they are, without a reading."""
    gathered = prepared.gathered
    for piece in prepared.decoded.pieces:
        for address, frame in piece.columns.announced.items():
            if meters.of(gathered.codec, [address])[0] == NOBODY:
                at = piece.start + frame
                received_at = int(gathered.batch.received_at[at])
                yield address, Applicant(address, host_of(gathered.peer(at)), received_at)


def _with_meters(
    gathered: Gathered,
    block: BoundBlock,
    meters: MeterIds,
    denied: Mapping[str, Denied],
    troubles: list[Trouble],
) -> Rows:
    """The block's rows with the numbers of their meters, less those whose meter got none."""
    numbers = meters.of(gathered.codec, block.addresses)
    rows = replace(block.rows, meter=numbers[block.rows.meter])
    if not denied:
        return rows
    lost = rows.meter == NOBODY
    places = block.rows.meter[lost].tolist()
    for frame, place in zip(rows.order[lost].tolist(), places, strict=True):
        address = block.addresses[place]
        reason = denied[address]
        troubles.append(Trouble(frame, Refusal.UNKNOWN, reason, reason.sentence, meter=address))
    return rows.take(~lost)


async def _with_layout(
    connection: Connection,
    rows: Rows,
    codes: tuple[str, ...],
    layouts: LayoutIds,
    admission: Admission,
    troubles: list[Trouble],
) -> Rows:
    """The rows with the number of their list of codes; none when the list is one too many."""
    if not len(rows):
        return rows
    shown_by = int(rows.meter[0]), int(rows.received_at[0])
    ids = await layouts.resolve(connection, {codes: shown_by}, admission)
    if codes in ids:
        return replace(rows, layout=ids[codes])
    reason = Denied.LAYOUT_LIMIT
    troubles += (
        Trouble(frame, Refusal.DECODE, reason, reason.sentence) for frame in rows.order.tolist()
    )
    return rows.take(_none(rows))


def _none(rows: Rows) -> NDArray[np.bool_]:
    return np.zeros(len(rows), bool)


def _add(total: Stored, stored: Stored) -> None:
    total.parts.update(stored.parts)
    total.inserted += stored.inserted
    total.complements += stored.complements
    total.repeated += stored.repeated
    total.revised += stored.revised
    total.merges += stored.merges
    total.faults += stored.faults
