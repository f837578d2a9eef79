"""The warden over a real store: the same rows give the same, however they are taken."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import zstandard
from tests.storage.feed import (
    MINUTE,
    SECOND,
    START,
    TICK_S,
    Row,
    late,
    readings,
    register,
    small_city,
    store_rows,
    store_ticks,
)
from tests.storage.folding import fold
from tests.storage.store import EMPTY_STORE

from wattwarden.alarms.decisions.slices import SLICES
from wattwarden.alarms.folding.late import LONGEST_WAIT_S
from wattwarden.alarms.registry.changes import Change
from wattwarden.server import redo
from wattwarden.server.passes import PassLimits
from wattwarden.server.warden import Warden
from wattwarden.storage.archive.across import DayUnreadableError
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.registry import save_registry

FIRMS = ("E0", "E1", "E2")
HOURS_OFF = range(60, 100)
END = 290


def power(firm: str, part: str, minute: int) -> float | None:
    """Treatment of E1 is off while it produces; E2's meter of production is away for a while."""
    if part == "t" and firm == "E1" and minute in HOURS_OFF:
        return 0.0
    if part == "p" and firm == "E2" and 130 <= minute < 170:
        return None
    return 0.8


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    await register(store, small_city(FIRMS))
    return store


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def at_once(_store_connection: Connection, store_server: str) -> dict[str, list[Any]]:
    """All that is kept and found where everything came in time and was folded at once."""
    await _store_connection.execute(EMPTY_STORE)
    await register(_store_connection, small_city(FIRMS))
    await store_rows(_store_connection, readings(FIRMS, range(END), power))
    await store_ticks(_store_connection, END)
    await fold(store_server)
    return await snapshot(_store_connection)


def opened(body: bytes) -> Any:
    """A kept state, readable."""
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(body))


async def snapshot(store: Connection) -> dict[str, list[Any]]:
    """All that is kept and found, without numbers that a sequence gave."""
    queries = {
        "states": "SELECT enterprise, step, body FROM kept_state ORDER BY enterprise",
        "days": "SELECT enterprise, day, body FROM day_state ORDER BY enterprise, day",
        "alarms": "SELECT rule, subject, kind, began, ended, withdrawn, found_in, enterprise, line,"
        " raised, suppressed_by, grade_up, version, explanation, found_late FROM alarm"
        " ORDER BY rule, subject, kind, began",
        "transitions": "SELECT * FROM unit_transition ORDER BY enterprise, unit, at",
        "corrections": "SELECT a.rule, a.subject, a.began, c.step, c.before, c.after"
        " FROM correction AS c JOIN alarm AS a ON a.id = c.alarm ORDER BY c.step, 1, 2, 3",
        "waiting": "SELECT * FROM refold ORDER BY enterprise, day",
    }
    found = {name: [tuple(row) for row in await store.fetch(sql)] for name, sql in queries.items()}
    for name in ("states", "days"):
        found[name] = [(*row[:-1], opened(row[-1])) for row in found[name]]
    return found


def same(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> None:
    """Compare part by part, so that a difference can be read."""
    for name, rows in one.items():
        for mine, others in zip(rows, other[name], strict=True):
            assert mine == others, name


def episodes(found: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    """Alarms that readings gave and that stand: rule, subject, kind, from when to when."""
    first = (row[:7] for row in found["alarms"])
    return [
        tuple(episode)
        for *episode, withdrawn, found_in in first
        if found_in == "readings" and not withdrawn
    ]


async def begin_anew(store: Connection, step: int) -> None:
    """Forget all that was folded, and keep the rows."""
    for table in ("kept_state", "day_state", "alarm", "unit_transition", "refold", "too_old"):
        await store.execute(f"DELETE FROM {table}")  # noqa: S608  ours
    await store.execute("UPDATE slice_position SET step = $1, epoch = 0, holder = NULL", step)


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    order = list(rows)
    random.Random(seed).shuffle(order)
    return order


async def test_treatment_that_stops_while_its_line_produces_is_an_alarm(
    city: Connection, store_dsn: str
) -> None:
    await store_rows(city, readings(FIRMS, range(150), power))
    last = await store_ticks(city, 150)
    warden = await fold(store_dsn)
    (alarm,) = await city.fetch("SELECT * FROM alarm WHERE rule = 'R2'")
    assert alarm["subject"] == "unit:E1-t"
    assert (alarm["raised"] - alarm["began"]).total_seconds() == 300
    assert alarm["ended"] is not None
    assert not alarm["found_late"]
    assert "E1-t" in msgspec.json.decode(alarm["explanation"])["zh"]
    steps = await city.fetch("SELECT DISTINCT step, holder FROM slice_position")
    assert [tuple(row) for row in steps] == [(last, None)]
    assert warden.counters.steps == last


@pytest.mark.parametrize(
    "limits",
    [PassLimits(steps=1), PassLimits(steps=7), PassLimits(seconds=900, least_ticks=1)],
    ids=["step by step", "seven at once", "by a quarter of an hour"],
)
async def test_how_many_steps_are_taken_at_once_changes_nothing(
    city: Connection, store_dsn: str, limits: PassLimits
) -> None:
    first, last = 70, 128
    rows = readings(FIRMS, range(first, last), power)
    gap = [row for row in rows if row.meter == "E1-t" and 75 <= _minute(row) < 105]
    in_time = [row for row in rows if row not in gap]
    await store_rows(city, in_time + late(gap, START + 112 * MINUTE))
    await store_ticks(city, last)
    begin = first * 60 // TICK_S
    await city.execute("UPDATE slice_position SET step = $1", begin)
    await fold(store_dsn)
    whole = await snapshot(city)
    assert whole["corrections"]
    await begin_anew(city, begin)
    await fold(store_dsn, limits)
    same(await snapshot(city), whole)


async def test_the_order_of_rows_within_a_step_changes_nothing(
    city: Connection, store_dsn: str, at_once: dict[str, list[Any]]
) -> None:
    await store_rows(city, shuffled(readings(FIRMS, range(END), power), 3))
    await store_ticks(city, END)
    await fold(store_dsn)
    same(await snapshot(city), at_once)


async def test_a_stretch_that_came_late_ends_with_the_same_episodes(
    city: Connection, store_dsn: str, at_once: dict[str, list[Any]]
) -> None:
    rows = readings(FIRMS, range(END), power)
    in_time = episodes(at_once)
    assert ("R2", "unit:E1-t") in {episode[:2] for episode in in_time}
    # The whole offence and a local midnight lie in the gap.
    gap = [row for row in rows if row.meter == "E1-t" and 50 <= _minute(row) < 180]
    kept = [row for row in rows if row not in gap]
    await store_rows(city, kept + late(gap, START + 240 * MINUTE))
    await store_ticks(city, END)
    warden = await fold(store_dsn)
    found = await snapshot(city)
    assert episodes(found) == in_time
    marked = await city.fetch("SELECT rule, subject FROM alarm WHERE found_late")
    assert ("R2", "unit:E1-t") in {tuple(row) for row in marked}
    assert found["transitions"] == at_once["transitions"]
    assert found["days"] == at_once["days"]
    assert warden.counters.late_rows >= len(gap)
    assert warden.counters.days_again == 1
    assert not found["waiting"]
    assert found["corrections"]


async def test_a_day_that_cannot_be_read_waits_and_keeps_nothing_else_from_being_folded(
    city: Connection,
    store_dsn: str,
    at_once: dict[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = readings(FIRMS, range(END), power)
    gap = [row for row in rows if row.meter == "E1-t" and 50 <= _minute(row) < 180]
    kept = [row for row in rows if row not in gap]
    await store_rows(city, kept + late(gap, START + 200 * MINUTE))
    await store_ticks(city, END)
    read, asked = redo.read_day, list[int]()

    async def away_at_first(*given: Any) -> Any:
        if given[-1] not in asked:
            asked.append(given[-1])
        if len(asked) <= 2:
            raise DayUnreadableError(date(2026, 11, 22), "the store is away")
        return await read(*given)

    monkeypatch.setattr(redo, "read_day", away_at_first)
    warden = await fold(store_dsn)
    found = await snapshot(city)
    assert episodes(found) == episodes(at_once)
    assert found["days"] == at_once["days"]
    # A local midnight lies in the gap: two days, until the first goes through the second.
    assert (warden.counters.days_put_off, warden.counters.days_again) == (4, 1)
    assert [(then - one) * TICK_S for one, then in pairwise(asked)] == [LONGEST_WAIT_S] * 2
    assert not found["waiting"]


async def test_late_rows_that_take_an_alarm_back_withdraw_it(
    city: Connection, store_dsn: str
) -> None:
    def idle(firm: str, _part: str, minute: int) -> float | None:
        # What was late says that the line stood still as well.
        stopped = firm == "E1" and minute in HOURS_OFF
        return 0.0 if stopped else 0.8

    rows = readings(FIRMS, range(END), idle)
    gap = [row for row in rows if row.meter == "E1-p" and _minute(row) in range(40, 100)]
    wrong = [
        Row(row.meter, row.at + 7 * SECOND, row.received_at, 24_000.0 + _minute(row) % 7)
        for row in gap
    ]
    # What was said first is overruled within each slot by what comes late and lies behind it.
    right = [Row(row.meter, row.at + 8 * SECOND, START + 200 * MINUTE, row.power, 8) for row in gap]
    rest = [row for row in rows if row not in gap]
    await store_rows(city, rest + wrong + right)
    await store_ticks(city, END)
    await fold(store_dsn)
    rows_of = await city.fetch("SELECT withdrawn, found_late FROM alarm WHERE rule = 'R2'")
    assert [tuple(row) for row in rows_of] == [(True, True)]
    (correction,) = await city.fetch("SELECT before, after FROM correction")
    assert correction["after"] is None


async def test_rows_older_than_any_state_are_counted(city: Connection, store_dsn: str) -> None:
    rows = readings(FIRMS, range(60), power)
    old = [Row("E0-p", START - 3 * 86_400 * SECOND, START + 30 * MINUTE, 1.0)]
    await store_rows(city, rows + old)
    await store_ticks(city, 60)
    warden = await fold(store_dsn)
    assert warden.counters.rows_too_old == 1
    assert [tuple(row) for row in await city.fetch("SELECT * FROM too_old")] == [("E0", 1)]


async def test_a_warden_goes_on_where_another_was_ended(
    city: Connection, store_dsn: str, at_once: dict[str, list[Any]]
) -> None:
    await store_rows(city, readings(FIRMS, range(END), power))
    await store_ticks(city, END)
    limits = PassLimits(steps=50)
    for passes in (3, 1, 4, 6):
        warden = Warden(store_dsn, 1, limits)
        for _ in range(passes):
            await warden.round()
        connection = warden._connection
        assert connection is not None
        # As when it was killed: nothing is kept, nothing let go.
        connection.terminate()
        await city.execute("UPDATE slice_position SET renewed_at = '2020-01-01'")
        await city.execute("DELETE FROM warden")
    await fold(store_dsn, limits)
    same(await snapshot(city), at_once)


async def test_two_wardens_share_the_slices_and_come_to_the_same(
    city: Connection, store_dsn: str, at_once: dict[str, list[Any]]
) -> None:
    await store_rows(city, readings(FIRMS, range(END), power))
    await store_ticks(city, END)
    wardens = [Warden(store_dsn, 1, PassLimits(steps=100)) for _ in range(2)]
    for _ in range(12):
        for warden in wardens:
            await warden.round()
    assert sorted(len(warden.held) for warden in wardens) == [SLICES // 2, SLICES // 2]
    for warden in wardens:
        await warden._leave()
    same(await snapshot(city), at_once)


async def test_a_warden_that_lost_its_slices_writes_nothing(
    city: Connection, store_dsn: str
) -> None:
    await store_rows(city, readings(FIRMS, range(60), power))
    await store_ticks(city, 60)
    warden = Warden(store_dsn, 1, PassLimits(steps=10))
    await warden.round()
    await city.execute("UPDATE slice_position SET epoch = epoch + 1 WHERE slice = 3")
    held = warden.held
    await warden._pass(await warden._ready(), warden._memories[0], 20)
    assert warden.counters.lost == 1
    assert warden.held != held
    steps = await city.fetch("SELECT DISTINCT step FROM slice_position")
    assert [row["step"] for row in steps] == [10]
    await warden._leave()


async def test_a_change_of_the_registry_is_taken_up_at_its_step(
    city: Connection, store_dsn: str
) -> None:
    await store_rows(city, readings((*FIRMS, "E9"), range(120), power))
    await store_ticks(city, 60)
    await fold(store_dsn)
    assert not await city.fetch("SELECT FROM unit_transition WHERE enterprise = 'E9'")
    await register(city, small_city(["E9"]))
    await store_ticks(city, 120, from_step=60 * 60 // TICK_S)
    warden = await fold(store_dsn)
    (first, *_) = await city.fetch(
        "SELECT at FROM unit_transition WHERE enterprise = 'E9' ORDER BY at"
    )
    assert first["at"].timestamp() >= START / SECOND + 60 * 60
    assert warden.counters.rebuilt == 1


async def test_a_point_entered_too_late_judges_the_hours_before_it_again(
    store: Connection, store_dsn: str
) -> None:
    entered = small_city(FIRMS)
    point = entered.point["E1-t-pt"]
    unknown = msgspec.structs.replace(point, valid_from=moment_of(START + 200 * MINUTE))
    entered.put("point", unknown)
    await register(store, entered)
    await store_rows(store, readings(FIRMS, range(180), power))
    await store_ticks(store, 120)
    await fold(store_dsn)
    alarms = "SELECT subject, found_late, began, ended FROM alarm WHERE rule = 'R2'"
    assert not await store.fetch(alarms)
    change = Change("point", point.id, point)
    await save_registry(store, [change], "test", now=moment_of(START + 119 * MINUTE))
    await store_ticks(store, 180, from_step=120 * 60 // TICK_S)
    await fold(store_dsn)
    (alarm,) = await store.fetch(alarms)
    assert (alarm["subject"], alarm["found_late"]) == ("unit:E1-t", True)
    assert alarm["ended"] - alarm["began"] == timedelta(minutes=40)


def _minute(row: Row) -> int:
    return (row.at - START) // MINUTE
