"""From a replacement to its off-site check: 帮扶提醒—规范更换—危废入库.

                 REPLACED ──store──► STORED ──pass──► CHECKED
                    │                   │
    REPLACED_CLEAN ─┼──store──► STORED  └──reject──► REJECTED: the hours count on from before
                    └─reject

A kind that leaves hazardous waste begins as REPLACED and cannot pass before that is in store.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from wattwarden.alarms.consumables.bodies import CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.numbers import Numbers
from wattwarden.alarms.consumables.wear import Level
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.enforcement.life import local
from wattwarden.alarms.registry.problems import Problem


class ChainState(StrEnum):
    """How far the records of a replacement are."""

    REPLACED = "replaced"  # 已更换,待危废入库
    REPLACED_CLEAN = "replaced_clean"  # 已更换,无危废
    STORED = "stored"  # 危废已入库,待核查
    CHECKED = "checked"  # 已核查
    REJECTED = "rejected"  # 核查不通过


class Verb(StrEnum):
    """What is done about a replacement."""

    STORE = "store"
    PASS = "pass"  # noqa: S105  no password
    REJECT = "reject"


class Colour(StrEnum):
    """How urgent a part is."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


STATES_ZH: Final = {
    ChainState.REPLACED: "已更换,待危废入库",
    ChainState.REPLACED_CLEAN: "已更换,待核查",
    ChainState.STORED: "危废已入库,待核查",
    ChainState.CHECKED: "已核查",
    ChainState.REJECTED: "核查不通过",
}
TRANSITIONS: Final[dict[tuple[ChainState, Verb], ChainState]] = {
    (ChainState.REPLACED, Verb.STORE): ChainState.STORED,
    (ChainState.REPLACED, Verb.REJECT): ChainState.REJECTED,
    (ChainState.REPLACED_CLEAN, Verb.STORE): ChainState.STORED,
    (ChainState.REPLACED_CLEAN, Verb.PASS): ChainState.CHECKED,
    (ChainState.REPLACED_CLEAN, Verb.REJECT): ChainState.REJECTED,
    (ChainState.STORED, Verb.PASS): ChainState.CHECKED,
    (ChainState.STORED, Verb.REJECT): ChainState.REJECTED,
}

Step: TypeAlias = WasteEntry | OffsiteCheck


@dataclass(frozen=True, slots=True)
class Deed:
    """A step, when it was entered, and by whom."""

    at: datetime
    actor: str
    step: Step


@dataclass(frozen=True, slots=True)
class Change:
    """A replacement, when it was entered and by whom, and what followed."""

    replacement: Replacement
    at: datetime
    actor: str
    state: ChainState
    deeds: tuple[Deed, ...] = ()


def change_of(
    part: Consumable,
    replacement: Replacement,
    entered: tuple[datetime, str],
    deeds: Iterable[Deed],
    numbers: Numbers,
) -> Change:
    """Fold a replacement of a part, entered when and by whom, and its steps in their order."""
    begins = ChainState.REPLACED_CLEAN
    if replacement.waste:
        begins = ChainState.STORED
    elif numbers.kind_of(part.kind).waste:
        begins = ChainState.REPLACED
    change = Change(replacement, *entered, begins)
    for deed in deeds:
        state = TRANSITIONS[change.state, verb_of(deed.step)]
        change = replace(change, state=state, deeds=(*change.deeds, deed))
    return change


def verb_of(step: Step) -> Verb:
    """Return what a step does."""
    if isinstance(step, WasteEntry):
        return Verb.STORE
    return Verb.PASS if step.result is CheckResult.PASS else Verb.REJECT


def refused_step(change: Change, step: Step, now: datetime) -> Problem | None:
    """Say why a step cannot be taken; None where it can."""
    verb = verb_of(step)
    if (change.state, verb) not in TRANSITIONS:
        return _out_of_turn(change, step, verb)
    if isinstance(step, WasteEntry):
        if step.stored_at < change.replacement.replaced_at:
            zh, en = "入库时间早于更换时间", "it was stored before it was replaced"
            return step.problem("stored_at", zh, en)
        if step.stored_at > now:
            return step.problem("stored_at", "入库时间在将来", "it is stored in the future")
    return None


def colour_of(change: Change | None, level: Level, numbers: Numbers, now: datetime) -> Colour:
    """Return how urgent a part is, by its wear and by the records of its last replacement."""
    if level is Level.OVERDUE:
        return Colour.RED
    if level is not Level.IN_USE or change is None:
        return Colour.GREEN if level is Level.IN_USE else Colour.AMBER
    if change.state is ChainState.REJECTED or waste_missing(change, numbers, now):
        return Colour.AMBER
    return Colour.GREEN


def waste_missing(change: Change, numbers: Numbers, now: datetime) -> bool:
    """Tell whether the used part should have been put in store by now."""
    late = change.replacement.replaced_at + timedelta(days=numbers.waste_days)
    return change.state is ChainState.REPLACED and now > late


def _out_of_turn(change: Change, step: Step, verb: Verb) -> Problem:
    number = change.replacement.id
    if change.state is ChainState.REPLACED and verb is Verb.PASS:
        zh, en = "尚无危废入库记录,不能核查通过", f"the waste of {number} is not in store yet"
        return step.problem("replacement", zh, en)
    last = change.deeds[-1] if change.deeds else None
    who = last.actor if last else change.actor
    at = local(last.at if last else change.at)
    zh = f"{STATES_ZH[change.state]}(由{who}于{at}办理)"
    en = f"replacement {number} is {change.state}, by {who} at {at}"
    return step.problem("replacement", zh, en)
