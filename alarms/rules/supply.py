"""The supply: R9, of one unit or of the whole firm."""

import numpy as np

from wattwarden.alarms.episodes.conditions import Condition, off_delay
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.plant.table import I64, NONE
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.state import State


def no_supply(plant: Plant, block: Block) -> Condition:
    """R9: a meter reports, and no phase has voltage."""
    units = np.arange(len(plant.units), dtype=np.int64)
    delay = np.rint(plant.limit["R9.delay_cycles"]).astype(np.int64) * plant.unit.cycle
    true = block.dark & ~block.declared
    return Condition(
        Row.SUPPLY, off_delay(plant, "R9", units), units, true, block.fresh & block.known, delay
    )


def fed_at(plant: Plant, state: State, block: Block) -> I64:
    """Return when each firm was last seen with voltage, (slots, firms)."""
    fed = block.fresh & ~np.isnan(block.voltage) & ~block.dark
    at = np.where(fed, block.at, NONE)
    owners, starts = np.unique(plant.unit.firm, return_index=True)
    latest = np.full((len(at), len(plant.firms)), NONE, dtype=np.int64)
    latest[:, owners] = np.maximum.reduceat(at, starts, axis=1)
    return np.maximum.accumulate(np.maximum(latest, state.firm.fed_at), axis=0)


def blackout_text(firm: str, lasted_ms: int) -> tuple[str, str]:
    """Say that a whole firm has no supply."""
    time = max(1, round(lasted_ms / 60_000))
    return (
        f"{firm}全部在线设备停电，已 {time} 分钟：疑似全厂停电，来电前不再逐台报警。",
        f"All units of {firm} that report have had no supply for {time} min: probably the whole "
        f"firm. Single units are not reported until it is back.",
    )
