"""Offences that a scenario writes out: whether each can be, and what is done to its unit.

A unit offends while its line produces: whatever a file says, truth must be visible in the mains.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.breaks import Beside, parted
from wattwarden.tools.simulator.happenings import onset_within
from wattwarden.tools.simulator.mistakes import mistake, unknown
from wattwarden.tools.simulator.offences import IDLE_LOAD, commit
from wattwarden.tools.simulator.plan import Plan
from wattwarden.tools.simulator.scenario import OffenceSpec
from wattwarden.tools.simulator.shifts import BATCH_PAUSE_MIN
from wattwarden.tools.simulator.site import Firm, Machine, Site
from wattwarden.tools.simulator.spoken_for import NEAR_START_S
from wattwarden.tools.simulator.steps import DAY_S, MINUTE_S, Cause, Span, Step, merged

PlanOf = Callable[[Firm, int], Plan]
# A line that pauses between two batches goes on producing, as its people see it.
PAUSE_S: Final = BATCH_PAUSE_MIN[1] * MINUTE_S
# Which drives an offence needs, and what to write instead.
DRIVES: Final = {
    "R3": ({"direct", "vfd"}, "a motor", 'drive = "direct" or "vfd"'),
    "R4": ({"vfd"}, "a converter", 'drive = "vfd", or rule = "R5"'),
    "R5": ({"direct"}, "a motor on the mains", 'drive = "direct", or rule = "R4"'),
}


class Written:
    """The offences of a site's scenario, one after the other; ``dark`` are blackouts by firm."""

    def __init__(self, site: Site, plan_of: PlanOf, dark: dict[int, tuple[Span, ...]]) -> None:
        self._site = site
        self._plan_of = plan_of
        self._dark = dark
        self._causes: list[tuple[Cause, int]] = []

    def machine(self, number: int, offence: OffenceSpec) -> Machine:
        """Return the unit that offends.

        Raises:
            UsageError: there is none, or it can do no such thing.
        """
        site, key = self._site, f"offence[{number}]"
        machine = site.by_id.get(offence.unit)
        if machine is None:
            raise unknown(site.scenario, f"{key}.unit", "unit", offence.unit, site.by_id)
        spec, rule = machine.spec, offence.rule
        if spec.kind != "treatment":
            machines = self._firm(machine).machines
            treats = [one.spec.id for one in machines if one.spec.kind == "treatment"]
            what = f"{spec.id} is a unit of kind {spec.kind}, and {rule} is of treatment"
            if spec.kind == "both":
                what += "; one meter for both does not tell them apart"
            cure = f"name a treatment unit: {', '.join(treats) or 'its factory has none'}"
            raise mistake(site.scenario, f"{key}.unit", what, cure)
        drives, needed, instead = DRIVES.get(rule, ({spec.drive}, "", ""))
        if spec.drive not in drives:
            what = f"{rule} needs {needed}, {spec.id} has drive = {spec.drive!r}"
            raise mistake(site.scenario, f"{key}.rule", what, f"name a unit with {instead}")
        return machine

    def committed(
        self, number: int, offence: OffenceSpec, machine: Machine
    ) -> tuple[list[Step], list[Cause]]:
        """Return what is done to a unit, and the truth about it, parted by breaks in production.

        Raises:
            UsageError: it cannot be done then.
        """
        key, rule = f"offence[{number}].onset", offence.rule
        onset = onset_within(self._site, offence.onset, key)
        line = machine.lines[0] if machine.lines else None
        switched = onset
        if rule == "R1":
            onset, switched = self._start_near(machine, onset, key)
        else:
            line = self._producing(machine, onset, key)
        load = offence.load if rule == "R5" else IDLE_LOAD[1] / 2
        span = Span(onset, onset + offence.minutes * MINUTE_S)
        steps, cause = commit(machine, rule, span, switched, line, offence.hertz, load)
        self._causes.append((cause, number))
        return steps, parted(cause, self._beside(machine, span))

    def _beside(self, machine: Machine, offence: Span) -> Beside:
        """Return what there is beside an offence."""
        firm = self._firm(machine)
        whole = Span(offence.begin, min(offence.end, self._site.scenario.days * DAY_S))
        makers = [one for line in machine.lines for one in firm.producers[line]]
        run_on = max((firm.lines[line].run_on_min for line in machine.lines), default=0.0)
        runs = [span for one in makers for span in self._spans(one.column, firm, whole)]
        return Beside(
            runs=merged(runs),
            spans=self._spans(machine.column, firm, whole),
            run_on_s=0.0 if machine.spec.interlock else run_on * MINUTE_S,
            cycle_s=max(one.cycle_s for one in (machine, *makers)),
        )

    def check_apart(self) -> None:
        """Refuse offences of one unit that overlap.

        Raises:
            UsageError: two do.
        """
        causes = sorted(self._causes, key=lambda pair: (pair[0].column, pair[0].onset_s))
        for (one, first), (other, second) in pairwise(causes):
            if one.column == other.column and one.span.overlaps(other.span):
                unit = self._site.machines[one.column].spec.id
                what = f"{unit} still offends by offence[{first}] until {self._clock(one.end_s)}"
                cure = "let it begin later, or make the other shorter (minutes)"
                raise mistake(self._site.scenario, f"offence[{second}].onset", what, cure)

    def _firm(self, machine: Machine) -> Firm:
        return self._site.firms[machine.firm]

    def _producing(self, machine: Machine, onset: float, key: str) -> int | None:
        """Return the line that produces at a moment while the unit is switched on."""
        firm, moment = self._firm(machine), Span(onset, onset + 1)
        if any(dark.overlaps(moment) for dark in self._dark.get(firm.index, ())):
            what = f"{firm.id} is without power at {self._clock(onset)}"
            raise mistake(self._site.scenario, key, what, "name a moment outside its blackouts")
        for line in machine.lines:
            if any(span.overlaps(moment) for span in self._runs(firm, line, onset)):
                break
        else:
            raise self._idle(machine, onset, key, "run")
        if not any(span.overlaps(moment) for span in self._spans(machine.column, firm, _at(onset))):
            what = f"{machine.spec.id} is not switched on at {self._clock(onset)}"
            cure = "name a moment at which it runs" + (
                ", or another of its standby group" if machine.spec.standby else ""
            )
            raise mistake(self._site.scenario, key, what, cure)
        return line

    def _start_near(self, machine: Machine, onset: float, key: str) -> tuple[float, float]:
        """Return when production nearest to a moment starts, and when the unit would have."""
        firm = self._firm(machine)
        producers = [one.column for line in machine.lines for one in firm.producers[line]]
        starts = []
        for on in self._spans(machine.column, firm, _at(onset)):
            begins = [
                span.begin
                for column in producers
                for span in self._spans(column, firm, _at(onset))
                if span.begin < on.end and span.end > on.begin
            ]
            if begins:
                starts.append((min(begins), min(on.begin, *begins)))
        nearest = min(starts, key=lambda pair: abs(pair[0] - onset), default=None)
        if nearest is None or abs(nearest[0] - onset) > NEAR_START_S:
            raise self._idle(machine, onset, key, "start")
        return nearest

    def _spans(self, column: int, firm: Firm, around: Span) -> list[Span]:
        """When a unit is switched on around some time; a shift may go on over midnight."""
        days = range(int(around.begin // DAY_S) - 1, int(around.end // DAY_S) + 2)
        plans = [self._plan_of(firm, day) for day in days]
        return merged([span for plan in plans for span in plan.spans.get(column, ())])

    def _runs(self, firm: Firm, line: int, onset: float) -> list[Span]:
        columns = [one.column for one in firm.producers[line]]
        spans = [span for column in columns for span in self._spans(column, firm, _at(onset))]
        return merged(spans, PAUSE_S)

    def _idle(self, machine: Machine, onset: float, key: str, verb: str) -> UsageError:
        """Say when its lines work instead."""
        if not any(self._firm(machine).producers[line] for line in machine.lines):
            what = f"nothing produces beside {machine.spec.id}: its lines have no production unit"
            cure = 'add a [[factory.unit]] with kind = "production"'
            return mistake(self._site.scenario, key, what, cure)
        firm, day = self._firm(machine), int(onset // DAY_S)
        whole = Span(day * DAY_S, (day + 1) * DAY_S)
        told = []
        for line in machine.lines:
            runs = [run for run in self._runs(firm, line, onset) if run.overlaps(whole)]
            times = [f"{self._clock(run.begin)} to {self._clock(run.end)}" for run in runs]
            told.append(f"{firm.lines[line].id} works {', '.join(times) or 'not on that day'}")
        what = f"production of {machine.spec.id} does not {verb} at {self._clock(onset)}"
        cure = f"{'; '.join(told)}; see the shifts of {firm.id}"
        return mistake(self._site.scenario, key, what, cure)

    @staticmethod
    def _clock(second: float) -> str:
        """Write a moment as the file may have it."""
        minute = int(second % DAY_S) // 60
        return f"day {int(second // DAY_S) + 1} {minute // 60:02}:{minute % 60:02}"


def _at(moment: float) -> Span:
    return Span(moment, moment)
