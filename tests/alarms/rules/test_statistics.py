"""What days show, judged by rings of days that are written down here."""

import numpy as np
import pytest
from tests.alarms.factory import Day, simple

from wattwarden.alarms.plant.day_tables import RING_DAYS, Totals
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.rules import statistics
from wattwarden.alarms.states import state as states

MAIN, MAKER, TREAT = range(3)
MAKERS = np.array([MAKER])


def weeks() -> tuple[Plant, Totals]:
    """Return five weeks in which each unit took 100 Wh a day, a third of it at night."""
    day = Day(simple().unit("m", UnitKind.MAIN), 1)
    assert day.plant.units == ("m", "p", "t")
    totals = states.initial(day.plant, day.first).totals
    totals.past_energy[:] = 100_000
    totals.past_night[:] = 33_333
    return day.plant, totals


def test_a_ratio_is_judged_by_so_many_days_and_none_before() -> None:
    plant, totals = weeks()
    days = int(plant.limit["R14.days"][TREAT])
    before = RING_DAYS - 1 - days
    totals.past_energy[TREAT, :before] = 900_000
    totals.past_energy[TREAT, before : before + days // 2] = 200_000
    verdict = statistics.ratio(plant, totals, TREAT, MAKERS)
    assert verdict is not None
    assert (verdict.low + verdict.high) / 2 == pytest.approx(1.5)


@pytest.mark.parametrize("unit", [MAKER, TREAT], ids=["production", "treatment"])
def test_a_day_of_which_not_all_is_known_has_no_ratio(unit: int) -> None:
    plant, totals = weeks()
    assert statistics.ratio(plant, totals, TREAT, MAKERS) is not None
    totals.past_energy[unit, -1] = -1
    assert statistics.ratio(plant, totals, TREAT, MAKERS) is None


@pytest.mark.parametrize(
    ("energy", "judged"),
    [pytest.param(0, True, id="a day off"), pytest.param(-1, False, id="a day unknown")],
)
def test_nights_are_judged_with_days_off_and_without_unknown_ones(
    energy: int, *, judged: bool
) -> None:
    plant, totals = weeks()
    totals.past_energy[TREAT, -1] = totals.past_night[TREAT, -1] = energy
    assert (statistics.night(plant, totals, TREAT, MAKERS) is not None) is judged


def test_what_no_meter_shows_may_move_by_a_share_of_the_mains() -> None:
    plant, totals = weeks()
    totals.past_energy[MAIN] = 250_000
    verdict = statistics.unmetered(plant, totals, MAIN)
    assert verdict is not None
    least = float(plant.limit["R17.least_share"][MAIN])
    bounds = (verdict.value, verdict.low, verdict.high)
    assert bounds == pytest.approx((0.2, 0.2 - least, 0.2 + least))
