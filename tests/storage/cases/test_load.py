"""Cases read from the store: alarms, what was decided about them, what they repeat."""

from typing import Any

import msgspec
import pytest
from tests.storage.cases.city import action, after, declaration, with_alarm, with_firm

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Ending, Level, State
from wattwarden.alarms.cases.declaring import ended
from wattwarden.alarms.decisions.bodies import Declaration, Review
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.declared import (
    changed_declarations,
    count_declarations,
    holding_declarations,
    list_declarations,
    load_declarations,
)
from wattwarden.storage.cases.load import ALL, Chosen, load_case, load_cases
from wattwarden.storage.cases.together import declare
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.decisions import in_force, told


async def ids(store: Connection, chosen: Chosen = ALL, now: float = 60) -> list[int]:
    return [case.id for case in await load_cases(store, chosen, now=after(now))]


async def test_a_case_is_read_with_all_that_was_done(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store, ended=40)
    await decide(store, action(number, Verb.ACK), "P2", after(1))
    await decide(store, action(number, Verb.HANDLE, part="皮带"), "P2", after(2))
    case = await load_case(store, number, now=after(3))
    assert case is not None
    assert (case.state, case.acked_by, case.part, case.level) == (
        State.RECTIFYING, "P2", "皮带", Level.WARNING,
    )  # fmt: skip
    before = await load_case(store, number, now=after(1.5))
    assert before is not None
    assert before.state is State.ACKED
    assert await load_case(store, number + 1, now=after(3)) is None
    assert await load_case(store, 2**63, now=after(3)) is None


async def test_cases_are_chosen_by_all_that_is_asked(store: Connection) -> None:
    await with_firm(store)
    off = await with_alarm(store)
    slow = await with_alarm(store, "R4", at=10, ended=20)
    other = await with_alarm(store, "R8", at=20, subject="meter:M9", enterprise="E2", line="")
    hidden = await with_alarm(store, "R3", at=30, suppressed_by='{"rule": "R2"}')
    gone = await with_alarm(store, "R5", at=40, withdrawn=True)
    await decide(store, action(off, Verb.ACK), "P2", after(5))
    assert await ids(store) == [other, slow, off]
    assert await ids(store, Chosen(untold=True)) == [gone, hidden, other, slow, off]
    assert await ids(store, Chosen(enterprises=["E2"])) == [other]
    assert await ids(store, Chosen(rules=["R2", "R4"])) == [slow, off]
    assert await ids(store, Chosen(since=after(10), until=after(20))) == [slow]
    assert await ids(store, Chosen(states=[State.ACKED])) == [off]
    assert await ids(store, Chosen(levels=[Level.ALARM])) == [off]
    assert await ids(store, Chosen(grades=["D"])) == [other]
    assert await ids(store, Chosen(numbers=[slow, other])) == [other, slow]
    # The one of ten minutes settled by itself.
    assert await ids(store, Chosen(open=True)) == [other, off]
    assert await ids(store, Chosen(overdue=True), now=25 * 60) == [off]


async def test_what_comes_again_soon_after_it_was_closed_repeats_it(store: Connection) -> None:
    await with_firm(store)
    first = await with_alarm(store, ended=10)
    for minutes, verb, who in ((11, Verb.ACK, "P2"), (30, Verb.CLOSE, "P1")):
        await decide(store, action(first, verb), who, after(minutes))
    again = await with_alarm(store, at=30 + 71 * 60)
    other_unit = await with_alarm(store, at=300, subject="unit:U1")
    late = await with_alarm(store, "R1", at=400)
    cases = {case.id: case for case in await load_cases(store, now=after(6000))}
    assert (cases[again].state, cases[again].parent) == (State.REOPENED, first)
    assert cases[first].closed == after(30)
    assert {cases[other_unit].parent, cases[late].parent, cases[first].parent} == {None}


@pytest.mark.parametrize(("hours", "repeats"), [(72, True), (72.1, False)])
async def test_it_repeats_for_three_days(
    store: Connection,
    hours: float,
    repeats: bool,  # noqa: FBT001  a column
) -> None:
    await with_firm(store)
    first = await with_alarm(store, ended=10)
    for minutes, verb, who in ((11, Verb.ACK, "P2"), (30, Verb.CLOSE, "P1")):
        await decide(store, action(first, verb), who, after(minutes))
    again = await with_alarm(store, at=30 + 60 * hours)
    case = await load_case(store, again, now=after(9000))
    assert case is not None
    assert (case.parent == first) == repeats


async def test_what_settled_by_itself_or_was_never_handled_is_not_repeated(
    store: Connection,
) -> None:
    await with_firm(store)
    await with_alarm(store, "R4", ended=10)
    again = await with_alarm(store, "R4", at=120)
    case = await load_case(store, again, now=after(130))
    assert case is not None
    assert (case.parent, case.state) == (None, State.RAISED)


async def test_a_declaration_about_an_alarm_is_kept_with_it_and_its_review_decides(
    store: Connection,
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await declare(store, declaration(), number, "P2", after(2))
    (known,) = await in_force(store, "declaration")
    case = await load_case(store, number, now=after(3))
    assert case is not None
    assert (case.state, case.declaration) == (State.DECLARED, f"DC{known.id}")
    reviewed = declaration(id=f"DC{known.id}", state=Review.APPROVED, opinion="属实")
    await decide(store, reviewed, "P1", after(30))
    case = await load_case(store, number, now=after(31))
    assert case is not None
    assert (case.state, case.ending, case.closed) == (State.CLOSED, Ending.EXEMPT, after(30))


async def test_a_declaration_that_does_not_fit_is_not_kept_either(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    later = declaration(start=after(600), end=after(700))
    with pytest.raises(RefusedError, match="is of another time"):
        await declare(store, later, number, "P2", after(2))
    assert await told(store, ["declaration", "action"]) == []


async def test_a_declaration_of_another_firm_explains_nothing(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    of = declaration(scope="enterprise", subject="E2")
    entered = await decide(store, of, "P4", after(1))
    body = action(number, Verb.DECLARE, declaration=f"DC{entered.id}")
    with pytest.raises(RefusedError, match="another enterprise's"):
        await decide(store, body, "P2", after(2))


@pytest.mark.parametrize(
    ("verdict", "said"), [(Review.APPROVED, "approved"), (Review.REJECTED, "rejected")]
)
async def test_of_two_reviewers_the_second_is_told_of_the_first(
    store: Connection, verdict: Review, said: str
) -> None:
    await with_firm(store)
    made = await decide(store, declaration(), "P2", after(1))
    reviewed = declaration(id=f"DC{made.id}", state=verdict)
    await decide(store, reviewed, "P1", after(5))
    with pytest.raises(RefusedError, match=f"{said} by 王建国 at 2026-11-22 09:05"):
        await decide(store, reviewed, "P5", after(6))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"end": after(999), "state": Review.APPROVED}, "state"),
        ({"subject": "U1"}, "subject"),
    ],
    ids=["a-reviewer", "a-declarer"],
)
async def test_what_was_declared_is_not_changed_behind_anybody_s_back(
    store: Connection, more: dict[str, object], field: str
) -> None:
    await with_firm(store)
    made = await decide(store, declaration(), "P2", after(1))
    who = "P1" if "state" in more else "P2"
    with pytest.raises(RefusedError) as refused:
        await decide(store, declaration(id=f"DC{made.id}", **more), who, after(5))
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_what_is_not_reviewed_yet_may_be_corrected_by_who_declared(
    store: Connection,
) -> None:
    await with_firm(store)
    made = await decide(store, declaration(), "P2", after(1))
    longer = declaration(id=f"DC{made.id}", end=after(999))
    await decide(store, longer, "P3", after(5))
    (standing,) = await in_force(store, "declaration")
    assert standing.body == longer


async def test_nobody_approves_what_was_not_declared(store: Connection) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError, match="there is no DC7 to review"):
        await decide(store, declaration(id="DC7", state=Review.APPROVED), "P1", after(1))


async def approved(store: Connection, **more: Any) -> Declaration:
    """A declaration that an officer approved at minute 5."""
    made = await decide(store, declaration(**more), "P2", after(1))
    body = declaration(id=f"DC{made.id}", state=Review.APPROVED, **more)
    await decide(store, body, "P1", after(5))
    return body


@pytest.mark.parametrize("who", ["P2", "P3", "P1"], ids=["duty", "head", "officer"])
async def test_an_approved_declaration_is_ended_sooner_and_never_later(
    store: Connection, who: str
) -> None:
    await with_firm(store)
    body = await approved(store)
    shorter = ended(body, after(60), "提前开机")
    await decide(store, shorter, who, after(60))
    (standing,) = await in_force(store, "declaration")
    assert standing.body == shorter
    longer = ended(body, after(90), "又停了")
    with pytest.raises(RefusedError, match="can only end sooner"):
        await decide(store, longer, who, after(61))


async def test_a_firm_revokes_nothing_and_approves_nothing_of_its_own(store: Connection) -> None:
    await with_firm(store)
    body = await approved(store)
    revoked = msgspec.structs.replace(body, state=Review.REVOKED, opinion="不实")
    with pytest.raises(RefusedError, match=r"declaration.review takes"):
        await decide(store, revoked, "P3", after(60))
    made = await decide(store, declaration(ended="提前"), "P2", after(61))
    sly = declaration(id=f"DC{made.id}", state=Review.APPROVED, ended="提前")
    with pytest.raises(RefusedError, match="for city_officer, district_officer, leader to approve"):
        await decide(store, sly, "P3", after(62))
    await decide(store, revoked, "P1", after(63))


async def test_what_lasts_longer_than_a_month_is_approved_by_a_leader(store: Connection) -> None:
    await with_firm(store)
    made = await decide(store, declaration(end=after(31 * 1440)), "P2", after(1))
    body = declaration(id=f"DC{made.id}", end=after(31 * 1440), state=Review.APPROVED)
    with pytest.raises(
        RefusedError, match="lasts more than 30 days: this is for leader to approve"
    ):
        await decide(store, body, "P1", after(5))
    await decide(store, body, "P5", after(6))


async def test_declarations_stand_with_the_time_at_which_they_were_declared(
    store: Connection,
) -> None:
    await with_firm(store)
    body = await approved(store)
    other = await decide(store, declaration(subject="U1"), "P2", after(7))
    moved = declaration(id=f"DC{other.id}", subject="U1", start=after(-90))
    await decide(store, moved, "P2", after(8))
    found = await load_declarations(store)
    assert [(one.body, one.declared_at) for one in found] == [(body, after(1)), (moved, after(8))]
    assert await load_declarations(store, declaration="DC99") == []
    assert await load_declarations(store, ["E2"]) == []


async def test_declarations_are_listed_a_page_at_a_time_those_to_review_first(
    store: Connection,
) -> None:
    await with_firm(store)
    done = await approved(store)
    for minute, subject in ((7, "U1"), (8, "U2")):
        await decide(store, declaration(subject=subject, start=after(200)), "P2", after(minute))
    whole = await load_declarations(store)
    assert await count_declarations(store, None) == (3, 2)
    listed = [one for place in range(4) for one in await list_declarations(store, None, place, 1)]
    assert listed == [whole[2], whole[1], whole[0]]
    assert (listed[0].body.subject, listed[2].body) == ("U2", done)
    assert await list_declarations(store, ["E1"], 0, 9) == listed
    assert await count_declarations(store, ["E2"]) == (0, 0)
    assert await list_declarations(store, ["E2"], 0, 9) == []


async def unreadable(store: Connection) -> None:
    """Enter a refused declaration that nobody can fold: whoever asks for others must not."""
    await store.execute(
        "INSERT INTO decision (id, kind, actor, entered_at, effective_at, step, body,"
        " predecessor, digest) VALUES (9999, 'declaration', 'x', $1, $1, 1,"
        """ '{"id": "DC9999", "state": "rejected", "end": "2000-01-01T00:00:00Z"}',"""
        " sha256('a'), sha256('b'))",
        after(9),
    )


async def test_only_the_declarations_that_are_asked_for_are_folded(store: Connection) -> None:
    await with_firm(store)
    done = await approved(store)
    for minute, subject in ((7, "U1"), (8, "U2")):
        await decide(store, declaration(subject=subject, start=after(200)), "P2", after(minute))
    whole = await load_declarations(store)
    await unreadable(store)
    with pytest.raises(StorageError, match="decision 9999 cannot be read"):
        await load_declarations(store)
    assert await changed_declarations(store, None, before=9999, most=2) == whole[:0:-1]
    assert await changed_declarations(store, None, before=whole[1].entered.id, most=9) == whole[:1]
    pending = await changed_declarations(store, ["E1"], state=Review.PENDING, most=9)
    assert pending == [whole[2], whole[1]]
    assert await changed_declarations(store, ["E2"], most=9) == []
    assert await holding_declarations(store, None, after(9), 8) == ([whole[0]], 1)
    assert await holding_declarations(store, None, after(9), 0) == ([], 1)
    assert await holding_declarations(store, ["E2"], after(9), 8) == ([], 0)
    assert await holding_declarations(store, None, done.last, 8) == ([], 0)
