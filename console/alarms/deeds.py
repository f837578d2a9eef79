"""What may be done about an alarm, by this person, now; and why the rest has to wait."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Level, State
from wattwarden.alarms.cases.lifecycle import TRANSITIONS
from wattwarden.alarms.registry.nouns import Person, Supervision
from wattwarden.console.alarms.seen import Seen
from wattwarden.console.drawing.said import NOTHING_SAID, Said


@dataclass(frozen=True, slots=True)
class Deeds:
    """What is possible, by name; the one that comes next; what others wait for."""

    able: frozenset[str]
    first: str
    waits: Said
    needs_file: bool


# The deed that is somebody's turn, the first that is possible.
_TURN: Final = ("ack", "review", "verify", "rectify", "handle")
_GONE: Final = (Verb.VERIFY, Verb.CLOSE)


def deeds_of(seen: Seen, person: Person) -> Deeds:
    """Return what a person may do about an alarm now."""
    case = seen.case
    able = {
        verb.value
        for verb in Verb
        if verb in TRANSITIONS[case.state]
        and person.role in RIGHTS[f"action.{verb}"]
        and (verb not in _GONE or _is_gone(seen))
        and (verb is not Verb.ESCALATE or case.level < Level.SEVERE)
    }
    if case.state is State.DECLARED and person.role in RIGHTS["declaration.review"]:
        able.add("review")
    if case.open and person.role in RIGHTS["task"]:
        able.add("task")
    first = next((one for one in _TURN if one in able), "")
    needs = seen.grading.evidence(case.episode) and not case.evidence
    return Deeds(frozenset(able), first, _waits(seen, person), needs)


def _is_gone(seen: Seen) -> bool:
    """Tell whether the condition went, for so long that it does not come back as the same."""
    cleared = seen.case.cleared
    settle = timedelta(seconds=seen.grading.settle_s)
    return cleared is not None and seen.now >= cleared + settle


def _waits(seen: Seen, person: Person) -> Said:
    """Say what somebody waits for."""
    case = seen.case
    if not case.open:
        return NOTHING_SAID
    if person.role not in OFFICERS:
        if case.state in (State.RECTIFIED, State.DECLARED):
            return Said("已提交，等执法人员审核。", "Sent; an officer looks at it.")
        if case.cleared is None:
            return Said("恢复运行后平台会自动认出。", "The platform notices when it is back.")
        return NOTHING_SAID
    if case.state is State.RECTIFIED and not _is_gone(seen):
        minutes = seen.grading.settle_s // 60
        return Said(
            f"核实要等条件消除满 {minutes} 分钟。",
            f"To be verified once the condition is gone for {minutes} min.",
        )
    parts_zh, parts_en = [], []
    if case.state not in (State.RECTIFIED, State.DECLARED):
        parts_zh.append("核实要等企业提交整改。")
        parts_en.append("Verifying waits for the firm's report.")
    if case.supervision is Supervision.POSITIVE:
        parts_zh.append("本企业在正面清单内，现场检查须由负责人批准。")
        parts_en.append("The firm is on the positive list: a visit takes a leader's word.")
    return Said("".join(parts_zh), " ".join(parts_en))
