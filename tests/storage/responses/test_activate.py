"""Responses and calendars in the store: with all of their plans, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from tests.storage.responses.city import register_city

from wattwarden.alarms.decisions.bodies import Measure, Plan, WarningLevel
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.ledgers.entries import LedgerKind
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.responses.bodies import (
    Calendar,
    Curb,
    Exemption,
    Preset,
    Response,
    ResponseStep,
    ResponseVerb,
    Span,
)
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import load_entries
from wattwarden.storage.registry.decisions import in_force
from wattwarden.storage.registry.sealing import first_broken
from wattwarden.storage.responses.activate import (
    Activated,
    enact,
    issue,
    keep_calendar,
    step,
)
from wattwarden.storage.responses.load import load_responses, newest_plans, plans_of

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORANGE, RED = WarningLevel.ORANGE, WarningLevel.RED


def preset(
    enterprise: str,
    *subjects: str,
    level: WarningLevel = ORANGE,
    exempt: Exemption | None = None,
    identity: str = NEW,
) -> Preset:
    curbs = tuple(
        Curb(scope=Scope.UNIT, subject=subject, measure=Measure.STOP) for subject in subjects
    )
    return Preset(id=identity, enterprise=enterprise, level=level, curbs=curbs, exempt=exempt)


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    """Presets of N1 at two levels, of grade A's N2, of S1 in the other district; E1 has none."""
    await register_city(store)
    for one in (
        preset("N1", "N1-u"),
        preset("N1", "N1-u", level=RED),
        preset("N2", "N2-u"),
        preset("S1", "S1-u"),
    ):
        await decide(store, one, "officer", NOW)
    return store


def response(*regions: str, level: WarningLevel = ORANGE, identity: str = NEW) -> Response:
    return Response(
        id=identity, level=level, start=NOW + HOUR, end=NOW + 48 * HOUR, regions=regions
    )


async def issued(city: Connection, *regions: str) -> tuple[str, Activated]:
    done = await issue(city, response(*regions), "officer", NOW)
    return str(getattr(done.entered.body, "id", "")), done


async def standing(city: Connection, origin: str) -> dict[str, Plan]:
    """Plans in force by enterprise and level."""
    plans = await plans_of(city, origin)
    return {f"{firm} {plan.level}": plan for plan, firm in plans if plan.enabled}


async def test_a_response_activates_exactly_the_presets_of_its_area_and_level(
    city: Connection,
) -> None:
    identity, done = await issued(city, "R1")
    plans = await standing(city, identity)
    assert {name: plan.exempt for name, plan in plans.items()} == {
        "N1 orange": False, "N2 orange": True,
    }  # fmt: skip
    assert done.without_preset == ("E1", "E2")
    assert {one.actor for one in done.plans} == {"officer"}
    assert await first_broken(city) is None


async def test_plans_are_in_the_ledgers_of_their_firms_at_once(city: Connection) -> None:
    identity, done = await issued(city, "R1")
    (first,) = await load_entries(city, "N1")
    (let_be,) = await load_entries(city, "N2")
    sources = {f"decision:{one.id}" for one in done.plans}
    assert {first.source, let_be.source} == sources
    assert (first.kind, first.actor, first.occurred_at) == (LedgerKind.SPECIAL, "officer", NOW)
    assert [one.content.measure for one in (first, let_be)] == ["停产", "豁免"]  # type: ignore[union-attr]  # special periods
    over = ResponseStep(id=NEW, response=identity, verb=ResponseVerb.CLOSE)
    await step(city, over, "officer", NOW + HOUR / 2)
    assert [one.content.measure for one in await load_entries(city, "N1")] == [  # type: ignore[union-attr]  # as above
        "停产", "取消:停产",
    ]  # fmt: skip


async def test_a_response_of_the_whole_city_reaches_every_district(city: Connection) -> None:
    identity, _ = await issued(city)
    assert set(await standing(city, identity)) == {"N1 orange", "N2 orange", "S1 orange"}


async def test_a_change_of_level_and_area_ends_and_begins_plans(city: Connection) -> None:
    identity, _ = await issued(city)
    at = NOW + 5 * HOUR
    red = ResponseStep(
        id=NEW, response=identity, verb=ResponseVerb.CHANGE, level=RED, regions=("R1",)
    )
    await step(city, red, "officer", at)
    plans = await standing(city, identity)
    assert {name: plan.end for name, plan in plans.items()} == {
        "N1 orange": at, "N2 orange": at, "S1 orange": at, "N1 red": NOW + 48 * HOUR,
    }  # fmt: skip
    assert plans["N1 red"].start == at


async def test_a_closing_ends_the_plans_and_happens_once(city: Connection) -> None:
    identity, _ = await issued(city)
    over = ResponseStep(id=NEW, response=identity, verb=ResponseVerb.CLOSE)
    at = NOW + 3 * HOUR
    await step(city, over, "officer", at)
    assert {plan.end for plan in (await standing(city, identity)).values()} == {at}
    with pytest.raises(RefusedError, match=r"is closed since .* by officer"):
        await step(city, over, "officer", at + HOUR)
    (course,) = await load_responses(city, identity)
    assert course.closed_at == at


@pytest.mark.parametrize("person", ["district", "duty", "nobody"])
async def test_who_may_not_leaves_nothing_behind(city: Connection, person: str) -> None:
    with pytest.raises(RefusedError):
        await issue(city, response(), person, NOW)
    assert await load_responses(city) == []
    assert await in_force(city, "plan") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (preset("N1", "N1-u"), "level"),
        (preset("E1", "N1-u"), "curbs"),
        (preset("E1", "nowhere"), "curbs"),
        (response(level=RED, identity="RE-old"), "id"),
        (
            Response(id=NEW, level=RED, start=NOW - 2 * HOUR, end=NOW),
            "end",
        ),
        (
            Calendar(id=NEW, name="c", spans=(Span(start=NOW, end=NOW + HOUR),), industry="x",
                     measure=Measure.STOP, enabled=False),
            "id",
        ),
        (
            Calendar(id=NEW, name="c", spans=(Span(start=NOW, end=NOW + HOUR),), industry="x",
                     measure=Measure.STOP, exempt=("nobody",)),
            "exempt",
        ),
        (
            Plan(id=NEW, scope=Scope.UNIT, subject="U1", measure=Measure.STOP, start=NOW,
                 end=NOW + HOUR, origin="RE-old"),
            "origin",
        ),
    ],
    ids=["a second preset", "another firm's unit", "no unit", "issued twice", "over already",
         "no calendar", "an unknown firm", "a plan in a response's name"],
)  # fmt: skip
async def test_what_stands_against_it_is_told(city: Connection, body: Body, field: str) -> None:
    await issue(city, response(identity="RE-old"), "officer", NOW)
    with pytest.raises(RefusedError) as refused:
        await decide(city, body, "officer", NOW)
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_plans_of_a_response_are_changed_there_alone(city: Connection) -> None:
    identity, done = await issued(city, "R1")
    plan = done.plans[0].body
    assert isinstance(plan, Plan)
    with pytest.raises(RefusedError, match=f"it follows from {identity}"):
        await decide(city, plan, "officer", NOW)


async def test_a_plan_by_itself_stays_with_its_subject(city: Connection) -> None:
    def plan(subject: str) -> Plan:
        return Plan(id="PL-x", scope=Scope.UNIT, subject=subject, measure=Measure.STOP, start=NOW,
                    end=NOW + HOUR)  # fmt: skip

    await decide(city, plan("U1"), "district", NOW)
    with pytest.raises(RefusedError, match="it is of unit U1"):
        await decide(city, plan("N1-u"), "district", NOW)


async def test_an_industrys_calendar_takes_in_its_firms_and_is_withdrawn(city: Connection) -> None:
    def calendar(*, enabled: bool = True) -> Calendar:
        span = Span(start=NOW + HOUR, end=NOW + 720 * HOUR)
        return Calendar(id="CA-x", name="水泥错峰", spans=(span,), measure=Measure.STOP,
                        industry="cement", exempt=("N2",), enabled=enabled)  # fmt: skip

    await keep_calendar(city, calendar(), "officer", NOW)
    plans = newest_plans(await in_force(city, "plan"))
    assert {firm: plan.exempt for plan, firm in plans} == {
        "E1": False, "N1": False, "N2": True, "S1": False,
    }  # fmt: skip
    again = await keep_calendar(city, calendar(), "officer", NOW + HOUR / 2)
    assert again.plans == ()
    at = NOW + 24 * HOUR
    await keep_calendar(city, calendar(enabled=False), "officer", at)
    assert {plan.end for plan, _ in newest_plans(await in_force(city, "plan"))} == {at}


async def test_one_firms_calendar_is_its_districts_matter(city: Connection) -> None:
    span = Span(start=NOW + HOUR, end=NOW + 72 * HOUR)
    made = Calendar(id=NEW, name="c", spans=(span,), measure=Measure.LIMIT, reduction=0.3,
                    scope=Scope.LINE, subject="L1", exempt=("E1",))  # fmt: skip
    with pytest.raises(RefusedError):
        await keep_calendar(city, made, "other", NOW)
    done = await keep_calendar(city, made, "district", NOW)
    (plan,) = [one.body for one in done.plans]
    assert isinstance(plan, Plan)
    assert (plan.subject, plan.reduction, plan.exempt) == ("L1", 0.3, True)


async def test_a_calendar_stays_with_its_subject(city: Connection) -> None:
    def calendar(industry: str) -> Calendar:
        span = Span(start=NOW, end=NOW + HOUR)
        return Calendar(id="CA-x", name="c", spans=(span,), measure=Measure.STOP,
                        industry=industry)  # fmt: skip

    await keep_calendar(city, calendar("cement"), "officer", NOW)
    with pytest.raises(RefusedError, match="stays with its industry"):
        await keep_calendar(city, calendar("paint"), "officer", NOW)


async def test_whatever_is_decided_is_enacted_with_the_plans_that_follow_from_it(
    city: Connection,
) -> None:
    issued = Response(id="RE1", level=ORANGE, start=NOW, end=NOW + 48 * HOUR)
    entered = await enact(city, issued, "officer", NOW)
    assert entered.kind == "response"
    assert {firm for _, firm in await plans_of(city, "RE1")} == {"N1", "N2", "S1"}
    lifted = ResponseStep(id=NEW, response="RE1", verb=ResponseVerb.CLOSE)
    await enact(city, lifted, "officer", NOW + HOUR)
    assert all(plan.end <= NOW + HOUR for plan, _ in await plans_of(city, "RE1"))
    season = (Span(start=NOW, end=NOW + 24 * HOUR),)
    calendar = Calendar(
        id="CA1", name="错峰", spans=season, measure=Measure.STOP, industry="cement"
    )
    await enact(city, calendar, "officer", NOW + HOUR)
    assert await plans_of(city, "CA1")
    kept = await enact(city, preset("S1", "S1-u", level=RED), "officer", NOW + HOUR)
    assert kept.kind == "preset"


async def test_what_has_ended_is_left_out_where_it_is_not_asked_for(city: Connection) -> None:
    await issue(
        city, Response(id="RE1", level=ORANGE, start=NOW, end=NOW + 2 * HOUR), "officer", NOW
    )
    assert len(await in_force(city, Plan.kind_name, ending_after=NOW + HOUR)) == 3
    assert await in_force(city, Plan.kind_name, ending_after=NOW + 2 * HOUR) == []
