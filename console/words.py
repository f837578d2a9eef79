"""What pages say, in both languages; Chinese is the first."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wattwarden.alarms.acting.roles import ROLES_ZH
from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import LEVELS_ZH, STATES_ZH, Level, State
from wattwarden.alarms.cases.lifecycle import DEEDS_ZH, VERBS_ZH, Deed
from wattwarden.alarms.decisions.bodies import Absence
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.routing.words import LEVELS_EN
from wattwarden.protocol.codec import DEFAULT_ZONE

# A header with more is nobody's wish.
MAX_ACCEPTED: Final = 16
_FORM: Final = "%Y-%m-%d %H:%M"


class Language(StrEnum):
    """In which language a page is."""

    CHINESE = "zh"
    ENGLISH = "en"


class Theme(StrEnum):
    """How a page is lit; ``SYSTEM``: as the reader's machine is."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


LANGUAGE_COOKIE: Final = "ww_lang"
THEME_COOKIE: Final = "ww_theme"
ROLES_EN: Final[Mapping[Role, str]] = {
    Role.DUTY: "Environment officer of the firm",
    Role.HEAD: "Head of the firm",
    Role.MAINTENANCE: "Maintenance",
    Role.DISTRICT_OFFICER: "District officer",
    Role.CITY_OFFICER: "City officer",
    Role.LEADER: "Leader",
    Role.ADMINISTRATOR: "Administrator",
    Role.AUDITOR: "Auditor",
}
STATES_EN: Final[Mapping[State, str]] = {
    State.PENDING: "being judged",
    State.RAISED: "not yet acknowledged",
    State.REOPENED: "came back, not yet acknowledged",
    State.ACKED: "acknowledged",
    State.CLEARED_UNACK: "gone, not yet acknowledged",
    State.CLEARED: "gone, still to be handled",
    State.DECLARED: "declared, under review",
    State.RECTIFYING: "being rectified",
    State.RECTIFIED: "rectified, to be verified",
    State.VERIFIED: "verified",
    State.CLOSED: "closed",
}
DONE_EN: Final[Mapping[str, str]] = {
    Verb.ACK: "acknowledged",
    Verb.HANDLE: "took it in hand",
    Verb.PLAN: "planned the rectification",
    Verb.RECTIFY: "rectified",
    Verb.VERIFY: "verified",
    Verb.REJECT: "sent it back",
    Verb.CLOSE: "closed",
    Verb.DECLARE: "declared",
    Verb.ESCALATE: "escalated it",
    Verb.COMMENT: "commented",
    Deed.RAISE: "raised",
    Deed.RECUR: "came back",
    Deed.CLEAR: "condition gone",
    Deed.PASS: "declaration approved",
    Deed.REFUSE: "declaration refused",
    Deed.REVOKE: "approval revoked",
    Deed.SETTLE: "closed by itself",
}
ABSENCES: Final[Mapping[Absence, tuple[str, str]]] = {
    Absence.OUTAGE: ("停运", "Stopped"),
    Absence.MAINTENANCE: ("检修、维保", "Maintenance"),
    Absence.METER_FAULT: ("表计故障", "Meter fault"),
    Absence.TRIAL: ("试车", "Trial run"),
    Absence.POWER_CUT: ("停电", "Power cut"),
}


def chosen(asked: str | None, accepted: str) -> Language:
    """Return the language of a page: the one asked for, else what the browser likes best."""
    if asked in tuple(Language):
        return Language(asked)
    for one in _liked(accepted):
        if one.startswith("zh"):
            return Language.CHINESE
        if one.startswith("en"):
            return Language.ENGLISH
    return Language.CHINESE


def theme_of(asked: str | None) -> Theme:
    """Return the theme that was asked for."""
    return Theme(asked) if asked in tuple(Theme) else Theme.SYSTEM


def role_name(role: Role, language: Language) -> str:
    """Name a role."""
    return ROLES_ZH[role] if language is Language.CHINESE else ROLES_EN[role]


def level_name(level: Level, language: Language) -> str:
    """Name a level."""
    return LEVELS_ZH[level] if language is Language.CHINESE else LEVELS_EN[level]


def state_name(state: State, language: Language) -> str:
    """Name where a case stands."""
    return STATES_ZH[state] if language is Language.CHINESE else STATES_EN[state]


def deed_name(deed: str, language: Language) -> str:
    """Name what happened to a case."""
    if language is Language.ENGLISH:
        return DONE_EN[deed]
    return VERBS_ZH[Verb(deed)] if deed in tuple(Verb) else DEEDS_ZH[Deed(deed)]


def local(at: datetime) -> str:
    """Write a moment as people read it."""
    return at.astimezone(DEFAULT_ZONE).strftime(_FORM)


def lasting(span: timedelta, language: Language) -> str:
    """Write a duration in words, to the minute.

    >>> lasting(timedelta(minutes=76), Language.CHINESE)
    '1 小时 16 分'
    """
    minutes = max(0, int(span.total_seconds()) // 60)
    parts = ((minutes // 1440, 0), (minutes // 60 % 24, 1), (minutes % 60, 2))
    names = ("天", "小时", "分") if language is Language.CHINESE else ("d", "h", "min")
    shown = [f"{count} {names[place]}" for count, place in parts if count]
    return " ".join(shown) or ("不到 1 分" if language is Language.CHINESE else "< 1 min")


def _liked(accepted: str) -> Iterable[str]:
    """Yield the languages of an Accept-Language header, the best first."""
    found = []
    for place, part in enumerate(accepted.split(",")[:MAX_ACCEPTED]):
        name, _, weight = part.strip().lower().partition(";q=")
        try:
            found.append((-float(weight or 1), place, name))
        except ValueError:
            continue
    return (name for _, _, name in sorted(found))
