"""What stands against an action on a case, said so that whoever was second learns of the first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.cases.case import STATES_ZH, Case, Done, Level
from wattwarden.alarms.cases.grading import Grading
from wattwarden.alarms.cases.lifecycle import DEEDS_ZH, TRANSITIONS, VERBS_ZH, Deed, able
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.plant.orders import declared_hours
from wattwarden.alarms.registry.problems import Problem
from wattwarden.protocol.codec import DEFAULT_ZONE

_MOVES_NOTHING: Final = (Verb.COMMENT, Verb.ESCALATE)
# How people read times in sentences: local, to the minute.
_FORM: Final = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class File:
    """What is known of a file that is named as evidence."""

    sha256: str
    received_at: datetime
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an action is held against, beside the case.

    ``files`` are those of its evidence that were kept; ``declaration`` is the one that it names;
    ``name`` tells what a person is called, ``officer`` whether somebody is one; ``about`` is what
    the alarm is about.
    """

    grading: Grading
    now: datetime
    actor: str
    files: Sequence[File]
    declaration: Declaration | None
    name: Callable[[str], str]
    officer: Callable[[str], bool]
    about: "About"


@dataclass(frozen=True, slots=True)
class About:
    """The lines and units that an alarm is about; neither: its firm as a whole.

    ``beside`` are the other units of its lines: a wrong meter of one may explain what is said of
    another, where somebody reviews that.
    """

    lines: frozenset[str]
    units: frozenset[str]
    beside: frozenset[str] = frozenset()

    def has(self, declaration: Declaration) -> bool:
        """Tell whether a declaration of the same firm is about the same."""
        if declaration.scope is Scope.ENTERPRISE or not self.lines | self.units:
            return True
        if declaration.scope is Scope.LINE:
            return declaration.subject in self.lines
        reviewed = declaration.state is Review.PENDING
        return declaration.subject in (self.units | self.beside if reviewed else self.units)


FIRM: Final = About(frozenset(), frozenset())
"""Its firm as a whole."""


def against(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    """Yield what stands against an action on a case; nothing where it may be kept."""
    if action.verb not in TRANSITIONS[case.state]:
        yield _refused(case, action, terms)
        return
    match action.verb:
        case Verb.VERIFY | Verb.CLOSE:
            yield from _not_gone(case, action, terms)
        case Verb.RECTIFY:
            yield from _unproved(case, action, terms)
        case Verb.DECLARE:
            yield from _unfit(case, action, terms)
        case Verb.ESCALATE if case.episode.suppressed:
            zh = f"报警{case.id}不对外通知:另有报警已包含它,请升级那一条"
            en = f"alarm {case.id} is told to nobody: another says more; escalate that one"
            yield action.problem("verb", zh, en)
        case Verb.ESCALATE if case.level is Level.SEVERE:
            zh, en = f"报警{case.id}已是最高级", f"alarm {case.id} is of the highest level already"
            yield action.problem("verb", zh, en)
        case _:
            pass
    yield from _deadlines(case, action, terms)
    yield from _old_files(case, action, terms)


def older(case: Case, file: File) -> bool:
    """Tell whether a file was there before the alarm was: taken, or received."""
    return min(file.received_at, file.taken_at or file.received_at) < case.raised


def _refused(case: Case, action: Action, terms: Terms) -> Problem:
    """Say what state the case is in, who brought it there and when."""
    last = _last(case, action.verb)
    at = last.at.astimezone(DEFAULT_ZONE).strftime(_FORM)
    if last.actor == SYSTEM:
        by_zh, by_en = f"于{at}", f"{last.deed} at {at}"
    else:
        who = terms.name(last.actor)
        by_zh, by_en = f"已由{who}于{at}", f"{last.deed} by {who} at {at}"
    zh = f"报警{case.id}{by_zh}{_zh(last.deed)},现为{STATES_ZH[case.state]};"
    zh += f"{VERBS_ZH[action.verb]}须在{able(action.verb)}时办理"
    en = f"alarm {case.id} is {case.state} ({by_en}), which takes no {action.verb}"
    return action.problem("verb", zh, en)


def _zh(deed: str) -> str:
    return VERBS_ZH[Verb(deed)] if deed in tuple(Verb) else DEEDS_ZH[Deed(deed)]


def _last(case: Case, verb: Verb) -> Done:
    """Return who did the same before, else what brought the case where it is."""
    counted = [done for done in case.history if done.counts and done.deed not in _MOVES_NOTHING]
    same = [done for done in counted if done.deed == verb]
    return (same or counted)[-1]


def _not_gone(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    """Yield that the condition stands, or may come back as the same alarm."""
    if case.cleared is None:
        yield action.problem("verb", "报警条件仍未消除", "the alarm's condition still stands")
        return
    sure = case.cleared + timedelta(seconds=terms.grading.settle_s)
    if terms.now < sure:
        minutes = terms.grading.settle_s // 60
        zh = f"报警消除未满{minutes}分钟,可能复现"
        en = f"the condition went less than {minutes} min ago and may come back"
        yield action.problem("verb", zh, en)


def _unproved(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    if terms.grading.evidence(case.episode) and not action.evidence and not case.evidence:
        zh, en = "整改完成须附佐证材料", "what was rectified is to be shown by a file"
        yield action.problem("evidence", zh, en)


def _unfit(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    """Yield that a declaration does not explain the alarm."""
    declaration = terms.declaration
    if declaration is None:
        return
    if declaration.state not in (Review.PENDING, Review.APPROVED):
        zh = f"申报{declaration.id}未获通过或已撤销"
        en = f"declaration {declaration.id} was {declaration.state}"
        yield action.problem("declaration", zh, en)
    if not terms.about.has(declaration):
        zh = f"申报{declaration.id}的对象与报警无关"
        en = f"declaration {declaration.id} is about something else than the alarm"
        yield action.problem("declaration", zh, en)
        return
    begin, end = case.episode.began, case.cleared or terms.now
    hours = [(start, last) for start, last in declared_hours(declaration)
             if start <= end and last >= begin]  # fmt: skip
    if not hours:
        zh = f"申报{declaration.id}的时段与报警无关"
        en = f"declaration {declaration.id} is of another time than the alarm"
        yield action.problem("declaration", zh, en)
    elif declaration.state is Review.APPROVED and not _whole(hours, (begin, end), terms.grading):
        # Whoever approved it did not know of the alarm, and nobody would look at it again.
        zh = f"申报{declaration.id}只涵盖报警的部分时段,须另行申报并经审核"
        en = f"declaration {declaration.id} covers a part of the alarm; declare it anew"
        yield action.problem("declaration", zh, en)


def _whole(
    hours: Iterable[tuple[datetime, datetime]],
    span: tuple[datetime, datetime],
    grading: Grading,
) -> bool:
    """Tell whether hours, in order of time, cover a span, but for some minutes at either end."""
    begin, end = span
    reached = begin + timedelta(seconds=grading.declared_late_s)
    for start, last in hours:
        if start <= reached:
            reached = max(reached, last)
    return reached >= end - timedelta(seconds=grading.settle_s)


def _deadlines(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    """Yield deadlines that are past or too far, or later than the firm may set by itself."""
    if action.deadline is None:
        return
    # A firm's month runs from the alarm, so that it cannot be begun anew; an officer's from now.
    begins = terms.now if terms.officer(terms.actor) else case.raised
    own = _own_deadline(case, terms)
    furthest = max(begins + timedelta(seconds=terms.grading.plan_most_s), own)
    if not terms.now < action.deadline <= furthest:
        last = furthest.astimezone(DEFAULT_ZONE).strftime(_FORM)
        zh, en = (
            f"整改期限须在现在之后、{last}之前",
            f"a deadline is after now and not after {last}",
        )
        yield action.problem("deadline", zh, en)
    elif action.deadline > own and not terms.officer(terms.actor):
        last = own.astimezone(DEFAULT_ZONE).strftime(_FORM)
        zh = f"整改期限为{last},企业只能提前;延期须由执法人员批准"
        en = f"the deadline is {last}; a firm may be sooner, only an officer grants more time"
        yield action.problem("deadline", zh, en)
    for step in action.steps:
        if step.by > action.deadline:
            zh = f"步骤“{step.what}”晚于整改期限"
            yield action.problem("steps", zh, f"step {step.what!r} ends after the deadline")


def _own_deadline(case: Case, terms: Terms) -> datetime:
    """Return the latest deadline that the firm may set: the class's, or what an officer set."""
    given = [
        done.action.deadline
        for done in case.history
        if done.counts and done.action is not None and terms.officer(done.actor)
    ]
    set_by_officers = [deadline for deadline in given if deadline is not None]
    return set_by_officers[-1] if set_by_officers else terms.grading.deadline(case.episode)


def _old_files(case: Case, action: Action, terms: Terms) -> Iterator[Problem]:
    known = {file.sha256: file for file in terms.files}
    for digest in action.evidence:
        file = known.get(digest)
        if file is None:
            zh, en = f"未收到附件{digest[:12]}", f"there is no file {digest[:12]}"
            yield action.problem("evidence", zh, en)
        elif older(case, file):
            zh = f"附件{digest[:12]}早于报警发生,不能作为佐证"
            en = f"file {digest[:12]} is older than the alarm and proves nothing about it"
            yield action.problem("evidence", zh, en)
