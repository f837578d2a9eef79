"""Treatment that is off while its line produces: R1 not started, R2 shut down, R6 late."""

import numpy as np

from wattwarden.alarms.episodes.conditions import Condition, believable, milliseconds, off_delay
from wattwarden.alarms.plant.plant import PULSED, Plant
from wattwarden.alarms.plant.rows import Row
from wattwarden.alarms.states.block import Block
from wattwarden.alarms.states.sync import NO, UNKNOWN, YES, Beside


def not_started_or_shut_down(plant: Plant, block: Block, beside: Beside) -> Condition:
    """R1 and R2: off while production runs; R2 if it served in this production run.

    A treat that stops before its run-on time after production is R2 as well.
    """
    units = plant.treats
    wanted = (beside.production == YES) | (beside.run_on & beside.ran)
    off = block.off[:, units] & ~block.dark[:, units] & ~block.declared[:, units]
    true = wanted & off & (beside.served == NO) & beside.blamed
    # The window of a pulsed unit does not begin before production.
    window = np.where(
        plant.unit.drive[units] == PULSED, plant.limit["state.pulse_window_s"][units], 0
    )
    true &= block.end[:, None] - beside.began >= 1000 * window.astype(np.int64)
    judged = believable(block, units)
    judged &= (beside.production != UNKNOWN) & (beside.served != UNKNOWN)
    # A run-on time ends with the next look at it; ``ran`` holds until production's next run.
    delay, rest = (
        np.where(beside.ran, shut_down, not_started)
        for shut_down, not_started in (
            (milliseconds(plant, "R2.delay_s", units), milliseconds(plant, "R1.delay_s", units)),
            (off_delay(plant, "R2", units), off_delay(plant, "R1", units)),
        )
    )
    return Condition(Row.OFF, rest, units, true, judged, delay, beside.restarted)


def late(plant: Plant, block: Block, beside: Beside, slot: int) -> list[tuple[int, int]]:
    """R6: (treat, ms late) of treats that came to serve late in a slot.

    Of a group, the first is named.
    """
    least = milliseconds(plant, "R6.late_s", plant.treats)
    groups = dict(zip(plant.members.tolist(), plant.member_group.tolist(), strict=True))
    named: set[int] = set()
    found = []
    for treat in np.flatnonzero(beside.late[slot] > least).tolist():
        group = groups.get(treat)
        if group in named or block.declared[slot, plant.treats[treat]]:
            continue
        if group is not None:
            named.add(group)
        found.append((treat, int(beside.late[slot, treat])))
    return found
