"""Frames in quarantine are read again, with today's codecs, profiles and keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wattwarden.protocol.codec import Batch, Claim, Codec, ProfileOf
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.recognition import MAX_HEAD_BYTES
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.moments import us_of
from wattwarden.storage.quarantine import Held, Selection, conditions_of
from wattwarden.storage.rows.binding import ClockBounds
from wattwarden.storage.rows.filing import UNKNOWN_CODEC, short_message
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.ingest import (
    Known,
    Outcome,
    Prepared,
    Reason,
    Trouble,
    days_by_table,
    prepare,
    store,
)
from wattwarden.storage.rows.partitions import note_parts

# One transaction of a retry: long enough to pay for itself, short enough not to hold up the writer.
RETRY_PAGE: Final = 500
# A frame is read once for each moment at which it came.  At 20,000 a second, a second's work.
RETRY_FRAMES: Final = 20_000


@dataclass(slots=True)
class Retried:
    """What a retry did: kept frames tried, resolved, and rows that came of it."""

    tried: int = 0
    resolved: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Readers:
    """What is needed to read frames: codecs by name, profiles by codec, bounds, admission."""

    codecs: Mapping[str, Codec]
    profile_of: Callable[[str], ProfileOf]
    bounds: ClockBounds
    admission: Admission
    program: str


async def retry(connection: Connection, selection: Selection, readers: Readers) -> Retried:
    """Read waiting frames again, with today's codecs and profiles.

    Frames that now give rows without trouble are resolved; their rows belong to the step that
    follows the shard's last tick.  A page at a time, each in its own transaction.

    Raises:
        StorageError: The database is away; what was resolved stays so.
    """
    total = Retried()
    with errors("retrying the quarantine"):
        where, values = conditions_of(replace(selection, state="open"))
        shards = await connection.fetch(
            f"SELECT DISTINCT shard FROM quarantine WHERE {where} ORDER BY shard",  # noqa: S608  as above
            *values,
        )
    for row in shards:
        known, last_id = Known.nothing(row["shard"]), 0
        while page := await _page(connection, selection, row["shard"], last_id):
            await _retry_page(connection, page, readers, known, total)
            last_id = page[-1].id
    return total


async def _page(
    connection: Connection, selection: Selection, shard: int, last_id: int
) -> list[Held]:
    where, values = conditions_of(replace(selection, state="open"))
    count = len(values)
    with errors("reading the quarantine"):
        rows = await connection.fetch(
            f"SELECT * FROM quarantine WHERE {where} AND shard = ${count + 1} AND id > ${count + 2}"  # noqa: S608  as above
            f" ORDER BY id LIMIT {RETRY_PAGE}",
            *values,
            shard,
            last_id,
        )
    page: list[Held] = []
    frames = 0
    for row in rows:
        held = Held(**dict(row))
        frames += 1 + len(held.received_again)
        if page and frames > RETRY_FRAMES:
            break
        page.append(held)
    return page


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Waiting frames of one codec, read again; ``held[i]`` is what frame i came from."""

    held: tuple[Held, ...]
    prepared: Prepared


async def _retry_page(
    connection: Connection, page: Sequence[Held], readers: Readers, known: Known, total: Retried
) -> None:
    attempts = list(_attempts(page, readers))
    days = days_by_table([attempt.prepared for attempt in attempts], readers.bounds)
    for table, wanted in days.items():
        await known.partitions.ensure(connection, table, wanted)
    shard = page[0].shard
    with errors("retrying the quarantine"):
        async with connection.transaction():
            # The lock keeps the writer, and with it the tick, where it is.
            tick = await connection.fetchval(
                "SELECT tick FROM journal_position WHERE shard = $1 FOR UPDATE", shard
            )
            troubles: dict[int, Trouble] = {}
            for attempt in attempts:
                prepared = attempt.prepared.at_step((tick or 0) + 1)
                outcome = await store(connection, prepared, known, readers.admission)
                total.rows += await _note(connection, shard, outcome)
                for trouble in outcome.troubles:
                    troubles.setdefault(attempt.held[trouble.frame].id, trouble)
            read = {held.id for attempt in attempts for held in attempt.held}
            total.resolved += await _mark(connection, page, read, troubles, readers.program)
    total.tried += len(page)


async def _note(connection: Connection, shard: int, outcome: Outcome) -> int:
    """Note where the rows lie; return how many there are."""
    count = 0
    for stored in outcome.stored.values():
        await note_parts(connection, shard, dict(stored.parts))
        count += stored.inserted + stored.complements
    return count


async def _mark(
    connection: Connection,
    page: Sequence[Held],
    read: set[int],
    troubles: Mapping[int, Trouble],
    program: str,
) -> int:
    """Resolve what was read without trouble; note for the others what is in the way now.

    Returns how many were resolved: not those that came once more since they were looked up.
    """
    done = [held for held in page if held.id in read and held.id not in troubles]
    resolved = await connection.fetch(
        "UPDATE quarantine AS q SET state = 'resolved', resolved_at = now(), tries = tries + 1,"
        " program = $3 FROM unnest($1::bigint[], $2::integer[]) AS done (id, times)"
        " WHERE q.id = done.id AND q.times = done.times RETURNING q.id",
        [held.id for held in done],
        [held.times for held in done],
        program,
    )
    unread = [held.id for held in page if held.id not in read]
    await connection.execute(
        "UPDATE quarantine SET tries = tries + 1, program = $2 WHERE id = ANY($1)", unread, program
    )
    # The reason stays: it is part of the place under which the frame was filed.
    await connection.executemany(
        "UPDATE quarantine SET tries = tries + 1, program = $2, kind = $3, message = $4,"
        " byte_offset = $5, meter = coalesce($6, meter) WHERE id = $1",
        [
            (
                number,
                program,
                trouble.kind,
                short_message(trouble.message),
                trouble.offset,
                trouble.meter,
            )
            for number, trouble in troubles.items()
        ],
    )
    return len(resolved)


def _attempts(page: Sequence[Held], readers: Readers) -> Iterator[_Attempt]:
    """Read the frames of a page again, codec by codec; those that nobody knows are left out."""
    frames: dict[str, list[tuple[Held, bytes]]] = {}
    for held in page:
        if held.raw_size > len(held.raw):
            continue
        parts: Iterable[tuple[str, bytes]] = ()
        if held.codec in readers.codecs:
            parts = ((held.codec, held.raw),)
        elif held.codec == UNKNOWN_CODEC:
            parts = _recognised(held.raw, readers.codecs)
        for name, frame in parts:
            frames.setdefault(name, []).extend((one, frame) for one in held.occurrences())
    for name, found in frames.items():
        codec = readers.codecs[name]
        gathered = _gathered(codec, found, readers.profile_of(name))
        # What ended a process before may do it again: not with ours.
        apart = any(held.reason == Reason.DECODER_DIED for held, _ in found)
        prepared = prepare(codec, gathered, readers.bounds, apart=apart)
        yield _Attempt(tuple(held for held, _ in found), prepared)


def _recognised(raw: bytes, codecs: Mapping[str, Codec]) -> Iterator[tuple[str, bytes]]:
    """Frames in bytes that once nobody knew: all of one codec, with nothing left over."""
    for name, codec in codecs.items():
        if codec.recognise(raw[:MAX_HEAD_BYTES]) is Claim.YES:
            framer = Framer(codec.outline)
            # The search begins at the second byte of what it is given, and calls the first noise.
            frames = framer.recut(b"\0" + raw)
            if framer.take_noise() == b"\0":
                yield from ((name, frame) for frame in frames)
                return


def _gathered(codec: Codec, found: Sequence[tuple[Held, bytes]], profile_of: ProfileOf) -> Gathered:
    """The frames as the writer would gather them, each with a session of its own."""
    count = len(found)
    requests = tuple(held.request or b"" for held, _ in found)
    asked = [-1 if held.request is None else place for place, (held, _) in enumerate(found)]
    batch = Batch.of([frame for _, frame in found], 0, profile_of=profile_of)
    return Gathered(
        codec=codec.name,
        shard=found[0][0].shard,
        batch=replace(
            batch,
            received_at=np.array([us_of(held.received_at) for held, _ in found], np.int64),
            session=np.arange(count, dtype=np.int32),
            identities=tuple(held.identity for held, _ in found),
            request=np.array(asked, np.int32),
            requests=requests,
        ),
        sequence=np.array([held.sequence for held, _ in found], np.int64),
        index=np.array([held.frame for held, _ in found], np.int32),
        step=np.zeros(count, np.int32),
        peers=tuple(held.peer for held, _ in found),
        reasons=(),
    )
