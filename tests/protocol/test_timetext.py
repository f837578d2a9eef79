"""Times that stand in frames as digits."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.timetext import check_digits, digits_us, read_digits, write_digits

CHINA = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_a_time_is_read_in_its_zone_to_the_millisecond() -> None:
    assert read_digits(b"20261122105900", CHINA) == datetime(2026, 11, 22, 2, 59, tzinfo=UTC)
    milli = datetime(2026, 11, 22, 2, 59, 0, 123_000, tzinfo=UTC)
    assert read_digits(b"20261122105900123", CHINA) == milli


@pytest.mark.parametrize(
    "text", [b"", b"2026", b"202611221059", b"2026112210590", b"20261122 10590", b"-2026112210590"]
)
def test_what_is_not_fourteen_or_seventeen_digits_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError) as refusal:
        check_digits(text)
    assert refusal.value.kind == Refusal.DECODE


@pytest.mark.parametrize(
    "text", [b"20261322105900", b"20260230000000", b"00000101000000", b"20261122240000"]
)
def test_what_the_calendar_does_not_have_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_digits(text, UTC)
    assert digits_us([check_digits(text)])[1].tolist() == [False]


def test_a_time_that_utc_does_not_reach_is_refused() -> None:
    with pytest.raises(ProtocolError):
        read_digits(b"00010101000000", CHINA)


@given(st.integers(0, 4_102_444_800_000_000))
def test_a_time_written_and_read_is_the_same(us: int) -> None:
    text = write_digits(us, CHINA).encode()
    assert read_digits(text, CHINA) == EPOCH + timedelta(milliseconds=us // 1000)
    local, good = digits_us([text])
    assert good.tolist() == [True]
    assert local.tolist() == [us // 1000 * 1000 + 8 * 3_600_000_000]


def test_no_times_are_no_times() -> None:
    local, good = digits_us([])
    assert str(local.dtype) == "int64"
    assert (len(local), len(good)) == (0, 0)
