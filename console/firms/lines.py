"""A firm's lines: what each does now and did over a span, production beside treatment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from wattwarden.alarms.cases.case import Case, Level
from wattwarden.alarms.registry.nouns import Line, Unit, UnitKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.states.codes import UnitState
from wattwarden.alarms.statistics.course import course_of
from wattwarden.alarms.statistics.durations import milliseconds
from wattwarden.alarms.statistics.figures import last_states
from wattwarden.alarms.statistics.rates import Rate
from wattwarden.alarms.statistics.running import NO, YES, LinePlan, line_plans, synchronous
from wattwarden.alarms.statistics.timelines import NOTHING_HEARD, Span, Timeline
from wattwarden.console.alarms.words import STATES
from wattwarden.console.drawing.said import Said
from wattwarden.console.drawing.strips import LOOKS, Strip, strip_of

# Cases of these classes are about treatment that is not as it should be.
_TREATMENT: Final = ("A", "B")
_MAKES: Final = (UnitKind.PRODUCTION, UnitKind.BOTH)


@dataclass(frozen=True, slots=True)
class Lane:
    """A unit: what it does, and its strip; ``level`` is of the offence that stands, if any."""

    unit: Unit
    kind: str
    state: Said
    look: str
    strip: Strip
    level: Level | None


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line: its units, how it does, and its share of the span; ``level`` as of ``Lane``."""

    line: Line
    makers: tuple[Lane, ...]
    treaters: tuple[Lane, ...]
    says: Said
    look: str
    level: Level | None
    rate: Rate


def lines_of(
    registry: Registry,
    firm: str,
    timelines: Mapping[str, Timeline],
    cases: Sequence[Case],
    span: Span,
    now: datetime,
) -> list[LineNow]:
    """Return a firm's lines, by name.

    Args:
        registry: At least the firm's part of it.
        firm: Whose.
        timelines: Of its units, over the span.
        cases: Of the firm, all that touch the span.
        span: What is drawn; it may go on beyond the present.
        now: The present.
    """
    plans = {plan.line: plan for plan in line_plans(registry).get(firm, ())}
    lines = [one for one in registry.line.values() if one.enterprise == firm]
    made = _Drawing(registry, timelines, tuple(cases), span, now)
    return [made.line(one, plans.get(one.id)) for one in sorted(lines, key=lambda one: one.id)]


def others_of(registry: Registry, firm: str) -> list[Unit]:
    """Return a firm's units that are on no line."""
    linked = {one.unit for one in registry.link.values()}
    return [
        one for one in registry.unit.values() if one.enterprise == firm and one.id not in linked
    ]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What lines are drawn with."""

    registry: Registry
    timelines: Mapping[str, Timeline]
    cases: tuple[Case, ...]
    span: Span
    now: datetime

    def line(self, line: Line, plan: LinePlan | None) -> LineNow:
        """Draw one line."""
        linked = sorted(one.unit for one in self.registry.link.values() if one.line == line.id)
        units = [self.registry.unit[one] for one in linked if one in self.registry.unit]
        states = last_states(self.timelines, milliseconds(self.now))
        lanes = [self._lane(unit, states.get(unit.id, UnitState.NEVER)) for unit in units]
        makers = tuple(one for one in lanes if one.unit.kind in _MAKES)
        treaters = tuple(one for one in lanes if one.unit.kind is UnitKind.TREATMENT)
        level = max((one.level for one in lanes if one.level is not None), default=None)
        says, look = self._says(plan, makers, treaters)
        until = Span(self.span.start, min(self.span.end, milliseconds(self.now)))
        rate = Rate(0, 0) if plan is None else synchronous(plan, self.timelines, until)
        return LineNow(line, makers, treaters, says, look, level, rate)

    def _lane(self, unit: Unit, state: UnitState) -> Lane:
        own = [one for one in self.cases if one.unit == unit.id and one.grade in _TREATMENT]
        standing = [one.level for one in own if one.cleared is None]
        offences = [_stood(one, self.now) for one in own if unit.kind is UnitKind.TREATMENT]
        timeline = self.timelines.get(unit.id, NOTHING_HEARD)
        return Lane(
            unit=unit,
            kind="treat" if unit.kind is UnitKind.TREATMENT else "prod",
            state=STATES[state],
            look=LOOKS[state],
            strip=strip_of(timeline, self.span, self.now, offences),
            level=max(standing, default=None),
        )

    def _says(
        self, plan: LinePlan | None, makers: Iterable[Lane], treaters: Iterable[Lane]
    ) -> tuple[Said, str]:
        """Say how a line does now."""
        if plan is None:
            running = any(one.look == "running" for one in makers)
            return (_PRODUCES, "running") if running else (_STILL, "off")
        course = course_of(plan, self.timelines, np.array([milliseconds(self.now) - 1], np.int64))
        if not course.making[0]:
            declared = any(one.look == "declared" for one in treaters)
            return (_DECLARED, "declared") if declared else (_STILL, "off")
        if course.met[0] == YES:
            worse = next((one for one in treaters if one.look in ("reduced", "idle")), None)
            return (_IN_STEP, "running") if worse is None else (_so(worse), worse.look)
        return (_OUT_OF_STEP, "off") if course.met[0] == NO else (_UNKNOWN, "offline")


_PRODUCES: Final = Said("生产中", "producing")
_STILL: Final = Said("未生产", "not producing")
_DECLARED: Final = Said("已申报", "declared")
_IN_STEP: Final = Said("同步运行", "in step")
_OUT_OF_STEP: Final = Said("治污停机", "treatment off")
_UNKNOWN: Final = Said("无法判断", "cannot be told")


def _so(lane: Lane) -> Said:
    return Said(f"治污{lane.state.zh}", f"treatment {lane.state.en}")


def _stood(case: Case, now: datetime) -> Span:
    return Span(milliseconds(case.episode.began), milliseconds(case.cleared or now))
