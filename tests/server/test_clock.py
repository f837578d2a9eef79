"""The clock follows the wall by slewing, never by jumping."""

from wattwarden.server.clock import Clock

SECOND = 1_000_000_000


class Clocks:
    def __init__(self) -> None:
        self.wall = 1_700_000_000 * SECOND
        self.monotonic = 5 * SECOND

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic)

    def advance(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND)
        self.monotonic += round(seconds * SECOND)


def test_time_advances_with_the_monotonic_clock() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.monotonic += 3 * SECOND
    assert clock.now_us() == (1_700_000_000 + 3) * 1_000_000


def test_a_stepped_wall_clock_moves_ours_by_a_tenth_of_the_elapsed_time() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.wall += 3600 * SECOND
    clocks.advance(1)
    assert clock.steer()
    assert clock.now_us() == (1_700_000_000 + 1) * 1_000_000 + 100_000


def test_time_never_runs_backwards_when_the_wall_clock_is_set_back() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.wall -= 3600 * SECOND
    last = clock.now_us()
    for _ in range(20):
        clocks.advance(1)
        clock.steer()
        assert clock.now_us() > last
        last = clock.now_us()


def test_a_small_difference_is_ignored_and_no_reason_for_an_alarm() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.wall += SECOND // 100
    clocks.advance(1)
    before = clock.now_us()
    assert not clock.steer()
    assert clock.now_us() == before


def test_the_alarm_ends_when_the_clock_has_caught_up() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.wall += 5 * SECOND
    verdicts = []
    for _ in range(60):
        clocks.advance(1)
        verdicts.append(clock.steer())
    assert verdicts[0]
    assert not verdicts[-1]
    assert abs(clock.now_us() - clocks.wall // 1000) <= 20_000
