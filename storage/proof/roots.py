"""Daily roots: made once a day has ended, kept for ever, each naming the one before.

    day over in every shard ─► entries since the last root ─► leaves ─► statement ─► signed ─► kept

A day is one of the journal's clock, in UTC.  It counts as over ten minutes after its end, when
nothing that began within it can still be written.  Days in which nothing ran have no root.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

import asyncpg
import msgspec
import structlog
import zstandard

from wattwarden.alarms.decisions.chain import canonical
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof.day import Pages, Taken, day_after, walk, walk_extents
from wattwarden.storage.proof.keys import Signer, fingerprint
from wattwarden.storage.proof.statement import (
    FORMAT,
    Extent,
    Leaf,
    LeafKind,
    Root,
    Statement,
    signed,
    state_name,
    tree_of,
)
from wattwarden.storage.warden.kept import day_digests

# The server ends a transaction that stands idle for five minutes.
SETTLE: Final = timedelta(minutes=10)

# A local day begins up to fourteen hours before or twelve after the day of UTC does.
_STATES: Final = timedelta(days=2)
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


_log: Final = structlog.get_logger(__name__)


class Shards(Protocol):
    """The part of the journal that says how far it is."""

    @property
    def shards(self) -> int:
        """How many there are."""

    async def last(self, shard: int, kind: Kind) -> Entry | None:
        """The last entry of a kind."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A root and all leaves of its tree."""

    root: Root
    leaves: Sequence[Leaf]


@dataclass(frozen=True, slots=True)
class Over:
    """A day to be signed: the root before it, behind which entries it begins, its end."""

    before: Root | None
    after: Mapping[int, int]
    end: datetime


async def sign_days(
    connection: Connection,
    shards: Shards,
    journal: Pages,
    signer: Signer,
    wall: datetime,
    most: int | None = None,
) -> list[Root]:
    """Sign the days that are over and have no root yet, or so many of them; return their roots.

    Raises:
        StorageError: Database, journal or archive cannot be read.
    """
    made: list[Root] = []
    while most is None or len(made) < most:
        over = await day_over(connection, shards, journal, wall)
        if over is None:
            return made
        taken = Taken()
        await walk(journal, over.after, taken, over.end)
        covers = _Covers(over.before, _extents(taken, over.after), over.end, wall)
        kept = await _made(connection, covers, taken, signer)
        made.append(await _keep(connection, kept))
    return made


async def day_over(
    connection: Connection, shards: Shards, journal: Pages, wall: datetime
) -> Over | None:
    """Return the first day that is over and has no root, None where there is none yet.

    Raises:
        StorageError: Database, journal or archive cannot be read.
    """
    ticks = [await shards.last(number, Kind.TICK) for number in range(shards.shards)]
    if not ticks or any(tick is None for tick in ticks):
        return None
    reached = min([wall, *(tick.stored_at for tick in ticks if tick is not None)])
    before = await last_root(connection)
    after = _after(before, shards.shards)
    starts = [await journal.read(shard, at, most=1, most_bytes=1) for shard, at in after.items()]
    begins = [page[0].stored_at for page in starts if page]
    if not begins or (end := _end_after(before, min(begins))) + SETTLE > reached:
        return None
    return Over(before, after, end)


async def sign_so_far(
    connection: Connection,
    journal: Pages,
    signer: Signer,
    wall: datetime,
    stored: Mapping[int, int],
) -> Kept | None:
    """Return a root over what came since the last one, not kept; None where nothing came.

    Args:
        connection: To the store.
        journal: What is signed.
        signer: By whom.
        wall: When.
        stored: Up to which entry of each shard the rows are stored: what came behind it is left.

    Raises:
        StorageError: Database, journal or archive cannot be read.
    """
    before = await last_root(connection)
    after = _after(before, len(stored))
    taken = Taken()
    fresh = [Extent(shard, at + 1, stored[shard]) for shard, at in after.items()]
    await walk_extents(journal, fresh, taken)
    if not taken.records:
        return None
    return await _made(connection, _Covers(before, _extents(taken, after), wall), taken, signer)


async def last_root(connection: Connection) -> Root | None:
    """Return the newest root, None before the first.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading the last root"):
        row = await connection.fetchrow("SELECT * FROM day_root ORDER BY day DESC LIMIT 1")
    return None if row is None else _root(row)


async def load_roots(connection: Connection, since: date | None = None) -> list[Root]:
    """Return roots, the oldest first; those from a day on where one is given.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading roots"):
        rows = await connection.fetch(
            "SELECT day, statement, signature, token FROM day_root"
            " WHERE $1::date IS NULL OR day >= $1 ORDER BY day",
            since,
        )
    return [_root(row) for row in rows]


async def load_leaves(connection: Connection, day: date) -> list[Leaf]:
    """Return the leaves of a day's tree.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"reading the leaves of {day}"):
        packed = await connection.fetchval("SELECT leaves FROM day_root WHERE day = $1", day)
    data = zstandard.ZstdDecompressor().decompress(packed)
    return msgspec.json.decode(data, type=list[Leaf])


async def save_token(connection: Connection, day: date, token: bytes) -> None:
    """Keep a day's time-stamp.

    Raises:
        StorageError: The database is away.
    """
    with errors(f"keeping the time-stamp of {day}"):
        await connection.execute("UPDATE day_root SET token = $2 WHERE day = $1", day, token)


def _after(before: Root | None, shards: int) -> dict[int, int]:
    """Behind which sequence of each shard the next root begins."""
    last = {} if before is None else {one.shard: one.last for one in before.statement.shards}
    return {shard: last.get(shard, 0) for shard in range(shards)}


def _end_after(before: Root | None, begun: datetime) -> datetime:
    """Return the end of the day that what begins at a moment belongs to: one without a root yet.

    A clock that was put back after a day was signed gives that day once more.
    """
    signed_to = begun if before is None else day_after(_noon(before.statement.day))
    return day_after(max(begun, signed_to))


@dataclass(frozen=True, slots=True)
class _Covers:
    """What a root is about: what follows another, up to a moment.

    ``closed`` is when a day that is over is signed, None for one that goes on.
    """

    before: Root | None
    extents: list[Extent]
    end: datetime
    closed: datetime | None = None


def _extents(taken: Taken, after: Mapping[int, int]) -> list[Extent]:
    """The entries taken of each shard; of one that had nothing new, none behind its last."""
    found = {one.shard: one for one in taken.extents}
    return [found.get(shard, Extent(shard, at + 1, at)) for shard, at in sorted(after.items())]


async def _made(connection: Connection, covers: _Covers, taken: Taken, signer: Signer) -> Kept:
    """Sign what was taken, with what else there is."""
    before, end = covers.before, covers.end
    if covers.closed is not None and before is not None:
        _warn_of_break(before, signer)
    since = 0 if before is None else before.statement.decision
    with errors("reading what is signed"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            decided = await _decisions(connection, since)
            leaves = [
                *taken.leaves(),
                *decided,
                *await _ledgers(connection),
                *await _states(connection, end),
            ]
            if covers.closed is not None:
                start = _EVER if before is None else day_after(_noon(before.statement.day))
                leaves += await _audit(connection, start, end)
    last = end if covers.closed is None else end - timedelta(microseconds=1)
    statement = Statement(
        format=FORMAT,
        day=last.astimezone(UTC).date(),
        closed=covers.closed is not None,
        previous="" if before is None else before.digest,
        tree=tree_of(leaves),
        leaves=len(leaves),
        records=taken.records,
        frames=taken.frames,
        shards=covers.extents,
        decision=max([since, *(int(leaf.name) for leaf in decided)]),
        received=taken.received,
        made_at=covers.closed or end,
        key=signer.public,
    )
    return Kept(signed(statement, signer), leaves)


def _warn_of_break(before: Root, signer: Signer) -> None:
    if not signer.follows(before.statement.key):
        _log.error(
            "roots go on under a key that nobody vouched for: put back the evidence-key.json of a"
            " backup, or publish the new key",
            before=fingerprint(before.statement.key),
            now=fingerprint(signer.public),
        )


async def _keep(connection: Connection, kept: Kept) -> Root:
    """Keep a root, unless another process was first; return the one that is kept."""
    leaves = zstandard.ZstdCompressor().compress(msgspec.json.encode(sorted(kept.leaves)))
    day = kept.root.statement.day
    with errors(f"keeping the root of {day}"):
        await connection.execute(
            "INSERT INTO day_root (day, statement, signature, leaves) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (day) DO NOTHING",
            day,
            kept.root.sealed,
            kept.root.signature,
            leaves,
        )
        row = await connection.fetchrow("SELECT * FROM day_root WHERE day = $1", day)
    return kept.root if row is None else _root(row)


async def _decisions(connection: Connection, since: int) -> list[Leaf]:
    rows = await connection.fetch(
        "SELECT id, digest FROM decision WHERE id > $1 ORDER BY id", since
    )
    return [Leaf(LeafKind.DECISION, str(row["id"]), 1, row["digest"].hex()) for row in rows]


async def _ledgers(connection: Connection) -> list[Leaf]:
    rows = await connection.fetch(
        "SELECT DISTINCT ON (enterprise) enterprise, number, digest FROM ledger"
        " ORDER BY enterprise, number DESC"
    )
    return [
        Leaf(LeafKind.LEDGER, row["enterprise"], row["number"], row["digest"].hex()) for row in rows
    ]


async def _states(connection: Connection, end: datetime) -> list[Leaf]:
    """States of the local days that began last, as they are kept now."""
    found = await day_digests(connection, (end - _STATES).date(), end.date())
    return [Leaf(LeafKind.STATE, state_name(*of), 1, sha256) for of, sha256 in found.items()]


async def _audit(connection: Connection, start: datetime, end: datetime) -> list[Leaf]:
    rows = await connection.fetch(
        "SELECT id, at, person, actor, deed, detail, address FROM access_event"
        " WHERE at >= $1 AND at < $2 ORDER BY id",
        start,
        end,
    )
    return [audit_leaf([dict(row) for row in rows])]


def audit_leaf(rows: Sequence[Mapping[str, Any]]) -> Leaf:
    """Return the leaf of what was done about accounts within a day."""
    sha256 = hashlib.sha256()
    for row in rows:
        sha256.update(canonical({**row, "at": us_of(row["at"])}) + b"\n")
    return Leaf(LeafKind.AUDIT, "", len(rows), sha256.hexdigest())


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _root(row: asyncpg.Record) -> Root:
    statement = msgspec.json.decode(row["statement"], type=Statement)
    return Root(statement, row["signature"], row["token"])
