"""A meter's clock policy on its rows."""

import numpy as np
import pytest

from wattwarden.protocol.codec import PERIODS, ClockPolicy, Profile
from wattwarden.protocol.quality import Quality
from wattwarden.storage.rows.clocking import apply_clocks
from wattwarden.storage.rows.tables import Rows

SECOND = 1_000_000
MINUTE = 60 * SECOND
NOON = 1_795_316_400_000_000
METERS = ("A", "B")


def rows(*said: tuple[int, int, int], quality: int = 0, period: str = "instant") -> Rows:
    """Rows of (meter, at, received_at)."""
    columns = np.array(said, np.int64)
    count = len(said)
    return Rows(
        order=np.arange(count, dtype=np.int32),
        meter=columns[:, 0].astype(np.int32),
        at=columns[:, 1],
        received_at=columns[:, 2],
        step=np.ones(count, np.int32),
        quality=np.full(count, quality, np.int16),
        channel="",
        period=PERIODS[period],
        values={},
    )


def applied(found: Rows, **policies: ClockPolicy | None) -> Rows:
    profiles = {name: Profile(cycle_s=60, clock=policy) for name, policy in policies.items()}
    return apply_clocks(found, METERS, lambda address: profiles.get(address, Profile()))


OFF = (0, NOON - 3 * MINUTE, NOON)
RIGHT = (0, NOON - 2 * SECOND, NOON)


@pytest.mark.parametrize(
    ("policy", "marks"),
    [
        pytest.param(None, 0, id="measured"),
        pytest.param(ClockPolicy.TRUST, Quality.CLOCK_TRUSTED, id="trust"),
        pytest.param(ClockPolicy.SYNC, Quality.CLOCK_OFF, id="sync"),
    ],
)
def test_a_clock_that_is_off_is_marked_by_policy_and_its_time_stays(
    policy: ClockPolicy | None, marks: int
) -> None:
    found = applied(rows(OFF, RIGHT), A=policy)
    assert found.at.tolist() == [OFF[1], RIGHT[1]]
    assert found.quality.tolist() == [marks, 0]


def test_the_servers_time_is_that_of_the_receipt() -> None:
    later = (0, NOON + MINUTE - 2 * SECOND, NOON + MINUTE)
    found = applied(rows(OFF, later), A=ClockPolicy.SERVER)
    assert found.at.tolist() == [NOON, NOON + MINUTE]
    assert set(found.quality.tolist()) == {int(Quality.CLOCK_SERVER)}


def test_of_what_came_at_once_the_newest_takes_it_and_the_others_keep_their_distance() -> None:
    year = 365 * 24 * 60 * MINUTE
    burst = [(0, NOON - year - number * MINUTE, NOON) for number in range(3)]
    other = (1, NOON - year, NOON)
    found = applied(rows(*burst, other), A=ClockPolicy.SERVER)
    assert found.at.tolist() == [NOON, NOON - MINUTE, NOON - 2 * MINUTE, other[1]]
    assert found.quality.tolist()[3] == 0


def test_what_a_meter_repeats_later_keeps_its_time_and_is_marked() -> None:
    found = applied(rows(OFF, quality=Quality.BACKFILL), A=ClockPolicy.SERVER)
    assert found.at.tolist() == [OFF[1]]
    assert found.quality.tolist() == [int(Quality.BACKFILL | Quality.CLOCK_OFF)]


@pytest.mark.parametrize("policy", list(ClockPolicy), ids=str)
def test_late_repetitions_are_not_taken_for_a_wrong_clock(policy: ClockPolicy) -> None:
    found = applied(rows(OFF, quality=Quality.BACKFILL), A=policy)
    assert not found.quality[0] & Quality.CLOCK_TRUSTED


@pytest.mark.parametrize("period", ["hour", "day", "runtime"])
def test_spans_of_the_meters_own_keep_their_time(period: str) -> None:
    before = rows(OFF, period=period)
    assert applied(before, A=ClockPolicy.SERVER) is before


def test_without_a_policy_nothing_is_touched() -> None:
    before = rows(OFF)
    assert applied(before) is before
