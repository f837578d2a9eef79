"""When treatment units run: before, while and after their lines do; standbys in turn.

sessions of all lines of a unit ─► warm-up and purge ─► on duty this week? ─► spans
"""

from datetime import date
from typing import Final

import numpy as np

from wattwarden.tools.simulator.shifts import Work
from wattwarden.tools.simulator.site import Firm, Machine
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, Span, merged

# Nobody stops a fan for a lunch break that is shorter.
PAUSE_KEPT_S: Final = 75 * MINUTE_S
WARM_UP_MIN: Final = (1.0, 8.0)
PURGE_MIN: Final = (3.0, 15.0)
# Standbys change over on Monday mornings; the new one runs before the old one stops.
CHANGE_AT_S: Final = 10 * 3600
CHANGE_OVERLAP_S: Final = 3 * MINUTE_S
_WEEK_S: Final = 7 * DAY_S


def sessions_of(machine: Machine, works: list[Work]) -> list[Span]:
    """Return when its lines work, breaks within a day joined."""
    spans = [span for line in machine.lines for span in works[line].sessions]
    return merged(spans, PAUSE_KEPT_S)


def treatment_spans(
    firm: Firm, machine: Machine, works: list[Work], start: date, chance: np.random.Generator
) -> list[Span]:
    """Return when a treatment unit is switched on, had nobody done anything wrong."""
    mine = [works[line] for line in machine.lines if works[line].sessions]
    spans = []
    for session in sessions_of(machine, works):
        warm, purge = chance.random(2).tolist()
        before, after = _margins(firm, machine, warm, purge)
        if any(work.from_before and session.begin <= work.sessions[0].begin for work in mine):
            before = 0.0
        if any(work.into_next and session.end >= work.sessions[-1].end for work in mine):
            after = 0.0
        spans.append(session.widened(before, after))
    spans = merged(spans)
    return _on_duty(firm, machine, spans, start) if machine.spec.standby else spans


def _margins(firm: Firm, machine: Machine, warm: float, purge: float) -> tuple[float, float]:
    """Seconds of warm-up and purge; an interlock starts and stops with production."""
    if machine.spec.interlock:
        return 0.0, 0.0
    lines = [firm.lines[line] for line in machine.lines]
    before = max(line.pre_start_min for line in lines)
    after = max(line.run_on_min for line in lines)
    before += WARM_UP_MIN[0] + (WARM_UP_MIN[1] - WARM_UP_MIN[0]) * warm
    after += PURGE_MIN[0] + (PURGE_MIN[1] - PURGE_MIN[0]) * purge
    return before * MINUTE_S, after * MINUTE_S


def _on_duty(firm: Firm, machine: Machine, spans: list[Span], start: date) -> list[Span]:
    """Keep what falls into this unit's weeks."""
    group = [one for one in firm.machines if one.spec.standby == machine.spec.standby]
    place, count = group.index(machine), len(group)
    required = min(firm.spec.standby_required, count)
    # The Monday before the first day, so that weeks are the calendar's.
    monday = -start.weekday() * DAY_S + CHANGE_AT_S
    kept = []
    for span in spans:
        first = int((span.begin - monday) // _WEEK_S)
        last = int((span.end - 1 - monday) // _WEEK_S)
        for week in range(first, last + 1):
            if (place - week) % count >= required:
                continue
            begin = max(span.begin, monday + week * _WEEK_S)
            upto = monday + (week + 1) * _WEEK_S
            kept.append(Span(begin, min(span.end, upto + CHANGE_OVERLAP_S)))
    return merged(kept)
