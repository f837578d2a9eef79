"""What firms are helped with: requests, training, documents: the bodies of these decisions.

assistance        a firm asks for help with a problem, perhaps by appointment (点单式帮扶)
assistance_step   what became of it; requests.py has the states
solution          a problem of a firm that was solved without a request
training          workers trained, or a patrol system or a technical change guided (培训指导)
round_table       officers and entrepreneurs met (座谈会)
document          a compliance manual of an industry (一业一册)
reminder          what firms should see to in time (合规提醒)
reminder_read     a firm has read a reminder
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import ENTERPRISE, OFFICERS, Roles
from wattwarden.alarms.decisions.body import Body, Moment, Reference, Report
from wattwarden.alarms.registry.nouns import Id, Name, Text
from wattwarden.alarms.registry.problems import Problem

# A manual of an industry has some fifty pages of two thousand letters.
MAX_DOCUMENT_LETTERS: Final = 262_144
# A hall holds some hundreds; whoever trains a whole city trains an industry.
MAX_FIRMS: Final = 500

Firms = Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_FIRMS)]
Manual = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_DOCUMENT_LETTERS)]
Problems = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]


class Topic(StrEnum):
    """What firms ask about."""

    PERMIT = "permit"  # 排污许可
    RUNNING = "running"  # 治污设施运行
    UPGRADE = "upgrade"  # 技术改造
    MONITORING = "monitoring"  # 监测监控
    WASTE = "waste"  # 危险废物
    LEDGER = "ledger"  # 台账管理
    RESPONSE = "response"  # 重污染应急
    OTHER = "other"


TOPICS_ZH: Final[Mapping[Topic, str]] = {
    Topic.PERMIT: "排污许可",
    Topic.RUNNING: "治污设施运行",
    Topic.UPGRADE: "技术改造",
    Topic.MONITORING: "监测监控",
    Topic.WASTE: "危险废物",
    Topic.LEDGER: "台账管理",
    Topic.RESPONSE: "重污染应急",
    Topic.OTHER: "其他",
}


class Deed(StrEnum):
    """What is done about a request."""

    ACCEPT = "accept"  # 受理
    DECLINE = "decline"  # 不予受理
    SCHEDULE = "schedule"  # 预约上门
    SOLVE = "solve"  # 给出方案
    CONFIRM = "confirm"  # 企业确认解决
    REOPEN = "reopen"  # 企业反馈未解决
    WITHDRAW = "withdraw"  # 企业撤回


# The firm's own; everything else is the officers'.
OF_FIRMS: Final = frozenset({Deed.CONFIRM, Deed.REOPEN, Deed.WITHDRAW})
# What must be said in words.
_WORDED: Final = frozenset({Deed.DECLINE, Deed.SOLVE, Deed.REOPEN})


class Guidance(StrEnum):
    """What officers helped firms to learn or to change."""

    TRAINING = "training"  # 员工培训
    PATROLS = "patrols"  # 巡检制度
    RULES = "rules"  # 管理制度
    INTERLOCK = "interlock"  # 产治同步一键启停
    UPGRADE = "upgrade"  # 其他技术改造


class Assistance(Body, frozen=True, kw_only=True):
    """A firm asks for help with one problem; ``wanted_at`` is when it would like a visit."""

    kind_name: ClassVar[str] = "assistance"
    prefix: ClassVar[str] = "AS"

    id: Id
    enterprise: Id
    topic: Topic
    problem_text: Problems
    wanted_at: Moment | None = None
    contact: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the firm."""
        return (Reference("enterprise", "enterprise", self.enterprise),)


class AssistanceStep(Body, frozen=True, kw_only=True):
    """What was done about a request; ``at`` is an appointment's time, ``person`` who will come."""

    kind_name: ClassVar[str] = "assistance_step"

    assistance: Id
    deed: Deed
    at: Moment | None = None
    person: Id | None = None
    text: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the request, and who will come."""
        asked = Reference("assistance", "assistance", self.assistance)
        if self.person is None:
            return (asked,)
        return (asked, Reference("person", "person", self.person))

    def right(self) -> str:
        """Return the right to serve a request, or to answer as the firm that asked."""
        return "assistance" if self.deed in OF_FIRMS else "assistance.serve"

    def contradictions(self) -> Iterator[Problem]:
        """Yield an appointment without a time, and deeds that need words."""
        if self.deed is Deed.SCHEDULE and self.at is None:
            yield self.problem("at", "预约须填写时间", "an appointment has a time")
        if self.deed in _WORDED and not self.text.strip():
            yield self.problem("text", "须填写说明", f"{self.deed} needs words")


class Solution(Body, frozen=True, kw_only=True):
    """A problem of a firm that was solved on a visit, at a round table, on the telephone."""

    kind_name: ClassVar[str] = "solution"
    prefix: ClassVar[str] = "SL"

    id: Id
    enterprise: Id
    topic: Topic
    problem_text: Problems
    solution: Problems
    round_table: Id | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the firm, and the round table at which it came up."""
        firm = Reference("enterprise", "enterprise", self.enterprise)
        if self.round_table is None:
            return (firm,)
        return (firm, Reference("round_table", "round_table", self.round_table))


class Training(Body, frozen=True, kw_only=True):
    """Workers were trained, or a firm guided; of these firms, or of an industry's."""

    kind_name: ClassVar[str] = "training"
    prefix: ClassVar[str] = "TN"

    id: Id
    guidance: Guidance
    title: Name
    at: Moment
    enterprises: Firms = ()
    industry: Id | None = None
    attendees: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    report: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the firms."""
        return _firms(self.enterprises)

    def contradictions(self) -> Iterator[Problem]:
        """Yield training of nobody."""
        if not self.enterprises and self.industry is None:
            message = "name the firms, or an industry"
            yield self.problem("enterprises", "须填写企业或行业", message)


class RoundTable(Body, frozen=True, kw_only=True):
    """Officers and entrepreneurs met; what came up and was solved is entered as solutions."""

    kind_name: ClassVar[str] = "round_table"
    prefix: ClassVar[str] = "RT"

    id: Id
    title: Name
    at: Moment
    enterprises: Firms
    report: Report = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the firms."""
        return _firms(self.enterprises)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a table without guests."""
        if not self.enterprises:
            yield self.problem("enterprises", "须填写参会企业", "name the firms that came")


class Document(Body, frozen=True, kw_only=True):
    """A manual for the firms of an industry; a later one of the same id takes its place."""

    kind_name: ClassVar[str] = "document"
    prefix: ClassVar[str] = "DM"

    id: Id
    industry: Id
    title: Name
    text: Manual
    enabled: bool = True


class Reminder(Body, frozen=True, kw_only=True):
    """What a firm, or all of an industry, should see to until ``due``."""

    kind_name: ClassVar[str] = "reminder"
    prefix: ClassVar[str] = "RM"

    id: Id
    text: Problems
    enterprise: Id | None = None
    industry: Id | None = None
    due: Moment | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the firm."""
        return () if self.enterprise is None else _firms((self.enterprise,), "enterprise")

    def contradictions(self) -> Iterator[Problem]:
        """Yield a reminder of nobody, or of two."""
        if (self.enterprise is None) == (self.industry is None):
            message = "a reminder is for a firm or for an industry"
            yield self.problem("enterprise", "须填写企业或行业之一", message)


class ReminderRead(Body, frozen=True, kw_only=True):
    """A firm has read a reminder."""

    kind_name: ClassVar[str] = "reminder_read"

    enterprise: Id
    reminder: Id

    def references(self) -> tuple[Reference, ...]:
        """Return the firm and the reminder."""
        return (
            Reference("enterprise", "enterprise", self.enterprise),
            Reference("reminder", "reminder", self.reminder),
        )


BODIES: Final[tuple[type[Body], ...]] = (
    Assistance,
    AssistanceStep,
    Solution,
    Training,
    RoundTable,
    Document,
    Reminder,
    ReminderRead,
)
# Who may decide what of these.
RIGHTS: Final[Mapping[str, Roles]] = {
    "assistance": ENTERPRISE,
    "assistance.serve": OFFICERS,
    "solution": OFFICERS,
    "training": OFFICERS,
    "round_table": OFFICERS,
    "document": OFFICERS,
    "reminder": OFFICERS,
    "reminder_read": ENTERPRISE,
}


def _firms(enterprises: tuple[str, ...], field: str = "enterprises") -> tuple[Reference, ...]:
    return tuple(Reference(field, "enterprise", one) for one in enterprises)
