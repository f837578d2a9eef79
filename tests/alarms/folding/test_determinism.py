"""The same readings give the same bytes, in whatever parts and order they are folded."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alarms.factory import MIDNIGHT_S, Day, Factory

from wattwarden.alarms.decisions.bodies import Consumable, Measure, Plan
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.episodes.findings import Finding, in_order
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import compile_orders
from wattwarden.alarms.registry.nouns import Drive, Enterprise, Line, Link, Unit, UnitKind
from wattwarden.alarms.rulebook import default_text, load_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid, Samples, empty_grid, grid_of
from wattwarden.alarms.states.state import State


def wild(seed: int, slots: int = 200) -> Day:
    """Return a day of noise: everything switches, falls silent, goes dark."""
    chance = np.random.default_rng(seed)
    factory = Factory().standby().unit("p", UnitKind.PRODUCTION)
    factory.unit("t1", standby="g").unit("t2", standby="g")
    factory.unit("v", drive=Drive.VFD).unit("s", drive=Drive.PULSED)
    factory.unit("h", drive=Drive.RESISTIVE).unit("m", UnitKind.MAIN).outlet(9.0)
    day = Day(factory, slots)
    for _ in range(40):
        start = int(chance.integers(slots))
        rows = slice(start, start + int(chance.integers(1, 40)))
        unit = day.plant.units[int(chance.integers(len(day.plant.units)))]
        match int(chance.integers(6)):
            case 0 | 1:
                day.off(unit, rows)
            case 2:
                day.idle(unit, rows)
            case 3:
                day.share(unit, rows, float(chance.random()), float(chance.random()), 0.8)
            case 4:
                day.silent(unit, rows)
            case _:
                day.put(unit, rows, voltage_high=0.0, voltage_low=0.0)
    day.grid.energy[:] = chance.integers(0, 100, day.grid.energy.shape).cumsum(axis=0)
    return day


def packed(day: Day, state: State) -> bytes:
    return states.pack(state, day.plant, "e")


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), parts=st.lists(st.integers(1, 199), max_size=6))
def test_how_slots_are_cut_into_calls_changes_nothing(seed: int, parts: list[int]) -> None:
    whole, found = wild(seed).fold()
    day = wild(seed)
    cut, pieces = day.fold(parts=parts)
    assert packed(day, cut) == packed(day, whole)
    assert in_order(pieces) == in_order(found)


@pytest.mark.parametrize("seed", range(3))
def test_slot_by_slot_through_bytes_is_the_same(seed: int) -> None:
    whole, found = wild(seed, 120).fold()
    day = wild(seed, 120)
    cut, pieces = day.fold(
        parts=range(1, 120),
        change=lambda state: states.unpack(day.plant, {"e": packed(day, state)}, 0),
    )
    assert packed(day, cut) == packed(day, whole)
    assert in_order(pieces) == in_order(found)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_samples_changes_nothing(seed: int) -> None:
    chance = np.random.default_rng(seed)
    day = Day(Factory().unit("p", UnitKind.PRODUCTION).unit("t"), 4)
    count = 60
    values = {
        name: chance.choice([np.nan, 1.0, 2.0], count).astype(np.float32)
        for name in ("power", "current", "current_low", "current_high", "voltage_low",
                     "voltage_high", "power_factor")
    }  # fmt: skip
    samples = Samples(
        unit=chance.integers(0, 2, count),
        at=(day.first * 60 + chance.integers(0, 240, count)) * 1000,
        energy=chance.integers(-1, 5, count), status=chance.integers(-1, 2, count).astype(np.int8),
        point=np.zeros(count, np.int32), **values,
    )  # fmt: skip
    order = chance.permutation(count)
    shuffled = Samples(*(getattr(samples, name)[order] for name in Samples.__slots__))
    one = grid_of(day.plant, samples, day.first, 4)
    other = grid_of(day.plant, shuffled, day.first, 4)
    for name in Grid.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def two_firms() -> tuple[Day, Grid]:
    """Return a day of two enterprises ``e`` and ``f``, the second like the first."""
    factory = Factory().unit("p", UnitKind.PRODUCTION).unit("t").outlet(9.0)
    registry = factory.registry
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    registry.put("line", Line(id="fl", enterprise="f", name="fl"))
    for name, kind in (("fp", UnitKind.PRODUCTION), ("ft", UnitKind.TREATMENT)):
        registry.put("unit", Unit(id=name, enterprise="f", name=name, kind=kind, rated_power=1e4))
        registry.put("link", Link(id=name, line="fl", unit=name))
    day = Day(factory, 200).off("t", slice(100, 130))
    plant = compile_plant(registry, day.rules, ["e", "f"])
    grid = empty_grid(plant, day.first, 200)
    for name in Grid.__slots__[2:]:
        source = getattr(day.grid, name)
        cells = getattr(grid, name)
        cells[:] = source if name.startswith("factor_") else np.tile(source, 2)[:, : cells.shape[1]]
    day.plant = plant
    return day, grid


def test_enterprises_may_be_at_different_slots() -> None:
    day, grid = two_firms()
    together, found = fold(
        day.plant,
        day.rules,
        states.initial(day.plant, day.first),
        grid,
        np.full(2, day.first + 200),
    )
    state = states.initial(day.plant, day.first)
    pieces: list[Finding] = []
    for e, f in ((50, 0), (60, 110), (60, 180), (200, 200)):
        state, some = fold(day.plant, day.rules, state, grid, np.array([e, f]) + day.first)
        pieces += some
    for name in day.plant.firms:
        assert states.pack(state, day.plant, name) == states.pack(together, day.plant, name)
    assert in_order(pieces) == found


def test_enterprises_may_be_folded_over_stretches_that_do_not_touch() -> None:
    day, grid = two_firms()
    limit = Plan(
        id="n", scope=Scope.ENTERPRISE, subject="e", measure=Measure.LIMIT, reduction=0.5,
        base_energy=1e5, start=datetime.fromtimestamp(MIDNIGHT_S, UTC),
        end=datetime.fromtimestamp(MIDNIGHT_S + 86_400, UTC),
    )  # fmt: skip
    carbon = Consumable(
        id="k", unit="t", kind="carbon", limit_hours=1.0,
        replaced_at=datetime.fromtimestamp(MIDNIGHT_S, UTC),
    )  # fmt: skip
    orders = compile_orders(day.plant, [limit, carbon])
    begun = states.initial(day.plant, day.first)
    begun.firm.next_slot[1] += 70
    packs, findings = [], []
    for steps in (
        ((70, 0), (90, 90)),
        ((50, 0), (50, 80), (90, 90)),
        ((90, 70), (90, 90)),
        ((50, 80), (90, 90)),
    ):
        state, found = begun, list[Finding]()
        for upto in steps:
            state, some = fold(
                day.plant, day.rules, state, grid, np.array(upto) + day.first, orders
            )
            found += some
        packs.append([states.pack(state, day.plant, name) for name in day.plant.firms])
        findings.append(in_order(found))
    assert all(each == packs[0] for each in packs)
    assert all(each == findings[0] for each in findings)


def test_a_state_follows_its_units_into_another_plant() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION).unit("t"), 100)
    state = day.fold()[0]
    grown = Day(Factory().unit("a").unit("p", UnitKind.PRODUCTION).unit("t"), 100)
    moved = states.unpack(grown.plant, {"e": packed(day, state)}, 7)
    assert grown.plant.units == ("a", "p", "t")
    assert moved.seen.at[1:].tolist() == state.seen.at.tolist()
    assert moved.seen.at[0] == -1
    assert moved.firm.next_slot.tolist() == [day.first + 100]


def test_a_state_goes_on_where_slots_become_shorter() -> None:
    day = Day(Factory(cycle_s=120).unit("p", UnitKind.PRODUCTION), 10)
    finer = Day(Factory(cycle_s=60).unit("p", UnitKind.PRODUCTION), 10)
    moved = states.unpack(finer.plant, {"e": packed(day, day.fold()[0])}, 0)
    assert moved.firm.next_slot.tolist() == [finer.first + 20]


def test_a_pack_of_another_version_begins_anew_and_a_damaged_one_is_refused() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 10)
    data = packed(day, day.fold()[0])
    older = data.replace(b"\x96\x02", b"\x96\x01", 1)
    assert states.unpack(day.plant, {"e": older}, 5).firm.next_slot.tolist() == [5]
    with pytest.raises(ValueError, match="the state of e is damaged"):
        states.unpack(day.plant, {"e": data[:40]}, 5)


def test_a_fold_refuses_what_does_not_belong_together() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 10)
    state = states.initial(day.plant, day.first)
    with pytest.raises(ValueError, match="the grid lacks slots"):
        fold(day.plant, day.rules, state, day.grid, np.array([day.first + 11]))
    other = Day(Factory().unit("p", UnitKind.PRODUCTION).unit("t"), 10)
    with pytest.raises(ValueError, match="the grid has 2 units, the plant 1"):
        fold(day.plant, day.rules, state, other.grid, np.array([day.first + 1]))


def test_a_fold_refuses_other_rules_than_the_plant_s() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 10)
    other = load_rules(default_text().replace("theta_idle = 0.35", "theta_idle = 0.36"))
    state = states.initial(day.plant, day.first)
    with pytest.raises(ValueError, match="the plant was compiled with rules"):
        fold(day.plant, other, state, day.grid, np.array([day.first]))


def test_nothing_is_folded_where_nothing_is_due() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION), 10)
    state = states.initial(day.plant, day.first)
    after, found = fold(day.plant, day.rules, state, day.grid, np.array([day.first]))
    assert (packed(day, after), found) == (packed(day, state), ())


def test_folding_changes_no_state_that_was_given() -> None:
    day = Day(Factory().unit("p", UnitKind.PRODUCTION).unit("t"), 10)
    state = states.initial(day.plant, day.first)
    before = packed(day, state)
    day.fold(state=state)
    assert packed(day, state) == before
