"""A response from its issue to its end, as a fold of what was decided about it.

    ISSUED ──change──► ISSUED ──close──► CLOSED
       └──── its end has come ──► OVER

Nothing can be done about one that is over or closed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from wattwarden.alarms.decisions.bodies import WarningLevel
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.responses.bodies import Response, ResponseStep, ResponseVerb


class ResponseState(StrEnum):
    """Where a response is."""

    ISSUED = "issued"  # 已发布
    OVER = "over"  # 已到期
    CLOSED = "closed"  # 已解除


STATES_ZH: Final = {
    ResponseState.ISSUED: "已发布",
    ResponseState.OVER: "已到期",
    ResponseState.CLOSED: "已解除",
}
LEVELS_ZH: Final = {
    WarningLevel.YELLOW: "黄色(Ⅲ级响应)",
    WarningLevel.ORANGE: "橙色(Ⅱ级响应)",
    WarningLevel.RED: "红色(Ⅰ级响应)",
}
TRANSITIONS: Final[dict[tuple[ResponseState, ResponseVerb], ResponseState]] = {
    (ResponseState.ISSUED, ResponseVerb.CHANGE): ResponseState.ISSUED,
    (ResponseState.ISSUED, ResponseVerb.CLOSE): ResponseState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Deed:
    """A step, when it was entered, and by whom."""

    at: datetime
    actor: str
    step: ResponseStep


@dataclass(frozen=True, slots=True)
class Course:
    """A response as it stands; ``last`` is what was done about it last."""

    id: str
    level: WarningLevel
    start: datetime
    end: datetime
    regions: tuple[str, ...]
    number: str
    reason: str
    issued_at: datetime
    issued_by: str
    closed_at: datetime | None = None
    last: Deed | None = None

    def state(self, now: datetime) -> ResponseState:
        """Return where it is."""
        if self.closed_at is not None:
            return ResponseState.CLOSED
        return ResponseState.OVER if now >= self.end else ResponseState.ISSUED

    @property
    def ended(self) -> datetime:
        """When it ends, or ended."""
        return self.end if self.closed_at is None else min(self.end, self.closed_at)


def course_of(response: Response, at: datetime, actor: str, deeds: Iterable[Deed]) -> Course:
    """Fold a response, entered at a moment by somebody, and its steps in their order."""
    course = Course(
        response.id,
        response.level,
        response.start,
        response.end,
        response.regions,
        response.number,
        response.reason,
        at,
        actor,
    )
    for deed in deeds:
        course = stepped(course, deed)
    return course


def stepped(course: Course, deed: Deed) -> Course:
    """Return a response after a step that was admitted."""
    step = deed.step
    if step.verb is ResponseVerb.CLOSE:
        return replace(course, closed_at=deed.at, last=deed)
    return replace(
        course,
        level=step.level or course.level,
        start=step.start or course.start,
        end=step.end or course.end,
        regions=course.regions if step.regions is None else step.regions,
        last=deed,
    )


def refused_step(course: Course, step: ResponseStep, now: datetime) -> Problem | None:
    """Say why a step cannot be taken now; None where it can."""
    state = course.state(now)
    if (state, step.verb) not in TRANSITIONS:
        who = f",由{course.last.actor}办理" if course.last and state is ResponseState.CLOSED else ""
        zh = f"应急响应{STATES_ZH[state]}({local(course.ended)}{who})"
        en = f"response {course.id} is {state} since {local(course.ended)}"
        if who and course.last:
            en += f", by {course.last.actor}"
        return step.problem("response", zh, en)
    if step.verb is ResponseVerb.CLOSE:
        return None
    if course.start <= now and step.start is not None:
        zh, en = "应急响应已开始,不能再改开始时间", "it has begun: its start stays"
        return step.problem("start", zh, en)
    after = stepped(course, Deed(now, "", step))
    if after.end <= max(after.start, now):
        zh, en = "结束时间须晚于开始时间和当前时间", "the end is not after the start and now"
        return step.problem("end", zh, en)
    return None
