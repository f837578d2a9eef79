"""How a response is assessed: by the formulas, against numbers worked out by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.registry.nouns import Line, Link, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.responses.assessment import (
    Energy,
    Obedience,
    Window,
    answer_of,
    assess,
    base_windows,
    by_unit,
    joined,
    limit_obeyed,
    stop_obeyed,
    windows_of,
)
from wattwarden.alarms.responses.makers import makers_of
from wattwarden.alarms.responses.numbers import default_numbers, numbers_of
from wattwarden.alarms.states.running import Doing, Spell
from wattwarden.alarms.statistics.compliance import Standing

# 08:00 in Shanghai on a Sunday.
START = datetime(2026, 11, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = default_numbers()
SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(hours: float) -> datetime:
    return START + hours * HOUR


def window(begin: float, end: float) -> Window:
    return Window(at(begin), at(end))


def spells(*parts: tuple[float, Doing]) -> list[Spell]:
    """Spells from these hours on, to hour 200."""
    ends = [*(begin for begin, _ in parts[1:]), 200.0]
    return [
        Spell(at(begin), at(end), doing) for (begin, doing), end in zip(parts, ends, strict=True)
    ]


def hours(obeyed: Obedience) -> tuple[float, float, float]:
    return obeyed.window_s / 3600, obeyed.complied_s / 3600, obeyed.unknown_s / 3600


RUN, REST, GONE = Doing.RUN, Doing.REST, Doing.UNKNOWN


@pytest.mark.parametrize(
    ("did", "expected", "responded"),
    [
        ([(0, REST)], (46, 46, 0), True),
        ([(0, RUN), (2, REST)], (46, 46, 0), True),
        ([(0, RUN), (4, REST)], (46, 44, 0), True),
        ([(0, RUN), (4.5, REST)], (46, 43.5, 0), False),
        ([(0, REST), (10, GONE), (20, REST)], (46, 36, 10), False),
        ([(0, REST), (10, Doing.DECLARED), (20, Doing.IDLE)], (46, 46, 0), True),
        ([(0, RUN)], (46, 0, 0), False),
    ],
    ids=["stood", "within the grace", "95 %", "less", "silent", "excused, idling", "ran on"],
)
def test_a_stop_is_obeyed_while_nothing_is_made(
    did: list[tuple[float, Doing]], expected: tuple[float, float, float], *, responded: bool
) -> None:
    windows = windows_of([(at(0), at(48))], 2 * HOUR, at(100))
    obeyed = stop_obeyed("U1", windows, spells(*did))
    assert hours(obeyed) == expected
    assert obeyed.responded(NUMBERS) is responded


@pytest.mark.parametrize(
    ("exceeded", "did", "expected"),
    [
        ([], [(0, RUN)], (10, 10, 0)),
        ([window(4, 6), window(5, 7)], [(0, RUN)], (10, 7, 0)),
        ([window(-5, 2), window(9, 50)], [(0, RUN)], (10, 7, 0)),
        ([window(4, 6)], [(0, RUN), (5, GONE), (8, RUN)], (10, 6, 3)),
    ],
    ids=["never", "alarms that overlap", "alarms that go on", "silent beside an alarm"],
)
def test_a_limit_is_obeyed_while_no_alarm_says_otherwise(
    exceeded: list[Window], did: list[tuple[float, Doing]], expected: tuple[float, float, float]
) -> None:
    obeyed = limit_obeyed("U1", [window(0, 10)], spells(*did), exceeded)
    assert hours(obeyed) == expected


def test_a_window_that_has_not_begun_waits() -> None:
    windows = windows_of([(at(0), at(48))], 2 * HOUR, at(1))
    assert windows == []
    assert stop_obeyed("U1", windows, spells((0, RUN))).responded(NUMBERS) is None


def plan(**changes: object) -> Plan:
    fields = {"id": "p", "scope": Scope.UNIT, "subject": "U1", "measure": Measure.STOP,
              "start": at(0), "end": at(72)}  # fmt: skip
    return Plan(**(fields | changes))  # type: ignore[arg-type]  # any field of it


@pytest.mark.parametrize(
    ("zone", "from_hour", "to_hour", "expected"),
    [
        # 22:00 in Shanghai is hour 14 of ours: nights reach over midnight.
        ("Asia/Shanghai", "22:00", "06:00", [(14, 22), (38, 46), (62, 70)]),
        ("Asia/Shanghai", "06:00", "09:00", [(0, 1), (22, 25), (46, 49), (70, 72)]),
        ("Asia/Shanghai", "08:00", "24:00", [(0, 16), (24, 40), (48, 64)]),
        ("Asia/Urumqi", "22:00", "06:00", [(0, 0), (16, 24), (40, 48), (64, 72)]),
        ("UTC", "12:00", "12:00", [(0, 12), (12, 36), (36, 60), (60, 72)]),
    ],
    ids=["night", "begun already", "to midnight", "two hours west", "round the clock"],
)
def test_daily_hours_are_the_enterprises_own(
    zone: str, from_hour: str, to_hour: str, expected: list[tuple[float, float]]
) -> None:
    body = plan(cycle=Cycle.DAILY, from_hour=from_hour, to_hour=to_hour)
    found = windows_of(plan_hours(body, ZoneInfo(zone)), timedelta(0), at(100))
    assert found == [window(*pair) for pair in expected if pair[0] < pair[1]]


def test_each_night_has_its_own_grace_and_the_present_ends_the_last() -> None:
    body = plan(cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00")
    assert windows_of(plan_hours(body, SHANGHAI), 2 * HOUR, at(42)) == [
        window(16, 22), window(40, 42),
    ]  # fmt: skip


def test_normal_weeks_are_the_same_hours_in_weeks_without_an_order() -> None:
    week = 7 * 24
    ordered = [window(-2 * week - 100, -2 * week + 5)]
    found = base_windows([window(0, 10)], ordered, NUMBERS)
    assert found == [[window(-week * back, 10 - week * back)] for back in (1, 3, 4, 5)]
    always = [window(-100 * week, 100 * week)]
    assert base_windows([window(0, 10)], always, NUMBERS) == []


@pytest.mark.parametrize(
    ("rules", "doing", "expected"),
    [
        (["R11", "R1"], [RUN], Standing.STOP_IGNORED),
        (["R12"], [RUN], Standing.LIMIT_IGNORED),
        (["R2"], [REST], Standing.TREATMENT_OFF),
        (["R8"], [RUN, REST], Standing.COMPLIANT),
        ([], [REST, GONE], Standing.IDLE),
        ([], [GONE], Standing.UNHEARD),
        ([], [], Standing.UNHEARD),
    ],
    ids=["not stopped", "not reduced", "untreated", "compliant", "idle", "silent", "no meters"],
)
def test_what_a_firm_did(rules: list[str], doing: list[Doing], expected: Standing) -> None:
    assert answer_of(rules, doing) is expected


def test_a_response_is_summed_up() -> None:
    obeyed = [
        Obedience("U1", 100, 96, 0),
        Obedience("U2", 100, 94, 0),
        Obedience("U3", 100, 95, 5),
        Obedience("U4", 0, 0, 0),
    ]
    energies = [Energy(30.0, 100.0), Energy(90.0, 100.0), Energy(None, 50.0), Energy(5.0, None)]
    found = assess(obeyed, energies, [Standing.COMPLIANT, Standing.IDLE, Standing.IDLE], NUMBERS)
    assert (found.ordered, found.responded, found.waiting) == (4, 2, 1)
    assert found.responded_share == pytest.approx(2 / 3)
    assert found.energy_cut == pytest.approx(0.4)
    assert found.energy_unknown == 2
    assert found.answers == {Standing.COMPLIANT: 1, Standing.IDLE: 2}
    assert [one.cut() for one in energies] == [pytest.approx(0.7), pytest.approx(0.1), None, None]


def test_nothing_to_tell_by_is_told_as_such() -> None:
    found = assess([], [], [], NUMBERS)
    assert (found.responded_share, found.energy_cut) == (None, None)


def test_orders_of_one_unit_are_judged_together() -> None:
    found = by_unit(
        [Obedience("U1", 10, 9, 1), Obedience("U2", 5, 5, 0), Obedience("U1", 10, 3, 0)]
    )
    assert found == [Obedience("U1", 20, 12, 1), Obedience("U2", 5, 5, 0)]


def test_windows_that_overlap_are_joined() -> None:
    assert joined([window(5, 7), window(0, 2), window(1, 3), window(7, 8)]) == [
        window(0, 3), window(5, 8),
    ]  # fmt: skip


def test_orders_concern_production_units_of_their_scope() -> None:
    registry = Registry()
    for name, kind in (("U1", UnitKind.PRODUCTION), ("U2", UnitKind.TREATMENT),
                       ("U3", UnitKind.BOTH)):  # fmt: skip
        registry.put("unit", Unit(id=name, enterprise="E1", name=name, kind=kind, rated_power=1e4))
        registry.put("link", Link(id=f"K{name}", line="L1", unit=name))
    registry.put("line", Line(id="L1", enterprise="E1", name="一线"))
    makers = makers_of(registry)
    assert makers[Scope.ENTERPRISE, "E1"] == makers[Scope.LINE, "L1"] == ["U1", "U3"]
    assert makers[Scope.UNIT, "U3"] == ["U3"]
    assert makers[Scope.UNIT, "U2"] == []


def test_the_numbers_are_checked() -> None:
    assert NUMBERS.compliant_share == 0.95
    text = (
        'self_decided_grades = ["A"]\ncompliant_share = 1.5\nknown_energy_share = 0.8\n'
        "base_weeks = 4\nbase_weeks_searched = 12\n"
    )
    with pytest.raises(ValueError, match="compliant_share"):
        numbers_of(text)


def test_the_base_is_looked_for_no_further_back_than_said() -> None:
    week, most = 7 * 24, NUMBERS.base_weeks_searched
    ordered = [window(-week * back, 10 - week * back) for back in range(1, most)]
    last = window(-week * most, 10 - week * most)
    assert base_windows([window(0, 10)], ordered, NUMBERS) == [[last]]
    assert base_windows([window(0, 10)], [*ordered, last], NUMBERS) == []
