"""What a notice says: title, text and the parts that templates take, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.cases.case import LEVELS_ZH, Level
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.routing.route import REASONS_ZH, Event, Reason
from wattwarden.protocol.codec import DEFAULT_ZONE

CHINESE: Final = "zh"
_FORM: Final = "%Y-%m-%d %H:%M"
LEVELS_EN: Final[Mapping[Level, str]] = {
    Level.REMINDER: "Reminder",
    Level.WARNING: "Warning",
    Level.ALARM: "Alarm",
    Level.SEVERE: "Severe alarm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What an alarm is about, as people call it; ``said`` and ``rule`` are in zh and en."""

    enterprise: str
    firm: str
    line: str
    what: str
    rule: tuple[str, str]
    said: tuple[str, str]
    raised: datetime
    ended: datetime | None
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class Wording:
    """A notice in words."""

    title: str
    text: str
    fields: Mapping[str, str]


def word(event: Event, matter: Matter, reason: Reason, language: str) -> Wording:
    """Return what a notice says; any language but Chinese is English."""
    chinese = language == CHINESE
    rule, said = (pair[0 if chinese else 1] for pair in (matter.rule, matter.said))
    level = LEVELS_ZH[event.level] if chinese else LEVELS_EN[event.level]
    mark = _mark(event, reason, level, chinese=chinese)
    subject = f"{matter.firm} {matter.what}".strip()
    lines = _lines_zh(matter, said) if chinese else _lines_en(matter, said)
    fields = {
        "alarm": str(event.alarm),
        "enterprise": matter.enterprise,
        "firm": matter.firm,
        "line": matter.line,
        "subject": event.subject,
        "what": matter.what or matter.firm,
        "rule": event.rule,
        "rule_name": rule,
        "class": event.grade,
        "level_name": level,
        "why": event.why.value,
        "reason": REASONS_ZH[reason] if chinese else reason.value,
        "raised": _local(matter.raised),
        "cleared": "" if matter.ended is None else _local(matter.ended),
        "deadline": "" if matter.deadline is None else _local(matter.deadline),
    }
    title = f"【{mark}】{subject}:{rule}" if chinese else f"[{mark}] {subject}: {rule}"
    return Wording(title, "\n".join(lines), fields)


def late_mark(minutes: int, language: str) -> str:
    """Return what stands before the title of a notice that comes late."""
    return f"【迟到{minutes}分钟】" if language == CHINESE else f"[{minutes} min late] "


def merged_title(count: int, level: int, language: str) -> str:
    """Return the title of several notices in one, by the gravest of them."""
    one = Level(level)
    if language == CHINESE:
        return f"【{LEVELS_ZH[one]}】{count}条通知汇总"
    return f"[{LEVELS_EN[one]}] {count} notices"


def others(count: int, language: str) -> str:
    """Return the last line of a merged notice that does not name all."""
    return f"另有{count}条,请登录平台查看" if language == CHINESE else f"and {count} more"


def _mark(event: Event, reason: Reason, level: str, *, chinese: bool) -> str:
    if event.why is Why.CLEARED:
        return "已消除" if chinese else "Cleared"
    if reason is Reason.FIRST:
        return level
    more = REASONS_ZH[reason] if chinese else reason.value
    return f"{level}·{more}" if chinese else f"{level}, {more}"


def _lines_zh(matter: Matter, said: str) -> list[str]:
    lines = [said] if said else []
    lines.append(f"报警时间:{_local(matter.raised)}")
    if matter.ended is not None:
        lines.append(f"消除时间:{_local(matter.ended)}")
    elif matter.deadline is not None:
        lines.append(f"整改期限:{_local(matter.deadline)}")
    return lines


def _lines_en(matter: Matter, said: str) -> list[str]:
    lines = [said] if said else []
    lines.append(f"Raised: {_local(matter.raised)}")
    if matter.ended is not None:
        lines.append(f"Cleared: {_local(matter.ended)}")
    elif matter.deadline is not None:
        lines.append(f"To be rectified by: {_local(matter.deadline)}")
    return lines


def _local(at: datetime) -> str:
    return at.astimezone(DEFAULT_ZONE).strftime(_FORM)
