"""Heavy-pollution responses and off-peak calendars: the bodies of these decisions.

    preset          what a firm does at a warning level (一厂一策), or why it need not
    response        a warning answered (应急响应): level, area, from when to when
    response_step   it was changed, or closed
    calendar        production at off-peak times (错峰生产), of an industry or of one firm

Responses and calendars become plans, which readings are judged by.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar, Final

import msgspec

from wattwarden.alarms.acting.roles import CITY_OFFICERS, OFFICERS, Roles
from wattwarden.alarms.decisions.bodies import Cycle, Measure, WarningLevel, unordered
from wattwarden.alarms.decisions.body import Body, Clock, Moment, Reference, Scope
from wattwarden.alarms.registry.nouns import Id, Name, Positive, Text
from wattwarden.alarms.registry.problems import Problem

# A firm's plan names lines and installations; the largest steel works have some dozens.
MAX_CURBS: Final = 200
# Rotations of a winter, week by week.
MAX_SPANS: Final = 60
# All districts and towns of a city.
MAX_REGIONS: Final = 500
MAX_EXEMPT: Final = 2_000
# Each run of weekdays is a plan of each firm: three a week at most, 159 in a year.
MAX_WEEKDAY_SPANS: Final = timedelta(days=366)


class Exemption(StrEnum):
    """Why a firm is let be in a response."""

    PROTECTED = "protected"  # 保障类
    LIVELIHOOD = "livelihood"  # 民生
    SELF_DECIDED = "self_decided"  # A级企业自主减排
    POSITIVE_LIST = "positive_list"  # 重污染天气应急减排正面清单


EXEMPTIONS_ZH: Final = {
    Exemption.PROTECTED: "保障类",
    Exemption.LIVELIHOOD: "民生",
    Exemption.SELF_DECIDED: "自主减排",
    Exemption.POSITIVE_LIST: "正面清单",
}


class ResponseVerb(StrEnum):
    """What becomes of a response."""

    CHANGE = "change"
    CLOSE = "close"


class Weekday(StrEnum):
    """A day of the week on which a calendar holds."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEKDAYS_ZH: Final[Mapping[Weekday, str]] = dict(
    zip(Weekday, ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), strict=True)
)


class Curb(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a preset orders of one firm, line or unit; fields as a plan's."""

    scope: Scope
    subject: Id
    measure: Measure
    reduction: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    cycle: Cycle = Cycle.CONTINUOUS
    from_hour: Clock | None = None
    to_hour: Clock | None = None
    base_energy: Positive | None = None


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stretch of a calendar."""

    start: Moment
    end: Moment


class Preset(Body, frozen=True, kw_only=True):
    """What an enterprise does at a warning level; exempt, its curbs are named and not asked for."""

    kind_name: ClassVar[str] = "preset"
    prefix: ClassVar[str] = "PS"

    id: Id
    enterprise: Id
    level: WarningLevel
    curbs: Annotated[tuple[Curb, ...], msgspec.Meta(max_length=MAX_CURBS)] = ()
    exempt: Exemption | None = None
    enabled: bool = True
    note: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the enterprise and all that is curbed."""
        curbed = (Reference("curbs", curb.scope, curb.subject) for curb in self.curbs)
        return (Reference("enterprise", "enterprise", self.enterprise), *curbed)

    def contradictions(self) -> Iterator[Problem]:
        """Yield curbs that order nothing, or one subject twice."""
        if not self.curbs and self.exempt is None:
            message = "a preset says what is stopped or limited, or why nothing is"
            yield self.problem("curbs", "须填写停限产措施或豁免理由", message)
        for curb in self.curbs:
            yield from unordered(self, curb)
        subjects = [(curb.scope, curb.subject) for curb in self.curbs]
        for scope, subject in sorted({one for one in subjects if subjects.count(one) > 1}):
            message = f"{scope} {subject} is curbed twice"
            yield self.problem("curbs", f"{subject}重复填写", message)


class Response(Body, frozen=True, kw_only=True):
    """A warning level answered in some regions and all below them; none named: in the whole city.

    ``number`` is that of the order (文号).
    """

    kind_name: ClassVar[str] = "response"
    prefix: ClassVar[str] = "RE"

    id: Id
    level: WarningLevel
    start: Moment
    end: Moment
    regions: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_REGIONS)] = ()
    number: Text = ""
    reason: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the regions."""
        return tuple(Reference("regions", "region", region) for region in self.regions)

    def contradictions(self) -> Iterator[Problem]:
        """Yield a response that ends before it begins."""
        if self.end <= self.start:
            yield self.problem("end", "结束时间须晚于开始时间", "the end is not after the start")


class ResponseStep(Body, frozen=True, kw_only=True):
    """A response was changed (what is None stays) or closed."""

    kind_name: ClassVar[str] = "response_step"
    prefix: ClassVar[str] = "RS"

    id: Id
    response: Id
    verb: ResponseVerb
    level: WarningLevel | None = None
    regions: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_REGIONS)] | None = None
    start: Moment | None = None
    end: Moment | None = None
    reason: Text = ""

    def references(self) -> tuple[Reference, ...]:
        """Return the response and the regions."""
        regions = (Reference("regions", "region", region) for region in self.regions or ())
        return (Reference("response", "response", self.response), *regions)

    def contradictions(self) -> Iterator[Problem]:
        """Yield changes that change nothing, and closings that change something."""
        changed = any(one is not None for one in (self.level, self.regions, self.start, self.end))
        if self.verb is ResponseVerb.CHANGE and not changed:
            message = "a change names a level, regions, a start or an end"
            yield self.problem("verb", "调整须填写等级、区域、开始或结束时间", message)
        if self.verb is ResponseVerb.CLOSE and changed:
            yield self.problem("verb", "解除不填其他内容", "a closing changes nothing else")


class Calendar(Body, frozen=True, kw_only=True):
    """Off-peak production of an industry's firms, or of one firm, line or unit, in each span.

    With ``weekdays`` only on those local days of each span; a daily cycle's hours that go past
    midnight belong to the day on which they begin.  ``exempt`` are firms that are named and let be.
    """

    kind_name: ClassVar[str] = "calendar"
    prefix: ClassVar[str] = "CA"

    id: Id
    name: Name
    spans: Annotated[tuple[Span, ...], msgspec.Meta(min_length=1, max_length=MAX_SPANS)]
    measure: Measure
    industry: Text = ""
    scope: Scope | None = None
    subject: Text = ""
    reduction: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    cycle: Cycle = Cycle.CONTINUOUS
    from_hour: Clock | None = None
    to_hour: Clock | None = None
    weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=len(Weekday))] = ()
    exempt: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_EXEMPT)] = ()
    enabled: bool = True

    def references(self) -> tuple[Reference, ...]:
        """Return the subject; an industry's calendar names none and concerns the whole city."""
        if self.scope is None:
            return ()
        return (Reference("subject", self.scope, self.subject),)

    def contradictions(self) -> Iterator[Problem]:
        """Yield calendars of nobody, or of two; spans that end too early or overlap."""
        yield from unordered(self, self)
        if bool(self.industry) == (self.scope is not None):
            message = "a calendar is of an industry or of a subject"
            yield self.problem("industry", "须填写行业或对象之一", message)
        if (self.scope is None) != (not self.subject):
            message = "scope and subject go together"
            yield self.problem("subject", "对象类型与对象编号须同时填写", message)
        if any(span.end <= span.start for span in self.spans):
            yield self.problem("spans", "结束时间须晚于开始时间", "an end is not after its start")
        ordered = sorted(self.spans, key=lambda span: span.start)
        if any(after.start < before.end for before, after in pairwise(ordered)):
            yield self.problem("spans", "时段重叠", "spans overlap")
        whole = sum((span.end - span.start for span in self.spans), timedelta())
        if self.weekdays and whole > MAX_WEEKDAY_SPANS:
            message = "by weekdays a calendar is of a year at most"
            yield self.problem("weekdays", "按星期执行的日历不超过一年", message)


BODIES: Final[tuple[type[Body], ...]] = (Preset, Response, ResponseStep, Calendar)
# Who may decide what of these.  A response concerns the city, however small its area is.
RIGHTS: Final[Mapping[str, Roles]] = {
    "preset": OFFICERS,
    "response": CITY_OFFICERS,
    "response_step": CITY_OFFICERS,
    "calendar": OFFICERS,
}
