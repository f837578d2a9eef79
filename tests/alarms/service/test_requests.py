"""Requests for help: every state with every deed, and what they are counted by."""

from datetime import UTC, datetime, timedelta

import pytest

from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.service.bodies import (
    OF_FIRMS,
    TOPICS_ZH,
    Assistance,
    AssistanceStep,
    Deed,
    Document,
    Guidance,
    Reminder,
    RoundTable,
    Topic,
    Training,
)
from wattwarden.alarms.service.requests import (
    DEEDS_ZH,
    STATES_ZH,
    TRANSITIONS,
    Request,
    State,
    Step,
    fold,
    refused,
)

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
WAYS = {
    State.ASKED: (),
    State.ACCEPTED: (Deed.ACCEPT,),
    State.SOLVED: (Deed.SOLVE,),
    State.CONFIRMED: (Deed.SOLVE, Deed.CONFIRM),
    State.DECLINED: (Deed.DECLINE,),
    State.WITHDRAWN: (Deed.WITHDRAW,),
}
# What may follow; everything else is refused.
MAY = {
    State.ASKED: "accept schedule decline solve withdraw",
    State.ACCEPTED: "schedule decline solve withdraw",
    State.SOLVED: "confirm reopen",
    State.CONFIRMED: "",
    State.DECLINED: "",
    State.WITHDRAWN: "",
}


def step(deed: Deed, minute: int = 0, **more: object) -> Step:
    body = AssistanceStep(assistance="AS1", deed=deed, text="如此", **more)  # type: ignore[arg-type]  # any field of it
    return Step(body, "P1", NOON + timedelta(minutes=minute))


def after(*deeds: Deed) -> Request:
    body = Assistance(id="AS1", enterprise="E1", topic=Topic.PERMIT, problem_text="许可变更")
    return fold(Request(body, "P2", NOON), map(step, deeds))


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("state", State)
def test_every_deed_follows_or_is_refused_with_who_was_before(state: State, deed: Deed) -> None:
    request = after(*WAYS[state])
    assert request.state is state
    problem = refused(request, step(deed).body)
    if deed in MAY[state].split():
        assert problem is None
        assert (state, deed) in TRANSITIONS
    else:
        assert problem is not None
        assert STATES_ZH[state] in problem.zh
        assert DEEDS_ZH[deed] in problem.zh
        assert ("P2" if state is State.ASKED else "P1") in problem.en


def test_an_appointment_is_the_last_that_was_agreed() -> None:
    first, second = NOON + timedelta(days=1), NOON + timedelta(days=2)
    steps = [
        step(Deed.SCHEDULE, 1, at=first, person="P1"),
        step(Deed.SCHEDULE, 2, at=second),
    ]
    request = fold(after(), steps)
    assert (request.state, request.appointment, request.visitor) == (State.ACCEPTED, second, "P1")


def test_what_a_firm_reopens_is_solved_no_more_until_it_is_again() -> None:
    request = fold(after(), [step(Deed.SOLVE, 1), step(Deed.REOPEN, 2)])
    assert (request.solution, request.solved_at) == ("", None)
    request = fold(request, [step(Deed.SOLVE, 3), step(Deed.CONFIRM, 4)])
    assert request.solved_at == NOON + timedelta(minutes=3)
    assert request.solution == "如此"


@pytest.mark.parametrize(
    "body",
    [
        AssistanceStep(assistance="AS1", deed=Deed.SCHEDULE),
        AssistanceStep(assistance="AS1", deed=Deed.SOLVE, text="  "),
        AssistanceStep(assistance="AS1", deed=Deed.DECLINE),
        AssistanceStep(assistance="AS1", deed=Deed.REOPEN),
        Assistance(id="AS1", enterprise="E1", topic=Topic.OTHER, problem_text=""),
        Training(id="TN1", guidance=Guidance.PATROLS, title="巡检", at=NOON),
        RoundTable(id="RT1", title="座谈", at=NOON, enterprises=()),
        Reminder(id="RM1", text="换炭"),
        Reminder(id="RM1", text="换炭", enterprise="E1", industry="cement"),
        Document(id="DM1", industry="print", title="一业一册", text=""),
    ],
    ids=lambda body: f"{body.kind_name} {getattr(body, 'deed', '')}".strip(),
)
def test_what_says_too_little_or_too_much_is_refused(body: object) -> None:
    with pytest.raises(RefusedError):
        check_body(body)  # type: ignore[arg-type]  # each is a body


@pytest.mark.parametrize("deed", Deed)
def test_firms_answer_and_officers_serve(deed: Deed) -> None:
    right = "assistance" if deed in OF_FIRMS else "assistance.serve"
    assert step(deed).body.right() == right


def test_everything_has_a_name() -> None:
    assert set(TOPICS_ZH) == set(Topic)
    assert set(STATES_ZH) == set(State)
    assert set(DEEDS_ZH) == set(Deed)
