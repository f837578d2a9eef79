"""Silence over a real store: a meter, a firm, ourselves."""

from typing import Any

import pytest
import pytest_asyncio
from tests.storage.feed import (
    START,
    readings,
    register,
    small_city,
    store_rows,
    store_signs,
    store_ticks,
)
from tests.storage.folding import fold

from wattwarden.server.passes import PassLimits
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of

FIRMS = ("E0", "E1", "E2")
MINUTE_US = 60_000_000


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    await register(store, small_city(FIRMS))
    return store


async def found(store: Connection) -> list[tuple[Any, ...]]:
    rows = await store.fetch(
        "SELECT rule, subject, began, ended FROM alarm WHERE found_in = 'ticks' ORDER BY 1, 2"
    )
    return [
        (row["rule"], row["subject"], minute(row["began"]), row["ended"] and minute(row["ended"]))
        for row in rows
    ]


def minute(moment: Any) -> int:
    return round((us_of(moment) - START) / MINUTE_US)


async def test_a_meter_that_falls_silent_is_missed_after_a_quarter_of_an_hour(
    city: Connection, store_dsn: str
) -> None:
    def power(firm: str, part: str, at: int) -> float | None:
        return None if (firm, part) == ("E1", "p") and 20 <= at < 50 else 0.8

    await store_rows(city, readings(FIRMS, range(70), power))
    await store_ticks(city, 70)
    await fold(store_dsn)
    assert await found(city) == [("R8", "meter:fake:E1-p", 20, 51)]


async def test_treatment_that_falls_silent_while_its_line_produces_is_worse(
    city: Connection, store_dsn: str
) -> None:
    def power(firm: str, part: str, at: int) -> float | None:
        return None if (firm, part) == ("E1", "t") and at >= 20 else 0.8

    await store_rows(city, readings(FIRMS, range(50), power))
    await store_ticks(city, 50)
    await fold(store_dsn)
    assert [row[:2] for row in await found(city)] == [
        ("R21", "unit:E1-t"),
        ("R8", "meter:fake:E1-t"),
    ]


async def test_a_firm_that_falls_silent_as_a_whole_is_one_alarm(
    city: Connection, store_dsn: str
) -> None:
    def power(firm: str, _part: str, at: int) -> float | None:
        return None if firm == "E1" and 20 <= at < 60 else 0.8

    await store_rows(city, readings(FIRMS, range(80), power))
    await store_ticks(city, 80)
    await fold(store_dsn)
    alarms = await found(city)
    assert [row[:2] for row in alarms] == [("R9", "enterprise:E1")]
    assert alarms[0][3] is not None


@pytest.mark.parametrize("steps", [5, 3_600], ids=["five steps a pass", "all at once"])
async def test_our_own_outage_is_one_alarm_of_the_platform_and_nothing_else(
    city: Connection, store_dsn: str, steps: int
) -> None:
    def power(_firm: str, _part: str, at: int) -> float | None:
        return None if at in away else 0.8

    away = range(20, 45)
    rows = readings(FIRMS, range(100), power)
    await store_rows(city, rows, missed=away)
    await store_ticks(city, 75, missed=away)
    await store_signs(city, "g1", range(20))
    await store_signs(city, "g2", range(45, 100))
    await fold(store_dsn, PassLimits(steps=steps))
    alarms = await found(city)
    assert [row[:2] for row in alarms] == [("R0", "platform")]
    assert alarms[0][3] is not None
    assert 18 <= alarms[0][2] <= 22


async def test_meters_of_a_gateway_that_went_get_time_to_dial_in_again(
    city: Connection, store_dsn: str
) -> None:
    def power(_firm: str, _part: str, at: int) -> float | None:
        # All are back twelve minutes after the other gateway came.
        return None if 20 <= at < 32 else 0.8

    await store_rows(city, readings(FIRMS, range(70), power))
    await store_ticks(city, 70)
    await store_signs(city, "g1", range(20))
    await store_signs(city, "g2", range(21, 70))
    await fold(store_dsn)
    assert await found(city) == []


async def test_two_peers_under_one_meter_s_id_are_an_alarm_of_its_firm(
    city: Connection, store_dsn: str
) -> None:
    await store_rows(city, readings(FIRMS, range(20), lambda *_: 0.8))
    await store_ticks(city, 60)
    for place, what in enumerate(("login", "duplicate_id")):
        await city.execute(
            "INSERT INTO session_event (shard, sequence, place, at, gateway, epoch, what, peer,"
            " codec, identity, reason) VALUES (0, 1, $1, $2, 'g', 1, $3, '10.0.0.1:9', 'fake',"
            " 'E2-p', '10.0.0.1:9 and 10.0.0.2:9')",
            place,
            moment_of(START + 5 * MINUTE_US),
            what,
        )
    await fold(store_dsn)
    kinds = await city.fetch("SELECT kind, subject, ended FROM alarm WHERE rule = 'R10'")
    assert [(row["kind"], row["subject"]) for row in kinds] == [("duplicate_id", "meter:fake:E2-p")]
    # Told after half an hour without another, ended when the last was known.
    assert minute(kinds[0]["ended"]) == 8
