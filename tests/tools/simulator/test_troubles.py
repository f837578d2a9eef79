"""What happens to meters, as a scenario writes it out."""

import numpy as np
import pytest
from tests.tools.simulator.test_world import whole
from tests.tools.simulator.worlds import CITY, FACTORY, world

HAPPENING = """
[[happening]]
kind = "{kind}"
unit = "T-fan"
onset = "day 2 10:00"
minutes = 60
"""
DURING = slice(1440 + 601, 1440 + 659)


def test_a_meter_outage_is_a_hole_over_which_the_counter_goes_on() -> None:
    made = world(FACTORY, HAPPENING.format(kind="meter_outage"))
    live, late = whole(made)
    column = made.units.index("T-fan")
    assert np.isnan(live.power[DURING, column]).all()
    assert (live.at_ms[DURING, column] == -1).all()
    assert not len(late)
    before, after = live.energy[1440 + 590, column], live.energy[1440 + 670, column]
    assert after - before > 13_000 * 80 / 60 * 0.9


def test_a_carrier_outage_fills_in_later() -> None:
    made = world(FACTORY, HAPPENING.format(kind="carrier_outage"))
    plain, _ = whole(world(FACTORY))
    live, late = whole(made)
    column = made.units.index("T-fan")
    assert np.isnan(live.power[DURING, column]).all()
    assert len(late) == 60
    slots = late.slot - made.first_slot
    assert (late.readings.power == plain.power[slots, column]).all()
    assert (late.readings.energy == plain.energy[slots, column]).all()
    assert (np.diff(late.readings.received_ms) > 0).all()
    assert late.readings.received_ms[0] >= made.midnight_ms + (1440 + 660) * 60_000


def test_frozen_values_stay_all_the_same_while_the_clock_goes_on() -> None:
    made = world(FACTORY, HAPPENING.format(kind="frozen"))
    for hours in (24, 0.5):
        live, _ = whole(made, hours)
        column = made.units.index("T-fan")
        for name in ("power", "current_b", "voltage_c", "power_factor", "energy"):
            assert len(np.unique(getattr(live, name)[DURING, column])) == 1
        assert (np.diff(live.at_ms[DURING, column]) > 0).all()


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("ct_off", 0.6, 0.73), ("ct_reversed", -1.1, -0.9)]
)
def test_a_transformer_that_is_off_shows_in_power(kind: str, low: float, high: float) -> None:
    made = world(FACTORY, HAPPENING.format(kind=kind))
    live, _ = whole(made)
    plain, _ = whole(world(FACTORY))
    column = made.units.index("T-fan")
    share = live.power[DURING, column] / plain.power[DURING, column]
    assert low < share.min() <= share.max() < high
    assert ((live.current_a[DURING, column] == 0).all()) == (kind == "ct_off")


def test_a_clock_that_is_ahead_and_a_counter_that_begins_anew() -> None:
    made = world(FACTORY, HAPPENING.format(kind="skew") + HAPPENING.format(kind="counter_reset"))
    live, _ = whole(made)
    column = made.units.index("T-fan")
    lead = live.at_ms[:, column] - live.received_ms[:, column]
    assert (lead[DURING] > 590_000).all()
    assert (lead[: 1440 + 590] < 0).all()
    assert live.energy[1440 + 601, column] < 10_000


def test_a_blackout_darkens_everybody_and_production_comes_back_last() -> None:
    text = '\n[[happening]]\nkind = "blackout"\nonset = "day 2 10:00"\nminutes = 30\n'
    made = world(FACTORY, text)
    live, _ = whole(made)
    dark = slice(1440 + 602, 1440 + 629)
    assert np.isnan(live.power[dark]).all()
    gasps = live.voltage_a[1440 + 598 : 1440 + 602] == 0
    assert gasps.sum() <= len(made.units)
    back = [np.argmax(live.power[1440 + 630 :, column] > 0) for column in range(4)]
    maker = made.units.index("P")
    assert all(back[maker] > other for column, other in enumerate(back) if column != maker)


def test_lost_frames_are_as_many_as_asked_for() -> None:
    live, _ = whole(world(FACTORY, "\n[confounders]\nframe_loss = 0.05\n"))
    assert np.isnan(live.power).mean() == pytest.approx(0.05, abs=0.01)


def test_meters_say_what_their_kind_measures() -> None:
    made = world(CITY.replace("hj212 = 0.3", "hj212 = 1.0"))
    live, _ = whole(made)
    kinds = {machine.spec.meter for machine in made.site.machines}
    assert kinds == {"full", "current", "status"}
    for machine in made.site.machines:
        column = machine.column
        here = live.at_ms[:, column] >= 0
        assert np.isnan(live.power[here, column]).all() == (machine.spec.meter != "full")
        assert np.isnan(live.current_a[here, column]).all() == (machine.spec.meter == "status")
        assert (live.status[here, column] >= 0).all() == (machine.spec.meter == "status")
        assert (live.energy[here, column] == -1).all()


def test_slower_meters_report_in_their_own_slots() -> None:
    made = world(FACTORY.replace('id = "T-fan"', 'id = "T-fan"\ncycle_s = 300'))
    live, _ = whole(made)
    assert (live.at_ms[:, made.units.index("T-fan")] >= 0).sum() == 3 * 288
    assert (live.at_ms[:, made.units.index("P")] >= 0).all()
