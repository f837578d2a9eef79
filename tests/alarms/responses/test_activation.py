"""Presets and calendars into plans: exactly those of the area and level, the exempt ones named."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from wattwarden.alarms.decisions.bodies import Cycle, Measure, Plan, WarningLevel
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.plant.orders import plan_hours
from wattwarden.alarms.registry.nouns import Enterprise, Region
from wattwarden.alarms.responses.activation import (
    calendar_plans,
    in_area,
    response_plans,
    revised,
)
from wattwarden.alarms.responses.bodies import (
    Calendar,
    Curb,
    Exemption,
    Preset,
    Response,
    Span,
    Weekday,
)
from wattwarden.alarms.responses.course import Course, course_of

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORANGE, RED = WarningLevel.ORANGE, WarningLevel.RED
REGIONS = {
    one.id: one
    for one in (
        Region(id="city", name="市"),
        Region(id="north", name="北区", parent="city"),
        Region(id="town", name="镇", parent="north"),
        Region(id="south", name="南区", parent="city"),
    )
}
GRADES = ("A",)


def firm(
    name: str, region: str = "north", grade: str = "C", industry: str = "cement"
) -> Enterprise:
    return Enterprise(
        id=name, name=name, agency="A", region=region, industry=industry, performance_grade=grade
    )


FIRMS = [firm("E1"), firm("E2", "town"), firm("E3", "south"), firm("E4", grade="A")]


def stop(subject: str) -> Curb:
    return Curb(scope=Scope.UNIT, subject=subject, measure=Measure.STOP)


def limit(subject: str, share: float = 0.3) -> Curb:
    return Curb(scope=Scope.LINE, subject=subject, measure=Measure.LIMIT, reduction=share)


def preset(
    enterprise: str, *curbs: Curb, level: WarningLevel = ORANGE, exempt: Exemption | None = None
) -> Preset:
    return Preset(id=f"P-{enterprise}", enterprise=enterprise, level=level, curbs=curbs,
                  exempt=exempt)  # fmt: skip


def course(*regions: str, level: WarningLevel = ORANGE, hours: float = 48) -> Course:
    response = Response(id="RE1", level=level, start=NOW + 2 * HOUR, end=NOW + hours * HOUR,
                        regions=regions)  # fmt: skip
    return course_of(response, NOW, "P1", ())


def wanted(found: Course, *presets: Preset) -> list[Plan]:
    firms = in_area(FIRMS, found.regions, REGIONS)
    return list(response_plans(found, firms, {one.enterprise: one for one in presets}, GRADES))


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ((), ["E1", "E2", "E3", "E4"]),
        (("city",), ["E1", "E2", "E3", "E4"]),
        (("north",), ["E1", "E2", "E4"]),
        (("town",), ["E2"]),
        (("south", "town"), ["E2", "E3"]),
        (("elsewhere",), []),
    ],
    ids=["all", "the city", "a district and its towns", "a town", "two areas", "nobody's"],
)
def test_an_area_holds_the_firms_of_its_regions_and_those_below(
    regions: tuple[str, ...], expected: list[str]
) -> None:
    assert [one.id for one in in_area(FIRMS, regions, REGIONS)] == expected


def test_exactly_the_presets_of_area_and_level_become_plans() -> None:
    plans = wanted(
        course("north"),
        preset("E1", stop("U1"), limit("L1")),
        preset("E2", stop("U2"), level=RED),
        preset("E3", stop("U3")),
    )
    assert [(one.scope, one.subject, one.measure, one.reduction) for one in plans] == [
        ("unit", "U1", "stop", None),
        ("line", "L1", "limit", 0.3),
    ]
    assert {(one.start, one.end, one.level, one.origin, one.exempt) for one in plans} == {
        (NOW + 2 * HOUR, NOW + 48 * HOUR, ORANGE, "RE1", False)
    }


def test_a_preset_that_was_taken_back_orders_nothing() -> None:
    gone = msgspec.structs.replace(preset("E1", stop("U1")), enabled=False)
    assert wanted(course(), gone) == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (preset("E1", stop("U1"), exempt=Exemption.PROTECTED), "保障类"),
        (preset("E1", exempt=Exemption.LIVELIHOOD), "民生"),
        (preset("E1", exempt=Exemption.POSITIVE_LIST), "正面清单"),
        (preset("E4", stop("U4")), "自主减排"),
    ],
    ids=["protected", "livelihood", "positive list", "grade A"],
)
def test_an_exempt_firm_is_named_and_let_be(made: Preset, reason: str) -> None:
    (plan,) = wanted(course(), made)
    assert plan.exempt
    assert plan.reason == f"橙色(Ⅱ级响应) {reason}"


def entered(plans: list[Plan]) -> dict[str, Plan]:
    """What stands once plans were entered, by id; each could be."""
    for plan in plans:
        check_body(plan)
    return {plan.id: plan for plan in plans}


def test_new_plans_are_numbered_under_their_response() -> None:
    plans = list(revised([], wanted(course(), preset("E1", stop("U1"), limit("L1"))), NOW))
    assert [one.id for one in plans] == ["RE1.1", "RE1.2"]


def test_nobody_is_held_to_a_plan_before_it_was_decided() -> None:
    later = NOW + 5 * HOUR
    (plan,) = revised([], wanted(course(), preset("E1", stop("U1"))), later)
    assert plan.start == later


def test_what_is_wanted_again_is_not_entered_again() -> None:
    plans = wanted(course(), preset("E1", stop("U1")))
    standing = entered(list(revised([], plans, NOW)))
    assert list(revised(list(standing.values()), plans, NOW + HOUR)) == []


@pytest.mark.parametrize(
    ("at_h", "start_h"), [(1, 3.0), (4, 2.0)], ids=["before it begins", "while it runs"]
)
def test_another_span_moves_plans_and_a_start_that_was_stays(at_h: float, start_h: float) -> None:
    made = preset("E1", stop("U1"))
    standing = list(revised([], wanted(course(), made), NOW))
    moved = [
        msgspec.structs.replace(one, start=NOW + 3 * HOUR, end=NOW + 72 * HOUR)
        for one in wanted(course(), made)
    ]
    (plan,) = revised(standing, moved, NOW + at_h * HOUR)
    assert (plan.id, plan.start) == ("RE1.1", NOW + start_h * HOUR)
    assert plan.end == NOW + 72 * HOUR


def test_another_level_ends_the_plans_that_it_does_not_want() -> None:
    yellow = course(level=WarningLevel.YELLOW)
    before = wanted(yellow, preset("E1", limit("L1"), level=WarningLevel.YELLOW))
    standing = entered(list(revised([], before, NOW)))
    at = NOW + 4 * HOUR
    ended, begun = revised(list(standing.values()), wanted(course(), preset("E1", stop("U1"))), at)
    assert (ended.id, ended.start, ended.end, ended.enabled) == ("RE1.1", NOW + 2 * HOUR, at, True)
    assert (begun.id, begun.subject, begun.start, begun.level) == ("RE1.2", "U1", at, ORANGE)


def test_a_plan_that_has_not_begun_is_taken_back() -> None:
    standing = list(revised([], wanted(course(), preset("E1", stop("U1"))), NOW))
    (plan,) = revised(standing, [], NOW + HOUR)
    assert (plan.id, plan.enabled) == ("RE1.1", False)
    assert list(revised([plan], [], NOW + 2 * HOUR)) == []


def calendar(**changes: object) -> Calendar:
    spans = tuple(
        Span(start=NOW + begin * HOUR, end=NOW + end * HOUR) for begin, end in ((0, 10), (20, 30))
    )
    fields = {"id": "CA1", "name": "水泥错峰", "spans": spans, "measure": Measure.STOP,
              "industry": "cement"}  # fmt: skip
    return Calendar(**(fields | changes))  # type: ignore[arg-type]  # any field of it


def test_an_industrys_calendar_is_a_plan_for_each_firm_and_span() -> None:
    firms = [firm("E1"), firm("E2", industry="paint"), firm("E3")]
    made = calendar(exempt=("E3",), cycle=Cycle.DAILY, from_hour="22:00", to_hour="06:00")
    plans = list(calendar_plans(made, firms, ""))
    assert [(one.subject, (one.start - NOW) / HOUR, one.exempt) for one in plans] == [
        ("E1", 0, False), ("E1", 20, False), ("E3", 0, True), ("E3", 20, True),
    ]  # fmt: skip
    assert {(one.from_hour, one.to_hour, one.origin) for one in plans} == {
        ("22:00", "06:00", "CA1")
    }


# 2026-11-22 is a Sunday; NOW is its 11:00 in Shanghai.
SUNDAY = datetime(2026, 11, 21, 16, tzinfo=UTC)
DAY = 24 * HOUR
WEEK = (Span(start=SUNDAY, end=SUNDAY + 14 * DAY),)


@pytest.mark.parametrize(
    ("weekdays", "fields", "expected"),
    [
        (["sat"], {}, [(144, 168), (312, 336)]),
        (["sun"], {}, [(0, 24), (168, 192)]),
        (["sat", "sun"], {}, [(0, 24), (144, 192), (312, 336)]),
        (list(Weekday), {}, [(0, 336)]),
        (["mon"], {"from_hour": "08:00", "to_hour": "12:00"}, [(32, 36), (200, 204)]),
        (["mon"], {"from_hour": "22:00", "to_hour": "06:00"}, [(46, 54), (214, 222)]),
        (["sat"], {"from_hour": "22:00", "to_hour": "06:00"}, [(0, 6), (166, 174), (334, 336)]),
        (["mon", "tue"], {"from_hour": "20:00", "to_hour": "24:00"}, [(44, 72), (212, 240)]),
    ],
    ids=["saturdays", "sundays", "weekends", "every day", "morning", "night", "nights of saturday",
         "evenings of two days"],
)  # fmt: skip
def test_a_calendar_by_weekdays_is_a_plan_for_each_run_of_them(
    weekdays: list[str], fields: dict[str, str], expected: list[tuple[int, int]]
) -> None:
    cycle = Cycle.DAILY if fields else Cycle.CONTINUOUS
    made = calendar(spans=WEEK, weekdays=tuple(map(Weekday, weekdays)), cycle=cycle, **fields)
    plans = list(calendar_plans(made, [firm("E1")], ""))
    assert [((one.start - SUNDAY) / HOUR, (one.end - SUNDAY) / HOUR) for one in plans] == expected
    for plan in plans:
        check_body(msgspec.structs.replace(plan, id="PL1"))


def test_weekdays_are_those_of_the_firms_own_zone() -> None:
    far = msgspec.structs.replace(firm("E1"), zone="Asia/Tokyo")
    made = calendar(spans=WEEK, weekdays=(Weekday.MON,))
    (first, _) = calendar_plans(made, [far], "")
    assert (first.start - SUNDAY) / HOUR == 23
    own = calendar(industry="", scope=Scope.LINE, subject="L1", spans=WEEK, weekdays=made.weekdays)
    assert next(calendar_plans(own, [far], "E1")).start == first.start


def test_nights_of_a_weekday_are_judged_as_nights_of_that_day() -> None:
    made = calendar(spans=WEEK, weekdays=(Weekday.MON, Weekday.TUE), cycle=Cycle.DAILY,
                    from_hour="22:00", to_hour="06:00")  # fmt: skip
    (plan, _) = calendar_plans(made, [firm("E1")], "")
    held = plan_hours(plan, ZoneInfo("Asia/Shanghai"))
    assert [((begin - SUNDAY) / HOUR, (end - SUNDAY) / HOUR) for begin, end in held] == [
        (46, 54), (70, 78),
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "allowed"), [(366, True), (367, False)])
def test_by_weekdays_a_calendar_is_of_a_year_at_most(days: int, *, allowed: bool) -> None:
    spans = (Span(start=NOW, end=NOW + days * DAY),)
    made = calendar(spans=spans, weekdays=(Weekday.SAT,))
    assert [one.field for one in made.contradictions()] == ([] if allowed else ["weekdays"])
    assert not list(calendar(spans=spans).contradictions())


def test_a_preset_may_say_the_energy_of_a_normal_day() -> None:
    agreed = msgspec.structs.replace(limit("L1"), base_energy=1_200_000.0)
    (plan,) = wanted(course(), preset("E1", agreed))
    assert plan.base_energy == 1_200_000.0


def test_one_subjects_calendar_concerns_it_alone() -> None:
    made = calendar(industry="", scope=Scope.LINE, subject="L1", measure=Measure.LIMIT,
                    reduction=0.5, exempt=("E1",))  # fmt: skip
    plans = list(calendar_plans(made, FIRMS, "E1"))
    assert {(one.scope, one.subject, one.reduction, one.exempt) for one in plans} == {
        ("line", "L1", 0.5, True)
    }
    assert list(calendar_plans(msgspec.structs.replace(made, enabled=False), FIRMS, "E1")) == []


def test_a_span_that_runs_does_not_become_one_that_is_to_come() -> None:
    firms = [firm("E1")]
    standing = list(revised([], calendar_plans(calendar(), firms, ""), NOW))
    later = calendar(spans=(Span(start=NOW + 20 * HOUR, end=NOW + 40 * HOUR),))
    at = NOW + 5 * HOUR
    plans = {one.id: one for one in revised(standing, calendar_plans(later, firms, ""), at)}
    assert (plans["CA1.1"].start, plans["CA1.1"].end) == (NOW, at)
    assert (plans["CA1.2"].start, plans["CA1.2"].end) == (NOW + 20 * HOUR, NOW + 40 * HOUR)
    assert len(plans) == 2


def test_what_would_be_over_already_is_not_entered() -> None:
    plans = wanted(course(hours=48), preset("E1", stop("U1")))
    assert len(list(revised([], plans, NOW + 48 * HOUR - HOUR / 60))) == 1
    assert list(revised([], plans, NOW + 48 * HOUR)) == []
