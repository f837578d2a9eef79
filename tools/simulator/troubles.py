"""What happens to meters and lines of communication, none of which is anybody's offence.

Drawn for each firm and day, and kept away from its offences: what cannot be seen cannot be judged.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.tools.simulator.chance import stream
from wattwarden.tools.simulator.plan import Plan
from wattwarden.tools.simulator.scenario import Often, Scenario
from wattwarden.tools.simulator.site import Firm
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, Cause, Disturbance, Span

CARRIER: Final = "carrier_outage"
# An offence is seen from half an hour before it begins until its alarm has cleared.
SEEN_S: Final = 30 * MINUTE_S
# A frozen meter shows what it showed: in a stretch that is all alike it tells nothing wrong.
FROZEN_INSIDE_S: Final = 10 * MINUTE_S


def troubles_of(
    firm: Firm, day: int, plans: tuple[Plan, Plan], written: Sequence[Cause],
    scenario: Scenario, seed: int,
) -> list[Disturbance]:  # fmt: skip
    """Draw the disturbances of a firm's day.

    ``plans`` are those of the day before and the day, ``written`` offences of the scenario's own.
    """
    chance = stream(seed, "troubles", firm.id, day)
    confounders = scenario.confounders
    causes = [cause for plan in plans for cause in plan.causes]
    seen = [cause.span.widened(SEEN_S, SEEN_S) for cause in (*causes, *written)]
    found: list[Disturbance] = []

    def add(columns: list[int], span: Span | None, kind: str, amount: float = 0.0) -> None:
        if span is not None and not any(span.overlaps(other) for other in seen):
            found.extend(Disturbance(column, *span, kind, amount) for column in columns)

    everybody = [machine.column for machine in firm.machines]
    add(everybody, _span(_drawn(confounders.carrier_outage, chance.random(3)), day), CARRIER)
    kinds = (confounders.meter_outage, confounders.frozen, confounders.ct_off)
    drawn = chance.random((len(kinds), len(firm.machines), 3))
    # Most days nothing happens to any meter of a firm.
    rates = np.array([[often.rate / 30.0] for often in kinds])
    for kind, row in np.argwhere(drawn[..., 0] < rates).tolist():
        machine = firm.machines[row]
        mine = [machine.column]
        place, length = _drawn(kinds[kind], drawn[kind, row]) or (0.0, 0.0)
        if kind == 0:
            add(mine, _span((place, length), day), "meter_outage")
        elif kind == 1:
            spans = [span for plan in plans for span in plan.spans.get(machine.column, ())]
            add(mine, _inside(spans, place, length), "frozen")
        elif machine.spec.meter == "full":
            phase = float(int(drawn[kind, row, 0] * 1e6) % 3)
            add(mine, _span((place, length), day), "ct_off", phase)
    return found


def _drawn(often: Often, drawn: NDArray[np.float64]) -> tuple[float, float] | None:
    """Whether something of a rate happens today: its place in the day and its seconds."""
    if drawn[0] >= often.rate / 30.0:
        return None
    return float(drawn[1]), often.lasting_s(float(drawn[2]))


def _span(drawn: tuple[float, float] | None, day: int) -> Span | None:
    if drawn is None:
        return None
    place, length = drawn
    length = min(length, DAY_S - 1)
    begin = day * DAY_S + place * (DAY_S - length)
    return Span(begin, begin + length)


def _inside(spans: list[Span], place: float, length: float) -> Span | None:
    """Put a stretch into one of the spans that holds it."""
    room = length + 2 * FROZEN_INSIDE_S
    fits = [span for span in spans if span.end - span.begin >= room]
    if not fits:
        return None
    span = fits[int(place * len(fits))]
    free = span.end - span.begin - room
    begin = span.begin + FROZEN_INSIDE_S + (place * len(fits) % 1.0) * free
    return Span(begin, begin + length)
