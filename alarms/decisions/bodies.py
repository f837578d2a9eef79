"""What people decide of which readings are judged: the fold takes each of these.

    registry      records of the registry changed; the records themselves are its entries
    rules         another rule file is in force
    plan          production stopped or limited (停限产), for an enterprise, a line or a unit
    declaration   a unit or firm is declared stopped, in maintenance, metered wrongly… (申报)
    consumable    something that wears out and must be replaced or serviced (耗材)
    replacement   it was replaced or serviced
    patrol        somebody looked at a firm's machines (巡检)

A body with the ``id`` of an earlier one of its kind takes that one's place.  Moments are aware,
hours of a day are the enterprise's own.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Protocol

import msgspec

from wattwarden.alarms.decisions.body import Body, Clock, Moment, Reference, Report, Scope
from wattwarden.alarms.registry.nouns import Id, Name, Positive, Text
from wattwarden.alarms.registry.problems import Problem

# A rule file with every industry's template has some 40 KB.
MAX_RULES_LETTERS: Final = 524_288
# Photographs and papers of one replacement.
MAX_EVIDENCE: Final = 50

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Measure(StrEnum):
    """What a plan orders."""

    STOP = "stop"  # 停产
    LIMIT = "limit"  # 限产


class Cycle(StrEnum):
    """When, between its start and its end, a plan holds."""

    CONTINUOUS = "continuous"
    DAILY = "daily"


class WarningLevel(StrEnum):
    """The heavy-pollution warning (预警等级) that a plan answers."""

    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class Absence(StrEnum):
    """What is declared."""

    OUTAGE = "outage"  # 停运
    MAINTENANCE = "maintenance"  # 检修, 维保
    METER_FAULT = "meter_fault"  # 表计故障
    TRIAL = "trial"  # 试车
    POWER_CUT = "power_cut"  # 停电


class Repeat(StrEnum):
    """How a declared stretch comes again."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Review(StrEnum):
    """What became of a declaration; only an approved one excuses."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # 撤回: before it began, or before anybody reviewed it
    REVOKED = "revoked"  # 撤销: the approval was a mistake, and excuses nothing from the start


class RegistryChange(Body, frozen=True, kw_only=True):
    """How many records of each kind changed, and the SHA-256 of the changes, hexadecimal."""

    kind_name: ClassVar[str] = "registry"

    changed: dict[str, int]
    digest: str

    def contradictions(self) -> Iterator[Problem]:
        """Yield a digest that is none."""
        if not _DIGEST.fullmatch(self.digest):
            yield self.problem("digest", "摘要应为64位十六进制", "a digest has 64 hex digits")


class RuleSet(Body, frozen=True, kw_only=True):
    """A rule file (TOML) as a whole; ``version`` is the one that it gives itself."""

    kind_name: ClassVar[str] = "rules"

    version: Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RULES_LETTERS)]
    # What somebody else proposed; files of before there were drafts have none.
    draft: Id | None = None

    def references(self) -> tuple[Reference, ...]:
        """Return the draft."""
        return () if self.draft is None else (Reference("draft", "norm_draft", self.draft),)


class Plan(Body, frozen=True, kw_only=True):
    """Production of ``subject`` stopped, or limited by ``reduction`` (0.3 is 30 % less).

    From start to end, or within that only from ``from_hour`` to ``to_hour`` of each day; a
    ``to_hour`` not after ``from_hour`` is the next day's.  An exempt subject is named and let be.
    """

    kind_name: ClassVar[str] = "plan"
    prefix: ClassVar[str] = "PL"

    id: Id
    scope: Scope
    subject: Id
    measure: Measure
    start: Moment
    end: Moment
    reduction: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    cycle: Cycle = Cycle.CONTINUOUS
    from_hour: Clock | None = None
    to_hour: Clock | None = None
    level: WarningLevel | None = None
    exempt: bool = False
    enabled: bool = True
    # The energy of a normal day in Wh, where it was agreed; learned otherwise.
    base_energy: Positive | None = None
    reason: Text = ""
    # The response or the calendar that it follows from; "" where somebody ordered it by itself.
    origin: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, line or unit."""
        return (Reference("subject", self.scope, self.subject),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield measures and hours that do not go together."""
        yield from _span(self, self.start, self.end)
        yield from unordered(self, self)


class Ordered(Protocol):
    """What plans have in common with all that becomes plans: presets and calendars."""

    @property
    def measure(self) -> Measure:
        """Stop or limit."""

    @property
    def reduction(self) -> float | None:
        """How much less, of a limit."""

    @property
    def cycle(self) -> Cycle:
        """All the time, or some hours of each day."""

    @property
    def from_hour(self) -> str | None:
        """When it begins each day."""

    @property
    def to_hour(self) -> str | None:
        """When it ends each day."""


def unordered(body: Body, order: Ordered) -> Iterator[Problem]:
    """Yield what does not go together in an order; ``body`` is the decision that holds it."""
    if (order.measure is Measure.LIMIT) != (order.reduction is not None):
        message = "a limit has a reduction, a stop has none"
        yield body.problem("reduction", "限产须填写压减比例,停产不填", message)
    if order.cycle is Cycle.DAILY and (order.from_hour is None or order.to_hour is None):
        message = "a daily plan has hours from and to"
        yield body.problem("from_hour", "按日执行须填写每日起止时刻", message)
    if order.cycle is Cycle.CONTINUOUS and (order.from_hour or order.to_hour):
        message = "a continuous plan has no hours of the day"
        yield body.problem("from_hour", "连续执行不填每日起止时刻", message)


class Declaration(Body, frozen=True, kw_only=True):
    """``subject`` is declared absent from start to end, again each day or week up to ``until``.

    No stretch goes beyond ``until``.  An approved one ends sooner by a successor that says why.
    """

    kind_name: ClassVar[str] = "declaration"
    prefix: ClassVar[str] = "DC"

    id: Id
    scope: Scope
    subject: Id
    kind: Absence
    start: Moment
    end: Moment
    repeats: Repeat | None = None
    until: Moment | None = None
    state: Review = Review.PENDING
    reason: Text = ""
    opinion: Text = ""
    # Why it ends sooner than was declared, or was withdrawn; "" where neither is so.
    ended: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise, line or unit."""
        return (Reference("subject", self.scope, self.subject),)

    def right(self) -> str:
        """Return the right to declare, to review what was declared, or to end it sooner."""
        if self.state is Review.PENDING:
            return "declaration"
        ends = self.state is Review.WITHDRAWN or (self.state is Review.APPROVED and self.ended)
        return "declaration.end" if ends else "declaration.review"

    @property
    def last(self) -> datetime:
        """When it is over for good."""
        return self.end if self.until is None else self.until

    def contradictions(self) -> Iterator[Problem]:
        """Yield stretches that end before they begin."""
        yield from _span(self, self.start, self.end)
        if (self.repeats is None) != (self.until is None):
            message = "what comes again has a day until which it does"
            yield self.problem("until", "重复申报须填写重复方式和截止时间", message)
        if self.until is not None and self.until < self.end:
            message = "the last day is before the first stretch's end"
            yield self.problem("until", "重复截止时间早于首段结束时间", message)
        if self.state is Review.WITHDRAWN and not self.ended:
            yield self.problem("ended", "撤回须说明原因", "who withdraws says why")
        if self.state is Review.REVOKED and not self.opinion:
            yield self.problem("opinion", "撤销须说明原因", "who revokes an approval says why")


class Consumable(Body, frozen=True, kw_only=True):
    """A part of a unit that lasts ``limit_hours`` of running or ``limit_days``, whichever is first.

    ``kind`` is free: carbon, bags, lamp, catalyst, rotor, medium…; ``service`` is maintenance.
    """

    kind_name: ClassVar[str] = "consumable"
    prefix: ClassVar[str] = "CS"

    id: Id
    unit: Id
    kind: Name
    replaced_at: Moment
    limit_hours: Positive | None = None
    limit_days: Positive | None = None
    name: Text = ""
    enabled: bool = True

    def references(self) -> tuple[Reference, ...]:
        """Return the unit."""
        return (Reference("unit", "unit", self.unit),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a part that would last for ever."""
        if self.limit_hours is None and self.limit_days is None:
            message = "a limit in hours or in days is needed"
            yield self.problem("limit_hours", "须填写小时上限或天数上限", message)


class Replacement(Body, frozen=True, kw_only=True):
    """A consumable was replaced or the service done; its hours count from there."""

    kind_name: ClassVar[str] = "replacement"
    prefix: ClassVar[str] = "RP"

    id: Id
    consumable: Id
    replaced_at: Moment
    amount: Text = ""
    # The record of the waste's storage (危废入库), where there is waste.
    waste: Text = ""
    note: Text = ""
    # SHA-256 of files that were kept before: photographs, delivery notes.
    evidence: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_EVIDENCE)] = ()
    # An officer who checked it did not believe it: the hours count on from before.
    rejected: bool = False

    def references(self) -> tuple[Reference, ...]:
        """Return the consumable."""
        return (Reference("consumable", "consumable", self.consumable),)

    def right(self) -> str:
        """Return the right to replace, or to reject what was reported."""
        return "consumable_check" if self.rejected else "replacement"

    def contradictions(self) -> Iterator[Problem]:
        """Yield a file that is not named by its hash."""
        if not all(map(_DIGEST.fullmatch, self.evidence)):
            message = "a file is named by its SHA-256, 64 hex digits"
            yield self.problem("evidence", "附件须为64位十六进制摘要", message)


class Patrol(Body, frozen=True, kw_only=True):
    """Somebody looked; ``findings`` is "" when nothing was found."""

    kind_name: ClassVar[str] = "patrol"
    prefix: ClassVar[str] = "PT"

    id: Id
    scope: Scope
    subject: Id
    person: Id
    at: Moment
    findings: Report = ""
    # Why it is entered so long after it was.
    why: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return what was looked at, and who looked."""
        subject = Reference("subject", self.scope, self.subject)
        return (subject, Reference("person", "person", self.person))

    def contradictions(self) -> Iterator[Problem]:
        """Yield a patrol of a single unit: R18 knows none."""
        if self.scope is Scope.UNIT:
            message = "a patrol is of a firm or a line"
            yield self.problem("scope", "巡检对象为企业或产线", message)


def _span(body: Plan | Declaration, start: datetime, end: datetime) -> Iterator[Problem]:
    if end <= start:
        yield body.problem("end", "结束时间须晚于开始时间", "the end is not after the start")
