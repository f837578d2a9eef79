"""Reading steps as columns, and sharing slices."""

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from tests.storage.fakes import NOON, SECOND, MemoryJournal, factors, readers, reading

from wattwarden.protocol.quantity import MISSING
from wattwarden.storage import presence
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.holding import hold_slices
from wattwarden.storage.rows.pgcopy import HEADER, TRAILER
from wattwarden.storage.rows.writer import Writer, WriterLimits
from wattwarden.storage.warden.copyout import number, parse
from wattwarden.storage.warden.slices import (
    lock_slices,
    move_slices,
    release_slices,
    renew_slices,
    share_slices,
)
from wattwarden.storage.warden.steps import (
    Stretch,
    Wanted,
    last_complete_step,
    meter_ids,
    read_span,
    read_steps,
    read_ticks,
)

FAST = WriterLimits(lull_s=0.001, first_pause_s=0.001, last_pause_s=0.002)


@pytest.fixture
def journal() -> MemoryJournal:
    """Two steps: readings of two meters, factors of a third."""
    made = MemoryJournal()
    made.frames(
        reading("m2", NOON, channel="1-1", volts=221.5),
        reading("m1", NOON + SECOND, amps=3.5, energy=70),
    )
    made.tick(1)
    made.frames(
        factors("m3", NOON, {"a01": 1.5, "b02": 7.25, "c03": None}, flags="N D"),
        reading("m1", NOON + 60 * SECOND, volts=220.0),
    )
    made.tick(2)
    return made


async def write(dsn: str, journal: MemoryJournal) -> None:
    writer = Writer(0, journal, dsn, readers(), FAST)
    while writer.position is None or writer.position.sequence < journal.entries[-1].sequence:
        await writer.round()
    await writer.close()


async def test_a_steps_rows_come_as_sorted_columns_with_nothing_invented(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    ids = await meter_ids(store, ["fake:m1", "fake:m2", "fake:m3", "fake:m9"])
    assert sorted(ids) == ["fake:m1", "fake:m2", "fake:m3"]
    meters = np.array(sorted(ids.values()), np.int32)
    rows = (await read_steps(store, Stretch(0, 1), Wanted(meters))).readings
    assert rows["meter"].tolist() == sorted([ids["fake:m1"], ids["fake:m2"]])
    mine = rows["meter"] == ids["fake:m2"]
    assert rows["channel"][mine].tolist() == [b"1-1     "]
    assert rows["voltage_a"][mine].tolist() == [221.5]
    assert math.isnan(rows["current_a"][mine][0])
    assert rows["energy_forward"][mine].tolist() == [MISSING]
    other = rows["meter"] == ids["fake:m1"]
    assert rows["energy_forward"][other].tolist() == [70]
    assert rows["at"][other].tolist() == [NOON + SECOND]
    assert rows["step"].tolist() == [1, 1]


async def test_factors_come_by_the_place_among_those_wanted(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    meter = (await meter_ids(store, ["fake:m3"]))["fake:m3"]
    wanted = Wanted(
        np.array([meter], np.int32), [(meter, "", "b02"), (meter, "", "c03"), (meter, "", "zz")]
    )
    rows = (await read_steps(store, Stretch(1, 2), wanted)).factors
    assert rows["wanted"].tolist() == [0, 1]
    assert rows["amount"][0] == 7.25
    assert math.isnan(rows["amount"][1])
    assert rows["flag"].tolist() == [ord(" "), ord("D")]


async def test_only_meters_that_are_wanted_come(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    nobody = Wanted(np.empty(0, np.int32))
    assert len((await read_steps(store, Stretch(0, 2), nobody)).readings["at"]) == 0


async def test_a_span_holds_what_steps_up_to_one_have_brought(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    meter = (await meter_ids(store, ["fake:m1"]))["fake:m1"]
    wanted = Wanted(np.array([meter], np.int32))

    async def found(since: int, until: int, step: int) -> list[int]:
        rows: Any = (await read_span(store, since, until, step, wanted)).readings
        return [int(at - NOON) // SECOND for at in rows["at"]]

    assert await found(NOON, NOON + 3600 * SECOND, 2) == [1, 60]
    assert await found(NOON, NOON + 3600 * SECOND, 1) == [1]
    assert await found(NOON, NOON + 60 * SECOND, 2) == [1]


async def test_a_step_is_complete_when_every_shard_has_its_tick(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    assert await last_complete_step(store, 1) == 2
    assert await last_complete_step(store, 2) == 0


async def test_ticks_that_are_missing_stop_the_fold(
    store: Connection, store_dsn: str, journal: MemoryJournal
) -> None:
    await write(store_dsn, journal)
    ticks = await read_ticks(store, Stretch(0, 2))
    assert ticks["number"].tolist() == [1, 2]
    with pytest.raises(StorageError, match="2 ticks are stored of steps 1 to 3"):
        await read_ticks(store, Stretch(0, 3))


def test_a_row_of_another_size_is_refused() -> None:
    null = (1).to_bytes(2, "big") + b"\xff\xff\xff\xff"
    for body in (null, null * 5):
        with pytest.raises(ValueError, match=r"size|whole number"):
            parse(HEADER + body + TRAILER, (number("meter", ">i4"),))


async def test_a_warden_alone_holds_every_slice(store: Connection) -> None:
    held = await share_slices(store, "w1")
    assert len(held) == 32
    assert {one.epoch for one in held.values()} == {1}
    assert await share_slices(store, "w1") == held


async def test_a_second_one_gets_half_once_the_first_has_let_go(store: Connection) -> None:
    await share_slices(store, "w1")
    assert await share_slices(store, "w2") == {}
    assert len(await share_slices(store, "w1")) == 16
    second = await share_slices(store, "w2")
    assert len(second) == 16
    assert {one.epoch for one in second.values()} == {2}


async def test_what_was_not_renewed_is_taken_over(store: Connection) -> None:
    await share_slices(store, "w1")
    await store.execute("UPDATE slice_position SET renewed_at = now() - interval '6 s'")
    # Somebody is there: where nobody was seen, the database was away.
    await presence.be_seen(store, "warden", "w2")
    await store.execute("UPDATE warden SET seen_at = now() - interval '6 s' WHERE holder = 'w1'")
    assert len(await share_slices(store, "w2")) == 32


async def test_a_long_pass_loses_no_slice_and_a_killed_warden_all_of_them(
    store: Connection,
) -> None:
    held = await share_slices(store, "w1")
    await store.execute("UPDATE slice_position SET renewed_at = now() - interval '6 s'")
    await store.execute("UPDATE warden SET seen_at = now() - interval '6 s'")
    await renew_slices(store, "w1")
    assert await share_slices(store, "w2") == {}
    assert len(await share_slices(store, "w1")) == len(held) // 2
    # Its slices were renewed a moment ago; that nobody has seen it says more.
    await store.execute("UPDATE warden SET seen_at = now() - interval '3 s' WHERE holder = 'w1'")
    assert len(await share_slices(store, "w2")) == len(held)


async def test_slices_are_locked_only_as_they_are_held(store: Connection) -> None:
    held = await share_slices(store, "w1")
    async with store.transaction():
        assert await lock_slices(store, "w1", held)
        assert not await lock_slices(store, "w2", held)
        await move_slices(store, held, 7)
    assert not await lock_slices(store, "w1", held)
    assert {one.step for one in (await share_slices(store, "w1")).values()} == {7}
    await release_slices(store, "w1")
    assert await store.fetchval("SELECT count(holder) FROM slice_position") == 0


async def test_wardens_and_decisions_about_the_whole_city_never_wait_for_each_other(
    store: Connection, store_dsn: str
) -> None:
    await share_slices(store, "w1")
    # Rows lie in the table as they were written last: in no order.
    for place in (7, 3, 29, 0, 18, 11):
        await store.execute("UPDATE slice_position SET step = 1 WHERE slice = $1", place)
    other = await connect(store_dsn, name="decides")

    async def renew() -> None:
        for _ in range(60):
            await share_slices(store, "w1")

    async def decide() -> None:
        for _ in range(60):
            async with other.transaction():
                await hold_slices(other, None)

    try:
        await asyncio.gather(renew(), decide())
    finally:
        await other.close()
