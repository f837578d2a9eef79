"""Blackouts, of a firm or of the city, and how machines come back from them.

Drawn for each firm and day by themselves, since everything else keeps clear of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from wattwarden.tools.simulator.chance import share, stream
from wattwarden.tools.simulator.scenario import Often, Scenario
from wattwarden.tools.simulator.site import Firm
from wattwarden.tools.simulator.spoken_for import SpokenFor
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, OFF, How, Span, Step

# Feeders come back one after the other.
FEEDER_SPREAD_S: Final = 10 * MINUTE_S
TREATMENT_BACK_MIN: Final = (1.0, 4.0)
# Behind the last treatment unit, and what the line asks of it.
PRODUCTION_BACK_MIN: Final = (1.0, 15.0)
LATEST_HOUR: Final = 22.0
# An offence that is written out has none so near.
CLEAR_S: Final = 60 * MINUTE_S


@dataclass(frozen=True, slots=True)
class Blackouts:
    """When firms are without power; ``fixed`` are those the scenario names, by firm index."""

    scenario: Scenario
    seed: int
    fixed: dict[int, tuple[Span, ...]]
    spoken: SpokenFor

    def of(self, firm: Firm, day: int) -> list[Span]:
        """Return the blackouts of a firm that begin on a day."""
        fixed = [span for span in self.fixed.get(firm.index, ()) if int(span.begin // DAY_S) == day]
        return fixed + [span for span in self._drawn(firm, day) if not self._covers(firm, span)]

    def _drawn(self, firm: Firm, day: int) -> list[Span]:
        confounders = self.scenario.confounders
        own = _drawn(self.seed, f"firm {firm.id}", day, confounders.firm_blackout)
        found = [own] if own else []
        city = _drawn(self.seed, "city", day, confounders.city_blackout)
        if city is not None:
            late = share(self.seed, "feeder", firm.spec.region, day) * FEEDER_SPREAD_S
            found.append(Span(city.begin, city.end + late))
        return found

    def _covers(self, firm: Firm, span: Span) -> bool:
        return self.spoken.hides(firm, span.widened(CLEAR_S, CLEAR_S))

    def around(self, firm: Firm, day: int) -> list[Span]:
        """Return those of the day before, the day and the day after."""
        return [span for near in (day - 1, day, day + 1) for span in self.of(firm, near)]


@lru_cache(maxsize=8192)
def _drawn(seed: int, whose: str, day: int, often: Often) -> Span | None:
    if day < 0 or share(seed, "blackout", whose, day) >= often.rate / 30.0:
        return None
    at, length = stream(seed, "blackout of", whose, day).random(2).tolist()
    begin = day * DAY_S + round(at * LATEST_HOUR * 3600)
    return Span(begin, begin + often.lasting_s(length))


def back_again(firm: Firm, blackout: Span, seed: int) -> list[Step]:
    """Return the steps that keep machines off: treatment is back first, then production."""
    steps = []
    last = TREATMENT_BACK_MIN[1]
    for machine in firm.machines:
        drawn = share(seed, "back", machine.spec.id, int(blackout.begin))
        if machine.spec.kind in {"production", "both"}:
            low, high = PRODUCTION_BACK_MIN
            before = max((firm.lines[line].pre_start_min for line in machine.lines), default=0.0)
            late = last + before + low + (high - low) * drawn
        else:
            low, high = TREATMENT_BACK_MIN
            late = low + (high - low) * drawn
        end = blackout.end + late * MINUTE_S
        steps.append(Step(machine.column, blackout.begin, end, How.SET, OFF))
    return steps
