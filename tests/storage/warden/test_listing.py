"""What units do now, as people ask for it: nothing is said of what has not been heard of."""

from datetime import timedelta

import pytest
from tests.storage.feed import (
    START,
    readings,
    register,
    small_city,
    store_rows,
    store_ticks,
)
from tests.storage.folding import fold

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.warden.listing import units_now

BEGAN = moment_of(START)


def power(_firm: str, part: str, at: int) -> float:
    return 0.8 if part == "t" or at < 60 else 0.0


@pytest.mark.parametrize(
    ("minutes", "states"),
    [
        pytest.param(91, {"E0-p": "off", "E0-t": "running"}, id="while they are heard"),
        pytest.param(130, {"E0-p": "offline", "E0-t": "offline"}, id="after forty minutes"),
        pytest.param(
            230 * 1440, {"E0-p": "offline", "E0-t": "offline"}, id="after two hundred days"
        ),
    ],
)
async def test_units_of_a_firm_that_nobody_hears_are_offline(
    store: Connection, store_dsn: str, minutes: int, states: dict[str, str]
) -> None:
    await register(store, small_city(("E0", "E1")))
    await store_rows(store, readings(("E0",), range(90), power))
    await store_ticks(store, 95)
    await fold(store_dsn)
    units = await units_now(store, "E0", BEGAN + timedelta(minutes=minutes))
    assert {one.unit: one.state for one in units} == states
    last = BEGAN + timedelta(minutes=89)
    for one in units:
        if one.state == "offline":
            # Two cycles after its last reading, whenever somebody asks.
            assert timedelta(minutes=2) <= one.since - last < timedelta(minutes=3)
    assert await units_now(store, "E1", BEGAN) == []
