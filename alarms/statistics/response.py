"""What was done about alarms, as authorities report it: inspections, tasks, help.

非现场占比   inspections that stayed off site / all inspections
非现场执法   inspections that began off site, in firm-times
督促整改     problems that firms were made to put right: cases handled whose fault was the firm's,
and problems that inspections found without an alarm
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from wattwarden.alarms.cases.bodies import Fault
from wattwarden.alarms.cases.case import Case
from wattwarden.alarms.enforcement.lives import TASK_OVER, InspectionLife, TaskLife
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode, Outcome, TaskVerb
from wattwarden.alarms.service.bodies import RoundTable, Solution, Topic, Training
from wattwarden.alarms.service.requests import SOLVED_STATES, Request
from wattwarden.alarms.service.solved import Helped, helped
from wattwarden.alarms.statistics.rates import Rate


@dataclass(frozen=True, slots=True)
class Enforced:
    """Inspections and tasks begun in a span; ``outcomes`` are those of the tasks' visits."""

    off_site_times: int
    on_site_times: int
    off_site: Rate
    positive_off_site: int
    tasks: int
    tasks_open: int
    outcomes: Mapping[Outcome, int]
    problems_urged: int


@dataclass(frozen=True, slots=True)
class Served:
    """Help given in a span; ``problems_solved`` with those solved without a request."""

    asked: Helped
    problems_solved: int
    solved_by_topic: Mapping[Topic, int]
    trainings: int
    round_tables: int


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment to another (excluded)."""

    since: datetime
    until: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.since <= at < self.until


def enforced(
    inspections: Iterable[InspectionLife],
    tasks: Iterable[TaskLife],
    cases: Iterable[Case],
    positive: Collection[str],
) -> Enforced:
    """Count what was begun in a span; ``positive`` are the firms of the positive list."""
    looked, visits = list(inspections), list(tasks)
    began_off = [one for one in looked if one.told.body.mode is Mode.OFF_SITE]
    stayed = [one for one in began_off if one.latest(InspectionVerb.SWITCH) is None]
    results = [one.latest(TaskVerb.RESULT) for one in visits]
    outcomes = Counter(one.body.outcome for one in results if one is not None)
    put_right = sum(one.handled is not None and one.fault is not Fault.METERING for one in cases)
    return Enforced(
        off_site_times=len(began_off),
        on_site_times=len(looked) - len(stayed),
        off_site=Rate(len(stayed), len(looked)),
        positive_off_site=sum(one.told.body.enterprise in positive for one in stayed),
        tasks=len(visits),
        tasks_open=sum(one.state not in TASK_OVER for one in visits),
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        problems_urged=put_right + sum(map(_found, looked)),
    )


def served(
    requests: Iterable[Request],
    solutions: Iterable[Solution],
    trainings: Iterable[Training],
    tables: Iterable[RoundTable],
) -> Served:
    """Count what was asked, solved and held in a span."""
    asked, alone = list(requests), list(solutions)
    solved = [one.body.topic for one in asked if one.state in SOLVED_STATES]
    topics = Counter([*solved, *(one.topic for one in alone)])
    return Served(
        helped(asked),
        len(solved) + len(alone),
        {topic: topics[topic] for topic in Topic},
        len(list(trainings)),
        len(list(tables)),
    )


def _found(inspection: InspectionLife) -> int:
    """Count the problems of an inspection; those of alarms are counted with their cases."""
    body = inspection.told.body
    ended = inspection.latest(InspectionVerb.CONCLUDE)
    problems = body.problems if ended is None else ended.body.problems or 0
    return 0 if body.alarms else problems
