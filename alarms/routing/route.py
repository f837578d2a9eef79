"""What becomes of a notice: who gets it, by which way, when, and why; or why not.

    event ─► silenced? ─► roles ─► persons ─► heard before? ─► quiet? digest? ─► ways ─► Push
                     └► streams                                                   └► Silent

Nothing in here sends: a Push says from when on it may be sent, until when it is worth sending, and
which ways are left if this one fails.  Times are the system's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from wattwarden.alarms.acting.rights import upwards
from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.cases.case import Level
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.channels.channel import TOP_LEVEL
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.routing.bodies import Silence
from wattwarden.alarms.routing.hours import next_time
from wattwarden.alarms.routing.people import Scene, Way, members, on_duty, quiet_until, ways
from wattwarden.alarms.routing.table import Stream
from wattwarden.protocol.codec import DEFAULT_ZONE

_STREAM: Final = "stream:"


class Reason(StrEnum):
    """Why somebody gets a notice, or does not."""

    FIRST = "first"
    WORSE = "worse"
    REPEAT = "repeat"
    OVERDUE = "overdue"
    RESOLVED = "resolved"
    SILENCED = "silent because of a silence"
    OFF_DUTY = "silent because others are on duty"
    UNHEARD = "silent because the raise was not told"
    RECENT = "silent because of one told shortly before"
    NO_WAY = "silent because no endpoint has an address"
    NOBODY = "silent because nobody has the role"
    STALE = "silent because it fell due too long ago"


REASONS_ZH: Final[Mapping[Reason, str]] = {
    Reason.FIRST: "首次通知",
    Reason.WORSE: "等级升高",
    Reason.REPEAT: "重复提醒",
    Reason.OVERDUE: "整改超期",
    Reason.RESOLVED: "已消除",
    Reason.SILENCED: "已静默",
    Reason.OFF_DUTY: "由值班人员接收",
    Reason.UNHEARD: "未接收过报警",
    Reason.RECENT: "刚刚通知过",
    Reason.NO_WAY: "无可用联系方式",
    Reason.NOBODY: "无此角色人员",
    Reason.STALE: "已过时效",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What fell due for a case; ``grade`` is the class of its rule."""

    alarm: int
    at: datetime
    why: Why
    level: Level
    told: Roles
    rule: str
    grade: str
    subject: str
    mutable: bool = True
    digest: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recipient was told of an alarm: up to which level, and when last."""

    level: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A notice for a recipient by one way.

    ``due`` is from when on it may be sent, ``expires`` until when it is worth it.  From
    ``fallback_at`` on, or as soon as this way fails for good, the first of ``fallbacks`` is tried.
    ``detail`` says more than the reason: until when it is held, and what for.
    """

    recipient: str
    reason: Reason
    endpoint: str
    to: tuple[str, ...]
    language: str
    due: datetime
    expires: datetime
    fallback_at: datetime | None = None
    fallbacks: tuple[Way, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """A notice that a recipient does not get; ``recipient`` is a role where nobody has it."""

    recipient: str
    reason: Reason
    detail: str = ""


Outcome: TypeAlias = Push | Silent


def route(event: Event, scene: Scene, heard: Mapping[str, Heard]) -> list[Outcome]:
    """Return what becomes of an event, for everybody whom it might concern.

    Args:
        event: What fell due.
        scene: The firm, people, table and silences as they are now.
        heard: What was told of the same alarm before, by recipient.
    """
    return list(_routed(event, scene, heard))


def hear(heard: Mapping[str, Heard], event: Event, outcomes: Iterable[Outcome]) -> dict[str, Heard]:
    """Return what recipients have been told once these outcomes are sent."""
    after = dict(heard)
    for one in outcomes:
        if isinstance(one, Push):
            before = after.get(one.recipient)
            level = max(event.level, 0 if before is None else before.level)
            after[one.recipient] = Heard(level, event.at)
    return after


def silence_of(event: Event, silences: Iterable[Silence]) -> Silence | None:
    """Return the silence that covers an event of its firm, None for none."""
    kind, _, subject = event.subject.partition(":")
    for one in silences:
        if (
            one.start <= event.at < one.end
            and event.level <= one.level
            and (not one.rules or event.rule in one.rules)
            and (one.unit is None or (kind == "unit" and subject == one.unit))
        ):
            return one
    return None


def stream_name(stream: Stream) -> str:
    """Return how a stream is called as a recipient."""
    return f"{_STREAM}{stream.endpoint}" + (f":{','.join(stream.to)}" if stream.to else "")


def is_person(recipient: str) -> bool:
    """Tell whether a recipient is a person, and no stream."""
    return bool(recipient) and not recipient.startswith(_STREAM)


def _routed(event: Event, scene: Scene, heard: Mapping[str, Heard]) -> Iterator[Outcome]:
    patience = scene.table.patience(event.level)
    if scene.now >= event.at + timedelta(seconds=patience.expires_s):
        yield Silent("", Reason.STALE)
        return
    silence = silence_of(event, scene.silences)
    # Whoever heard of the raise hears of its end as well.
    if silence is not None and event.why is not Why.CLEARED:
        yield Silent("", Reason.SILENCED, f"{silence.id}: {silence.reason}")
        return
    yield from _to_people(event, scene, heard)
    yield from _to_streams(event, scene, heard)


def _to_people(event: Event, scene: Scene, heard: Mapping[str, Heard]) -> Iterator[Outcome]:
    if event.why is Why.CLEARED:
        for person in scene.people:
            if person.id in heard:
                yield from _to_person(event, scene, person, Reason.RESOLVED)
        return
    for role in sorted(event.told):
        everybody = members(scene, Role(role))
        if not everybody:
            yield Silent(f"role:{role}", Reason.NOBODY)
        serving = on_duty(scene, everybody, event.level)
        for person in everybody:
            if person not in serving:
                yield Silent(person.id, Reason.OFF_DUTY)
                continue
            reason = _why(event, heard.get(person.id), scene)
            if reason is Reason.RECENT:
                yield Silent(person.id, reason)
                continue
            yield from _to_person(event, scene, person, reason)


def _why(event: Event, before: Heard | None, scene: Scene) -> Reason:
    """Return why a recipient is told of an event that is no end."""
    if before is None:
        return Reason.FIRST
    if event.level > before.level:
        return Reason.WORSE
    if event.why is Why.OVERDUE:
        return Reason.OVERDUE
    recent = event.at - before.at < timedelta(seconds=scene.table.repeat_gap_s)
    return Reason.RECENT if recent else Reason.REPEAT


def _to_person(event: Event, scene: Scene, person: Person, reason: Reason) -> Iterator[Outcome]:
    table, known = scene.table, ways(scene, person)
    if not known:
        yield Silent(person.id, Reason.NO_WAY)
        return
    due, detail = _due(event, scene, person)
    beside = [one for one in known if _parallel(scene, one, event.level)]
    chain = [one for one in known if one not in beside]
    patience = table.patience(event.level)
    expires = max(due, event.at) + timedelta(seconds=patience.expires_s)
    for first, rest in ([(chain[0], chain[1:])] if chain else []) + [(one, []) for one in beside]:
        yield Push(
            recipient=person.id,
            reason=reason,
            endpoint=first.endpoint,
            to=(first.address,),
            language=person.language,
            due=due,
            expires=expires,
            fallback_at=due + timedelta(seconds=patience.fallback_s) if rest else None,
            fallbacks=tuple(rest),
            detail=detail,
        )


def _parallel(scene: Scene, way: Way, level: int) -> bool:
    least = scene.table.endpoint[way.endpoint].parallel
    return least is not None and level >= least


def _due(event: Event, scene: Scene, person: Person) -> tuple[datetime, str]:
    """Return from when on a person may be told, and what holds it until then."""
    due = scene.now + timedelta(seconds=scene.table.patience(event.level).wait_s)
    if event.digest:
        at = next_time(scene.table.digest_at, scene.now, DEFAULT_ZONE)
        return at, "held for the day's digest"
    if not event.mutable or event.grade in scene.table.never_muted or event.level >= TOP_LEVEL:
        return due, ""
    quiet = quiet_until(scene, person)
    return (due, "") if quiet is None else (max(due, quiet), "held by quiet hours")


def _to_streams(event: Event, scene: Scene, heard: Mapping[str, Heard]) -> Iterator[Outcome]:
    patience = scene.table.patience(event.level)
    for stream in scene.table.streams:
        name = stream_name(stream)
        if event.why is Why.CLEARED:
            reason = Reason.RESOLVED if name in heard else None
        else:
            reason = _why(event, heard.get(name), scene) if _gets(stream, event, scene) else None
        if reason is None:
            continue
        if reason is Reason.RECENT:
            yield Silent(name, reason)
            continue
        merges = scene.table.endpoint[stream.endpoint].kind().digest
        yield Push(
            recipient=name,
            reason=reason,
            endpoint=stream.endpoint,
            to=stream.to,
            language=stream.language,
            due=scene.now + timedelta(seconds=patience.wait_s if merges else 0),
            expires=max(scene.now, event.at) + timedelta(seconds=patience.expires_s),
        )


def _gets(stream: Stream, event: Event, scene: Scene) -> bool:
    firm = scene.firm
    if event.level < stream.level or (stream.classes and event.grade not in stream.classes):
        return False
    if stream.enterprises and (firm is None or firm.id not in stream.enterprises):
        return False
    if not stream.agencies:
        return True
    above = [] if firm is None else upwards(firm.agency, scene.agencies)
    return any(one in stream.agencies for one in above)
