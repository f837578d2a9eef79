"""Visits that something calls for, and inspections and stays at firms: bodies of decisions.

    task          a visit that something calls for (执法任务)    ─< task_step: what became of it
    inspection    a firm looked into, from afar or on site (检查) ─< inspection_step
    station       a supervisor stationed at a firm (驻点监督)     ─< station_step

Which step may follow which stands in ``lives``.  Alarms are named by their numbers.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from wattwarden.alarms.decisions.body import Body, Moment, Reference, Report
from wattwarden.alarms.enforcement.naming import (
    Alarms,
    Files,
    People,
    to_alarms,
    to_firm,
    to_inspection,
    to_people,
    to_task,
)
from wattwarden.alarms.enforcement.words import (
    Flag,
    InspectionVerb,
    Means,
    Mode,
    Outcome,
    StationVerb,
    TaskVerb,
)
from wattwarden.alarms.registry.nouns import Id, Role, Text
from wattwarden.alarms.registry.problems import Problem

Days: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=365)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Task(Body, frozen=True, kw_only=True):
    """A visit is called for: ``text`` tells the officer why; ``flags`` are what was recognised."""

    kind_name: ClassVar[str] = "task"
    prefix: ClassVar[str] = "TK"

    id: Id
    enterprise: Id
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    flags: tuple[Flag, ...] = ()
    alarms: Alarms = ()
    # Parts far beyond their limit, where that is the reason.
    consumables: tuple[Id, ...] = ()

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, then the alarms and consumables."""
        return (
            to_firm(self.enterprise),
            *to_alarms(self.alarms),
            *(Reference("consumables", "consumable", one) for one in self.consumables),
        )


class TaskStep(Body, frozen=True, kw_only=True):
    """What somebody does with a task.

    ``person`` and ``instead_of`` go with an assignment, ``outcome`` with a result, ``minor`` and
    ``harmless`` with the result that nobody is punished, which ``files`` (SHA-256 of evidence) or
    an ``inspection`` may show to be right, ``days`` with the beginning of observation, ``alarms``
    with an attachment.  ``role`` is the actor's at that time, written by the store.
    """

    kind_name: ClassVar[str] = "task_step"

    task: Id
    verb: TaskVerb
    note: Report = ""
    person: Id | None = None
    # Who had the task until now: it is not taken from somebody else unnoticed.
    instead_of: Id | None = None
    outcome: Outcome | None = None
    minor: bool = False
    harmless: bool = False
    files: Files = ()
    inspection: Text = ""
    days: Days | None = None
    alarms: Alarms = ()
    role: Role | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the task, then whom and what it names."""
        return (
            Reference("task", "task", self.task),
            *to_people("person", (self.person,)),
            *to_people("instead_of", (self.instead_of,)),
            *to_alarms(self.alarms),
            *to_inspection(self.inspection),
        )

    def right(self) -> str:
        """Return the right to this step."""
        return f"task.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield what a step needs and lacks, or has and does not need."""
        assigns, results = self.verb is TaskVerb.ASSIGN, self.verb is TaskVerb.RESULT
        yield from self._goes_with("person", "指派", assigns, self.person is not None)
        yield from self._goes_with("outcome", "结果", results, self.outcome is not None)
        attaches = self.verb is TaskVerb.ATTACH
        yield from self._goes_with("alarms", "并入报警", attaches, bool(self.alarms))
        observes = self.verb is TaskVerb.FOLLOW_UP
        yield from self._goes_with("days", "回访观察", observes, self.days is not None)
        if self.instead_of is not None and not assigns:
            yield self.problem("instead_of", "仅改派时填写", "only another assignment has it")
        if (self.minor or self.harmless) and self.outcome is not Outcome.EXEMPTED:
            yield self.problem("minor", "仅免罚结果填写", "only an exemption has it")
        if (self.files or self.inspection) and not results:
            yield self.problem("files", "仅结果附证明材料", "only a result is shown by them")
        if self.verb is TaskVerb.REJECT and not self.note.strip():
            yield self.problem("note", "驳回须说明理由", "a rejection says why")

    def _goes_with(self, field: str, zh: str, needed: bool, given: bool) -> Iterator[Problem]:  # noqa: FBT001  two sides of one comparison
        if needed != given:
            need = "须填写" if needed else "不填"
            yield self.problem(
                field,
                f"{zh}{need}该项" if needed else f"仅{zh}时填写",
                f"{self.verb} {'needs' if needed else 'takes no'} {field}",
            )


class Inspection(Body, frozen=True, kw_only=True):
    """A firm is looked into from ``at`` on: from afar, on site, or on site without notice.

    ``means`` are what was looked at; with ``Means.SAMPLING`` the monitoring station took part.
    """

    kind_name: ClassVar[str] = "inspection"
    prefix: ClassVar[str] = "IN"

    id: Id
    enterprise: Id
    mode: Mode
    at: Moment
    means: tuple[Means, ...] = ()
    people: People = ()
    alarms: Alarms = ()
    # The task that it serves, "" for none.
    task: Text = ""
    problems: Count = 0
    report: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, then who took part, the alarms and the task."""
        return (
            to_firm(self.enterprise),
            *to_people("people", self.people),
            *to_alarms(self.alarms),
            *to_task(self.task),
        )


class InspectionStep(Body, frozen=True, kw_only=True):
    """An inspection goes on site, or ends with so many problems found."""

    kind_name: ClassVar[str] = "inspection_step"

    inspection: Id
    verb: InspectionVerb
    at: Moment
    problems: Count | None = None
    report: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the inspection."""
        return (Reference("inspection", "inspection", self.inspection),)

    def right(self) -> str:
        """Return the right to this step."""
        return f"inspection.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield an end without a number of problems, or a switch without a reason."""
        if (self.verb is InspectionVerb.CONCLUDE) != (self.problems is not None):
            message = "an end tells the number of problems, a switch does not"
            yield self.problem("problems", "办结须填写问题数,转现场不填", message)
        if self.verb is InspectionVerb.SWITCH and not self.report.strip():
            yield self.problem("report", "转现场须说明原因", "a switch to the site says why")


class Station(Body, frozen=True, kw_only=True):
    """A supervisor stays at a firm from ``start`` on until it runs and emits as it must."""

    kind_name: ClassVar[str] = "station"
    prefix: ClassVar[str] = "ST"

    id: Id
    enterprise: Id
    person: Id
    start: Moment
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    task: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, who is stationed, and the task."""
        return (to_firm(self.enterprise), *to_people("person", (self.person,)), *to_task(self.task))


class StationStep(Body, frozen=True, kw_only=True):
    """Another supervisor takes over, or nobody is needed any more."""

    kind_name: ClassVar[str] = "station_step"

    station: Id
    verb: StationVerb
    at: Moment
    person: Id | None = None
    note: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the station and who takes over."""
        station = Reference("station", "station", self.station)
        return (station, *to_people("person", (self.person,)))

    def right(self) -> str:
        """Return the right to this step."""
        return f"station.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield a relief by nobody, or an end that names one."""
        if (self.verb is StationVerb.RELIEVE) != (self.person is not None):
            message = "a relief names who comes, an end does not"
            yield self.problem("person", "换班须填写接班人,撤离不填", message)
