"""Powers and spans as people write them."""

import pytest

from wattwarden.alarms.episodes.facts import add, minutes, power_text, span_texts
from wattwarden.alarms.episodes.findings import Signal


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "1 分钟", "1 min"),
        (89, "1 分钟", "1 min"),
        (91, "2 分钟", "2 min"),
        (7_199, "120 分钟", "120 min"),
        (7_200, "2.0 小时", "2.0 h"),
        (172_799, "48.0 小时", "48.0 h"),
        (172_800, "2.0 天", "2.0 days"),
        (216_000, "2.5 天", "2.5 days"),
    ],
)
def test_a_span_is_written_in_minutes_hours_or_days(
    seconds: float, chinese: str, english: str
) -> None:
    assert span_texts(seconds) == (chinese, english)


def test_a_span_has_a_minute_at_least() -> None:
    assert [minutes(seconds) for seconds in (0, 29, 60, 150)] == ["1", "1", "1", "2"]


def test_a_power_has_three_digits() -> None:
    assert [power_text(watts) for watts in (0, 450, 12_345, 987_654)] == [
        "0 kW", "0.45 kW", "12.3 kW", "988 kW",
    ]  # fmt: skip


def test_a_signal_that_was_not_measured_is_none() -> None:
    signals: dict[str, Signal] = {}
    add(signals, "power", float("nan"), "W")
    add(signals, "current", 1.23456789, "A")
    assert signals == {"current": Signal(1.23457, "A")}
