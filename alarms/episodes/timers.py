"""Timers: a condition must last before it is an alarm, and be gone for a while before it ends.

    (none) ── true ─> candidate ── true `believed` times ─> pending ── held >= delay ─> raised
       <── false ─────────┘   <── false `believed` times ──┘   <── false for off_delay ──┘

A timer moves only at samples at which its condition can be judged; time in between that nobody
knows of is not counted.  A sample stands for half a cycle on either side.  A raised alarm that
ended less than ten minutes ago goes on as soon as its condition is believed again.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.table import F32, I8, I64, NONE, Bools
from wattwarden.alarms.plant.unit_tables import Timers

RE_ALARM_MS: Final = 600_000
# Cycles from here on are long: two samples are believed, three of shorter ones.
_LONG_CYCLE_MS: Final = 300_000
_MANY: Final = np.int8(100)
# A machine that is turned down may be right for a lower load, and still turned down.
_RECOVERED: Final = np.float32(1.1)


@dataclass(slots=True)
class Timed:
    """Timers to be moved through a block: flat positions, and (slots, timers) arrays."""

    flat: NDArray[np.intp]
    true: Bools
    judged: Bools
    reset: Bools
    # What a raised one must be seen above to end, as times the level at which it was raised; and
    # where that is asked.
    level: F32
    bound: Bools
    at: I64
    step: I64
    delay: I64
    off_delay: I64
    # One row for all slots.
    cycle: I64


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one timer: ``index`` counts among the timed, ``slot`` in the block."""

    slot: int
    index: int
    # "raised", "returned" or "ended".
    what: str
    began: int
    at: int


def believed(cycle: I64) -> I8:
    """Return how many samples a change must last."""
    return np.where(cycle >= _LONG_CYCLE_MS, 2, 3).astype(np.int8)


def move(timers: Timers, timed: Timed) -> tuple[list[Moved], Bools]:
    """Move timers through a block; returns what happened, and where each was running."""
    flat, half = timed.flat, timed.cycle // 2
    need = believed(timed.cycle)
    rows = [getattr(timers, name).reshape(-1)[flat] for name in _FIELDS]
    began, held, hits, misses, missed_at, raised, level, last_began, last_ended = rows
    running = np.zeros(timed.true.shape, dtype=np.bool_)
    never = np.zeros(timed.true.shape[1:], dtype=np.bool_)
    trues, falses = timed.judged & timed.true, timed.judged & ~timed.true
    steps = np.where(timed.judged, timed.step, 0)
    bound, reset = np.any(timed.bound, axis=1), np.any(timed.reset, axis=1)
    found: list[Moved] = []
    for slot in range(len(timed.true)):
        at, true, false = timed.at[slot], trues[slot], falses[slot]
        if bound[slot]:
            below = timed.level[slot] < _RECOVERED * level
            false = false & ~(raised & timed.bound[slot] & below)
        if reset[slot]:
            began[timed.reset[slot] & ~raised] = NONE
        active = began >= 0
        start = true & ~active
        if start.any():
            began[start], held[start], hits[start] = at[start], 0, 0
        held += steps[slot] * active
        hits += true & (hits < _MANY)
        misses[true] = 0
        # Most slots of most units are as the ones before: nothing ends, nothing is raised.
        fire = end = soon = never
        if (false & (active | raised)).any():
            np.copyto(missed_at, at, where=false & active & (misses == 0))
            misses += false & active & (misses < _MANY)
            drop = false & active & ~raised & ((hits < need) | (misses >= need))
            began[drop] = NONE
            misses[drop] = 0
            long = at - missed_at + half >= timed.off_delay[slot]
            end = false & raised & (misses >= 2) & long
        if (true & ~raised).any():
            soon = (last_ended >= 0) & (began - last_ended <= RE_ALARM_MS)
            ripe = (held + half >= timed.delay[slot]) | (soon & (hits >= need))
            fire = true & ~raised & (hits >= 2) & ripe
        running[slot] = began >= 0
        for index in (fire | end).nonzero()[0].tolist():
            if fire[index]:
                back = bool(soon[index])
                if back:
                    began[index] = last_began[index]
                raised[index], level[index] = True, timed.level[slot, index]
                what = "returned" if back else "raised"
                found.append(Moved(slot, index, what, int(began[index]), int(at[index])))
            else:
                last_began[index], last_ended[index] = began[index], missed_at[index]
                raised[index], misses[index], began[index] = False, 0, NONE
                found.append(
                    Moved(slot, index, "ended", int(last_began[index]), int(missed_at[index]))
                )
    for name, row in zip(_FIELDS, rows, strict=True):
        getattr(timers, name).reshape(-1)[flat] = row
    return found, running


_FIELDS: Final = (
    "began", "held", "hits", "misses", "missed_at", "raised", "level", "last_began", "last_ended",
)  # fmt: skip
