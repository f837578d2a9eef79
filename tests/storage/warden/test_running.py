"""Run time from what the warden published: never over a gap, nor on after the last reading."""

from datetime import datetime, timedelta

from tests.storage.feed import (
    MINUTE,
    START,
    readings,
    register,
    small_city,
    store_rows,
    store_ticks,
)
from tests.storage.folding import fold

from wattwarden.alarms.states.running import RunTime, run_time
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.warden.running import spells_by_unit

BEGAN = moment_of(START)


def minute(number: int) -> datetime:
    return moment_of(START + number * MINUTE)


def power(_firm: str, part: str, at: int) -> float:
    """Production stops after an hour and a half; treatment runs on."""
    return 0.8 if part == "t" or at < 90 else 0.0


def about(time: RunTime, run: float, rest: float, unknown: float) -> bool:
    """Within two minutes, cycles and seconds being what they are."""
    found = (time.run_s / 60 - run, time.rest_s / 60 - rest, time.unknown_s / 60 - unknown)
    return all(abs(part) <= 2 for part in found)


async def test_neither_a_gap_nor_the_time_after_the_last_reading_counts_as_running(
    store: Connection, store_dsn: str
) -> None:
    await register(store, small_city(("E0",)))
    # The treatment's meter is silent from minute 30 to 60, and all are from 120 on.
    kept = [
        row
        for row in readings(("E0",), range(120), power)
        if row.meter != "E0-t" or not START + 30 * MINUTE <= row.at < START + 60 * MINUTE
    ]
    await store_rows(store, kept)
    await store_ticks(store, 180)
    await fold(store_dsn)
    since = {"E0-t": BEGAN, "E0-p": minute(60), "nowhere": BEGAN}
    spells = await spells_by_unit(store, since, minute(180))
    treatment, production = run_time(spells["E0-t"]), run_time(spells["E0-p"])
    # Two cycles after the last sample before and after each gap are its last state's.
    assert about(treatment, 30 + 2 + 60 + 2, 0, 28 + 58)
    # Of production only what was asked for is told, and what it did before is known.
    assert about(production, 30, 30 + 2, 58)
    assert (spells["E0-p"][0].start, spells["E0-p"][-1].end) == (minute(60), minute(180))
    assert run_time(spells["nowhere"]) == RunTime(unknown_s=180 * 60)
    # Meters that were heard long ago are looked for further back.
    later = BEGAN + timedelta(days=9)
    time = run_time((await spells_by_unit(store, {"E0-p": BEGAN}, later))["E0-p"])
    assert about(time, 90, 32, 9 * 24 * 60 - 122)
