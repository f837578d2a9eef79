"""A day read at once: what its meters said, and treatment beside production."""

import numpy as np
from tests.alarms.factory import Day

from wattwarden.alarms.states import state as states
from wattwarden.alarms.states.block import Block, classify, read
from wattwarden.alarms.states.sync import Beside, compare


def looked_at(day: Day, declared: slice = slice(0)) -> tuple[Block, Beside]:
    """Read all slots of a day of which nothing was known; all units are declared in some."""
    state = states.initial(day.plant, day.first)
    excused = np.zeros(day.grid.at.shape, np.bool_)
    excused[declared] = True
    block = read(day.plant, state, day.grid, excused)
    beside = compare(day.plant, state, block)
    classify(day.plant, block)
    return block, beside
