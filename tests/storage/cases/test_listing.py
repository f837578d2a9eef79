"""Pages of cases: chosen and counted from the table, folded only where that is behind."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from tests.storage.cases.city import action, after, with_alarm, with_firm
from tests.storage.cases.test_follow import followed

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.cases.case import Case, Level, State
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.follow import follow
from wattwarden.storage.cases.listing import list_cases, look_over
from wattwarden.storage.cases.load import Chosen, load_cases
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

DAY = 1440
# A bit of everything: raised, seen, mended late, gone by itself, another firm's, not told.
CHOSEN: dict[str, dict[str, Any]] = {
    "all": {},
    "untold": {"untold": True},
    "numbers": {"numbers": [1, 2, 6]},
    "enterprise": {"enterprises": ["E2"]},
    "rule": {"rules": ["R2", "R4"]},
    "class": {"grades": ["A", "D"]},
    "rule-and-class": {"grades": ["A"], "rules": ["R4", "R2"]},
    "times": {"since": after(5), "until": after(20)},
    "state": {"states": [State.RECTIFIED, State.RAISED]},
    "level": {"levels": [Level.SEVERE, Level.REMINDER]},
    "overdue": {"overdue": True},
    "open": {"open": True},
    "standing": {"standing": True},
    "open-and-overdue": {"open": True, "overdue": True},
}


async def city(store: Connection) -> None:
    await with_firm(store)
    mended = await with_alarm(store, ended=30)
    await with_alarm(store, "R4", at=10, ended=20)
    await with_alarm(store, "R8", at=20, subject="meter:M9", enterprise="E2", line="")
    await with_alarm(store, "R3", at=30, suppressed_by='{"rule": "R2"}')
    await with_alarm(store, "R5", at=40, withdrawn=True)
    seen = await with_alarm(store, at=50)
    await with_alarm(store, "R11", at=60, ended=100)
    for verb in (Verb.ACK, Verb.HANDLE):
        await decide(store, action(mended, verb), "P2", after(70))
    await decide(store, action(seen, Verb.ACK), "P2", after(70))
    await store.execute(
        "INSERT INTO decision (id, kind, actor, entered_at, effective_at, enterprise, slice, step,"
        " body, predecessor, digest) SELECT id + 1, kind, actor, $1, $1, enterprise, slice, step,"
        " body || $2::jsonb, digest, sha256(digest) FROM decision ORDER BY id DESC LIMIT 1",
        after(2 * DAY),
        f'{{"id": "AC99", "alarm": "{mended}", "verb": "rectify", "reason": "已换"}}',
    )


@pytest.mark.parametrize("behind", [False, True], ids=["followed", "nobody-followed"])
@pytest.mark.parametrize("chosen", CHOSEN)
async def test_what_is_chosen_and_counted_is_what_folding_all_would_choose(
    store: Connection,
    chosen: str,
    behind: bool,  # noqa: FBT001  a column
) -> None:
    await city(store)
    now = 4 * DAY
    if not behind:
        await follow(store, followed(after(now)))
    of = Chosen(**CHOSEN[chosen])
    folded = await load_cases(store, of, now=after(now))
    assert folded
    listed = await list_cases(store, of, now=after(now), limit=100)
    assert listed.cases == folded
    counted = [
        (one.state, one.level, one.rule, one.grade, one.standing, one.overdue, one.open)
        for one, many in listed.tallies.items()
        for _ in range(many)
    ]
    assert sorted(counted) == sorted(
        (one.state, one.level, one.rule, one.grade, one.cleared is None, one.overdue, one.open)
        for one in folded
    )
    first = await list_cases(store, of, now=after(now), limit=1)
    assert (first.cases, first.tallies) == (folded[:1], listed.tallies)


@pytest.mark.parametrize("behind", [False, True], ids=["followed", "nobody-followed"])
@pytest.mark.parametrize("firms", [None, ["E1"]], ids=["all", "of a firm"])
async def test_what_is_open_is_counted_whole_and_the_gravest_and_the_longest_are_shown(
    store: Connection,
    firms: list[str] | None,
    behind: bool,  # noqa: FBT001  a column
) -> None:
    await city(store)
    now = after(4 * DAY)
    if not behind:
        await follow(store, followed(now))
    folded = await load_cases(store, Chosen(enterprises=firms, open=True), now=now)
    standing = [case for case in folded if case.cleared is None]
    # Of what is gone, only what waits for the looker stands with what goes on.
    turns = {State.RECTIFIED}
    found = await look_over(store, firms, now=now, turns=turns, limit=2)

    def place(case: Case) -> tuple[bool, int, datetime]:
        return case.cleared is not None and case.state not in turns, -case.level, case.raised

    shown = sorted(found.cases, key=place)[:2]
    assert shown == sorted(folded, key=place)[:2]
    assert sum(found.tallies.values()) == len(folded)
    assert found.firms == Counter((case.enterprise, case.level) for case in folded)
    places: dict[str, set[str]] = {}
    for case in standing:
        places.setdefault(case.grade, set()).add(case.line or case.subject)
    assert found.places == places
    assert found.longest == min(standing, key=lambda case: case.raised)
    # Also where none of the gravest is shown.
    alone = await look_over(store, firms, now=now, turns=turns, limit=0)
    assert alone.longest == found.longest


async def test_where_nothing_is_open_there_is_nothing_to_look_over(store: Connection) -> None:
    found = await look_over(store, None, now=after(0), turns=(), limit=9)
    assert (found.cases, found.tallies, found.firms, found.places) == ([], {}, {}, {})
    assert found.longest is None


async def test_what_is_followed_is_chosen_by_the_table_and_not_folded(store: Connection) -> None:
    await city(store)
    await follow(store, followed(after(100)))
    await store.execute("UPDATE alarm_case SET state = 'verified' WHERE alarm = 3")
    chosen = Chosen(states=[State.VERIFIED])
    listed = await list_cases(store, chosen, now=after(100), limit=9)
    assert [case.id for case in listed.cases] == [3]
    assert [one.state for one in listed.tallies] == [State.VERIFIED]


async def test_what_was_touched_since_is_chosen_as_it_is_now(store: Connection) -> None:
    await city(store)
    await follow(store, followed(after(100)))
    await decide(store, action(3, Verb.ACK), "P4", after(3 * DAY))
    acked = await list_cases(store, Chosen(states=[State.ACKED]), now=after(3 * DAY), limit=9)
    assert [case.id for case in acked.cases] == [6, 3]
    raised = await list_cases(store, Chosen(states=[State.RAISED]), now=after(3 * DAY), limit=9)
    assert 3 not in [case.id for case in raised.cases]


@pytest.mark.parametrize("behind", [False, True], ids=["followed", "nobody-followed"])
async def test_an_alarm_keeps_the_class_that_its_rule_had_when_it_was_raised(
    store: Connection,
    behind: bool,  # noqa: FBT001  a column
) -> None:
    await with_firm(store)
    before = await with_alarm(store)
    after_it = await with_alarm(store, at=60, subject="unit:U1", line="L2")
    shut_down = 'en = "treatment shut down"\nclass = '
    eased = default_text().replace(f'{shut_down}"A"', f'{shut_down}"D"')
    await enter(store, Decision(RuleSet(version="2", text=eased), "me", after(60)))
    if not behind:
        await follow(store, followed(after(90)))
    for grade, number in (("A", before), ("D", after_it)):
        of = Chosen(grades=[grade])
        (case,) = await load_cases(store, of, now=after(90))
        assert (case.id, case.grade) == (number, grade)
        listed = await list_cases(store, of, now=after(90), limit=9)
        assert listed.cases == [case]
        assert [one.grade for one in listed.tallies] == [grade]
    found = await look_over(store, None, now=after(90), turns=(), limit=9)
    assert found.places == {"A": {"L1"}, "D": {"L2"}}
