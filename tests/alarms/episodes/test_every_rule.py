"""Each rule of the rule file is reached: the smallest story of a firm that causes it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.alarms.factory import MIDNIGHT_S, Factory, simple
from tests.alarms.story import (
    DARK,
    DAY_MIN,
    IDLES,
    OFF,
    RUNS,
    Said,
    Story,
    within,
)

from wattwarden.alarms.decisions.bodies import Consumable, Measure, Patrol, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.registry.nouns import Drive, UnitKind
from wattwarden.alarms.rulebook import RULE_IDS


def moment(minute: int) -> datetime:
    """Return a minute after the story's midnight."""
    return datetime.fromtimestamp(MIDNIGHT_S + 60 * minute, UTC)


def plan(measure: Measure, **more: Any) -> Plan:
    return Plan(
        id="n", scope=Scope.ENTERPRISE, subject="e", measure=measure,
        start=moment(0), end=moment(DAY_MIN), **more,
    )  # fmt: skip


def slow(drive: Drive = Drive.DIRECT) -> Factory:
    """A firm whose meters speak each quarter of an hour, for stories of many days."""
    return Factory(cycle_s=900).unit("p", UnitKind.PRODUCTION).unit("t", drive=drive)


def with_main(registered: float | None = None) -> Factory:
    """A firm with a meter of its mains."""
    factory = slow().unit("m", UnitKind.MAIN)
    if registered is not None:
        firm = factory.registry.enterprise["e"]
        firm = msgspec.structs.replace(firm, registered_power=registered)
        factory.registry.put("enterprise", firm)
    return factory


def by_day(day: int, before: Said, after: Said) -> Callable[[int], Said]:
    """Say one thing before a day, another from then on."""
    return lambda minute: before if minute < day * DAY_MIN else after


def unmetered(minute: int) -> Said:
    """The mains of the two machines; on the tenth day half as much more."""
    return Said(2.1 if minute < 10 * DAY_MIN else 3.1, 3.0)


STORIES: dict[str, Story] = {
    "R0": Story(simple(), 120, away=range(60, 70)),
    "R1": Story(simple(), 160, {"p": within((0, 100)), "t": within((0, 120))}),
    "R2": Story(simple(), 160, {"t": within((100, 120))}),
    "R3": Story(simple(), 160, {"t": within((100, 120), say=IDLES)}),
    "R4": Story(
        slow(Drive.VFD),
        9 * DAY_MIN,
        {"t": within((8 * DAY_MIN, 8 * DAY_MIN + 60), say=Said(0.5, 0.5))},
    ),
    "R5": Story(simple(), 160, {"t": within((100, 130), say=Said(0.45, 0.66, 0.57))}),
    "R6": Story(simple(), 160, {"p": within((0, 100)), "t": within((0, 106))}),
    "R7": Story(simple(), 160, {"t": within((100, 110), say=Said(1.5, 1.5))}),
    "R8": Story(simple(), 160, {"t": within((100, 130), say=None)}),
    "R9": Story(
        simple(), 160, {"t": within((100, 110), say=DARK), "p": within((100, 110), say=DARK)}
    ),
    "R10": Story(simple(), 160, {"t": within((100, 120), say=Said(phase=0.0))}),
    "R11": Story(simple(), 180, decisions=[plan(Measure.STOP)]),
    "R12": Story(simple(), 480, decisions=[plan(Measure.LIMIT, reduction=0.5, base_energy=2.4e5)]),
    "R13": Story(
        slow(),
        9 * DAY_MIN,
        {"t": lambda minute: RUNS if 360 <= minute % DAY_MIN < 1_320 else OFF},
    ),
    "R14": Story(slow(), 12 * DAY_MIN, {"t": by_day(9, RUNS, Said(0.85, 0.87, 0.78))}),
    "R15": Story(simple(), 200, {"t": within((100, 106), (112, 118), (124, 130))}),
    "R16": Story(with_main(registered=15_000), 120, {"m": lambda _: Said(2.0, 2.0)}),
    "R17": Story(with_main(), 12 * DAY_MIN, {"m": unmetered}),
    "R18": Story(
        simple(),
        180,
        decisions=[
            Consumable(id="c", unit="t", kind="carbon", replaced_at=moment(0), limit_hours=2.0)
        ],
    ),
    "R19": Story(
        simple(),
        DAY_MIN + 10,
        decisions=[Patrol(id="o", scope=Scope.ENTERPRISE, subject="e", person="x", at=moment(-60))],
    ),
    "R20": Story(
        simple().outlet(20.0),
        160,
        emission=lambda minute: ((30.0 if 100 <= minute < 130 else 10.0) + minute % 7, "N"),
    ),
    "R21": Story(simple(), 160, {"t": within((100, 130), say=None)}),
    "R22": Story(slow(), 23 * DAY_MIN, {"t": by_day(10, RUNS, Said(0.87, 0.89, 0.79))}),
}


@pytest.mark.parametrize("rule", RULE_IDS)
def test_each_rule_of_the_rule_file_is_reached_by_a_story(rule: str) -> None:
    assert rule in STORIES[rule].rules()


@pytest.mark.parametrize("factory", [simple(), slow()], ids=["a minute", "a quarter of an hour"])
def test_a_firm_that_does_all_it_must_is_told_nothing(factory: Factory) -> None:
    assert Story(factory, DAY_MIN - 10).rules() == set()
