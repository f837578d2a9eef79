"""What happened to a case, in order: the machine, the levels, the people, what comes next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.acting.roles import ROLES_ZH
from wattwarden.alarms.cases.bodies import CAUSES_ZH, FAULTS_ZH, Verb
from wattwarden.alarms.cases.case import LEVELS_ZH, Done, Level
from wattwarden.alarms.cases.ladder import Why
from wattwarden.alarms.cases.lifecycle import DEEDS_ZH, VERBS_ZH, Deed
from wattwarden.alarms.registry.nouns import Role
from wattwarden.alarms.routing.words import LEVELS_EN
from wattwarden.console.alarms.seen import Seen
from wattwarden.console.alarms.words import CAUSES_EN, FAULTS_EN
from wattwarden.console.board.rows import person_of
from wattwarden.console.drawing.ladder import ladder_of
from wattwarden.console.drawing.said import NOTHING_SAID, Said
from wattwarden.console.words import DONE_EN, Language, role_name

# Told by the levels already; a repeated notice is no news in a story.
_QUIET: Final = frozenset({Deed.RAISE, Deed.RECUR})
_GRADES: Final = frozenset({Why.RAISED, Why.LASTS, Why.GRADED, Why.OVERDUE})
_GOOD: Final = frozenset({Deed.CLEAR, Deed.PASS, Deed.SETTLE, Verb.VERIFY, Verb.CLOSE})


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, or is to come; ``kind`` is how it is drawn."""

    at: datetime
    kind: str
    title: Said
    text: Said = NOTHING_SAID
    level: Level | None = None


def story_of(seen: Seen) -> list[Moment]:
    """Return all that happened to a case, oldest first, and what is to come behind it."""
    began = Moment(seen.case.episode.began, "machine", Said("情况开始", "It began"))
    found = [began, *_levels(seen), *_deeds(seen)]
    found.sort(key=lambda one: one.at)
    return [*found, *_next(seen)]


def _levels(seen: Seen) -> Iterator[Moment]:
    level: Level | None = None
    for one in seen.events:
        if one.why not in _GRADES or (level is not None and one.level <= level):
            continue
        rises = level is not None
        level = one.level
        zh, en = LEVELS_ZH[level], LEVELS_EN[level]
        title = Said(
            f"升为 L{level.value} {zh}" if rises else f"L{level.value} {zh}",
            f"Up to L{level.value} {en}" if rises else f"L{level.value} {en}",
        )
        roles = [Role(name) for name in one.told]
        told = Said(
            f"通知{'、'.join(ROLES_ZH[role] for role in roles)}" if roles else "",
            f"Told: {', '.join(role_name(role, Language.ENGLISH) for role in roles)}"
            if roles
            else "",
        )
        yield Moment(one.at, "grade", title, told, level)


def _deeds(seen: Seen) -> Iterator[Moment]:
    for one in seen.case.history:
        if one.deed in _QUIET:
            continue
        who = person_of(one.actor, seen.registry)
        verb = VERBS_ZH[Verb(one.deed)] if one.deed in tuple(Verb) else DEEDS_ZH[Deed(one.deed)]
        title = Said(f"{who}{verb}" if who else verb, f"{who} {DONE_EN[one.deed]}".strip())
        good = one.deed in _GOOD
        kind = "good" if good else "machine" if one.actor == SYSTEM else "person"
        yield Moment(one.at, kind, title, _text(one))


def _text(one: Done) -> Said:
    """Return what somebody said with a deed."""
    zh, en = [], []
    action = one.action
    reason = one.reason or (action.reason if action is not None else "")
    if not one.counts:
        zh.append("未生效，报警已更正")
        en.append("of no effect: the alarm was corrected")
    if action is not None and action.cause is not None:
        zh.append(f"原因：{CAUSES_ZH[action.cause]}")
        en.append(f"cause: {CAUSES_EN[action.cause]}")
    if action is not None and action.fault is not None:
        zh.append(f"判定：{FAULTS_ZH[action.fault]}")
        en.append(f"found: {FAULTS_EN[action.fault]}")
    if reason:
        zh.append(f"“{reason}”")
        en.append(f"“{reason}”")
    if action is not None and action.evidence:
        zh.append(f"附件 {len(action.evidence)} 份")
        en.append(f"{len(action.evidence)} file(s)")
    return Said("，".join(zh), ", ".join(en))


def _next(seen: Seen) -> Iterator[Moment]:
    ladder = ladder_of(seen.case, seen.grading, seen.now)
    if ladder.next_at is not None and ladder.next_level is not None:
        number = ladder.next_level.value
        title = Said(f"未恢复则升 L{number}", f"Up to L{number} unless it recovers")
        text = Said("自动升级并通知上一级", "By itself; the next in charge are told")
        yield Moment(ladder.next_at, "next", title, text, ladder.next_level)
    if seen.case.open and seen.case.deadline > seen.now:
        title = Said("整改期限", "Deadline")
        yield Moment(seen.case.deadline, "next", title)
