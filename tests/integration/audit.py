"""Acknowledged ⊆ stored: what a fleet was told, held against the rows in PostgreSQL."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from tests.integration.fleet import Fleet
from tests.integration.system import System, database, eventually

READINGS = (
    "SELECT m.address, r.at, r.energy_forward, r.quality FROM reading AS r"
    " JOIN meter AS m ON m.id = r.meter WHERE m.codec = 'acrel'"
)
FACTORS = (
    "SELECT m.address, f.at, f.amounts, f.quality, l.codes FROM factor AS f"
    " JOIN meter AS m ON m.id = f.meter JOIN factor_layout AS l ON l.id = f.layout"
    " WHERE m.codec = 'hj212'"
)
# Each says how often something happened that must not.
NEVER = {
    "revisions": "SELECT count(*) FROM revision",
    "frames in quarantine": "SELECT count(*) FROM quarantine",
    "rows that step_part does not account for": (
        "SELECT abs((SELECT coalesce(sum(rows), 0) FROM step_part)"
        " - (SELECT count(*) FROM reading) - (SELECT count(*) FROM factor))"
    ),
    "ticks missing in a shard": (
        "SELECT coalesce(sum(missing), 0) FROM (SELECT max(number) - min(number) + 1 - count(*)"
        " AS missing FROM tick GROUP BY shard) AS shards"
    ),
    "rows whose step their shards have not reached": (
        "SELECT count(*) FROM reading WHERE step > (SELECT max(tick) + 1 FROM journal_position)"
    ),
}


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found, all of it as it should be."""

    sent: int
    acked: int
    stored: int


async def audit(system: System, fleet: Fleet, start: datetime, within_s: float) -> Audit:
    """Wait for the writer, then count, once the fleet has finished.

    Fails on a frame that is lost, doubled, mixed up or invented.
    """
    assert not fleet.faults, fleet.faults
    acked = fleet.acked

    async def rows() -> int:
        count: int = await system.value(
            "SELECT (SELECT count(*) FROM reading) + (SELECT count(*) FROM factor)"
        )
        return count

    # Too few in the end: what follows says which are missing.
    with contextlib.suppress(AssertionError):
        await eventually(rows, lambda count: count >= acked, within_s)
    async with database(system.dsn) as connection:
        readings = await connection.fetch(READINGS)
        factors = await connection.fetch(FACTORS)
        for what, query in NEVER.items():
            assert await connection.fetchval(query) == 0, what
    for row in readings:
        assert row["energy_forward"] == 10 * _number(row, start), row
    for row in factors:
        assert (list(row["amounts"]), list(row["codes"])) == (
            [_number(row, start) + 0.5],
            ["w01018"],
        ), row
    _hold("acrel", fleet, readings, start)
    _hold("hj212", fleet, factors, start)
    found = Audit(sum(meter.sent for meter in fleet.meters), acked, len(readings) + len(factors))
    assert found.sent == found.acked == found.stored, found
    return found


def _hold(codec: str, fleet: Fleet, rows: Iterable[asyncpg.Record], start: datetime) -> None:
    said = fleet.said(codec)
    found = [(row["address"], _number(row, start)) for row in rows]
    stored = set(found)
    assert len(found) == len(stored), "a frame is stored twice"
    assert stored <= set(said), f"never sent: {sorted(stored - set(said))[:5]}"
    lost = [frame for frame, is_acked in said.items() if is_acked and frame not in stored]
    assert not lost, f"{len(lost)} acknowledged {codec} frames are not stored: {lost[:5]}"


def _number(row: asyncpg.Record, start: datetime) -> int:
    number: int = round((row["at"] - start).total_seconds())
    return number
