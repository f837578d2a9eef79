"""What people decide: the body of each kind of decision, and what a body must satisfy.

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
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from wattwarden.alarms.registry.nouns import Id, Name, Positive, Text
from wattwarden.alarms.registry.problems import Problem, RefusedError

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
# A rule file with every industry's template has some 40 KB.
MAX_RULES_LETTERS: Final = 524_288
# Longer reports are attachments; a form's field holds a page.
MAX_REPORT_LETTERS: Final = 4_000

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """What a plan, declaration or patrol is about."""

    ENTERPRISE = "enterprise"
    LINE = "line"
    UNIT = "unit"


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


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a decision says."""


class RegistryChange(Body, frozen=True, kw_only=True):
    """How many records of each kind changed, and the SHA-256 of the changes, hexadecimal."""

    changed: dict[str, int]
    digest: str


class RuleSet(Body, frozen=True, kw_only=True):
    """A rule file (TOML) as a whole; ``version`` is the one that it gives itself."""

    version: Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_RULES_LETTERS)]


class Plan(Body, frozen=True, kw_only=True):
    """Production of ``subject`` stopped, or limited by ``reduction`` (0.3 is 30 % less).

    From start to end, or within that only from ``from_hour`` to ``to_hour`` of each day; a
    ``to_hour`` not after ``from_hour`` is the next day's.  An exempt subject is named and let be.
    """

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


class Declaration(Body, frozen=True, kw_only=True):
    """``subject`` is declared absent from start to end, again each day or week up to ``until``."""

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


class Consumable(Body, frozen=True, kw_only=True):
    """A part of a unit that lasts ``limit_hours`` of running or ``limit_days``, whichever is first.

    ``kind`` is free: carbon, bags, lamp, catalyst, rotor, medium…; ``service`` is maintenance.
    """

    id: Id
    unit: Id
    kind: Name
    replaced_at: Moment
    limit_hours: Positive | None = None
    limit_days: Positive | None = None
    name: Text = ""
    enabled: bool = True


class Replacement(Body, frozen=True, kw_only=True):
    """A consumable was replaced or the service done; its hours count from there."""

    id: Id
    consumable: Id
    replaced_at: Moment
    amount: Text = ""
    # The record of the waste's storage (危废入库), where there is waste.
    waste: Text = ""
    note: Text = ""


class Patrol(Body, frozen=True, kw_only=True):
    """Somebody looked; ``findings`` is "" when nothing was found."""

    id: Id
    scope: Scope
    subject: Id
    person: Id
    at: Moment
    findings: Annotated[str, msgspec.Meta(max_length=MAX_REPORT_LETTERS)] = ""


AnyBody: TypeAlias = (
    RegistryChange | RuleSet | Plan | Declaration | Consumable | Replacement | Patrol
)

BODIES: Final[dict[str, type[AnyBody]]] = {
    "registry": RegistryChange,
    "rules": RuleSet,
    "plan": Plan,
    "declaration": Declaration,
    "consumable": Consumable,
    "replacement": Replacement,
    "patrol": Patrol,
}
_KINDS: Final[dict[type[AnyBody], str]] = {body: kind for kind, body in BODIES.items()}


def kind_of(body: AnyBody) -> str:
    """Return the kind of decision that a body is of."""
    return _KINDS[type(body)]


def decode_body(kind: str, text: str | bytes) -> AnyBody:
    """Read a body from JSON.

    Raises:
        ValueError: The kind is unknown, or the text is no body of it.
    """
    try:
        return msgspec.json.decode(text, type=BODIES[kind])
    except KeyError:
        message = f"a decision is one of {', '.join(BODIES)}, got {kind!r}"
        raise ValueError(message) from None


class Reference(NamedTuple):
    """A field of a body that names a record of the registry, or an earlier decision's body."""

    field: str
    kind: str
    id: str


def references_of(body: AnyBody) -> tuple[Reference, ...]:
    """Return what a body refers to; the first says which enterprise the decision concerns."""
    match body:
        case Plan() | Declaration():
            return (Reference("subject", body.scope, body.subject),)
        case Consumable():
            return (Reference("unit", "unit", body.unit),)
        case Replacement():
            return (Reference("consumable", "consumable", body.consumable),)
        case Patrol():
            subject = Reference("subject", body.scope, body.subject)
            return (subject, Reference("person", "person", body.person))
        case _:
            return ()


def dangling(body: AnyBody, reference: Reference) -> Problem:
    """Say that what a body refers to is not there."""
    named = f"{reference.kind} {reference.id}"
    return _problem(body, reference.field, f"档案中没有 {named}", f"there is no {named}")


def check_body(body: AnyBody) -> None:
    """Refuse a body that contradicts itself; what its fields may hold is checked as well.

    Raises:
        RefusedError: It does, or a field is out of bounds; every problem is named.
    """
    try:
        # Structs made in Python were never held against their own bounds.
        msgspec.convert(msgspec.to_builtins(body), type(body))
    except msgspec.ValidationError as error:
        raise RefusedError([_problem(body, "", "字段不合规", str(error))]) from error
    problems = list(_contradictions(body))
    if problems:
        raise RefusedError(problems)


def _contradictions(body: AnyBody) -> Iterator[Problem]:
    match body:
        case RegistryChange() if not _DIGEST.fullmatch(body.digest):
            yield _problem(body, "digest", "摘要应为64位十六进制", "a digest has 64 hex digits")
        case Plan():
            yield from _span(body, body.start, body.end)
            yield from _plan(body)
        case Declaration():
            yield from _span(body, body.start, body.end)
            yield from _declaration(body)
        case Consumable() if body.limit_hours is None and body.limit_days is None:
            message = "a limit in hours or in days is needed"
            yield _problem(body, "limit_hours", "须填写小时上限或天数上限", message)
        case Patrol() if body.scope is Scope.UNIT:
            yield _problem(body, "scope", "巡检对象为企业或产线", "a patrol is of a firm or a line")
        case _:
            pass


def _span(body: Plan | Declaration, start: datetime, end: datetime) -> Iterator[Problem]:
    if end <= start:
        yield _problem(body, "end", "结束时间须晚于开始时间", "the end is not after the start")


def _plan(plan: Plan) -> Iterator[Problem]:
    if (plan.measure is Measure.LIMIT) != (plan.reduction is not None):
        message = "a limit has a reduction, a stop has none"
        yield _problem(plan, "reduction", "限产须填写压减比例,停产不填", message)
    if plan.cycle is Cycle.DAILY and (plan.from_hour is None or plan.to_hour is None):
        message = "a daily plan has hours from and to"
        yield _problem(plan, "from_hour", "按日执行须填写每日起止时刻", message)
    if plan.cycle is Cycle.CONTINUOUS and (plan.from_hour or plan.to_hour):
        message = "a continuous plan has no hours of the day"
        yield _problem(plan, "from_hour", "连续执行不填每日起止时刻", message)


def _declaration(declaration: Declaration) -> Iterator[Problem]:
    if (declaration.repeats is None) != (declaration.until is None):
        message = "what comes again has a day until which it does"
        yield _problem(declaration, "until", "重复申报须填写重复方式和截止时间", message)
    if declaration.until is not None and declaration.until < declaration.end:
        message = "the last day is before the first stretch's end"
        yield _problem(declaration, "until", "重复截止时间早于首段结束时间", message)


def _problem(body: AnyBody, field: str, zh: str, en: str) -> Problem:
    return Problem(kind_of(body), str(getattr(body, "id", "")), field, zh, en)
