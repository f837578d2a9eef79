"""States that folds go on from: the last of each enterprise, those of its days, days to fold again.

Everything here is written in the transaction that moves the slice's position.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
import zstandard

from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.folding.late import LateDay, Span
from wattwarden.alarms.silence.silence import PLATFORM, PlatformState
from wattwarden.storage.database import Connection

# Most of a state is counters that stand at 0: a tenth remains at the quickest levels already.
COMPRESSION_LEVEL: Final = 3


EnterpriseDay = tuple[str, date]
"""An enterprise and a local day of it."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """A state, and the step whose rows are in it."""

    step: int
    body: bytes


async def load_states(connection: Connection, slices: Collection[int]) -> dict[str, KeptState]:
    """Return the last kept state of each enterprise of some slices."""
    rows = await connection.fetch(
        "SELECT enterprise, step, body FROM kept_state WHERE slice = ANY($1)", sorted(slices)
    )
    return {row["enterprise"]: KeptState(row["step"], _unpacked(row["body"])) for row in rows}


async def load_state(connection: Connection, enterprise: str) -> KeptState | None:
    """Return the last kept state of an enterprise; None before the first."""
    row = await connection.fetchrow(
        "SELECT step, body FROM kept_state WHERE enterprise = $1", enterprise
    )
    return None if row is None else KeptState(row["step"], _unpacked(row["body"]))


async def save_states(connection: Connection, step: int, states: Mapping[str, bytes]) -> None:
    """Keep enterprises' states as of a step."""
    if states:
        await connection.execute(
            "INSERT INTO kept_state (enterprise, slice, step, body)"
            " SELECT e, s, $1, b"
            " FROM unnest($2::text[], $3::smallint[], $4::bytea[]) AS n (e, s, b)"
            " ON CONFLICT (enterprise) DO UPDATE SET slice = excluded.slice,"
            " step = excluded.step, body = excluded.body",
            step,
            list(states),
            [slice_of(enterprise) for enterprise in states],
            [_packed(body) for body in states.values()],
        )


async def load_platform(connection: Connection) -> PlatformState:
    """Return what is kept of the platform itself, as of the position of its slice."""
    body = await connection.fetchval("SELECT body FROM kept_state WHERE enterprise = $1", PLATFORM)
    if body is None:
        return PlatformState()
    return msgspec.msgpack.decode(_unpacked(body), type=PlatformState)


async def save_platform(connection: Connection, step: int, state: PlatformState) -> None:
    """Keep what is known of the platform itself."""
    await save_states(connection, step, {PLATFORM: msgspec.msgpack.encode(state)})


async def load_days(
    connection: Connection, days: Collection[EnterpriseDay]
) -> dict[EnterpriseDay, bytes]:
    """Return the states at the beginning of days; days without one are absent."""
    rows = await connection.fetch(
        "SELECT enterprise, day, body FROM day_state"
        " JOIN unnest($1::text[], $2::date[]) AS w (enterprise, day) USING (enterprise, day)",
        [enterprise for enterprise, _ in days],
        [day for _, day in days],
    )
    return {(row["enterprise"], row["day"]): _unpacked(row["body"]) for row in rows}


async def day_digests(connection: Connection, since: date, until: date) -> dict[EnterpriseDay, str]:
    """Return the SHA-256 of the states at the beginning of days; call it in a transaction."""
    rows = connection.cursor(
        "SELECT enterprise, day, body FROM day_state WHERE day >= $1 AND day <= $2"
        " ORDER BY day, enterprise",
        since,
        until,
    )
    return {
        (row["enterprise"], row["day"]): hashlib.sha256(_unpacked(row["body"])).hexdigest()
        async for row in rows
    }


async def save_days(connection: Connection, days: Mapping[EnterpriseDay, bytes]) -> None:
    """Keep the states at the beginning of days, in the place of those kept before."""
    if days:
        await connection.execute(
            "INSERT INTO day_state (enterprise, day, body)"
            " SELECT e, d, b FROM unnest($1::text[], $2::date[], $3::bytea[]) AS n (e, d, b)"
            " ON CONFLICT (enterprise, day) DO UPDATE SET body = excluded.body",
            [enterprise for enterprise, _ in days],
            [day for _, day in days],
            [_packed(body) for body in days.values()],
        )


async def forget_days(connection: Connection, before: date) -> None:
    """Drop the states of days that are too old to be folded again."""
    await connection.execute("DELETE FROM day_state WHERE day < $1", before)


async def load_late_days(connection: Connection, slices: Collection[int]) -> dict[LateDay, Span]:
    """Return the days of some slices that wait to be folded again."""
    rows = await connection.fetch(
        "SELECT day, enterprise, first_second, last_second, rows FROM refold WHERE slice = ANY($1)",
        sorted(slices),
    )
    return {
        LateDay(row["day"], row["enterprise"]): Span(
            row["first_second"], row["last_second"], row["rows"]
        )
        for row in rows
    }


async def save_late_days(connection: Connection, waiting: Mapping[LateDay, Span]) -> None:
    """Note days that wait to be folded again."""
    await connection.executemany(
        "INSERT INTO refold (enterprise, day, slice, first_second, last_second, rows)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (enterprise, day) DO UPDATE SET"
        " first_second = excluded.first_second, last_second = excluded.last_second,"
        " rows = excluded.rows",
        [
            (late.enterprise, late.day, slice_of(late.enterprise), *span)
            for late, span in sorted(waiting.items())
        ],
    )


async def drop_late_days(connection: Connection, done: Collection[LateDay]) -> None:
    """Take days off the list."""
    if done:
        await connection.execute(
            "DELETE FROM refold USING unnest($1::text[], $2::date[]) AS d (enterprise, day)"
            " WHERE refold.enterprise = d.enterprise AND refold.day = d.day",
            [late.enterprise for late in done],
            [late.day for late in done],
        )


async def count_too_old(connection: Connection, rows: Mapping[str, int]) -> None:
    """Count rows that are older than every state that is kept, by enterprise."""
    await connection.executemany(
        "INSERT INTO too_old (enterprise, rows) VALUES ($1, $2)"
        " ON CONFLICT (enterprise) DO UPDATE SET rows = too_old.rows + excluded.rows",
        sorted(rows.items()),
    )


def _packed(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(body)


def _unpacked(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(body)
