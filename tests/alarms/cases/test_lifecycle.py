"""The lifecycle: each pair of a state and a deed, allowed or refused."""

import pytest
from tests.alarms.cases.made import GRADING, action, after, case, declared, did, episode

from wattwarden.alarms.acting.roles import OFFICERS
from wattwarden.alarms.cases.bodies import RIGHTS, Verb
from wattwarden.alarms.cases.case import STATES_ZH, Case, Level, State
from wattwarden.alarms.cases.lifecycle import DEEDS_ZH, TRANSITIONS, VERBS_ZH, Deed, able
from wattwarden.alarms.cases.standing import About, File, Terms, against

HANDLED = [did(1, Verb.ACK), did(2, Verb.HANDLE)]
RECTIFIED = [*HANDLED, did(3, Verb.RECTIFY)]
VERIFIED = [*RECTIFIED, did(20, Verb.VERIFY, "P1")]
# A case in each state that people may find it in, half an hour after the raise.
CASES: dict[State, Case] = {
    State.RAISED: case(),
    State.REOPENED: case(parent=7),
    State.ACKED: case([did(1, Verb.ACK)]),
    State.CLEARED_UNACK: case(of=episode(ended=5)),
    State.CLEARED: case([did(1, Verb.ACK)], of=episode(ended=5)),
    State.DECLARED: case([declared(1), did(2, Verb.DECLARE)]),
    State.RECTIFYING: case(HANDLED, of=episode(ended=5)),
    State.RECTIFIED: case(RECTIFIED, of=episode(ended=5)),
    State.VERIFIED: case(VERIFIED, of=episode(ended=5)),
    State.CLOSED: case([*VERIFIED, did(25, Verb.CLOSE, "P1")], of=episode(ended=5)),
}
# What each state takes from people; everything else is refused.
TAKES = {
    State.RAISED: "ack declare escalate comment",
    State.REOPENED: "ack declare escalate comment",
    State.ACKED: "handle plan declare escalate comment",
    State.CLEARED_UNACK: "ack declare close escalate comment",
    State.CLEARED: "handle plan declare close escalate comment",
    State.DECLARED: "escalate comment",
    State.RECTIFYING: "handle plan rectify close escalate comment",
    State.RECTIFIED: "verify reject escalate comment",
    State.VERIFIED: "close comment",
    State.CLOSED: "comment",
}
LEADS = {
    (State.RAISED, Verb.ACK): State.ACKED,
    (State.REOPENED, Verb.ACK): State.ACKED,
    (State.CLEARED_UNACK, Verb.ACK): State.CLEARED,
    (State.ACKED, Verb.HANDLE): State.RECTIFYING,
    (State.CLEARED, Verb.HANDLE): State.RECTIFYING,
    (State.RECTIFYING, Verb.RECTIFY): State.RECTIFIED,
    (State.RECTIFIED, Verb.VERIFY): State.VERIFIED,
    (State.RECTIFIED, Verb.REJECT): State.RECTIFYING,
    (State.VERIFIED, Verb.CLOSE): State.CLOSED,
    (State.CLEARED, Verb.CLOSE): State.CLOSED,
    (State.CLEARED_UNACK, Verb.CLOSE): State.CLOSED,
    (State.RECTIFYING, Verb.CLOSE): State.CLOSED,
    (State.RAISED, Verb.DECLARE): State.DECLARED,
    (State.REOPENED, Verb.DECLARE): State.DECLARED,
    (State.ACKED, Verb.DECLARE): State.DECLARED,
    (State.CLEARED_UNACK, Verb.DECLARE): State.DECLARED,
    (State.CLEARED, Verb.DECLARE): State.DECLARED,
}
PAIRS = [(state, verb) for state in CASES for verb in Verb]


def terms() -> Terms:
    file = File("ab" * 32, after(1))
    names = {"P1": "王建国", "P2": "李敏"}.__getitem__
    about = About(frozenset({"L1"}), frozenset({"U2"}))
    return Terms(GRADING, after(31), "P2", [file], None, names, "P1".__eq__, about)


def test_the_table_names_each_state_once() -> None:
    assert set(TRANSITIONS) == set(State) == set(STATES_ZH)
    assert set(CASES) == set(State) - {State.PENDING}
    assert all(CASES[state].state is state for state in CASES)


@pytest.mark.parametrize(("state", "verb"), PAIRS, ids=[f"{s}-{v}" for s, v in PAIRS])
def test_a_state_takes_what_the_table_says_and_refuses_the_rest(state: State, verb: Verb) -> None:
    found = list(against(CASES[state], action(verb), terms()))
    if verb in TAKES[state].split():
        assert found == []
        expected = LEADS.get((state, verb), state)
        assert TRANSITIONS[state][verb] is expected
    else:
        (problem,) = found
        assert STATES_ZH[state] in problem.zh
        assert state in problem.en


@pytest.mark.parametrize("state", [*State])
def test_the_condition_goes_in_every_state_but_is_rectified_in_none(state: State) -> None:
    after_it = TRANSITIONS[state].get(Deed.CLEAR)
    assert after_it not in (State.RECTIFIED, State.VERIFIED) or state is after_it
    assert (after_it is None) == (state in (
        State.PENDING, State.CLEARED, State.CLEARED_UNACK, State.VERIFIED
    ))  # fmt: skip


# What happens without the firm: time goes on, officers act.
BY_OFFICERS = {*Deed} | {verb for verb in Verb if RIGHTS[f"action.{verb}"] & OFFICERS}


@pytest.mark.parametrize("state", [*State])
def test_every_case_can_be_ended_without_its_firm(state: State) -> None:
    reached, before = {state}, set[State]()
    while reached != before:
        before = set(reached)
        moves = [TRANSITIONS[one].items() for one in before]
        reached |= {to for many in moves for deed, to in many if deed in BY_OFFICERS}
    assert State.CLOSED in reached


@pytest.mark.parametrize("state", [State.CLEARED_UNACK, State.CLEARED, State.RECTIFYING])
def test_an_officer_closes_at_once_what_is_gone_and_not_what_stands(state: State) -> None:
    assert list(against(CASES[state], action(Verb.CLOSE), terms())) == []
    standing = case(HANDLED)
    assert [one.field for one in against(standing, action(Verb.CLOSE), terms())] == ["verb"]


def test_who_is_second_is_told_who_was_first_and_when() -> None:
    (problem,) = against(CASES[State.ACKED], action(Verb.ACK), terms())
    assert "已由李敏于2026-11-22 09:01确认" in problem.zh
    assert "ack by 李敏 at 2026-11-22 09:01" in problem.en


def test_what_was_never_possible_is_told_with_the_states_in_which_it_is() -> None:
    (problem,) = against(CASES[State.RAISED], action(Verb.VERIFY), terms())
    assert able(Verb.VERIFY) == "整改待核实"
    assert "核实须在整改待核实时办理" in problem.zh


def test_every_deed_has_its_chinese_name() -> None:
    assert set(VERBS_ZH) == set(Verb)
    assert set(DEEDS_ZH) == set(Deed)


def test_what_nobody_hears_of_is_not_escalated() -> None:
    hidden = case(of=episode("B", suppressed=True))
    (problem,) = against(hidden, action(Verb.ESCALATE), terms())
    assert problem.en == "alarm 12 is told to nobody: another says more; escalate that one"
    assert not list(against(hidden, action(Verb.COMMENT), terms()))


def test_what_is_of_the_highest_level_is_escalated_no_further() -> None:
    severe = case(now=200)
    assert severe.level is Level.SEVERE
    (problem,) = against(severe, action(Verb.ESCALATE), terms())
    assert "已是最高级" in problem.zh
