"""What platforms above us are owed: rows become items step by step, and are gone when acknowledged.

    begin ─► position at the present step         take ─► items and the position, together
    waiting ─► sent ─► acknowledge: items gone, counted, together      aside: left for people

An item keeps its QN however often it is sent; those of a platform follow the order of the steps.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zlib import crc32

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.forward_rows import Row, rows_between, upto
from wattwarden.storage.warden.steps import last_complete_step

# Items that wait; beyond them rows wait where they are.  An hour of 80 meters, 2 MB.
MOST_WAITING: Final = 5_000
# Items aside; beyond them the oldest are let go, and counted.  As many as may wait.
MOST_ASIDE: Final = 5_000
# Any number that nobody else takes in the same database: "forw" as bytes.
LOCK_CLASS: Final = int.from_bytes(b"forw", "big")


@dataclass(frozen=True, slots=True)
class Item:
    """What a row says to a platform, in one frame.  ``data`` stands between && and &&."""

    mn: str
    cn: str
    repeated: bool
    data: str


@dataclass(frozen=True, slots=True)
class Owed:
    """An item that waits: ``qn`` is ms UTC, its number for ever."""

    qn: int
    item: Item
    tries: int


@dataclass(frozen=True, slots=True)
class Forwarded:
    """How far a platform is: counts since it began, and what waits.

    ``let_go`` is what the platform never took, and more of it was aside than is kept.
    """

    platform: str
    step: int
    taken: int
    silent: int
    sent: int
    repeated: int
    acknowledged: int
    waiting: int
    aside: int
    # Steps of rows that have not become items yet.
    behind: int
    connected_at: datetime | None
    acknowledged_at: datetime | None
    trouble: str
    trouble_at: datetime | None

    @property
    def let_go(self) -> int:
        """Items that are nowhere any more, and were not acknowledged."""
        return max(0, self.taken - self.acknowledged - self.waiting - self.aside)


ItemsOf = Callable[[Row], Sequence[Item]]
"""What a row says to the platform, nothing where it has no code for it."""


async def hold(connection: Connection, platform: str) -> bool:
    """Become the one who forwards to a platform, as long as the connection lives.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking to forward"):
        held: bool = await connection.fetchval(
            "SELECT pg_try_advisory_lock($1, $2)", LOCK_CLASS, _lock_of(platform)
        )
    return held


async def begin(connection: Connection, platform: str, shards: int) -> None:
    """Begin with what comes from now on, unless it has begun.

    Raises:
        StorageError: The database is away.
    """
    with errors("beginning to forward"):
        step = await last_complete_step(connection, shards)
        await connection.execute(
            "INSERT INTO forward_position (platform, step, qn) VALUES ($1, $2, 0)"
            " ON CONFLICT DO NOTHING",
            platform,
            step,
        )


async def take(
    connection: Connection,
    platform: str,
    shards: int,
    meters: Collection[str],
    items_of: ItemsOf,
    now_ms: int,
) -> int:
    """Make items of the rows that came, as far as there is room; return how many steps were taken.

    Raises:
        StorageError: The database is away.
    """
    with errors("taking rows to forward"):
        async with connection.transaction():
            position = await connection.fetchrow(
                "SELECT step, qn, (SELECT count(*) FROM forward_item AS i"
                " WHERE i.platform = p.platform AND NOT aside) AS waiting"
                " FROM forward_position AS p WHERE platform = $1 FOR UPDATE",
                platform,
            )
            if position is None or position["waiting"] >= MOST_WAITING:
                return 0
            after = position["step"]
            last = await upto(connection, after, await last_complete_step(connection, shards))
            if last <= after:
                return 0
            items = [items_of(row) for row in await rows_between(connection, after, last, meters)]
            made = [item for some in items for item in some]
            first = max(now_ms, position["qn"] + 1)
            await _add(connection, platform, first, made)
            await connection.execute(
                "UPDATE forward_position SET step = $2, qn = greatest(qn, $3),"
                " taken = taken + $4, silent = silent + $5 WHERE platform = $1",
                platform,
                last,
                first + len(made) - 1 if made else 0,
                len(made),
                sum(not some for some in items),
            )
    return int(last - after)


async def waiting(
    connection: Connection,
    platform: str,
    after_qn: int,
    most: int,
    without: Collection[str] = (),
) -> list[Owed]:
    """Return what is owed, in order, behind a QN, and not of some MNs.

    Raises:
        StorageError: The database is away.
    """
    return await _items(connection, platform, after_qn, most, without, is_aside=False)


async def aside(connection: Connection, platform: str, after_qn: int, most: int) -> list[Owed]:
    """Return what was set aside, in order, behind a QN.

    Raises:
        StorageError: The database is away.
    """
    return await _items(connection, platform, after_qn, most, (), is_aside=True)


async def _items(
    connection: Connection,
    platform: str,
    after_qn: int,
    most: int,
    without: Collection[str],
    *,
    is_aside: bool,
) -> list[Owed]:
    with errors("looking for what to forward"):
        rows = await connection.fetch(
            "SELECT qn, mn, cn, repeated, data, tries FROM forward_item WHERE platform = $1"
            " AND qn > $2 AND aside = $4 AND NOT mn = ANY($5) ORDER BY qn LIMIT $3",
            platform,
            after_qn,
            most,
            is_aside,
            list(without),
        )
    return [
        Owed(row["qn"], Item(row["mn"], row["cn"], row["repeated"], row["data"]), row["tries"])
        for row in rows
    ]


async def note_sent(connection: Connection, platform: str, qns: Collection[int]) -> None:
    """Count that items are on their way; done before they are sent.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting what is forwarded"):
        async with connection.transaction():
            again = await connection.fetchval(
                "WITH gone AS (UPDATE forward_item SET tries = tries + 1"
                " WHERE platform = $1 AND qn = ANY($2) RETURNING tries)"
                " SELECT count(*) FILTER (WHERE tries > 1) FROM gone",
                platform,
                list(qns),
            )
            await connection.execute(
                "UPDATE forward_position SET sent = sent + $2, repeated = repeated + $3"
                " WHERE platform = $1",
                platform,
                len(qns),
                again,
            )


async def acknowledge(
    connection: Connection, platform: str, qns: Collection[int], now: datetime
) -> int:
    """Let go of what the platform has, in one transaction; return how many items that were.

    Raises:
        StorageError: The database is away: they are sent again, under the same QNs.
    """
    with errors("noting what was acknowledged"):
        gone: int = await connection.fetchval(
            "WITH gone AS (DELETE FROM forward_item WHERE platform = $1 AND qn = ANY($2)"
            " RETURNING qn), counted AS (UPDATE forward_position SET acknowledged = acknowledged"
            " + (SELECT count(*) FROM gone), acknowledged_at = $3, trouble = ''"
            " WHERE platform = $1) SELECT count(*) FROM gone",
            platform,
            list(qns),
            now,
        )
    return gone


async def set_aside(connection: Connection, platform: str, qns: Collection[int]) -> None:
    """Go on without items that the platform never takes; MOST_ASIDE stay for people to see.

    Raises:
        StorageError: The database is away.
    """
    with errors("setting aside what is not taken"):
        async with connection.transaction():
            await connection.execute(
                "UPDATE forward_item SET aside = TRUE WHERE platform = $1 AND qn = ANY($2)",
                platform,
                list(qns),
            )
            await connection.execute(
                "DELETE FROM forward_item WHERE platform = $1 AND qn = ANY(ARRAY(SELECT qn"
                " FROM forward_item WHERE platform = $1 AND aside ORDER BY qn DESC OFFSET $2))",
                platform,
                MOST_ASIDE,
            )


async def take_back(connection: Connection, platform: str) -> int:
    """Owe again what was set aside; return how many items that are.

    Raises:
        StorageError: The database is away.
    """
    with errors("taking back what was set aside"):
        rows = await connection.fetch(
            "UPDATE forward_item SET aside = FALSE, tries = 0 WHERE platform = $1 AND aside"
            " RETURNING qn",
            platform,
        )
    return len(rows)


async def forget(connection: Connection, platform: str) -> int | None:
    """Forget a platform that gets nothing more; return how many items it was owed.

    None where it is not known.

    Raises:
        StorageError: Somebody forwards to it, or the database is away.
    """
    with errors("forgetting a platform"):
        async with connection.transaction():
            free = await connection.fetchval(
                "SELECT pg_try_advisory_xact_lock($1, $2)", LOCK_CLASS, _lock_of(platform)
            )
            if not free:
                message = f"{platform} is forwarded to now"
                raise StorageError(message, retryable=True)
            owed: int | None = await connection.fetchval(
                "WITH owed AS (SELECT count(*) AS items FROM forward_item WHERE platform = $1)"
                " DELETE FROM forward_position USING owed WHERE platform = $1 RETURNING items",
                platform,
            )
    return owed


async def note_line(connection: Connection, platform: str, now: datetime, trouble: str) -> None:
    """Note that the platform is reached ("" for no trouble), or what is in the way.

    Raises:
        StorageError: The database is away.
    """
    with errors("noting how the platform is reached"):
        await connection.execute(
            "UPDATE forward_position SET trouble = $3,"
            " connected_at = CASE WHEN $3 = '' THEN $2 ELSE connected_at END,"
            " trouble_at = CASE WHEN $3 = '' THEN trouble_at ELSE $2 END WHERE platform = $1",
            platform,
            now,
            trouble,
        )


async def read_forwarded(connection: Connection) -> list[Forwarded]:
    """Return how far every platform is that was ever forwarded to, by name.

    Raises:
        StorageError: The database is away.
    """
    with errors("reading what is forwarded"):
        rows = await connection.fetch(
            "SELECT p.*, (SELECT count(*) FROM forward_item AS i"
            " WHERE i.platform = p.platform AND NOT aside) AS waiting,"
            " (SELECT count(*) FROM forward_item AS i"
            " WHERE i.platform = p.platform AND aside) AS aside,"
            " greatest(0, coalesce((SELECT min(tick) FROM journal_position), 0) - step) AS behind"
            " FROM forward_position AS p ORDER BY platform"
        )
    return [Forwarded(**{name: row[name] for name in _FIELDS}) for row in rows]


def _lock_of(platform: str) -> int:
    return crc32(platform.encode()) - 2**31


_FIELDS: Final = tuple(Forwarded.__dataclass_fields__)


async def _add(connection: Connection, platform: str, first_qn: int, items: Sequence[Item]) -> None:
    await connection.execute(
        "INSERT INTO forward_item (platform, qn, mn, cn, repeated, data)"
        " SELECT $1, $2 + number - 1, mn, cn, repeated, data"
        " FROM unnest($3::text[], $4::text[], $5::boolean[], $6::text[])"
        " WITH ORDINALITY AS w (mn, cn, repeated, data, number)",
        platform,
        first_qn,
        [item.mn for item in items],
        [item.cn for item in items],
        [item.repeated for item in items],
        [item.data for item in items],
    )
