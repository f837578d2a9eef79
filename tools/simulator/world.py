"""A scenario come to life: who is there, what is wrong, and what all meters say.

World(scenario) ─► registry()   records for the registry
                ─► truth()      offences by their cause
                ─► blocks()     columns of readings, a few hours at a time, in bounded memory
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattwarden.tools.simulator.blackouts import Blackouts
from wattwarden.tools.simulator.chance import Numbers
from wattwarden.tools.simulator.electric import Mains
from wattwarden.tools.simulator.emissions import Emissions
from wattwarden.tools.simulator.explicit import (
    Explicit,
    Unable,
    blackouts_of,
    explicit_of,
    refuse,
)
from wattwarden.tools.simulator.meters import Meters
from wattwarden.tools.simulator.moments import iso, midnight_ms
from wattwarden.tools.simulator.plan import Plan, plan_of
from wattwarden.tools.simulator.readings import Block, Emitted, Late, Readings
from wattwarden.tools.simulator.scenario import Scenario
from wattwarden.tools.simulator.site import Firm, Site, Speaker, build_site
from wattwarden.tools.simulator.spoken_for import spoken_for
from wattwarden.tools.simulator.steps import DAY_S, Cause, Disturbance, Span, Step
from wattwarden.tools.simulator.troubles import troubles_of

# Rows times slots of a part stay in the second cache of a core.
PART_UNITS: Final = 96
HOUR_S: Final = 3600
# A plan reaches into the days beside it.
NEAR_DAYS: Final = 1


@dataclass(frozen=True, slots=True)
class Truth:
    """An offence (R1 … R5), a late start (R6), or an emission that is wrong (R20); ms UTC.

    ``unit`` is the outlet of an R20.
    """

    rule: str
    unit: str
    line: str | None
    enterprise: str
    onset_ms: int
    end_ms: int
    cause: str
    depth: float

    def as_json(self) -> dict[str, object]:
        """Return it as the truth file has it, times as RFC 3339."""
        return {
            "rule": self.rule,
            "unit": self.unit,
            "line": self.line,
            "enterprise": self.enterprise,
            "onset": iso(self.onset_ms),
            "end": iso(self.end_ms),
            "cause": self.cause,
            "depth": self.depth,
        }


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to a meter or its line of communication; times in ms UTC."""

    kind: str
    unit: str
    enterprise: str
    onset_ms: int
    end_ms: int


class World:
    """One scenario with one seed.  The same of both gives the same everywhere.

    What the scenario writes out and cannot be at its moment is left out when ``unable``, which is
    told of it, lets it pass.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int | None = None,
        begin_s: float = 0.0,
        unable: Unable = refuse,
    ) -> None:
        self.scenario = scenario
        self.unable = unable
        self.seed = scenario.seed if seed is None else seed
        self.site: Site = build_site(scenario, self.seed, begin_s)
        self.slot_s = self.site.slot_s
        self.midnight_ms = midnight_ms(scenario.start)
        self.units: tuple[str, ...] = tuple(m.spec.id for m in self.site.machines)
        dark = blackouts_of(self.site, unable)
        self._blackouts = Blackouts(scenario, self.seed, dark, spoken_for(self.site))
        self._plans: dict[tuple[int, int], Plan] = {}
        self._troubled: dict[tuple[int, int], list[Disturbance]] = {}
        self._explicit: Explicit = explicit_of(self.site, self.plan, dark, unable)

    @property
    def first_slot(self) -> int:
        """The absolute number of the first slot: Unix seconds over ``slot_s``."""
        return self.midnight_ms // (1000 * self.slot_s)

    @property
    def slots(self) -> int:
        """How many slots the scenario has."""
        return self.scenario.days * int(DAY_S) // self.slot_s

    def plan(self, firm: Firm, day: int) -> Plan:
        """Return the plan of a firm's day, counted from 0."""
        key = (firm.index, day)
        found = self._plans.get(key)
        if found is None:
            scenario = self.scenario
            found = plan_of(firm, day, scenario.start, scenario, self._blackouts, self.seed)
            self._plans[key] = found
        return found

    def causes(self, firm: Firm) -> list[Cause]:
        """Return what was done wrong in a firm, in the order of onset."""
        found = list(self._explicit.causes.get(firm.index, ()))
        for day in range(self.scenario.days):
            found += self.plan(firm, day).causes
            self._plans.pop((firm.index, day - 1), None)
        end_s = self.scenario.days * DAY_S
        return sorted(
            (one for one in found if one.onset_s < end_s),
            key=lambda cause: (cause.onset_s, cause.column),
        )

    def truth(self) -> tuple[Truth, ...]:
        """Return every offence, in the order of onset."""
        found = [
            self._truth(firm, cause) for firm in self.site.firms for cause in self.causes(firm)
        ]
        return tuple(sorted(found, key=lambda one: (one.onset_ms, one.unit)))

    def _truth(self, firm: Firm, cause: Cause) -> Truth:
        return Truth(
            rule=cause.rule,
            unit=self.site.speakers[cause.column].spec.id,
            line=None if cause.line is None else firm.lines[cause.line].id,
            enterprise=firm.id,
            onset_ms=self.midnight_ms + round(1000 * cause.onset_s),
            end_ms=self.midnight_ms + round(1000 * cause.end_s),
            cause=cause.cause,
            depth=cause.depth,
        )

    def troubles(self) -> Iterator[Trouble]:
        """Yield what happens to meters and lines of communication, day by day; blackouts too."""
        for day in range(self.scenario.days):
            span = Span(day * DAY_S, (day + 1) * DAY_S)
            for firm in self.site.firms:
                for speaker, one in self._of_day(firm, day, span):
                    yield Trouble(
                        one.kind,
                        speaker.spec.id,
                        firm.id,
                        self.midnight_ms + round(1000 * one.begin),
                        self.midnight_ms + round(1000 * one.end),
                    )
            self._forget(day - 1)

    def _of_day(self, firm: Firm, day: int, span: Span) -> Iterator[tuple[Speaker, Disturbance]]:
        found = list(self._troubles_on(firm, day))
        fixed = self._explicit.disturbances.get(firm.index, ())
        found += [one for one in fixed if span.begin <= one.begin < span.end]
        for dark in self._blackouts.of(firm, day):
            found += [Disturbance(one.column, *dark, "blackout") for one in firm.machines]
        for one in found:
            yield self.site.speakers[one.column], one

    def _troubles_on(self, firm: Firm, day: int) -> list[Disturbance]:
        key = (firm.index, day)
        found = self._troubled.get(key)
        if found is None:
            plans = (self.plan(firm, day - 1), self.plan(firm, day))
            written = self._explicit.causes.get(firm.index, [])
            found = troubles_of(firm, day, plans, written, self.scenario, self.seed)
            self._troubled[key] = found
        return found

    def blocks(
        self, hours: float = 6, first_s: int = 0, until_s: int | None = None
    ) -> Iterator[Block]:
        """Yield the readings of consecutive stretches of time.

        What a block says does not depend on ``hours``.  Seconds count from the first midnight;
        counters and late readings are those of a run that began at ``first_s``.
        """
        end = self.slots if until_s is None else min(self.slots, until_s // self.slot_s)
        size = max(1, int(hours * HOUR_S) // self.slot_s)
        parts = [_Part(self, firms) for firms in self._parts()]
        waiting: list[Late] = []
        for first in range(first_s // self.slot_s, end, size):
            slots = min(size, end - first)
            live = Readings.empty(len(self.units), slots)
            emitted: list[Emitted] = []
            for part in parts:
                readings, late, said = part.read(first, slots)
                live.put(part.rows, readings)
                waiting += late
                emitted.append(said)
            late_now, waiting = self._arrived(waiting, first + slots)
            yield Block(
                self.first_slot + first,
                self.slot_s,
                live.turned(),
                late_now,
                Emitted.side_by_side(emitted),
            )
            self._forget((first * self.slot_s) // int(DAY_S) - 1 - NEAR_DAYS)

    def _arrived(self, waiting: list[Late], behind: int) -> tuple[Late, list[Late]]:
        """Part what has come before a slot from what still waits."""
        if not waiting:
            return Late.joined([]), []
        everything = Late.joined(waiting)
        came = everything.readings.received_ms < self.midnight_ms + behind * 1000 * self.slot_s
        now, later = everything.take(came), everything.take(~came)
        order = np.lexsort((now.slot, now.column, now.readings.received_ms))
        return now.take(order), [later] if len(later) else []

    def _parts(self) -> Iterator[tuple[Firm, ...]]:
        """Group firms so that the units of a group fit into the cache."""
        group: list[Firm] = []
        for firm in self.site.firms:
            if group and firm.behind - group[0].first > PART_UNITS:
                yield tuple(group)
                group = []
            group.append(firm)
        yield tuple(group)

    def _forget(self, day: int) -> None:
        """Drop plans that are no longer near."""
        for kept in (self._plans, self._troubled):
            for key in [key for key in kept if key[1] < day]:
                del kept[key]

    def near(self, firm: Firm, span: Span) -> tuple[list[Step], list[Disturbance], list[Span]]:
        """Return the steps, disturbances and blackouts of a firm that touch a span."""
        steps: list[Step] = []
        troubles: list[Disturbance] = []
        dark: list[Span] = []
        days = range(int(span.begin // DAY_S) - NEAR_DAYS, int(span.end // DAY_S) + NEAR_DAYS + 1)
        for day in days:
            steps += self.plan(firm, day).steps
            if day >= 0:
                troubles += self._troubles_on(firm, day)
                dark += self._blackouts.of(firm, day)
        steps += self._explicit.steps.get(firm.index, ())
        troubles += self._explicit.disturbances.get(firm.index, ())
        begin, end = span
        return (
            [step for step in steps if step.begin < end and step.end > begin],
            [one for one in troubles if one.begin < end and one.end > begin],
            [one for one in dark if one.begin < end and one.end > begin],
        )


class _Part:
    """A few firms, worked out together."""

    def __init__(self, world: World, firms: tuple[Firm, ...]) -> None:
        self._world = world
        self._mains = Mains(world.site, firms, Numbers())
        self._meters = Meters(world.site, self._mains.machines, world.midnight_ms)
        self._emissions = Emissions(world.site, firms, self._mains.machines, world.midnight_ms)
        self.rows = slice(self._mains.first, self._mains.behind)

    def read(self, first: int, slots: int) -> tuple[Readings, list[Late], Emitted]:
        """Work out some slots, which follow those worked out before."""
        slot_s = self._world.slot_s
        span = Span(float(first * slot_s), float((first + slots) * slot_s))
        steps: list[Step] = []
        troubles: list[Disturbance] = []
        dark: list[tuple[Span, int, int]] = []
        for firm in self._mains.firms:
            mine, disturbed, blackouts = self._world.near(firm, span)
            steps += mine
            troubles += disturbed
            dark += [(one, firm.first, firm.behind) for one in blackouts]
        electric = self._mains.slots(steps, first, slots)
        said = self._emissions.read(electric, first, troubles, dark)
        units = len(self._world.units)
        of_meters = [one for one in troubles if one.column < units]
        return *self._meters.read(electric, first, of_meters, dark), said
