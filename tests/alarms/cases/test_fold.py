"""Folding: what becomes of an alarm, whoever did what in which order."""

import pytest
from tests.alarms.cases.made import FILE, GRADING, NEEDED, after, case, declared, did, episode

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Cause, Fault, Verb
from wattwarden.alarms.cases.case import Ending, State
from wattwarden.alarms.cases.fold import Said, settles_at
from wattwarden.alarms.cases.lifecycle import Deed
from wattwarden.alarms.decisions.bodies import Review

DAY = 1440


def test_a_case_keeps_who_did_what_and_when() -> None:
    found = case(
        [
            did(1, Verb.ACK),
            did(2, Verb.HANDLE),
            did(3, Verb.PLAN, "P1"),
            did(40, Verb.RECTIFY),
            did(90, Verb.VERIFY, "P1"),
            did(95, Verb.CLOSE, "P1"),
        ],
        of=episode(ended=50),
        now=100,
    )
    assert (found.acked, found.acked_by) == (after(1), "P2")
    assert (found.handled, found.cause, found.part) == (after(2), Cause.AGEING, "皮带")
    assert (found.plan, found.planned_by) == (NEEDED[Verb.PLAN]["steps"], "P1")
    assert found.deadline == after(20 * 60)
    assert (found.rectified, found.verified, found.closed) == (after(40), after(90), after(95))
    assert (found.fault, found.evidence, found.ending) == (
        Fault.ENTERPRISE, (FILE,), Ending.VERIFIED,
    )  # fmt: skip
    assert found.settled == after(90)
    assert [(done.deed, done.actor) for done in found.history] == [
        (Deed.RAISE, SYSTEM), ("ack", "P2"), ("handle", "P2"), ("plan", "P1"), ("rectify", "P2"),
        (Deed.CLEAR, SYSTEM), ("verify", "P1"), ("close", "P1"),
    ]  # fmt: skip


def test_cleared_is_not_rectified() -> None:
    found = case([did(1, Verb.ACK)], of=episode(ended=5), now=3 * DAY)
    assert (found.state, found.cleared, found.rectified) == (State.CLEARED, after(5), None)
    assert found.open


def test_what_is_said_later_is_not_known_yet() -> None:
    found = case([did(1, Verb.ACK), did(50, Verb.HANDLE)], of=episode(ended=60), now=30)
    assert found.state is State.ACKED


@pytest.mark.parametrize(
    ("grade", "ended", "now", "state"),
    [
        ("B", 20, 29, State.CLEARED_UNACK),
        ("B", 20, 30, State.CLOSED),
        ("B", 25, 60, State.CLEARED_UNACK),
        ("D", 20, 30, State.CLOSED),
        ("A", 5, 3 * DAY, State.CLEARED_UNACK),
        ("C", 5, 3 * DAY, State.CLEARED_UNACK),
        ("F", 600, 610, State.CLOSED),
    ],
    ids=["may-return", "brief", "not-brief", "data", "never-a", "never-c", "a-duty-done"],
)
def test_what_was_brief_settles_by_itself_where_its_class_allows(
    grade: str, ended: float, now: float, state: State
) -> None:
    found = case(of=episode(grade, ended), now=now)
    assert found.state is state
    assert (found.ending is Ending.BRIEF) == (state is State.CLOSED)


def test_what_somebody_handles_does_not_settle_by_itself() -> None:
    said = [did(1, Verb.ACK), did(2, Verb.HANDLE)]
    assert case(said, of=episode("B", 10), now=DAY).state is State.RECTIFYING


def test_verified_closes_a_day_later_unless_an_officer_is_quicker() -> None:
    said = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(3, Verb.RECTIFY), did(60, Verb.VERIFY, "P1")]
    of = episode(ended=5)
    assert case(said, of=of, now=60 + DAY - 1).state is State.VERIFIED
    found = case(said, of=of, now=60 + DAY)
    assert (found.state, found.closed, found.ending) == (
        State.CLOSED, after(60 + DAY), Ending.VERIFIED,
    )  # fmt: skip
    assert settles_at(case(said, of=of, now=60), GRADING) == after(60 + DAY)
    assert settles_at(found, GRADING) is None


@pytest.mark.parametrize(
    ("grade", "done", "closed", "ending"),
    [
        ("A", (did(1, Verb.ACK), did(2, Verb.HANDLE), did(20, Verb.RECTIFY),
               did(60, Verb.VERIFY, "P1")), 60 + DAY, Ending.VERIFIED),
        ("F", (), 20, Ending.BRIEF),
        ("B", (did(15, Verb.ACK),), 20, Ending.BRIEF),
    ],
    ids=["verified", "gone-by-itself", "brief-and-seen"],
)  # fmt: skip
def test_what_is_said_of_a_closed_case_does_not_open_it_again(
    grade: str, done: tuple[Said, ...], closed: float, ending: Ending
) -> None:
    said = (*done, did(closed + 60, Verb.COMMENT, "P1"))
    found = case(said, of=episode(grade, ended=10), now=closed + 61)
    assert (found.state, found.closed, found.ending) == (State.CLOSED, after(closed), ending)
    assert [one.deed for one in found.history[-2:]] == [Deed.SETTLE, Verb.COMMENT]


def test_what_an_officer_escalated_does_not_settle_by_itself() -> None:
    of = episode("B", ended=10)
    found = case((did(8, Verb.ESCALATE, "P1"),), of=of, now=DAY)
    assert (found.state, settles_at(found, GRADING)) == (State.CLEARED_UNACK, None)
    closed = case((did(8, Verb.ESCALATE, "P1"), did(60, Verb.CLOSE, "P1")), of=of, now=DAY)
    assert (closed.state, closed.ending) == (State.CLOSED, Ending.OFFICER)


def test_nobody_does_anything_about_what_has_closed_by_itself() -> None:
    said = (did(15, Verb.ACK), did(25, Verb.HANDLE))
    found = case(said, of=episode("B", ended=10), now=60)
    assert (found.state, found.handled, found.history[-1].counts) == (State.CLOSED, None, False)


def test_a_passed_declaration_exempts() -> None:
    said = [declared(1), did(2, Verb.DECLARE), declared(20, Review.APPROVED, "P1", opinion="属实")]
    found = case(said)
    assert (found.state, found.ending, found.exempt) == (State.CLOSED, Ending.EXEMPT, True)
    assert (found.closed, found.declaration) == (after(20), "DC1")
    last = found.history[-1]
    assert (last.deed, last.actor, last.reason) == (Deed.PASS, "P1", "属实")


def test_a_declaration_approved_in_advance_exempts_as_soon_as_it_is_named() -> None:
    said = [declared(-90), declared(-80, Review.APPROVED, "P1"), did(2, Verb.DECLARE)]
    found = case(said)
    assert (found.state, found.closed) == (State.CLOSED, after(2))


@pytest.mark.parametrize(
    ("ended", "state"), [(None, State.ACKED), (5, State.CLEARED)], ids=["standing", "cleared"]
)
def test_a_refused_declaration_leads_back(ended: float | None, state: State) -> None:
    said = [declared(1), did(2, Verb.DECLARE), declared(20, Review.REJECTED, "P1", opinion="无据")]
    found = case(said, of=episode(ended=ended))
    assert (found.state, found.acked, found.acked_by) == (state, after(2), "P2")
    assert found.closed is None


PASSED = [declared(1), did(2, Verb.DECLARE), declared(20, Review.APPROVED, "P1", opinion="属实")]
REVOKED = declared(25, Review.REVOKED, "P5", opinion="不实")


@pytest.mark.parametrize(
    ("ended", "state"), [(None, State.ACKED), (5, State.CLEARED)], ids=["standing", "cleared"]
)
def test_what_was_exempt_is_open_again_when_the_approval_is_revoked(
    ended: float | None, state: State
) -> None:
    found = case([*PASSED, REVOKED], of=episode(ended=ended))
    assert (found.state, found.closed, found.ending) == (state, None, None)
    done = next(one for one in found.history if one.deed == Deed.REVOKE)
    assert (done.at, done.actor, done.reason) == (after(25), "P5", "不实")


def test_what_ends_sooner_leaves_what_it_explained() -> None:
    shorter = declared(25, Review.APPROVED, end=after(25), ended="提前开机")
    assert case([*PASSED, shorter]).ending is Ending.EXEMPT


@pytest.mark.parametrize(
    "said",
    [declared(25, Review.WITHDRAWN, ended="误报"), REVOKED],
    ids=["withdrawn", "revoked"],
)
def test_what_waits_for_a_review_that_never_comes_goes_back(said: Said) -> None:
    found = case([declared(1), did(2, Verb.DECLARE), said])
    assert (found.state, found.history[-1].deed) == (State.ACKED, Deed.REFUSE)


def test_what_an_officer_closed_stays_closed_when_a_declaration_is_revoked() -> None:
    said = [declared(1), did(2, Verb.DECLARE), declared(3, Review.REJECTED, "P1", opinion="无据"),
            did(20, Verb.CLOSE, "P1"), REVOKED]  # fmt: skip
    found = case(said, of=episode(ended=5))
    assert (found.state, found.ending) == (State.CLOSED, Ending.OFFICER)


def test_another_declaration_decides_nothing() -> None:
    said = [declared(1), did(2, Verb.DECLARE), declared(20, Review.APPROVED, "P1", id="DC2")]
    assert case(said).state is State.DECLARED


def test_a_meter_s_fault_declared_and_passed_is_the_meter_s() -> None:
    said = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(3, Verb.RECTIFY),
            did(60, Verb.VERIFY, "P1", fault=Fault.METERING)]  # fmt: skip
    assert case(said, of=episode(ended=5), now=61).fault is Fault.METERING


def test_rejected_is_to_be_rectified_again() -> None:
    said = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(3, Verb.RECTIFY), did(9, Verb.REJECT, "P1")]
    found = case(said)
    assert (found.state, found.rectified) == (State.RECTIFYING, None)
    again = case([*said, did(15, Verb.RECTIFY)])
    assert (again.state, again.rectified) == (State.RECTIFIED, after(15))


def test_what_late_readings_made_impossible_is_shown_and_moves_nothing() -> None:
    # Closed after it had ended; by what is known now, it never ended.
    found = case([did(1, Verb.ACK), did(20, Verb.CLOSE, "P1")])
    assert found.state is State.ACKED
    assert (found.history[-1].deed, found.history[-1].counts) == ("close", False)


@pytest.mark.parametrize(
    ("grade", "hours"), [("A", 24), ("B", 72), ("C", 24), ("D", 72), ("E", 168), ("F", 168)]
)
def test_a_class_has_its_time_to_be_rectified(grade: str, hours: int) -> None:
    of = episode(grade)
    assert not case(of=of, now=hours * 60).overdue
    late = case(of=of, now=hours * 60 + 1)
    assert late.overdue
    assert late.level == GRADING.level(of, late.supervision, after(hours * 60 + 1), up=1)


def test_what_was_rectified_in_time_is_never_overdue() -> None:
    said = [did(1, Verb.ACK), did(2, Verb.HANDLE), did(3, Verb.RECTIFY)]
    assert not case(said, of=episode(ended=5), now=9 * DAY).overdue


def test_a_recurrence_knows_what_it_repeats() -> None:
    found = case(parent=7)
    assert (found.state, found.parent) == (State.REOPENED, 7)


def test_a_case_answers_for_its_alarm() -> None:
    found = case(of=episode(ended=5))
    assert (found.id, found.rule, found.grade, found.unit, found.enterprise, found.line) == (
        12, "R2", "A", "U2", "E1", "L1",
    )  # fmt: skip
    assert case(of=episode(subject="meter:acrel:M1")).unit is None
