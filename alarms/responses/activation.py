"""From presets and calendars to plans, and from the plans that stand to those that are wanted.

    response (level, area) × presets ─┐
                                      ├─► wanted plans ─ revised(standing) ─► plans to enter
    calendar × firms of its industry ─┘

Exactly the presets of a level become plans, of the firms in the area; an exempt firm's plans say
that it is exempt, so that it is named and let be.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from wattwarden.alarms.decisions.bodies import Measure, Plan
from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.registry.nouns import Enterprise, Region
from wattwarden.alarms.responses.bodies import (
    EXEMPTIONS_ZH,
    Calendar,
    Curb,
    Exemption,
    Preset,
    Span,
    Weekday,
)
from wattwarden.alarms.responses.course import LEVELS_ZH, Course
from wattwarden.protocol.codec import DEFAULT_ZONE

_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = "24:00"


def in_area(
    firms: Iterable[Enterprise], regions: Collection[str], known: Mapping[str, Region]
) -> list[Enterprise]:
    """Return the firms of some regions and of those below them; no region: all firms."""
    if not regions:
        return list(firms)
    return [firm for firm in firms if not _upwards(firm.region, known).isdisjoint(regions)]


def exemption_of(
    preset: Preset, firm: Enterprise, self_decided: Collection[str]
) -> Exemption | None:
    """Return why a firm need not do what its preset says: as it says, or by its grade."""
    if preset.exempt is not None:
        return preset.exempt
    return Exemption.SELF_DECIDED if firm.performance_grade in self_decided else None


def response_plans(
    course: Course,
    firms: Iterable[Enterprise],
    presets: Mapping[str, Preset],
    self_decided: Collection[str],
) -> Iterator[Plan]:
    """Yield the plans that a response wants of firms in its area.

    Args:
        course: The response as it stands.
        firms: Those in its area.
        presets: In force at its level, by enterprise.
        self_decided: Performance grades that decide for themselves.
    """
    for firm in firms:
        preset = presets.get(firm.id)
        if preset is None or preset.level is not course.level or not preset.enabled:
            continue
        exempt = exemption_of(preset, firm, self_decided)
        reason = LEVELS_ZH[course.level] + (f" {EXEMPTIONS_ZH[exempt]}" if exempt else "")
        whole = Curb(scope=Scope.ENTERPRISE, subject=firm.id, measure=Measure.STOP)
        for curb in preset.curbs or (whole,):
            yield Plan(
                id=NEW,
                **msgspec.structs.asdict(curb),
                start=course.start,
                end=course.end,
                level=course.level,
                exempt=exempt is not None,
                reason=reason,
                origin=course.id,
            )


def calendar_plans(calendar: Calendar, firms: Collection[Enterprise], owner: str) -> Iterator[Plan]:
    """Yield the plans that a calendar wants; none once it is withdrawn.

    Args:
        calendar: As it stands.
        firms: All of them; those of its industry are chosen.
        owner: The enterprise of its subject, "" for an industry's.
    """
    if not calendar.enabled:
        return
    subjects = (
        [(calendar.scope, calendar.subject, owner)]
        if calendar.scope is not None
        else [
            (Scope.ENTERPRISE, firm.id, firm.id)
            for firm in firms
            if firm.industry == calendar.industry
        ]
    )
    zones = {firm.id: ZoneInfo(firm.zone) for firm in firms}
    for scope, subject, enterprise in subjects:
        for start, end in stretches(calendar, zones.get(enterprise, DEFAULT_ZONE)):
            yield Plan(
                id=NEW,
                scope=scope,
                subject=subject,
                measure=calendar.measure,
                reduction=calendar.reduction,
                cycle=calendar.cycle,
                from_hour=calendar.from_hour,
                to_hour=calendar.to_hour,
                start=start,
                end=end,
                exempt=enterprise in calendar.exempt,
                reason=calendar.name,
                origin=calendar.id,
            )


def stretches(calendar: Calendar, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a calendar holds in a zone: its spans, or runs of its weekdays within them."""
    for span in calendar.spans:
        if not calendar.weekdays:
            yield span.start, span.end
            continue
        for first, last in _runs(calendar.weekdays, span, zone):
            start = max(_clock(first, calendar.from_hour or "00:00", zone), span.start)
            end = min(_ending(calendar, last, zone), span.end)
            if start < end:
                yield start, end


def _runs(weekdays: Collection[Weekday], span: Span, zone: tzinfo) -> Iterator[tuple[date, date]]:
    """Yield the first and last of days one after another that are such weekdays, by local days."""
    # The day before may go on past midnight.
    day = span.start.astimezone(zone).date() - _DAY
    end = span.end.astimezone(zone).date()
    names, first = tuple(Weekday), None
    while day <= end:
        chosen = names[day.weekday()] in weekdays
        if chosen and first is None:
            first = day
        if not chosen and first is not None:
            yield first, day - _DAY
            first = None
        day += _DAY
    if first is not None:
        yield first, end


def _ending(calendar: Calendar, last: date, zone: tzinfo) -> datetime:
    """When a run of days ends: at the end of the last one, or of the hours that begin on it."""
    if calendar.from_hour is None or calendar.to_hour is None:
        return _clock(last, _MIDNIGHT, zone)
    past_midnight = calendar.to_hour <= calendar.from_hour
    return _clock(last + _DAY if past_midnight else last, calendar.to_hour, zone)


def _clock(day: date, hour: str, zone: tzinfo) -> datetime:
    if hour == _MIDNIGHT:
        day, hour = day + _DAY, "00:00"
    return datetime.combine(day, time.fromisoformat(hour), zone).astimezone(UTC)


def revised(standing: Sequence[Plan], wanted: Iterable[Plan], now: datetime) -> Iterator[Plan]:
    """Yield the plans to enter so that from now on those stand that are wanted, and no others.

    What a plan ordered before now stays as it was: one that is no longer wanted ends now, and one
    that begins is nobody's duty before it was decided.

    Args:
        standing: The newest of each id of one origin, ended ones too.
        wanted: Of the same origin; their ids are not looked at.
        now: When this is decided.
    """
    open_wishes: dict[Plan, list[Plan]] = {}
    for plan in sorted(wanted, key=lambda plan: plan.start):
        if plan.end > now:
            open_wishes.setdefault(_order(plan), []).append(plan)
    for plan in sorted(standing, key=lambda plan: plan.start):
        if not plan.enabled or plan.end <= now:
            continue
        wish = _taken(open_wishes.get(_order(plan), []), plan, now)
        if wish is None:
            yield _ended(plan, now)
        else:
            yield from _kept(plan, wish, now)
    number = len(standing)
    for wishes in open_wishes.values():
        for plan in wishes:
            number += 1
            start = max(plan.start, now)
            yield msgspec.structs.replace(plan, id=f"{plan.origin}.{number}", start=start)


def _taken(wishes: list[Plan], plan: Plan, now: datetime) -> Plan | None:
    """Take the first wish that a plan can serve; one that runs serves none that is to come."""
    begun = plan.start <= now
    for place, wish in enumerate(wishes):
        if (wish.start <= now) == begun:
            return wishes.pop(place)
    return None


def _kept(plan: Plan, wish: Plan, now: datetime) -> Iterator[Plan]:
    start = plan.start if plan.start <= now else max(wish.start, now)
    if (start, wish.end) != (plan.start, plan.end):
        yield msgspec.structs.replace(plan, start=start, end=wish.end)


def _ended(plan: Plan, now: datetime) -> Plan:
    if plan.start >= now:
        return msgspec.structs.replace(plan, enabled=False)
    return msgspec.structs.replace(plan, end=now)


def _order(plan: Plan) -> Plan:
    """What a plan orders, whenever that is."""
    never = datetime.max.replace(tzinfo=plan.start.tzinfo)
    return msgspec.structs.replace(plan, id=NEW, start=never, end=never, enabled=True)


def _upwards(region: str, known: Mapping[str, Region]) -> set[str]:
    """Return a region and those above it."""
    found: set[str] = set()
    at: str | None = region
    while at is not None and at not in found:
        found.add(at)
        above = known.get(at)
        at = None if above is None else above.parent
    return found
