"""Times are read in every documented form, and printed in one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wattwarden.tools.errors import UsageError
from wattwarden.tools.times import local, of_us, parse_time, rfc3339, to_us

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-22T03:00:00Z"),
        ("2026-11-22T03:00:00Z", "2026-11-22T03:00:00Z"),
        ("2026-11-22T03:00:00+08:00", "2026-11-21T19:00:00Z"),
        ("2026-11-22 03:00", "2026-11-21T19:00:00Z"),
        ("2026-11-22", "2026-11-21T16:00:00Z"),
        ("2026-11-22T03:00:00.250Z", "2026-11-22T03:00:00.25Z"),
        ("-2h", "2026-11-22T01:00:00Z"),
        ("-1d2h30m15s", "2026-11-21T00:29:45Z"),
        ("+2d", "2026-11-24T03:00:00Z"),
        ("+1h30m", "2026-11-22T04:30:00Z"),
    ],
)
def test_a_time_is_read_in_each_form(text: str, expected: str) -> None:
    assert rfc3339(parse_time(text, NOW)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "tomorrow",
        "2026-13-01",
        "-2x",
        "0001-01-01",
        "-999999999d",
        "+999999999d",
        "+",
        "+-2h",
        "2026-11-22T99",
    ],
)
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, NOW)
    assert "2026-11-22T03:00:00Z" in caught.value.cure


def test_people_read_local_times_to_the_minute() -> None:
    assert local(NOW) == "2026-11-22 11:00"
    assert local(NOW, timezone(timedelta(hours=-3))) == "2026-11-22 00:00"


def test_a_time_without_offset_takes_the_zone_given() -> None:
    zone = timezone(timedelta(hours=-3))
    assert rfc3339(parse_time("2026-11-22 03:00", NOW, zone)) == "2026-11-22T06:00:00Z"


def test_microseconds_go_there_and_back() -> None:
    moment = datetime(2026, 11, 22, 3, 0, 0, 123_456, tzinfo=UTC)
    assert of_us(to_us(moment)) == moment
    assert to_us(datetime(1970, 1, 1, tzinfo=UTC)) == 0
