"""What officers do: tasks, visits, findings, clues: the bodies of these decisions.

    task          a visit that something calls for (执法任务)    ─< task_step: what became of it
    inspection    a firm looked into, from afar or on site (检查) ─< inspection_step
    station       a supervisor stationed at a firm (驻点监督)     ─< station_step
    finding       what somebody or something saw (发现)           ─< finding_link
    clue          alarms to be looked into by a person (线索)     ─< clue_step
    focus         a weak point of a firm (薄弱环节)               ─< focus_step

Which step may follow which stands in ``lives``.  Alarms are named by their numbers.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec

from wattwarden.alarms.acting.roles import ENTERPRISE, LEADERS, OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference, Report, Scope
from wattwarden.alarms.enforcement.words import (
    ClueVerb,
    Flag,
    FocusVerb,
    InspectionVerb,
    Means,
    Mode,
    Outcome,
    Source,
    StationVerb,
    TaskVerb,
)
from wattwarden.alarms.registry.nouns import Id, Role, Text
from wattwarden.alarms.registry.problems import Problem

# Ten a day for three weeks: a task with more says nothing more to the officer who reads it.
MAX_ALARMS: Final = 200
# A visit with more people than this is a campaign, which is several visits.
MAX_PEOPLE: Final = 20
# Photographs and records of one finding.
MAX_FILES: Final = 50

AlarmId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,17}$")]
Alarms: TypeAlias = Annotated[tuple[AlarmId, ...], msgspec.Meta(max_length=MAX_ALARMS)]
People: TypeAlias = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_PEOPLE)]
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Files: TypeAlias = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_FILES)]
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
            _firm(self.enterprise),
            *_alarms(self.alarms),
            *(Reference("consumables", "consumable", one) for one in self.consumables),
        )


class TaskStep(Body, frozen=True, kw_only=True):
    """What somebody does with a task.

    ``person`` and ``instead_of`` go with an assignment, ``outcome`` with a result, ``minor`` and
    ``harmless`` with the result that nobody is punished, ``days`` with the beginning of
    observation, ``alarms`` with an attachment.  ``role`` is the actor's at that time, written by
    the store.
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
    days: Days | None = None
    alarms: Alarms = ()
    role: Role | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the task, then whom and what it names."""
        return (
            Reference("task", "task", self.task),
            *_people("person", (self.person,)),
            *_people("instead_of", (self.instead_of,)),
            *_alarms(self.alarms),
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
            _firm(self.enterprise),
            *_people("people", self.people),
            *_alarms(self.alarms),
            *_task(self.task),
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
        return (_firm(self.enterprise), *_people("person", (self.person,)), *_task(self.task))


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
        return (station, *_people("person", (self.person,)))

    def right(self) -> str:
        """Return the right to this step."""
        return f"station.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield a relief by nobody, or an end that names one."""
        if (self.verb is StationVerb.RELIEVE) != (self.person is not None):
            message = "a relief names who comes, an end does not"
            yield self.problem("person", "换班须填写接班人,撤离不填", message)


class Finding(Body, frozen=True, kw_only=True):
    """What a source showed about a firm at a moment, and what that belongs to."""

    kind_name: ClassVar[str] = "finding"
    prefix: ClassVar[str] = "FD"

    id: Id
    enterprise: Id
    source: Source
    at: Moment
    what: Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
    place: Text = ""
    alarms: Alarms = ()
    task: Text = ""
    inspection: Text = ""
    # SHA-256 of photographs and records that are kept as evidence.
    files: Files = ()

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, then what the finding belongs to."""
        return (
            _firm(self.enterprise),
            *_alarms(self.alarms),
            *_task(self.task),
            *_inspection(self.inspection),
        )


class FindingLink(Body, frozen=True, kw_only=True):
    """A finding turns out to belong to alarms, a task or an inspection as well."""

    kind_name: ClassVar[str] = "finding_link"

    finding: Id
    alarms: Alarms = ()
    task: Text = ""
    inspection: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the finding, then what it belongs to."""
        return (
            Reference("finding", "finding", self.finding),
            *_alarms(self.alarms),
            *_task(self.task),
            *_inspection(self.inspection),
        )

    def right(self) -> str:
        """Return the right to tie findings to things."""
        return "finding.link"

    def contradictions(self) -> Iterator[Problem]:
        """Yield a link to nothing."""
        if not (self.alarms or self.task or self.inspection):
            message = "alarms, a task or an inspection is needed"
            yield self.problem("", "须填写报警、任务或检查", message)


class Clue(Body, frozen=True, kw_only=True):
    """Selected alarms of one firm that somebody is to look into; ``person`` may come later."""

    kind_name: ClassVar[str] = "clue"
    prefix: ClassVar[str] = "CL"

    id: Id
    enterprise: Id
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    alarms: Alarms
    findings: tuple[Id, ...] = ()
    person: Id | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, the alarms and findings, and who is to look."""
        return (
            _firm(self.enterprise),
            *_alarms(self.alarms),
            *(Reference("findings", "finding", one) for one in self.findings),
            *_people("person", (self.person,)),
        )

    def contradictions(self) -> Iterator[Problem]:
        """Yield a clue that rests on nothing."""
        if not (self.alarms or self.findings):
            yield self.problem("alarms", "线索须选取报警或发现", "a clue has alarms or findings")


class ClueStep(Body, frozen=True, kw_only=True):
    """A clue is given to somebody, borne out, or dismissed."""

    kind_name: ClassVar[str] = "clue_step"

    clue: Id
    verb: ClueVerb
    person: Id | None = None
    note: Report = ""
    # What it led to, where it was borne out.
    task: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the clue, who is to look, and the task."""
        clue = Reference("clue", "clue", self.clue)
        return (clue, *_people("person", (self.person,)), *_task(self.task))

    def right(self) -> str:
        """Return the right to this step."""
        return f"clue.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield an assignment to nobody, or an end without its reason."""
        if (self.verb is ClueVerb.ASSIGN) != (self.person is not None):
            message = "an assignment names a person, nothing else does"
            yield self.problem("person", "指派须填写人员,其他不填", message)
        if self.verb is not ClueVerb.ASSIGN and not self.note.strip():
            yield self.problem("note", "须说明核查情况", "the end of a clue says what was found")


class Focus(Body, frozen=True, kw_only=True):
    """A weak point of a firm, to be put right with an officer's help by a day."""

    kind_name: ClassVar[str] = "focus"
    prefix: ClassVar[str] = "FC"

    id: Id
    scope: Scope
    subject: Id
    weakness: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    measure: Report = ""
    alarms: Alarms = ()
    officer: Id | None = None
    due: Moment | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, line or unit, the alarms and the officer who helps."""
        return (
            Reference("subject", self.scope, self.subject),
            *_alarms(self.alarms),
            *_people("officer", (self.officer,)),
        )


class FocusStep(Body, frozen=True, kw_only=True):
    """A weak point is put right by the firm, and confirmed or returned by an officer."""

    kind_name: ClassVar[str] = "focus_step"

    focus: Id
    verb: FocusVerb
    note: Report = ""
    files: Files = ()

    def references(self) -> tuple[Reference, ...]:
        """Return the weak point."""
        return (Reference("focus", "focus", self.focus),)

    def right(self) -> str:
        """Return the right to this step."""
        return f"focus.{self.verb}"

    def contradictions(self) -> Iterator[Problem]:
        """Yield a claim or a return that does not say what or why."""
        if self.verb is not FocusVerb.CONFIRM and not self.note.strip():
            message = "what was done, or what is still missing, is said"
            yield self.problem("note", "须说明整改情况或退回理由", message)


def _firm(enterprise: str) -> Reference:
    return Reference("enterprise", "enterprise", enterprise)


def _alarms(alarms: tuple[str, ...]) -> Iterator[Reference]:
    return (Reference("alarms", "alarm", one) for one in alarms)


def _people(field: str, people: tuple[str | None, ...]) -> Iterator[Reference]:
    return (Reference(field, "person", one) for one in people if one is not None)


def _task(task: str) -> Iterator[Reference]:
    return (Reference("task", "task", one) for one in (task,) if one)


def _inspection(inspection: str) -> Iterator[Reference]:
    return (Reference("inspection", "inspection", one) for one in (inspection,) if one)


BODIES: Final[tuple[type[Body], ...]] = (
    Task,
    TaskStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Finding,
    FindingLink,
    Clue,
    ClueStep,
    Focus,
    FocusStep,
)
# Who may decide what of these.  That a visit to a firm of the positive list takes a leader depends
# on the firm, not on the deed: see ``approval``.
RIGHTS: Final[Mapping[str, Roles]] = {
    "task": OFFICERS,
    **{f"task.{verb}": OFFICERS for verb in TaskVerb},
    "task.endorse": LEADERS,
    "inspection": OFFICERS,
    **{f"inspection.{verb}": OFFICERS for verb in InspectionVerb},
    "station": OFFICERS,
    **{f"station.{verb}": OFFICERS for verb in StationVerb},
    "finding": OFFICERS,
    "finding.link": OFFICERS,
    "clue": OFFICERS,
    **{f"clue.{verb}": OFFICERS for verb in ClueVerb},
    "focus": OFFICERS,
    **{f"focus.{verb}": OFFICERS for verb in FocusVerb},
    "focus.rectify": ENTERPRISE,
}
