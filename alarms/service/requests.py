"""Requests for help (帮扶诉求): their states as one table, and the fold of what was done.

                     schedule ┐
    asked ─ accept ─► accepted ─ solve ─► solved ─ confirm ─► confirmed
      │ decline          │ ▲ decline        │ reopen
      ▼                  ▼ └────────────────┘
    declined          declined               withdraw (by the firm): asked, accepted ─► withdrawn

What an officer solved counts as solved from there on; the firm may say that it is not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from wattwarden.alarms.registry.problems import Problem
from wattwarden.alarms.service.bodies import Assistance, AssistanceStep, Deed


class State(StrEnum):
    """Where a request stands."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    SOLVED = "solved"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


STATES_ZH: Final[Mapping[State, str]] = {
    State.ASKED: "待受理",
    State.ACCEPTED: "已受理",
    State.SOLVED: "已给出方案",
    State.CONFIRMED: "企业已确认",
    State.DECLINED: "不予受理",
    State.WITHDRAWN: "已撤回",
}
DEEDS_ZH: Final[Mapping[Deed, str]] = {
    Deed.ACCEPT: "受理",
    Deed.DECLINE: "不予受理",
    Deed.SCHEDULE: "预约",
    Deed.SOLVE: "给出方案",
    Deed.CONFIRM: "确认解决",
    Deed.REOPEN: "反馈未解决",
    Deed.WITHDRAW: "撤回",
}
TRANSITIONS: Final[Mapping[tuple[State, Deed], State]] = {
    (State.ASKED, Deed.ACCEPT): State.ACCEPTED,
    (State.ASKED, Deed.SCHEDULE): State.ACCEPTED,
    (State.ASKED, Deed.DECLINE): State.DECLINED,
    (State.ASKED, Deed.SOLVE): State.SOLVED,
    (State.ASKED, Deed.WITHDRAW): State.WITHDRAWN,
    (State.ACCEPTED, Deed.SCHEDULE): State.ACCEPTED,
    (State.ACCEPTED, Deed.DECLINE): State.DECLINED,
    (State.ACCEPTED, Deed.SOLVE): State.SOLVED,
    (State.ACCEPTED, Deed.WITHDRAW): State.WITHDRAWN,
    (State.SOLVED, Deed.CONFIRM): State.CONFIRMED,
    (State.SOLVED, Deed.REOPEN): State.ACCEPTED,
}
# An officer found a solution, and the firm did not say otherwise.
SOLVED_STATES: Final = frozenset({State.SOLVED, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did, as it was entered."""

    body: AssistanceStep
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands.

    ``appointment`` and ``visitor`` are as last agreed; ``solved_at`` is None where it is not.
    """

    body: Assistance
    asked_by: str
    asked_at: datetime
    state: State = State.ASKED
    steps: tuple[Step, ...] = ()
    appointment: datetime | None = None
    visitor: str | None = None
    solution: str = ""
    solved_at: datetime | None = None


def fold(request: Request, steps: Iterable[Step]) -> Request:
    """Return a request after steps that were admitted, oldest first."""
    for step in steps:
        state = TRANSITIONS[request.state, step.body.deed]
        solved = state in SOLVED_STATES
        first = step.body.deed is Deed.SOLVE
        request = replace(
            request,
            state=state,
            steps=(*request.steps, step),
            appointment=step.body.at or request.appointment,
            visitor=step.body.person or request.visitor,
            solution=step.body.text if first else request.solution if solved else "",
            solved_at=step.at if first else request.solved_at if solved else None,
        )
    return request


def refused(request: Request, body: AssistanceStep) -> Problem | None:
    """Return why a step cannot follow, with who did what last; None if it can."""
    if (request.state, body.deed) in TRANSITIONS:
        return None
    last = request.steps[-1] if request.steps else None
    actor, at = (request.asked_by, request.asked_at) if last is None else (last.actor, last.at)
    when = at.isoformat(timespec="seconds")
    done_zh = "提出" if last is None else DEEDS_ZH[last.body.deed]
    done_en = "asked" if last is None else last.body.deed
    zh = f"该诉求{STATES_ZH[request.state]}(已由{actor}于{when}{done_zh}),不能{DEEDS_ZH[body.deed]}"
    en = f"it is {request.state} ({done_en} by {actor} at {when}): {body.deed} cannot follow"
    return body.problem("deed", zh, en)
