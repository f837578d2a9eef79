"""Rows of alarms: what is wrong, for how long, who has it in hand, what this person does next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Case, Level, State
from wattwarden.alarms.cases.gradings import Gradings
from wattwarden.alarms.cases.lifecycle import TRANSITIONS
from wattwarden.alarms.registry.nouns import Person
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.drawing.ladder import Ladder, ladder_of
from wattwarden.console.drawing.said import NOTHING_SAID, Said, shortened
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.views.day import Told

_UNSEEN: Final = (State.RAISED, State.REOPENED, State.CLEARED_UNACK)
_BY: Final[Mapping[State, Verb]] = {
    State.RECTIFYING: Verb.HANDLE,
    State.RECTIFIED: Verb.RECTIFY,
    State.DECLARED: Verb.DECLARE,
    State.VERIFIED: Verb.VERIFY,
    State.CLOSED: Verb.CLOSE,
}
_DOES: Final[Mapping[State, Said]] = {
    State.ACKED: Said("已确认", "acknowledged"),
    State.CLEARED: Said("已确认，待处置", "acknowledged, to be handled"),
    State.RECTIFYING: Said("整改中", "rectifying"),
    State.RECTIFIED: Said("已整改，待核实", "rectified, to be verified"),
    State.DECLARED: Said("已申报，待审核", "declared, under review"),
    State.VERIFIED: Said("已核实", "verified"),
    State.CLOSED: Said("已办结", "closed"),
    State.PENDING: Said("判定中", "being judged"),
}
LOOK: Final = Said("查看", "Open")
# What a role does next about a case in a state, the first that fits: right, verb, button.
_NEXT: Final[tuple[tuple[str, State | None, Verb | None, Said], ...]] = (
    ("action.verify", State.RECTIFIED, None, Said("核实", "Verify")),
    ("declaration.review", State.DECLARED, None, Said("审核", "Review")),
    ("action.ack", None, Verb.ACK, Said("确认", "Acknowledge")),
    ("action.rectify", None, Verb.RECTIFY, Said("提交整改", "Report")),
    ("action.handle", None, Verb.HANDLE, Said("处置", "Handle")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A case as lists show it.  ``who`` is "" where nobody has it in hand."""

    id: int
    level: Level
    firm: str
    place: str
    said: Said
    lasted: timedelta
    standing: bool
    overdue: bool
    ladder: Ladder
    who: str
    doing: Said
    button: Said
    urgent: bool
    state: State
    raised: datetime

    @property
    def face(self) -> str:
        """What stands for who has it in hand: the first letter of their name."""
        return self.who[:1]


@dataclass(frozen=True, slots=True)
class Around:
    """What rows are made with, beside their cases."""

    registry: Registry
    gradings: Gradings
    told: Mapping[int, Told]
    person: Person
    now: datetime


def rows_of(cases: Iterable[Case], around: Around) -> list[Row]:
    """Return rows in the order of their cases."""
    return [_row(case, around) for case in cases]


def gravest_first(cases: Iterable[Case], person: Person) -> list[Case]:
    """Return cases as a person's list has them, by level, the longest first.

    Those whose condition is gone stand behind the others, unless they wait for this person.
    """

    def place(case: Case) -> tuple[bool, int, datetime]:
        rests = case.cleared is not None and next_step(case, person) is None
        return rests, -case.level, case.raised

    return sorted(cases, key=place)


def next_step(case: Case, person: Person) -> Said | None:
    """Return what a person does next about a case; None where it is another's turn."""
    return step_in(case.state, person)


def step_in(stands: State, person: Person) -> Said | None:
    """Return what a person does next about cases in a state; None where it is another's turn."""
    for right, state, verb, button in _NEXT:
        fits = stands is state if verb is None else verb in TRANSITIONS[stands]
        if fits and person.role in RIGHTS[right]:
            return button
    return None


def place_of(case: Case, registry: Registry) -> str:
    """Name where an alarm is: its line, else its unit, outlet or meter."""
    if case.line in registry.line:
        return registry.line[case.line].name
    kind, _, name = case.subject.partition(":")
    record = getattr(registry, kind, {}).get(name) if kind in ("unit", "outlet", "line") else None
    if record is not None:
        return str(record.name)
    return "" if kind in ("enterprise", "platform") else name


def firm_of(case: Case, registry: Registry) -> str:
    """Name whose an alarm is."""
    firm = registry.enterprise.get(case.enterprise)
    return case.enterprise if firm is None else firm.name


def person_of(identity: str | None, registry: Registry) -> str:
    """Name a person; "" for nobody and for the system."""
    person = None if identity is None else registry.person.get(identity)
    return "" if person is None else person.name


def clock(at: datetime) -> str:
    """Write a moment as a clock shows it."""
    return f"{at.astimezone(DEFAULT_ZONE):%H:%M}"


def _row(case: Case, around: Around) -> Row:
    step = next_step(case, around.person)
    who, doing = _holder(case, around)
    return Row(
        id=case.id,
        level=case.level,
        firm=firm_of(case, around.registry),
        place=place_of(case, around.registry),
        said=shortened(case.episode.zh, case.episode.en),
        lasted=(case.cleared or around.now) - case.raised,
        standing=case.cleared is None,
        overdue=case.overdue and case.open,
        ladder=ladder_of(case, around.gradings.of(case.episode), around.now),
        who=who,
        doing=doing,
        button=step or LOOK,
        urgent=step is not None,
        state=case.state,
        raised=case.raised,
    )


def _holder(case: Case, around: Around) -> tuple[str, Said]:
    """Return who has a case in hand, and what they do."""
    if case.state in _UNSEEN:
        told = around.told.get(case.id)
        if told is None:
            return "", NOTHING_SAID
        return "", Said(f"已推送 {told.times} 次", f"told {told.times} ×")
    verb = _BY.get(case.state, Verb.ACK)
    by = [one for one in case.history if one.counts and one.deed == verb]
    name = person_of(by[-1].actor if by else case.acked_by, around.registry)
    does = _DOES[case.state]
    if by and case.state is State.ACKED:
        does = Said(f"{clock(by[-1].at)} {does.zh}", f"{clock(by[-1].at)} {does.en}")
    return name, does
