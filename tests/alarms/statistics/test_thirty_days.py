"""Thirty simulated days: figures from transitions beside a plain recount from the raw rows.

    rows ─┬─ fold ─► transitions, episodes ─► figures
          └─ the oracle, reading by reading ─► what each unit does in each ms ─► minute by minute

The recount shares nothing with the figures: states come from the oracle's own loop over the same
readings, and times are added up minute by minute.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from statistics import median
from typing import Final

import numpy as np
import pytest
from tests.alarms.oracle import Oracle

from wattwarden.alarms.decisions.bodies import Absence, Declaration, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.episodes.findings import Ended, Finding, Raised, Returned, Transition
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import compile_orders
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.codes import RUN_STATES, UnitState
from wattwarden.alarms.states.grid import Grid
from wattwarden.alarms.statistics.collection import Came, Listened
from wattwarden.alarms.statistics.durations import ToldAlarm
from wattwarden.alarms.statistics.figures import (
    FirmTime,
    Prepared,
    Sources,
    figures,
    prepare,
)
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.timelines import Span, Timeline
from wattwarden.tools.diagnosis.cells import Cells
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.scenario import parse_scenario
from wattwarden.tools.simulator.world import World

DAYS: Final = 30
MINUTE_MS: Final = 60_000
SLOT_MS: Final = 300_000
DAY_MS: Final = 86_400_000
SHANGHAI_MS: Final = 8 * 3_600_000
CITY: Final = """
start = 2026-03-02
days = 30
cycle_s = 900
[city]
factories = 1
production = 2
treatment = 4
standby = 1.0
[offences]
R1 = 6
R2 = 6
minutes = [60, 300]
[confounders]
frame_loss = 0.02
meter_outage = { rate = 6, minutes = [60, 600] }
firm_blackout = { rate = 2, minutes = [45, 200] }
"""


@dataclass(frozen=True, slots=True)
class City:
    """What meters said within a month, and what was declared."""

    registry: Registry
    plant: Plant
    grids: tuple[Grid, ...]
    span: Span
    first_slot: int
    declared: Declaration


@cache
def city() -> City:
    world = World(parse_scenario(CITY), 3)
    registry = registry_of(world)
    plant = compile_plant(registry, default_rules(), registry.enterprise)
    grids = tuple(Cells(plant, world.units).grids(world.blocks(24)))
    midnight = datetime.fromtimestamp(world.midnight_ms / 1000, UTC)
    treatment = next(u.id for u in registry.unit.values() if u.kind is UnitKind.TREATMENT)
    declared = Declaration(
        id="repair", scope=Scope.UNIT, subject=treatment, kind=Absence.MAINTENANCE,
        start=midnight + timedelta(days=3.4), end=midnight + timedelta(days=5.1),
        state=Review.APPROVED,
    )  # fmt: skip
    span = Span(world.midnight_ms, world.midnight_ms + DAYS * DAY_MS)
    return City(registry, plant, grids, span, world.first_slot, declared)


@cache
def findings() -> tuple[Finding, ...]:
    """What the fold finds."""
    chosen = city()
    state = states.initial(chosen.plant, chosen.first_slot)
    orders, rules = compile_orders(chosen.plant, [chosen.declared]), default_rules()
    found: list[Finding] = []
    for grid in chosen.grids:
        upto = np.full(len(chosen.plant.firms), grid.first + len(grid.at), dtype=np.int64)
        state, some = fold(chosen.plant, rules, state, grid, upto, orders)
        found += some
    return tuple(found)


@cache
def oracle() -> Oracle:
    """What a plain loop over the readings finds."""
    chosen = city()
    told = Oracle(chosen.plant, compile_orders(chosen.plant, [chosen.declared]))
    for grid in chosen.grids:
        told.fold(grid)
    return told


def timelines() -> dict[str, Timeline]:
    """The transitions of the fold, as the store gives them to the figures."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in findings():
        if isinstance(one, Transition):
            found.setdefault(one.unit, []).append((one.at, int(one.state)))
    return {
        unit: Timeline(
            np.array([at for at, _ in sorted(rows)], np.int64),
            np.array([state for _, state in sorted(rows)], np.int8),
        )
        for unit, rows in found.items()
    }


def alarms() -> tuple[ToldAlarm, ...]:
    """The episodes of the fold that are judged by the slot, due within two hours."""
    ended: dict[object, int | None] = {}
    for one in findings():
        if isinstance(one, Ended | Returned):
            ended[one.key] = one.ended if isinstance(one, Ended) else None
    return tuple(
        ToldAlarm(
            one.alarm.rule, "A", one.alarm.subject, one.enterprise, one.alarm.line,
            one.alarm.raised, ended.get(one.alarm.key), one.alarm.raised + 120 * MINUTE_MS,
            ended.get(one.alarm.key),
        )
        for one in findings()
        if isinstance(one, Raised) and one.alarm.rule in ("R1", "R2", "R6", "R9")
    )  # fmt: skip


def came() -> dict[str, dict[int, Came]]:
    """What came of each unit by day of Shanghai, counted row by row."""
    chosen = city()
    found: dict[str, dict[int, Came]] = {}
    for place, unit in enumerate(chosen.plant.units):
        days: dict[int, set[int]] = {}
        for grid in chosen.grids:
            for at in grid.at[:, place].tolist():
                if at >= 0:
                    day = (at + SHANGHAI_MS) // DAY_MS * DAY_MS - SHANGHAI_MS
                    days.setdefault(day, set()).add(at)
        found[unit] = {
            day: Came(len({at // SLOT_MS for at in moments}), len(moments), len(moments))
            for day, moments in days.items()
        }
    return found


@cache
def prepared() -> Prepared:
    return prepare(sources())


def times() -> Mapping[str, FirmTime]:
    return prepared().times


@cache
def sources() -> Sources:
    chosen = city()
    listened = {u: Listened(u, u, 900, chosen.span) for u in chosen.plant.units}
    return Sources(chosen.registry, chosen.span, timelines(), listened, came(), {}, alarms())


def moments() -> Iterator[tuple[int, int, dict[str, UnitState]]]:
    """Yield each stretch between two changes with every unit's state, by the oracle."""
    now = dict.fromkeys(city().plant.units, UnitState.NEVER)
    at = city().span.start
    changes = sorted((when, unit, state) for unit, state, when in oracle().transitions)
    for when, unit, state in [*changes, (city().span.end, "", 0)]:
        if when > at:
            yield at, min(when, city().span.end), now
            at = when
        if unit:
            now[unit] = UnitState(state)


def total(seen: dict[str, int], firm: str) -> int:
    units = city().registry.unit
    return sum(ms for unit, ms in seen.items() if units[unit].enterprise == firm)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(UnitKind.PRODUCTION, "production"), (UnitKind.TREATMENT, "treatment")],
)
def test_run_and_valid_time_are_those_of_a_plain_recount(kind: UnitKind, name: str) -> None:
    run: dict[str, int] = {}
    valid: dict[str, int] = {}
    for start, end, state in moments():
        for unit, does in state.items():
            if city().registry.unit[unit].kind is not kind:
                continue
            if does in RUN_STATES:
                run[unit] = run.get(unit, 0) + end - start
            if does not in (UnitState.NEVER, UnitState.OFFLINE, UnitState.DECLARED):
                valid[unit] = valid.get(unit, 0) + end - start
    for firm, shares in times().items():
        assert getattr(shares, name) == Rate(total(run, firm), total(valid, firm))
        assert total(run, firm) > DAY_MS


def test_the_online_rate_is_that_of_a_plain_recount() -> None:
    online = offline = 0
    for start, end, state in moments():
        for does in state.values():
            if does is UnitState.OFFLINE:
                offline += end - start
            elif does not in (UnitState.NEVER, UnitState.DECLARED):
                online += end - start
    (shares,) = times().values()
    assert shares.online == Rate(online, online + offline)
    assert offline > 60 * MINUTE_MS


def test_the_synchronous_rate_is_that_of_a_plain_recount() -> None:
    registry = city().registry
    both = production = 0
    for line in registry.line.values():
        linked = {link.unit for link in registry.link.values() if link.line == line.id}
        for start, end, state in moments():
            makes = any(
                state[unit].name in ("RUNNING", "OVER", "REDUCED_VFD", "REDUCED_SLOW")
                for unit in linked
                if registry.unit[unit].kind is UnitKind.PRODUCTION
            )
            said = answer(registry, linked, state)
            if makes and said is not None:
                production += end - start
                both += (end - start) * said
    (shares,) = times().values()
    assert shares.synchronous == Rate(both, production)
    assert 0 < both < production


def answer(registry: Registry, linked: set[str], state: dict[str, UnitState]) -> bool | None:
    """Say whether all that a line needs runs; None where that cannot be said."""
    needed: dict[str, list[str]] = {}
    for unit in registry.unit.values():
        if unit.kind is UnitKind.TREATMENT and unit.sync:
            needed.setdefault(unit.standby or unit.id, []).append(unit.id)
    unsure = False
    for group, units in needed.items():
        if not linked.intersection(units):
            continue
        there = [unit for unit in units if state[unit] is not UnitState.DECLARED]
        required = registry.standby[group].required if group in registry.standby else 1
        required = min(required, len(there))
        run = sum(state[unit] in RUN_STATES for unit in there)
        hidden = sum(state[unit] in (UnitState.NEVER, UnitState.OFFLINE) for unit in there)
        if run + hidden < required:
            return False
        unsure |= run < required
    return None if unsure else True


def test_the_collection_rate_is_that_of_a_plain_recount() -> None:
    state_at: dict[tuple[str, int], UnitState] = {}
    for start, end, state in moments():
        for slot in range(-(-start // SLOT_MS), -(-end // SLOT_MS)):
            for unit, does in state.items():
                state_at[unit, slot] = does
    got = whole = 0
    for unit, days in came().items():
        for day in range(DAYS):
            midnight = city().span.start + day * DAY_MS
            slots = range(midnight // SLOT_MS, midnight // SLOT_MS + 288)
            declared = sum(state_at[unit, slot] is UnitState.DECLARED for slot in slots)
            had = days[midnight].slots if midnight in days else 0
            got += min(3 * had + declared, 288)
            whole += 288
    (shares,) = times().values()
    assert shares.collected.collection == Rate(got, whole)
    assert 0.8 < got / whole < 1


def test_durations_and_timely_handling_are_those_of_a_plain_recount() -> None:
    chosen = city()
    episodes = [one for one in oracle().episodes.values() if one.rule in ("R1", "R2", "R6", "R9")]
    shown = figures(sources(), prepared(), chosen.registry.enterprise)
    lasted = sorted(one.ended - one.raised for one in episodes if one.ended is not None)
    assert shown.alarms == len(episodes) > 20
    assert shown.durations.ended == len(lasted)
    assert shown.durations.mean == pytest.approx(sum(lasted) / len(lasted), abs=1)
    assert shown.durations.median == median(lasted)
    assert shown.durations.p90 == lasted[-(-9 * len(lasted) // 10) - 1]
    late = sum(
        1 for one in episodes if (one.ended or chosen.span.end) - one.raised > 120 * MINUTE_MS
    )
    assert shown.in_time == Rate(len(episodes) - late, len(episodes))


def test_who_is_heard_at_the_end_is_told_as_it_was() -> None:
    *_, (_, _, state) = moments()
    shown = figures(sources(), prepared(), city().registry.enterprise)
    silent = sum(does is UnitState.OFFLINE for does in state.values())
    assert shown.present.units_offline == silent
    assert shown.present.units_online == len(state) - silent
    assert shown.present.units_stopped == sum(does is UnitState.OFF for does in state.values())
