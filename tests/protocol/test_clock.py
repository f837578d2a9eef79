"""Wall times: to microseconds one by one and in columns, and to UTC in zones that change."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.clock import LocalTime, local_us, utc_moment, utc_us, utc_us_each
from wattwarden.protocol.errors import ProtocolError, Refusal

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = 1_000_000


parts = st.tuples(
    st.one_of(st.integers(-2, 10_001), st.integers(1990, 2100)),
    st.integers(-1, 13),
    st.integers(-1, 32),
    st.integers(-1, 24),
    st.integers(-1, 60),
    st.integers(-1, 60),
)


@given(st.lists(parts, min_size=1, max_size=50))
def test_columns_of_wall_times_equal_each_alone(rows: list[tuple[int, ...]]) -> None:
    us, good = local_us(*np.array(rows).T)
    for row, number, exists in zip(rows, us.tolist(), good.tolist(), strict=True):
        try:
            expected = LocalTime(*row).to_us()
        except ProtocolError:
            assert (number, exists) == (0, False)
        else:
            assert (number, exists) == (expected, True)


@pytest.mark.parametrize(
    ("time", "us"),
    [
        (LocalTime(1970, 1, 1, 0, 0, 0), 0),
        (LocalTime(1970, 1, 1, 0, 0, 1, weekday=4), SECOND),
        (LocalTime(2024, 2, 29, 23, 59, 59), 1_709_251_199 * SECOND),
        (LocalTime(9999, 12, 31, 23, 59, 59), 253_402_300_799 * SECOND),
        (LocalTime(1, 1, 1, 0, 0, 0), -62_135_596_800 * SECOND),
    ],
)
def test_wall_times_count_from_1970_exactly(time: LocalTime, us: int) -> None:
    assert time.to_us() == us


@pytest.mark.parametrize("time", [LocalTime(2023, 2, 29, 0, 0, 0), LocalTime(2023, 13, 1, 0, 0, 0)])
def test_a_wall_time_that_does_not_exist_is_the_peers_fault(time: LocalTime) -> None:
    with pytest.raises(ProtocolError, match="no such time 2023") as caught:
        time.to_us()
    assert caught.value.kind is Refusal.DECODE


def test_a_wall_time_reads_as_people_write_it() -> None:
    assert str(LocalTime(2024, 2, 9, 3, 4, 5)) == "2024-02-09 03:04:05"
    assert str(LocalTime(2024, 2, 9, 3, 4, 5, weekday=5)) == "2024-02-09 03:04:05 dow=5"


@pytest.mark.parametrize(("day", "weekday"), [(10, 6), (11, 0), (12, 1)])
def test_weekdays_count_from_sunday(day: int, weekday: int) -> None:
    moment = datetime(2024, 2, day, 3, 4, 5, tzinfo=BERLIN)
    assert LocalTime.of(moment) == LocalTime(2024, 2, day, 3, 4, 5, weekday)


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        pytest.param(
            timezone(timedelta(hours=8)),
            LocalTime(2024, 7, 1, 8, 0, 0),
            datetime(2024, 7, 1, 0, 0, tzinfo=UTC),
            id="fixed",
        ),
        pytest.param(
            ZoneInfo("Asia/Shanghai"),
            LocalTime(1990, 7, 1, 9, 0, 0),
            datetime(1990, 7, 1, 0, 0, tzinfo=UTC),
            id="shanghai had summer time once",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 1, 1, 1, 0, 0),
            datetime(2024, 1, 1, 0, 0, tzinfo=UTC),
            id="winter",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 7, 1, 2, 0, 0),
            datetime(2024, 7, 1, 0, 0, tzinfo=UTC),
            id="summer",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 3, 31, 1, 59, 59),
            datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC),
            id="before the missing hour",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 3, 31, 2, 30, 0),
            datetime(2024, 3, 31, 1, 30, tzinfo=UTC),
            id="in the missing hour",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 3, 31, 3, 0, 0),
            datetime(2024, 3, 31, 1, 0, tzinfo=UTC),
            id="after the missing hour",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 10, 27, 2, 30, 0),
            datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
            id="in the repeated hour",
        ),
        pytest.param(
            BERLIN,
            LocalTime(2024, 10, 27, 3, 0, 0),
            datetime(2024, 10, 27, 2, 0, tzinfo=UTC),
            id="after the repeated hour",
        ),
        pytest.param(
            ZoneInfo("America/St_Johns"),
            LocalTime(2010, 11, 7, 0, 0, 30),
            datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC),
            id="a minute before a change at 00:01",
        ),
        pytest.param(
            ZoneInfo("America/St_Johns"),
            LocalTime(2010, 11, 7, 0, 2, 0),
            datetime(2010, 11, 7, 3, 32, tzinfo=UTC),
            id="a minute behind a change at 00:01",
        ),
    ],
)
def test_wall_times_become_utc(zone: tzinfo, wall: LocalTime, expected: datetime) -> None:
    us = round(expected.timestamp()) * SECOND
    assert utc_moment(wall, zone) == us
    assert utc_us(np.array([wall.to_us()]), zone).tolist() == [us]


@pytest.mark.parametrize("zone", [BERLIN, timezone(timedelta(hours=8)), UTC], ids=str)
@given(st.lists(st.integers(0, 2_000_000_000), max_size=20))
def test_columns_become_utc_as_each_alone(zone: tzinfo, seconds: list[int]) -> None:
    walls = [LocalTime.of(datetime.fromtimestamp(second, UTC)) for second in seconds]
    local = np.array([wall.to_us() for wall in walls], np.int64)
    assert utc_us(local, zone).tolist() == [utc_moment(wall, zone) for wall in walls]


def test_a_zone_without_an_offset_is_a_mistake_of_our_own() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, _moment: datetime | None) -> None:
            return None

        def dst(self, _moment: datetime | None) -> None:
            return None

        def tzname(self, _moment: datetime | None) -> None:
            return None

    with pytest.raises(ValueError, match="a zone knows its offset"):
        utc_moment(LocalTime(2024, 1, 1, 0, 0, 0), Nowhere())


@pytest.mark.parametrize(
    "zones",
    [
        pytest.param({0: UTC, 1: BERLIN, 4: BERLIN}, id="of two"),
        pytest.param({0: BERLIN, 1: BERLIN, 4: BERLIN}, id="of one"),
    ],
)
def test_each_meter_has_its_own_zone(zones: dict[int, tzinfo]) -> None:
    wall = LocalTime(2024, 7, 1, 12, 0, 0)
    meter = np.array([4, 0, 1, 0], np.int32)
    local = np.full(len(meter), wall.to_us())
    expected = [utc_moment(wall, zones[number]) for number in meter.tolist()]
    assert utc_us_each(local, meter, zones).tolist() == expected


def test_no_meter_has_no_time() -> None:
    assert utc_us_each(np.array([], np.int64), np.array([], np.int32), {}).tolist() == []
