"""A case: an alarm, and what became of it.

alarm (episode) ┐
actions         ├─► fold ─► Case: state, level, who did what and when
declarations    ┘
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from wattwarden.alarms.cases.bodies import Action, Cause, Fault, PlanStep
from wattwarden.alarms.registry.nouns import Supervision


class Level(IntEnum):
    """How grave a case is."""

    REMINDER = 1  # 提醒
    WARNING = 2  # 预警
    ALARM = 3  # 报警
    SEVERE = 4  # 严重报警, 督办

    @property
    def exported(self) -> int:
        """Return the level of the scheme of two: 1 goes to the firm, 2 to the agency as well."""
        return 1 if self <= Level.WARNING else 2


LEVELS_ZH: Final = {
    Level.REMINDER: "提醒",
    Level.WARNING: "预警",
    Level.ALARM: "报警",
    Level.SEVERE: "严重报警",
}


class State(StrEnum):
    """Where a case stands."""

    PENDING = "pending"  # the condition is there, not yet for long enough
    RAISED = "raised"  # 待确认
    REOPENED = "reopened"  # 复发: raised again soon after its like was closed
    ACKED = "acked"  # 已确认
    CLEARED_UNACK = "cleared_unack"  # the condition went before anybody saw it
    CLEARED = "cleared"  # 已消除, which is not rectified
    DECLARED = "declared"  # 已申报, 待审核
    RECTIFYING = "rectifying"  # 整改中
    RECTIFIED = "rectified"  # 待核实
    VERIFIED = "verified"  # 已核实
    CLOSED = "closed"  # 已办结


# Nothing is left to do about these.
DONE: Final = (State.VERIFIED, State.CLOSED)
STATES_ZH: Final = {
    State.PENDING: "判定中",
    State.RAISED: "待确认",
    State.REOPENED: "复发待确认",
    State.ACKED: "已确认",
    State.CLEARED_UNACK: "已消除待确认",
    State.CLEARED: "已消除待处置",
    State.DECLARED: "申报待审核",
    State.RECTIFYING: "整改中",
    State.RECTIFIED: "整改待核实",
    State.VERIFIED: "已核实",
    State.CLOSED: "已办结",
}


class Ending(StrEnum):
    """How a case was closed."""

    VERIFIED = "verified"  # it was rectified
    EXEMPT = "exempt"  # a declaration that explains it was approved
    BRIEF = "brief"  # it went by itself within minutes
    OFFICER = "officer"  # an officer needs nothing more of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """The alarm itself, as it is known now.  ``grade`` is its rule's class, A to F.

    ``ended`` is the first reading without the condition; ``sure`` is when that was certain.
    ``graded`` is since when ``grade_up`` counts; None: since it was raised.
    """

    id: int
    rule: str
    subject: str
    kind: str
    grade: str
    enterprise: str
    line: str
    began: datetime
    raised: datetime
    ended: datetime | None
    sure: datetime | None
    grade_up: int = 0
    graded: datetime | None = None
    # Another alarm says more; people hear of that one.
    suppressed: bool = False
    withdrawn: bool = False
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """Something that happened to a case, and the state that it left.

    ``deed`` is a verb of a person, or of time (``lifecycle.Deed``).  ``counts`` is False for what
    was decided of an alarm that late readings changed afterwards: it is shown, and moves nothing.
    """

    at: datetime
    actor: str
    deed: str
    state: State
    action: Action | None = None
    reason: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An alarm and what became of it, as of the moment it was folded to."""

    episode: Episode
    supervision: Supervision
    state: State
    level: Level
    # By when it is to be rectified.
    deadline: datetime
    overdue: bool
    # The alarm that this one repeats, closed or rectified shortly before.
    parent: int | None
    history: tuple[Done, ...]
    # How many levels officers have added.
    escalated: int = 0
    acked: datetime | None = None
    acked_by: str | None = None
    handled: datetime | None = None
    declared: datetime | None = None
    rectified: datetime | None = None
    verified: datetime | None = None
    closed: datetime | None = None
    ending: Ending | None = None
    cause: Cause | None = None
    part: str = ""
    fault: Fault | None = None
    declaration: str | None = None
    plan: tuple[PlanStep, ...] = ()
    planned_by: str | None = None
    evidence: tuple[str, ...] = ()

    @property
    def id(self) -> int:
        """The alarm's number."""
        return self.episode.id

    @property
    def rule(self) -> str:
        """The alarm's rule."""
        return self.episode.rule

    @property
    def grade(self) -> str:
        """The rule's class, A to F."""
        return self.episode.grade

    @property
    def subject(self) -> str:
        """What it is about: ``unit:U1``, ``meter:…``."""
        return self.episode.subject

    @property
    def unit(self) -> str | None:
        """The unit, where the alarm is about one."""
        kind, _, name = self.episode.subject.partition(":")
        return name if kind == "unit" else None

    @property
    def enterprise(self) -> str:
        """Whose it is."""
        return self.episode.enterprise

    @property
    def line(self) -> str:
        """On which line; "" where it is about none."""
        return self.episode.line

    @property
    def raised(self) -> datetime:
        """When it became an alarm."""
        return self.episode.raised

    @property
    def cleared(self) -> datetime | None:
        """When the condition went; None while it stands."""
        return self.episode.ended

    @property
    def settled(self) -> datetime | None:
        """When nothing was left to do about it: verified, or closed otherwise."""
        return self.verified or self.closed

    @property
    def exempt(self) -> bool:
        """Whether an approved declaration explains it."""
        return self.ending is Ending.EXEMPT

    @property
    def open(self) -> bool:
        """Whether something is left to do about it."""
        return self.state not in DONE

    @property
    def done(self) -> datetime | None:
        """When the firm's part was done: rectified, or closed; None while it is not."""
        return self.rectified or self.closed
