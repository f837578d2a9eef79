"""Where a scenario writes something out, chance keeps away: drawn things do not cover it.

Worked out before any day is planned, from the moments that the file names.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from wattwarden.tools.simulator.site import Firm, Site
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, Span

# An R1 moves to the start of production that is nearest, if one is as near as this.
NEAR_START_S: Final = 2 * 3600.0


@dataclass(frozen=True)
class SpokenFor:
    """When units have offences of their own that the scenario writes out, by column and firm."""

    units: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    firms: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))

    def of_unit(self, column: int) -> list[Span]:
        """Return the stretches of a unit."""
        return self.units.get(column, [])

    def hides(self, firm: Firm, span: Span) -> bool:
        """Whether a span touches an offence of a firm."""
        return any(span.overlaps(other) for other in self.firms.get(firm.index, []))

    def is_day_of(self, firm: Firm, day: int) -> bool:
        """Whether a firm has an offence on a day."""
        return self.hides(firm, Span(day * DAY_S, (day + 1) * DAY_S))


def spoken_for(site: Site) -> SpokenFor:
    """Find the stretches of time that a site's scenario speaks for.

    Raises:
        UsageError: a moment is none.
    """
    found = SpokenFor()
    for number, spec in enumerate(site.scenario.offence):
        machine = site.by_id.get(spec.unit)
        if machine is None:
            continue
        onset = site.moment(spec.onset, f"offence[{number}].onset")
        span = Span(onset, onset + spec.minutes * MINUTE_S)
        if spec.rule == "R1":
            span = span.widened(NEAR_START_S, NEAR_START_S)
        found.units[machine.column].append(span)
        found.firms[machine.firm].append(span)
    return found
