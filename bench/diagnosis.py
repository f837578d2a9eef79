"""What folding by columns saves: the diagnosis beside a plain loop over readings, unit by unit.

The loop is the oracle of the tests: the same rules of the slots with dicts and if-statements, whose
results are equal there.  Both begin with nothing learned and take the same grids, which are made
before: what is measured is states, rules, timers, learning and explanations, not reading.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from bench.figures import AtLeast, Figure, Section, Series, Table, beside, ratios
from tests.alarms.oracle import Oracle

from wattwarden.alarms.decisions.slices import SLICES, slice_of
from wattwarden.alarms.folding.fold import fold
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.rulebook import Rules, default_rules
from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.grid import Grid
from wattwarden.tools.diagnosis.cells import Cells
from wattwarden.tools.diagnosis.scale import shipped
from wattwarden.tools.simulator.registry import registry_of
from wattwarden.tools.simulator.world import World

HOUR_S: Final = 3_600
# The hours in which shifts begin: most conditions come and go then.
CITY_HOURS: Final = (6, 10)
SLICE_HOURS: Final = (0, 24)
WANTED_RATIO: Final = 20.0
WANTED_RATE: Final = 200_000.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Readings of some enterprises over some hours."""

    what: str
    plant: Plant
    grids: tuple[Grid, ...]

    @property
    def readings(self) -> int:
        """How many there are."""
        return sum(int(np.count_nonzero(grid.at >= 0)) for grid in self.grids)


def measure_diagnosis(rounds: int) -> Section:
    """Readings folded a second, in turn with the loop."""
    rules = default_rules()
    world = World(shipped("city"))
    registry = registry_of(world)
    city = compile_plant(registry, rules, registry.enterprise)
    whole = _stretch("the whole city", world, city, CITY_HOURS)
    part = _stretch("one slice of it", world, _middle_slice(city), SLICE_HOURS)
    looped, folded, sliced = [], [], []
    for _ in range(rounds):
        looped.append(whole.readings / _loop_s(whole))
        folded.append(whole.readings / _fold_s(whole, rules))
        sliced.append(part.readings / _fold_s(part, rules))
    what = f"{len(city.units):,} units"
    figures = (
        Figure(
            "fold.loop",
            f"readings/s, fold ÷ plain loop over readings, {what}",
            ratios(folded, looped),
            AtLeast(WANTED_RATIO),
            beside(folded, looped, "readings/s"),
        ),
        Figure(
            "fold.city",
            f"readings/s folded on one core, {what}",
            Series(tuple(folded)),
            AtLeast(WANTED_RATE),
        ),
        Figure(
            "fold.slice",
            f"readings/s folded on one core, {len(part.plant.units)} units",
            Series(tuple(sliced)),
            AtLeast(WANTED_RATE),
        ),
    )
    rows = (
        _row(whole, "plain loop", looped),
        _row(whole, "fold", folded),
        _row(part, "fold", sliced),
    )
    heading = ("of", "units", "readings", "folded by", "readings/s", "µs a reading")
    return Section(
        figures,
        (Table(heading, rows),),
        {"fold.readings_per_s": Series(tuple(folded))},
    )


def _stretch(what: str, world: World, plant: Plant, hours: tuple[int, int]) -> Stretch:
    begin, end = hours
    blocks = world.blocks(end - begin, begin * HOUR_S, end * HOUR_S)
    return Stretch(what, plant, tuple(Cells(plant, world.units).grids(blocks)))


def _middle_slice(city: Plant) -> Plant:
    """The slice of middling size: what a warden folds that shares a city with all others."""
    slices = [
        [place for place, firm in enumerate(city.firms) if slice_of(firm) == number]
        for number in range(SLICES)
    ]
    sizes = [int(np.isin(city.unit.firm, firms).sum()) for firms in slices]
    return city.take(slices[int(np.argsort(sizes)[SLICES // 2])])


def _loop_s(stretch: Stretch) -> float:
    oracle = Oracle(stretch.plant)
    began = time.process_time()
    for grid in stretch.grids:
        oracle.fold(grid)
    return time.process_time() - began


def _fold_s(stretch: Stretch, rules: Rules) -> float:
    plant = stretch.plant
    state = states.initial(plant, stretch.grids[0].first)
    began = time.process_time()
    for grid in stretch.grids:
        upto = np.full(len(plant.firms), grid.first + len(grid.at), dtype=np.int64)
        state, _ = fold(plant, rules, state, grid, upto)
    return time.process_time() - began


def _row(stretch: Stretch, by: str, rates: list[float]) -> tuple[str, ...]:
    return (
        stretch.what,
        f"{len(stretch.plant.units):,}",
        f"{stretch.readings:,}",
        by,
        str(Series(tuple(rates))),
        f"{1e6 / statistics.median(rates):.3g}",
    )
