"""Worlds: the same again, the same in whatever blocks, and true to what was done to units."""

from itertools import pairwise

import numpy as np
import pytest
from tests.tools.simulator.worlds import CITY, FACTORY, world

from wattwarden.tools.simulator.readings import NAMES, Late, Readings
from wattwarden.tools.simulator.steps import Span
from wattwarden.tools.simulator.world import Truth, World

DAY_SLOTS = 1440
OFFENCE = """
[[offence]]
rule = "{rule}"
unit = "{unit}"
onset = "day 2 {clock}"
minutes = 60
hertz = 30
"""
PLAIN = "\n[confounders]\nnoise = 0.01\n"


def whole(made: World, hours: float = 24) -> tuple[Readings, Late]:
    """All readings, slots × units, and all late ones."""
    blocks = list(made.blocks(hours))
    assert all(one.first + len(one.live.power) == other.first for one, other in pairwise(blocks))
    columns = zip(*(block.live.columns() for block in blocks), strict=True)
    live = Readings(*(np.concatenate(column) for column in columns))
    return live, Late.joined([block.late for block in blocks])


def same(one: Readings, other: Readings) -> bool:
    pairs = zip(one.columns(), other.columns(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def slots_of(made: World, truth: Truth) -> slice:
    """The slots within an offence, with one left out at either end."""
    begin = -(-(truth.onset_ms - made.midnight_ms) // 60_000)
    return slice(begin + 1, (truth.end_ms - made.midnight_ms) // 60_000 - 1)


def test_a_world_is_the_same_in_blocks_of_any_size() -> None:
    live, late = whole(world(CITY), 24)
    for hours in (1, 5.5):
        other, other_late = whole(world(CITY), hours)
        assert same(live, other)
        assert same(late.readings, other_late.readings)
        assert (late.column == other_late.column).all()
        assert (late.slot == other_late.slot).all()


def test_another_seed_is_another_world() -> None:
    one, _ = whole(world(FACTORY))
    other, _ = whole(world(FACTORY, seed=2))
    assert not same(one, other)
    assert world(CITY).truth() != world(CITY, seed=2).truth()


def test_any_day_can_be_made_alone_but_for_its_counters() -> None:
    made = world(FACTORY)
    live, _ = whole(made)
    (alone,) = made.blocks(24, 2 * 86_400)
    for name in NAMES:
        if name != "energy":
            day = getattr(live, name)[2 * DAY_SLOTS :]
            assert np.array_equal(getattr(alone.live, name), day, equal_nan=day.dtype.kind == "f")


def test_energy_is_the_sum_of_power_exactly() -> None:
    live, _ = whole(world(FACTORY))
    for column in range(live.power.shape[1]):
        joules = np.rint(live.power[:, column]).astype(np.int64).cumsum() * 60
        counted = live.energy[:, column]
        # The counter did not begin at a whole watt-hour of ours.
        assert (np.abs(counted - counted[0] - (joules - joules[0]) // 3600) <= 1).all()
        assert (np.diff(counted) >= 0).all()


@pytest.mark.parametrize(
    ("rule", "unit", "clock", "low", "high"),
    [
        pytest.param("R1", "T-fan", "06:00", 0.0, 0.0, id="not started"),
        pytest.param("R2", "T-fan", "10:00", 0.0, 0.0, id="shut down"),
        pytest.param("R3", "T-fan", "10:00", 0.03, 0.12, id="belt off"),
        pytest.param("R3", "T-vfd", "10:00", 0.03, 0.13, id="pump empty behind a converter"),
        pytest.param("R4", "T-vfd", "10:00", 0.20, 0.30, id="turned down"),
        pytest.param("R4", "T-follows", "10:00", 0.20, 0.40, id="follower turned down"),
        pytest.param("R5", "T-fan", "10:00", 0.45, 0.66, id="slowed"),
    ],
)
def test_an_offence_does_to_power_what_its_cause_says(
    rule: str, unit: str, clock: str, low: float, high: float
) -> None:
    made = world(FACTORY, OFFENCE.format(rule=rule, unit=unit, clock=clock) + PLAIN)
    live, _ = whole(made)
    (truth,) = made.truth()
    assert (truth.rule, truth.unit, truth.enterprise) == (rule, unit, "F")
    column = made.units.index(unit)
    during = slots_of(made, truth)
    usual = np.median(live.power[12 * 60 : 16 * 60, column])
    share = live.power[during, column] / usual
    assert low - 1e-6 <= share.min()
    assert share.max() <= high
    after = live.power[during.stop + 4 : during.stop + 60, column] / usual
    assert after == pytest.approx(np.ones(len(after)), abs=0.15)
    if rule != "R1":
        before = live.power[during.start - 60 : during.start - 3, column] / usual
        assert before == pytest.approx(np.ones(len(before)), abs=0.15)


def test_an_idling_motor_loses_power_factor_and_keeps_current() -> None:
    made = world(FACTORY, OFFENCE.format(rule="R3", unit="T-fan", clock="10:00"))
    live, _ = whole(made)
    (truth,) = made.truth()
    column, during = made.units.index("T-fan"), slots_of(made, truth)
    usual = slice(during.start - 60, during.start - 3)
    assert live.power_factor[during, column].max() < live.power_factor[usual, column].min() - 0.5
    assert live.current_a[during, column].min() > 0.45 * live.current_a[usual, column].mean()


def test_drawn_offences_happen_while_production_runs_and_end_before_it_does() -> None:
    made = world(CITY)
    live, _ = whole(made)
    truths = [one for one in made.truth() if one.rule != "R6"]
    assert {one.rule for one in truths} == {"R1", "R2", "R3", "R4", "R5"}
    delays = {"R1": 10, "R2": 5, "R3": 10, "R4": 15, "R5": 15}
    for truth in truths:
        assert truth.end_ms - truth.onset_ms > 60_000 * delays[truth.rule]
        during = slots_of(made, truth)
        makers = [
            machine.column
            for machine in made.site.machines
            if machine.spec.kind == "production"
            and any(
                line in made.site.by_id[truth.unit].lines
                and machine.firm == made.site.by_id[truth.unit].firm
                for line in machine.lines
            )
        ]
        current = live.current_a[during, :][:, makers]
        runs = (current > 0) | (live.status[during, :][:, makers] == 1)
        seen = runs.any(axis=1) | np.isnan(current).any(axis=1)
        assert seen.all(), truth


def test_what_would_hide_an_offence_is_left_out() -> None:
    made = world(CITY)
    offences = [one for one in made.truth() if one.rule != "R6"]
    troubles = list(made.troubles())
    assert {one.kind for one in troubles} == {
        "meter_outage", "carrier_outage", "frozen", "ct_off", "blackout",
    }  # fmt: skip
    for offence in offences:
        span = Span(offence.onset_ms, offence.end_ms)
        for trouble in troubles:
            if trouble.enterprise == offence.enterprise:
                assert not span.overlaps(Span(trouble.onset_ms, trouble.end_ms))


def test_nothing_runs_without_treatment_when_nothing_is_wrong() -> None:
    made = world(FACTORY, PLAIN)
    live, _ = whole(made)
    makes = live.power[:, made.units.index("P")] > 0
    assert makes.any()
    assert not makes.all()
    for unit in ("T-fan", "T-vfd", "T-follows"):
        assert (live.power[makes, made.units.index(unit)] > 0).all()


def test_a_follower_follows_its_line() -> None:
    made = world(FACTORY.replace("power_kw = 55", 'power_kw = 55\nprocess = "partial"'), PLAIN)
    live, _ = whole(made)
    makes, follows = (live.power[:, made.units.index(unit)] for unit in ("P", "T-follows"))
    working = makes > 0
    assert np.corrcoef(makes[working], follows[working])[0, 1] > 0.9


def test_a_standby_takes_over_on_monday_and_one_of_them_always_runs() -> None:
    pair = """
[[factory.unit]]
id = "S1"
standby = "F-S"
[[factory.unit]]
id = "S2"
standby = "F-S"
"""
    made = world(FACTORY.replace("days = 3", "days = 9"), pair + PLAIN)
    live, _ = whole(made)
    makes = live.power[:, made.units.index("P")] > 0
    one, two = (live.power[:, made.units.index(unit)] > 0 for unit in ("S1", "S2"))
    assert (one | two)[makes].all()
    weekday = slice(2 * DAY_SLOTS, 3 * DAY_SLOTS)
    assert one[weekday].any() != two[weekday].any()
    later = slice(8 * DAY_SLOTS, 9 * DAY_SLOTS)
    assert one[weekday].any() != one[later].any()
