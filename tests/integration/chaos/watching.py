"""When a system is well again, and that whatever it acknowledged is stored, once.

Well: frames are answered at once, all processes that died have successors, and the warden has
folded what came after the fault ended.
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import Final

import asyncpg
from bench.nodes import must
from tests.integration.chaos.killing import is_alive
from tests.integration.chaos.scene import FLOWING_S, POLL_S, Scene
from tests.integration.system import database

from wattwarden.protocol.microseconds import SECOND_US

# Much longer than what is wanted, so that it can be said how long it was.
PATIENCE_S: Final = 180.0
ASK_S: Final = 5.0
# A tick a second, a pass a second, a round of the writer.
NORMAL_LAG_S: Final = 5.0
FOLDED: Final = (
    "SELECT max(second) FROM tick WHERE shard = 0"
    " AND number <= (SELECT min(step) FROM slice_position)"
)
ROWS: Final = (
    "SELECT m.address, count(*) AS rows FROM"
    " (SELECT meter FROM reading UNION ALL SELECT meter FROM factor) AS r"
    " JOIN meter AS m ON m.id = r.meter WHERE m.address = ANY ($1::text[]) GROUP BY m.address"
)
# How many rows more or less than the writer accounts for: what is stored twice, or behind its back.
UNACCOUNTED: Final = (
    "SELECT (SELECT coalesce(sum(rows), 0) FROM step_part)"
    " - (SELECT count(*) FROM reading) - (SELECT count(*) FROM factor)"
)
WAITING_DAYS: Final = "SELECT count(*) FROM refold"


async def well_again(scene: Scene) -> tuple[float, str]:
    """Wait until a system is well.

    Return for how long after the end of the fault it was not, and what it was ill with last.

    Raises:
        ClusterError: it did not recover.
    """
    end_us = scene.clock.now_us() - round(
        (time.monotonic() - scene.ended_s) * SECOND_US * scene.clock.rate
    )
    last = ""
    while True:
        ill = await _ill(scene, end_us)
        now_s = time.monotonic()
        if not ill:
            return now_s - scene.ended_s, last
        last = ill
        complaint = f"not well after {PATIENCE_S:.0f} s: {ill}"
        must(now_s < scene.ended_s + PATIENCE_S, scene.system.tail(complaint))
        await asyncio.sleep(POLL_S)


async def _ill(scene: Scene, end_us: int) -> str:
    """Say what is not yet as it should be, "" for nothing."""
    if scene.fleet.waiting_s > FLOWING_S:
        return f"a frame waits for {scene.fleet.waiting_s:.1f} s"
    for role, gone in scene.gone:
        there = scene.system.pids()[role]
        if any(one in gone or not is_alive(one) for one in there):
            return f"{role} is not back"
    second = await _folded_second(scene)
    if second * SECOND_US < end_us:
        return "nothing is folded since"
    lag_s = (scene.clock.now_us() / SECOND_US - second) / scene.clock.rate
    return f"the warden is {lag_s:.1f} s behind" if lag_s > NORMAL_LAG_S else ""


async def _folded_second(scene: Scene) -> int:
    """Return the time of the last step that is folded; 0 while the database does not answer."""
    with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with asyncio.timeout(ASK_S):
            connection = await asyncpg.connect(scene.system.dsn, timeout=ASK_S)
            try:
                return await connection.fetchval(FOLDED) or 0
            finally:
                connection.terminate()
    return 0


async def hold_acknowledged(scene: Scene) -> None:
    """See that each meter has as many rows as it was told are taken, and no more than it said.

    Of whoever has nothing on its way meanwhile, that is exactly one for each frame.

    Raises:
        ClusterError: rows are lost, doubled or invented.
    """
    before = scene.fleet.told()
    async with database(scene.system.dsn) as connection:
        until = time.monotonic() + PATIENCE_S
        while True:
            async with connection.transaction(isolation="repeatable_read"):
                rows = await connection.fetch(ROWS, scene.addresses)
                unaccounted = await connection.fetchval(UNACCOUNTED)
            stored = Counter({row["address"]: row["rows"] for row in rows})
            lost = {at: had for at, had in before.items() if stored[at] < had[1]}
            if not lost or time.monotonic() > until:
                break
            await asyncio.sleep(POLL_S)
    after = scene.fleet.told()
    extra = {at: (count, after.get(at)) for at, count in stored.items() if count > _said(after, at)}
    for what, whose in (("lost", lost), ("too many", extra)):
        must(not whose, f"rows of {len(whose)} meters are {what}: {list(whose.items())[:5]}")
    must(not unaccounted, f"{unaccounted} rows more were counted than are stored")


def _said(told: dict[str, tuple[int, int]], address: str) -> int:
    return told.get(address, (0, 0))[0]


async def all_judged(scene: Scene) -> None:
    """Wait until all that was acknowledged is stored and folded, late days too.

    Raises:
        ClusterError: it takes too long.
    """
    scene.begin()
    scene.over()
    await well_again(scene)
    await hold_acknowledged(scene)
    async with database(scene.system.dsn) as connection:
        until = time.monotonic() + PATIENCE_S
        while waiting := await connection.fetchval(WAITING_DAYS):
            must(time.monotonic() < until, f"{waiting} late days are not folded again")
            await asyncio.sleep(POLL_S)
    # What was folded again may end conditions whose timers still run.
    scene.begin()
    scene.over()
    await well_again(scene)
