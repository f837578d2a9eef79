"""The rate of a data folder: scaled time that all its processes share, settled once."""

from pathlib import Path

import pytest

from wattwarden.server.places import Places, Running, write_running
from wattwarden.server.rate import Rate, RateRefusedError, check_rate, load_rate, record_rate

SECOND_NS = 1_000_000_000
ORIGIN_US = 1_700_000_000_000_000


def clock_after(real_s: int, rate: int = 60) -> int:
    """What a clock of an origin says that was made so many real seconds later."""
    wall = ORIGIN_US * 1000 + real_s * SECOND_NS
    return Rate(rate, ORIGIN_US).clock(lambda: wall, lambda: 7 * SECOND_NS).now_us()


def test_a_minute_passes_in_each_second_from_the_origin_on() -> None:
    assert clock_after(0) == ORIGIN_US
    assert clock_after(10) == ORIGIN_US + 600_000_000


def test_a_running_clock_follows_the_monotonic_one_at_the_rate() -> None:
    now = [0]
    clock = Rate(60, ORIGIN_US).clock(lambda: ORIGIN_US * 1000 + now[0], lambda: now[0])
    now[0] = 3 * SECOND_NS
    assert not clock.steer()
    assert clock.now_us() == ORIGIN_US + 180_000_000
    assert clock.rate == 60


def test_a_folder_keeps_the_rate_it_began_with(tmp_path: Path) -> None:
    check_rate(tmp_path, 60)
    record_rate(tmp_path, 60, ORIGIN_US)
    record_rate(tmp_path, 60, ORIGIN_US + 5)
    check_rate(tmp_path, None)
    assert load_rate(tmp_path) == Rate(60, ORIGIN_US)


@pytest.mark.parametrize("wanted", [1, 30])
def test_another_rate_is_refused_with_its_cure(tmp_path: Path, wanted: int) -> None:
    record_rate(tmp_path, 60, ORIGIN_US)
    with pytest.raises(RateRefusedError, match=f"leave out --clock-rate {wanted}"):
        check_rate(tmp_path, wanted)


def test_a_folder_older_than_the_record_runs_in_real_time(tmp_path: Path) -> None:
    write_running(Places(tmp_path), Running("127.0.0.1:1", {}))
    with pytest.raises(RateRefusedError, match="at 1 times"):
        check_rate(tmp_path, 60)
    assert load_rate(tmp_path).rate == 1


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text("{")
    with pytest.raises(RateRefusedError, match="damaged"):
        load_rate(tmp_path)
