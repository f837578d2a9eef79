"""Run time: what is known to run counts, a gap never does."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.states.running import (
    DOING_OF,
    Doing,
    RunTime,
    Spell,
    by_day,
    reached,
    run_time,
    spells_of,
    within,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


def told(*pairs: tuple[float, str]) -> list[tuple[datetime, str]]:
    return [(at(hours), state) for hours, state in pairs]


def hours(*pairs: tuple[float, Doing]) -> list[tuple[float, float, Doing]]:
    """(from, to, doing) as spells are written below."""
    starts = [begin for begin, _ in pairs]
    return list(zip(starts, [*starts[1:], 10.0], [doing for _, doing in pairs], strict=True))


RUN, REST, GONE, IDLE = Doing.RUN, Doing.REST, Doing.UNKNOWN, Doing.IDLE
EXCUSED = Doing.DECLARED


@pytest.mark.parametrize(
    ("transitions", "heard", "expected"),
    [
        ([(0, "running"), (4, "off")], 10, [(0, RUN), (4, REST)]),
        ([(-3, "running")], 10, [(0, RUN)]),
        ([(2, "running")], 10, [(0, GONE), (2, RUN)]),
        ([(0, "running"), (3, "offline"), (5, "running")], 10, [(0, RUN), (3, GONE), (5, RUN)]),
        ([(0, "running")], 6, [(0, RUN), (6, GONE)]),
        ([(0, "running"), (4, "off")], 2, [(0, RUN), (2, GONE)]),
        ([(0, "running")], None, [(0, GONE)]),
        ([(0, "running"), (3, "declared"), (6, "off")], 10, [(0, RUN), (3, EXCUSED), (6, REST)]),
        ([(0, "running"), (3, "declared")], 2, [(0, RUN), (2, GONE), (3, EXCUSED)]),
        ([(0, "running"), (2, "over"), (3, "reduced_vfd"), (5, "idle")], 10, [(0, RUN), (5, IDLE)]),
        ([(0, "no_power"), (5, "reduced_slow")], 10, [(0, REST), (5, RUN)]),
        ([(-5, "off"), (-2, "running"), (11, "off")], 12, [(0, RUN)]),
        ([], 10, [(0, GONE)]),
    ],
    ids=[
        "ran and stopped",
        "began before",
        "nothing known before the first state",
        "a published gap",
        "silent with all of its firm",
        "silent before a state that is dated later",
        "never heard",
        "declared",
        "declared while silent",
        "kinds of running are one",
        "without supply it rests",
        "states outside the stretch",
        "no states at all",
    ],
)
def test_a_stretch_is_cut_into_what_the_unit_did(
    transitions: list[tuple[float, str]], heard: float | None, expected: list[tuple[float, Doing]]
) -> None:
    until = None if heard is None else at(heard)
    spells = spells_of(told(*transitions), until, NOON, at(10))
    found = [((one.start - NOON) / HOUR, (one.end - NOON) / HOUR, one.doing) for one in spells]
    assert found == hours(*expected)


def test_a_stretch_that_ends_before_it_begins_is_empty() -> None:
    assert spells_of(told((0, "running")), at(9), at(3), at(2)) == []


def test_every_state_counts_as_something() -> None:
    assert set(DOING_OF) == {state.name.lower() for state in UnitState}


def test_seconds_are_added_up_and_idling_wears() -> None:
    spells = [
        Spell(at(0), at(2), RUN),
        Spell(at(2), at(3), IDLE),
        Spell(at(3), at(3.5), REST),
        Spell(at(3.5), at(4), EXCUSED),
        Spell(at(4), at(8), GONE),
    ]
    time = run_time(spells)
    assert time == RunTime(7200, 3600, 1800, 1800, 14_400)
    assert time.worked_s == 10_800
    assert run_time(within(spells, at(1), at(2.5))) == RunTime(3600, 1800)


def test_days_are_the_enterprises_own() -> None:
    # 20:00 and 08:00 in Shanghai.
    spells = [Spell(at(0), at(12), RUN), Spell(at(12), at(14), REST)]
    days = by_day(spells, ZoneInfo("Asia/Shanghai"))
    assert days == {
        date(2026, 11, 20): RunTime(run_s=4 * 3600),
        date(2026, 11, 21): RunTime(run_s=8 * 3600, rest_s=7200),
    }
    assert by_day([], UTC) == {}


@pytest.mark.parametrize(
    ("wanted_h", "expected"), [(1, 1.0), (2, 2.0), (2.5, 5.5), (4, None)],
    ids=["within a spell", "at its end", "after a rest", "not yet"],
)  # fmt: skip
def test_the_moment_in_which_so_much_work_was_reached(
    wanted_h: float, expected: float | None
) -> None:
    spells = [Spell(at(0), at(2), RUN), Spell(at(2), at(5), GONE), Spell(at(5), at(6), IDLE)]
    assert reached(spells, wanted_h * 3600) == (None if expected is None else at(expected))


def test_of_no_spells_there_is_no_time() -> None:
    assert run_time([]) == RunTime()
    assert RunTime(idle_s=60.0).worked_s == 60.0
