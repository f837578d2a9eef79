"""The fold beside a plain loop over the same readings: every transition and every episode equal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

import numpy as np
import pytest
from tests.alarms.oracle import Oracle

from wattwarden.alarms.decisions.bodies import Absence, Declaration, Measure, Plan, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.episodes.findings import Ended, Finding, Raised, Returned, Transition
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import Orders, compile_orders
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.nouns import Outlet, Point
from wattwarden.alarms.rulebook import Rules, default_text, load_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid
from wattwarden.tools.diagnosis.cells import Cells
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import parse_scenario
from wattwarden.tools.simulator.world import World

JUDGED: Final = frozenset(
    ("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R9", "R10", "R11", "R15", "R20")
)
Episodes = set[tuple[str, str, str, int, int, int | None]]
Transitions = list[tuple[str, int, int]]

# Everything that looks like an offence, and offences, all of them far too often.
DRAWN: Final = """
[city]
factories = 3
production = 12
treatment = 14
pulsed = 0.1
standby = 0.4
hj212 = 0.3
current_only = 0.2
status_only = 0.2
[offences]
R1 = 12
R2 = 12
R3 = 12
R4 = 12
R5 = 12
minutes = [10, 120]
[confounders]
noise = 0.02
frame_loss = 0.02
ack_loss = 0.02
skewed = 0.1
fouling = 0.1
meter_outage = { rate = 6, minutes = [5, 240] }
carrier_outage = { rate = 3, minutes = [5, 180] }
firm_blackout = { rate = 6, minutes = [3, 120] }
frozen = { rate = 3, minutes = [70, 300] }
ct_off = { rate = 3, minutes = [60, 720] }
sag = { rate = 5, minutes = [20, 90] }
late_start = { rate = 15, minutes = [0.5, 9] }
trial_run = { rate = 5, minutes = [2, 6] }
short_stop = 20
"""
# Meters that speak more and less often in one firm.
MIXED: Final = """
[[factory]]
id = "F1"
industry = "coating"
rest_days = []
[[factory.line]]
id = "F1-L1"
pre_start_min = 5
run_on_min = 10
[[factory.unit]]
id = "F1-P1"
kind = "production"
power_kw = 37
process = "partial"
cycle_s = {long}
[[factory.unit]]
id = "F1-P2"
kind = "production"
power_kw = 22
[[factory.unit]]
id = "F1-T1"
drive = "vfd"
follows = true
cycle_s = {long}
[[factory.unit]]
id = "F1-T2"
power_kw = 11
"""
HAPPENING: Final = """
[[happening]]
kind = "{}"
unit = "{}"
onset = "{}"
minutes = {}
"""
WRITTEN_OUT: Final = (
    ("overload", "E0001-T01", "day 2 09:30", "90\namount = 1.4"),
    ("hunting", "E0001-T02", "day 1 09:00", 180),
    ("ct_reversed", "E0002-T01", "day 1 10:00", 300),
    ("counter_reset", "E0002-P01", "day 1 11:00", 1),
    ("blackout", "E0003-P01", "day 2 10:00", 30),
    ("ct_off", "F1-P1", "day 1 14:00", 120),
    ("ct_off", "F1-T1", "day 2 09:00", 120),
)


@dataclass(frozen=True, slots=True)
class City:
    """Readings of some days, with people's orders."""

    plant: Plant
    rules: Rules
    orders: Orders
    first_slot: int
    grids: tuple[Grid, ...]


@cache
def city(seed: int, cycle_s: int, days: int) -> City:
    head = f"start = 2026-03-02\ndays = {days}\ncycle_s = {cycle_s}\n"
    written = "".join(HAPPENING.format(*one) for one in WRITTEN_OUT)
    mixed = MIXED.format(long=300 if cycle_s < 300 else 900)
    world = World(parse_scenario(head + DRAWN + mixed + written), seed)
    # What is learned is to matter within these few days.
    text = default_text().replace("learn_run_days = 7", "learn_run_days = 1")
    rules = load_rules(text.replace("learn_load_days = 3", "learn_load_days = 1"))
    registry = registry_of(world)
    midnight = datetime.fromtimestamp(world.midnight_ms / 1000, UTC)
    for firm in sorted(registry.enterprise):
        outlet = Outlet(id=f"{firm}-O", enterprise=firm, name="排口", limits={"a34004": 20.0})
        point = Point(
            id=f"{firm}-O", meter=f"hj212:{firm}", valid_from=midnight, factor="a34004",
            outlet=outlet.id, measures="pollutant", cycle_s=cycle_s,
        )  # fmt: skip
        registry.put("outlet", outlet)
        registry.put("point", point)
    plant = compile_plant(registry, rules, registry.enterprise)
    grids = tuple(Cells(plant, world.units).grids(world.blocks(6)))
    for grid in grids:
        emit(grid, np.random.default_rng(seed))
        darken(plant, grid)
    orders = compile_orders(plant, decided(midnight))
    return City(plant, rules, orders, world.first_slot, grids)


def emit(grid: Grid, chance: np.random.Generator) -> None:
    """Let outlets speak: mostly under the limit, at times over it, flagged or constant."""
    shape = grid.factor_at.shape
    slots = grid.first + np.arange(shape[0])[:, None]
    said = chance.random(shape) < 0.98
    grid.factor_at[:] = np.where(said, 1000 * grid.slot_s * slots + 500, -1)
    hours = slots * grid.slot_s // 3600 + np.arange(shape[1])
    values = chance.normal(12, 2, shape).round(2) + np.where(hours % 7 == 0, 12, 0)
    values[:] = np.where(hours % 11 < 3, 9.5, values)
    grid.factor_value[:] = np.where(said, values, np.nan)
    grid.factor_flag[:] = np.where(said & (hours % 5 == 2), ord("D"), ord("N"))


def darken(plant: Plant, grid: Grid) -> None:
    """Take the supply from meters that go on speaking: from one unit, and from a whole firm."""
    hour = (grid.first + np.arange(len(grid.at))) * grid.slot_s // 600 % 144
    firm = np.flatnonzero(plant.unit.firm == plant.firms.index("E0003"))
    unit = np.array([plant.units.index("E0002-T02"), plant.units.index("E0003-P01")])
    for columns, first, behind in ((unit, 12, 15), (firm, 20, 24), (firm, 25, 27)):
        dark = np.ix_(np.flatnonzero((hour >= first) & (hour < behind)), columns)
        for name in ("power", "current", "current_low", "current_high", "voltage_low"):
            getattr(grid, name)[dark] *= 0
        grid.voltage_high[dark] *= 0.1


def decided(midnight: datetime) -> list[Plan | Declaration]:
    """Return a firm's stop from the second morning on, and a unit's maintenance."""
    day = timedelta(days=1)
    return [
        Plan(
            id="stop", scope=Scope.ENTERPRISE, subject="E0001", measure=Measure.STOP,
            start=midnight + 1.25 * day, end=midnight + 1.75 * day,
        ),
        Declaration(
            id="repair", scope=Scope.UNIT, subject="E0002-T02", kind=Absence.MAINTENANCE,
            start=midnight + 0.4 * day, end=midnight + 1.4 * day, state=Review.APPROVED,
        ),
    ]  # fmt: skip


def folded(city: City, parts: Callable[[Grid], list[int]]) -> tuple[Transitions, Episodes]:
    """Fold a city; ``parts`` says behind which slots of each grid a call ends."""
    state = states.initial(city.plant, city.first_slot)
    findings: list[Finding] = []
    for grid in city.grids:
        for behind in parts(grid):
            upto = np.full(len(city.plant.firms), behind, dtype=np.int64)
            state, found = fold(city.plant, city.rules, state, grid, upto, city.orders)
            findings += found
    return transitions_of(findings), episodes_of(findings)


def transitions_of(findings: list[Finding]) -> Transitions:
    return sorted(
        (one.unit, int(one.state), one.at) for one in findings if isinstance(one, Transition)
    )


def episodes_of(findings: list[Finding]) -> Episodes:
    raised = {one.alarm.key: one.alarm.raised for one in findings if isinstance(one, Raised)}
    ended: dict[object, int | None] = {}
    for one in findings:
        if isinstance(one, Ended):
            ended[one.key] = one.ended
        elif isinstance(one, Returned):
            ended[one.key] = None
    return {
        (key.rule, key.subject, key.kind, key.began, at, ended.get(key))
        for key, at in raised.items()
        if key.rule in JUDGED
    }


@cache
def told(seed: int, cycle_s: int, days: int) -> tuple[Transitions, Episodes]:
    """What the oracle says."""
    chosen = city(seed, cycle_s, days)
    oracle = Oracle(chosen.plant, chosen.orders)
    for grid in chosen.grids:
        oracle.fold(grid)
    episodes = {
        (one.rule, one.subject, one.kind, one.began, one.raised, one.ended)
        for one in oracle.episodes.values()
    }
    return sorted(oracle.transitions), episodes


def whole(grid: Grid) -> list[int]:
    return [grid.first + len(grid.at)]


def uneven(grid: Grid) -> list[int]:
    """Parts of 1 to 90 slots, others in each grid."""
    lengths = np.random.default_rng(grid.first).integers(1, 90, len(grid.at))
    ends = grid.first + np.cumsum(lengths)
    return [*ends[ends < grid.first + len(grid.at)].tolist(), grid.first + len(grid.at)]


CASES: Final = {"a minute": (1, 60, 2), "five minutes": (2, 300, 6)}


@pytest.mark.parametrize("parts", [whole, uneven])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_transition_and_episode_is_the_oracles(
    case: tuple[int, int, int], parts: Callable[[Grid], list[int]]
) -> None:
    transitions, episodes = folded(city(*case), parts)
    wanted_transitions, wanted = told(*case)
    assert sorted(episodes - wanted) == []
    assert sorted(wanted - episodes) == []
    assert transitions == wanted_transitions


def test_the_comparison_meets_every_rule_that_is_judged_by_the_slot() -> None:
    met = {episode[0] for case in CASES.values() for episode in told(*case)[1]}
    assert met == JUDGED
