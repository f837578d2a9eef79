"""What platforms above us are owed: rows become items step by step, and are gone when acknowledged.

    begin ─► position at the present step         take ─► items and the position, together
    waiting ─► sent ─► acknowledge: items gone, counted, together      aside: left for people

An item keeps its QN however often it is sent; those of a platform follow the order of the steps.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.warden.steps import last_complete_step

# Items that wait; beyond them rows wait where they are.  An hour of 80 meters, 2 MB.
MOST_WAITING: Final = 5_000
# What one transaction takes: rows, unless a single step has more, and steps in which little came.
ROWS_AT_ONCE: Final = 2_000
STEPS_AT_ONCE: Final = 3_600
# Any number that nobody else takes in the same database: "forw" as bytes.
LOCK_CLASS: Final = int.from_bytes(b"forw", "big")

_QUANTITIES: Final = ", ".join(QUANTITIES)


@dataclass(frozen=True, slots=True)
class Item:
    """What one row says to a platform.  ``data`` is what stands between && and &&."""

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
    """How far a platform is: counts since it began, and what waits."""

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


ItemOf = Callable[[str, Mapping[str, Any]], Item | None]
"""(``codec:address``, row) → what it says to the platform, None for nothing."""


async def hold(connection: Connection, platform: str) -> bool:
    """Become the one who forwards to a platform, as long as the connection lives.

    Raises:
        StorageError: The database is away.
    """
    with errors("asking to forward"):
        held: bool = await connection.fetchval(
            "SELECT pg_try_advisory_lock($1, $2)", LOCK_CLASS, crc32(platform.encode()) - 2**31
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
    item_of: ItemOf,
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
            upto = await _upto(connection, after, await last_complete_step(connection, shards))
            if upto <= after:
                return 0
            rows = await _rows(connection, after, upto, meters)
            items = [item_of(row["name"], row) for row in rows]
            made = [item for item in items if item is not None]
            first = max(now_ms, position["qn"] + 1)
            await _add(connection, platform, first, made)
            await connection.execute(
                "UPDATE forward_position SET step = $2, qn = greatest(qn, $3),"
                " taken = taken + $4, silent = silent + $5 WHERE platform = $1",
                platform,
                upto,
                first + len(made) - 1 if made else 0,
                len(made),
                len(items) - len(made),
            )
    return int(upto - after)


async def waiting(connection: Connection, platform: str, after_qn: int, most: int) -> list[Owed]:
    """Return what is owed, in order, behind a QN.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for what to forward"):
        rows = await connection.fetch(
            "SELECT qn, mn, cn, repeated, data, tries FROM forward_item"
            " WHERE platform = $1 AND qn > $2 AND NOT aside ORDER BY qn LIMIT $3",
            platform,
            after_qn,
            most,
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


async def set_aside(connection: Connection, platform: str, qn: int) -> None:
    """Go on without an item that the platform never takes; it stays for people to see.

    Raises:
        StorageError: The database is away.
    """
    with errors("setting aside what is not taken"):
        await connection.execute(
            "UPDATE forward_item SET aside = TRUE WHERE platform = $1 AND qn = $2", platform, qn
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


async def newest_row(
    connection: Connection, meters: Sequence[str], now: datetime
) -> tuple[str, Mapping[str, Any]] | None:
    """Return the newest reading of a day that one of some meters sent, with the meter's name.

    Raises:
        StorageError: The database is away.
    """
    with errors("looking for a reading"):
        row = await connection.fetchrow(
            f"SELECT {_NAME} AS name, r.period::text AS period, r.channel, r.at, r.quality,"  # noqa: S608  words of ours
            f" {_QUANTITIES} FROM meter AS m JOIN reading AS r ON r.meter = m.id"
            f" WHERE {_NAME} = ANY($1) AND r.at > $2 AND r.at <= $3 AND r.period IN ('i', 'm')"
            " ORDER BY r.at DESC LIMIT 1",
            list(meters),
            now - timedelta(days=1),
            now,
        )
    return None if row is None else (row["name"], dict(row))


_FIELDS: Final = tuple(Forwarded.__dataclass_fields__)
_NAME: Final = "m.codec || ':' || m.address"


async def _upto(connection: Connection, after: int, last: int) -> int:
    """Return the step up to which rows are few enough for one transaction."""
    last = min(last, after + STEPS_AT_ONCE)
    full = await connection.fetchval(
        "SELECT step FROM (SELECT step, sum(sum(rows)) OVER (ORDER BY step) AS total"
        " FROM step_part WHERE step > $1 AND step <= $2 GROUP BY step) AS s"
        " WHERE total >= $3 ORDER BY step LIMIT 1",
        after,
        last,
        ROWS_AT_ONCE,
    )
    return last if full is None else int(full)


async def _rows(
    connection: Connection, after: int, upto: int, meters: Collection[str]
) -> list[Mapping[str, Any]]:
    """Return the readings of steps of meters, in order."""
    partitions = await connection.fetch(
        "SELECT DISTINCT partition FROM step_part WHERE step > $1 AND step <= $2"
        " AND partition ~ '^reading_(default|[0-9]{8})$' ORDER BY 1",
        after,
        upto,
    )
    rows: list[Mapping[str, Any]] = []
    for partition in partitions:
        found = await connection.fetch(
            f"SELECT {_NAME} AS name, r.period::text AS period,"  # noqa: S608  checked
            f" r.meter, r.step, r.channel, r.at, r.quality, {_QUANTITIES}"
            f" FROM {partition['partition']} AS r JOIN meter AS m ON m.id = r.meter"
            " WHERE r.step > $1 AND r.step <= $2 AND r.period IN ('i', 'm')"
            f" AND {_NAME} = ANY($3)",
            after,
            upto,
            list(meters),
        )
        rows += map(dict, found)
    return sorted(
        rows, key=lambda row: (row["step"], row["at"], row["meter"], row["channel"], row["period"])
    )


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
