"""A case from what is known of it: the alarm, then everything that was done, in order of time.

    raise ─► clear, what settles by itself, actions, reviews, each when its time comes ─► Case

Folding never fails: what was decided of an alarm that late readings changed afterwards is in the
history, and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.cases.case import Case, Done, Ending, Episode, State
from wattwarden.alarms.cases.grading import Grading, Settles
from wattwarden.alarms.cases.lifecycle import TRANSITIONS, Deed
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.registry.nouns import Supervision


@dataclass(frozen=True, slots=True)
class Origin:
    """What a case begins with; ``parent`` is the alarm that it repeats."""

    episode: Episode
    supervision: Supervision
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A decision about an alarm, or a declaration of its enterprise."""

    at: datetime
    actor: str
    body: Action | Declaration


def fold_case(origin: Origin, said: Sequence[Said], grading: Grading, now: datetime) -> Case:
    """Return a case as it stands at a moment.

    Args:
        origin: The alarm.
        said: All actions on it and all declarations of its enterprise, in order of time.
        grading: Levels and what follows by itself.
        now: As of when; what was said later is left out.
    """
    course = _Course(origin)
    ended = origin.episode.ended
    course.move(origin.episode.raised, Deed.RAISE if origin.parent is None else Deed.RECUR)
    for one in said:
        if one.at > now:
            break
        if ended is not None and ended <= one.at:
            course.move(ended, Deed.CLEAR)
            ended = None
        # What has closed by itself by then is not opened by a word about it.
        course.settle(grading, one.at)
        course.take(one)
    if ended is not None and ended <= now:
        course.move(ended, Deed.CLEAR)
    course.settle(grading, now)
    return course.case(grading, now)


def settles_at(case: Case, grading: Grading) -> datetime | None:
    """Return when a case closes by itself, if nobody does anything about it before."""
    waits = case.handled is not None or case.escalated > 0
    return _settling(case.episode, case.state, case.history, grading, waits=waits)


def _settling(
    episode: Episode,
    state: State,
    history: Sequence[Done],
    grading: Grading,
    *,
    waits: bool,
) -> datetime | None:
    """Return when a case closes by itself; ``waits`` is whether people have it in hand."""
    last = max(done.at for done in history if done.counts)
    if state is State.VERIFIED:
        return last + timedelta(seconds=grading.close_after_s)
    if state not in (State.CLEARED, State.CLEARED_UNACK) or episode.ended is None or waits:
        return None
    brief = episode.ended - episode.began < timedelta(seconds=grading.brief_s)
    wanted = grading.settles(episode)
    if wanted is Settles.NEVER or (wanted is Settles.BRIEF and not brief):
        return None
    return max(last, episode.ended + timedelta(seconds=grading.settle_s))


_KEPT: Final = ("cause", "part", "fault", "deadline")


@dataclass(slots=True)
class _Course:
    """A case on its way: its state, its history, and what the actions left."""

    origin: Origin
    state: State = State.PENDING
    history: list[Done] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    cleared: bool = False
    declarations: dict[str, tuple[Said, Declaration]] = field(default_factory=dict)

    def move(self, at: datetime, deed: Deed, actor: str = SYSTEM, reason: str = "") -> None:
        """Let something happen that no action is; nothing where the table has no place for it."""
        if deed is Deed.CLEAR:
            self.cleared = True
        after = TRANSITIONS[self.state].get(deed)
        if after is not None:
            self.state = after
            self.history.append(Done(at, actor, deed, after, reason=reason))

    def take(self, said: Said) -> None:
        """Take an action, or what became of a declaration."""
        match said.body:
            case Action():
                self._act(said, said.body)
            case Declaration():
                self.declarations[said.body.id] = (said, said.body)
                self._review(said.body.id, said.at)

    def _act(self, said: Said, action: Action) -> None:
        after = TRANSITIONS[self.state].get(action.verb)
        counts = after is not None
        self.state = after or self.state
        self.history.append(
            Done(said.at, said.actor, action.verb, self.state, action, action.reason, counts)
        )
        if not counts:
            return
        self.values.update({name: getattr(action, name) for name in _KEPT if getattr(action, name)})
        if action.evidence:
            self.values["evidence"] = (*self.values.get("evidence", ()), *action.evidence)
        if action.steps:
            self.values |= {"plan": action.steps, "planned_by": said.actor}
        self._mark(said, action)

    def _mark(self, said: Said, action: Action) -> None:
        """Keep when and by whom each stage was reached."""
        values = self.values
        match action.verb:
            case Verb.ACK:
                values |= {"acked": said.at, "acked_by": said.actor}
            case Verb.HANDLE:
                values.setdefault("handled", said.at)
            case Verb.RECTIFY:
                values["rectified"] = said.at
            case Verb.REJECT:
                values.pop("rectified", None)
            case Verb.VERIFY:
                values["verified"] = said.at
            case Verb.CLOSE:
                ending = Ending.VERIFIED if "verified" in values else Ending.OFFICER
                values |= {"closed": said.at, "ending": ending}
            case Verb.ESCALATE:
                values["escalated"] = values.get("escalated", 0) + 1
            case Verb.DECLARE:
                values["declaration"] = action.declaration
                values.setdefault("declared", said.at)
                # Whoever declares has seen it.
                values.setdefault("acked", said.at)
                values.setdefault("acked_by", said.actor)
                self._review(str(action.declaration), said.at)
            case _:
                pass

    def _review(self, declaration: str, at: datetime) -> None:
        """Pass or refuse what was declared, or take the exemption back, as somebody has said."""
        said, body = self.declarations.get(declaration, (None, None))
        if said is None or body is None or self.values.get("declaration") != declaration:
            return
        waits, exempt = self.state is State.DECLARED, self.values.get("ending") is Ending.EXEMPT
        match body.state:
            case Review.APPROVED if waits:
                self.move(at, Deed.PASS, said.actor, body.opinion)
                self.values |= {"closed": at, "ending": Ending.EXEMPT}
            case Review.REJECTED | Review.WITHDRAWN | Review.REVOKED if waits:
                self._back(at, Deed.REFUSE, said.actor, body.opinion or body.ended)
            case Review.REVOKED if exempt:
                del self.values["closed"], self.values["ending"]
                self._back(at, Deed.REVOKE, said.actor, body.opinion)
            case _:
                pass

    def _back(self, at: datetime, deed: Deed, actor: str, reason: str) -> None:
        """Lead back to those who have to do something about it."""
        self.move(at, deed, actor, reason)
        if self.cleared:
            self.move(at, Deed.CLEAR)

    def settle(self, grading: Grading, now: datetime) -> None:
        """Close what has closed by itself by a moment."""
        episode = self.origin.episode
        waits = "handled" in self.values or "escalated" in self.values
        at = _settling(episode, self.state, self.history, grading, waits=waits)
        if at is not None and at <= now:
            ending = Ending.VERIFIED if self.state is State.VERIFIED else Ending.BRIEF
            self.move(at, Deed.SETTLE)
            self.values |= {"closed": at, "ending": ending}

    def case(self, grading: Grading, now: datetime) -> Case:
        """Return the case as it is by now."""
        episode = self.origin.episode
        values = {"deadline": grading.deadline(episode), **self.values}
        done = values.get("rectified") or values.get("closed")
        overdue = values["deadline"] < (now if done is None else min(done, now))
        up = int(overdue) + values.get("escalated", 0)
        return Case(
            episode=episode,
            supervision=self.origin.supervision,
            state=self.state,
            level=grading.level(episode, self.origin.supervision, now, up=up),
            overdue=overdue,
            parent=self.origin.parent,
            history=tuple(self.history),
            **values,
        )
