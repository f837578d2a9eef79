"""What was seen of firms, and what is to be looked into: bodies of decisions.

    finding       what somebody or something saw (发现)           ─< finding_link
    clue          alarms to be looked into by a person (线索)     ─< clue_step
    focus         a weak point of a firm (薄弱环节)               ─< focus_step

Which step may follow which stands in ``lives``.  Alarms are named by their numbers.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import msgspec

from wattwarden.alarms.decisions.body import Body, Moment, Reference, Report, Scope
from wattwarden.alarms.enforcement.naming import (
    Alarms,
    Files,
    to_alarms,
    to_firm,
    to_inspection,
    to_people,
    to_task,
)
from wattwarden.alarms.enforcement.words import ClueVerb, FocusVerb, Source
from wattwarden.alarms.registry.nouns import Id, Text
from wattwarden.alarms.registry.problems import Problem


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
            to_firm(self.enterprise),
            *to_alarms(self.alarms),
            *to_task(self.task),
            *to_inspection(self.inspection),
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
            *to_alarms(self.alarms),
            *to_task(self.task),
            *to_inspection(self.inspection),
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
            to_firm(self.enterprise),
            *to_alarms(self.alarms),
            *(Reference("findings", "finding", one) for one in self.findings),
            *to_people("person", (self.person,)),
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
        return (clue, *to_people("person", (self.person,)), *to_task(self.task))

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
            *to_alarms(self.alarms),
            *to_people("officer", (self.officer,)),
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
