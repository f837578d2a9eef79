"""The one way to act: who may, what stands against it, and two at once."""

import asyncio
from datetime import timedelta

import pytest
from tests.storage.cases.city import action, after, declaration, with_alarm, with_firm

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.acting.acting import Acting, Deed, act, named
from wattwarden.storage.acting.admissions import ADMISSIONS, decide
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.registry.decisions import Decision, told
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.sealing import first_broken


async def test_what_is_new_gets_the_number_of_its_decision_as_its_name(store: Connection) -> None:
    await with_firm(store)
    entered = await decide(store, declaration(), "P2", after(0))
    assert entered.body == declaration(id=f"DC{entered.id}")
    assert (entered.actor, entered.entered_at, entered.enterprise) == ("P2", after(0), "E1")
    assert await first_broken(store) is None


def test_what_has_a_name_keeps_it() -> None:
    assert named(declaration(id="DC7"), 9) == declaration(id="DC7")
    rules = RuleSet(version="2", text="x = 1")
    assert named(rules, 9) is rules


@pytest.mark.parametrize(
    ("person", "told_en"),
    [
        ("P9", "there is no person P9"),
        ("P1", "P1 is district_officer; action.ack takes duty, head, maintenance"),
        ("P4", "enterprise E1 is not P4's to act on"),
    ],
    ids=["nobody", "no-right", "another-firm"],
)
async def test_who_may_not_is_refused_and_nothing_is_kept(
    store: Connection, person: str, told_en: str
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    with pytest.raises(RefusedError, match=told_en) as refused:
        await decide(store, action(number, Verb.ACK), person, after(1))
    assert all(problem.zh for problem in refused.value.problems)
    assert await told(store, ["action"]) == []


async def test_what_refers_to_nothing_is_refused(store: Connection) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError, match="there is no alarm 99"):
        await decide(store, action(99, Verb.ACK), "P2", after(1))
    for name in ("x", "²", "9" * 30, "-1"):
        with pytest.raises(RefusedError, match=f"there is no alarm {name}"):
            await decide(store, Action(id="new", alarm=name, verb=Verb.ACK), "P2", after(1))


async def test_what_contradicts_itself_is_refused_before_anything_is_held(
    store: Connection,
) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError, match="handle needs reason"):
        await decide(store, Action(id="new", alarm="1", verb=Verb.HANDLE), "P2", after(1))


async def test_the_system_acts_without_being_a_person(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    entered = await decide(store, action(number, Verb.ACK), SYSTEM, after(1))
    assert entered.actor == SYSTEM


async def test_an_admission_sees_what_stands_and_may_complete_the_body(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    seen: list[Acting] = []

    async def admit(acting: Acting) -> Body:
        seen.append(acting)
        assert isinstance(acting.body, Action)
        return Action(id=acting.body.id, alarm=acting.body.alarm, verb=Verb.ACK, reason="补充")

    entered = await act(store, Deed(action(number, Verb.ACK), "P2", after(3)), admit)
    assert isinstance(entered.body, Action)
    assert (entered.body.reason, entered.body.id) == ("补充", f"AC{entered.id}")
    (acting,) = seen
    assert acting.person is not None
    assert (acting.person.id, acting.enterprise, acting.now) == ("P2", "E1", after(3))


async def test_what_an_admission_makes_of_a_body_is_checked_as_well(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)

    async def admit(acting: Acting) -> Body:
        return Action(id="AC1", alarm=str(number), verb=Verb.ACK, part=acting.now.isoformat())

    with pytest.raises(RefusedError, match="ack has no part"):
        await act(store, Deed(action(number, Verb.ACK), "P2", after(3)), admit)
    assert await told(store, ["action"]) == []


async def test_a_refusal_by_an_admission_keeps_nothing(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)

    async def admit(_acting: Acting) -> Body:
        raise RefusedError([Problem("action", "", "verb", "不可", "not now")])

    with pytest.raises(RefusedError, match="not now"):
        await act(store, Deed(action(number, Verb.ACK), "P2", after(3)), admit)
    assert await told(store, ["action"]) == []


async def test_a_deed_in_a_transaction_that_fails_was_never_done(store: Connection) -> None:
    await with_firm(store)
    around = store.transaction()
    await around.start()
    await decide(store, declaration(), "P2", after(0))
    await around.rollback()
    assert await told(store, ["declaration"]) == []


async def test_it_may_be_meant_from_another_moment_on(store: Connection) -> None:
    await with_firm(store)
    earlier = after(0) - timedelta(hours=2)
    entered = await decide(store, declaration(), "P2", after(0), effective_at=earlier)
    assert (entered.entered_at, entered.effective_at) == (after(0), earlier)


async def test_of_two_at_once_one_wins_and_the_other_is_told_by_whom_and_when(
    store: Connection, store_dsn: str
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    others = [await connect(store_dsn, name="other") for _ in range(6)]
    try:
        tried = await asyncio.gather(
            *[
                decide(other, action(number, Verb.ACK), person, after(1 + place / 300))
                for place, (other, person) in enumerate(zip(others, ["P2", "P3"] * 3, strict=True))
            ],
            return_exceptions=True,
        )
    finally:
        for other in others:
            await other.close()
    won = [one for one in tried if not isinstance(one, BaseException)]
    lost = [one for one in tried if isinstance(one, RefusedError)]
    assert (len(won), len(lost)) == (1, 5)
    (winner,) = won
    name = {"P2": "李敏", "P3": "张三"}[winner.actor]
    for one in lost:
        (problem,) = one.problems
        assert f"已由{name}于2026-11-22 09:01确认" in problem.zh
        assert f"ack by {name} at 2026-11-22 09:01" in problem.en
    assert [one.actor for one in await told(store, ["action"])] == [winner.actor]
    assert await first_broken(store) is None


@pytest.mark.parametrize("second", [2, 1, -1.5], ids=["later", "then", "earlier"])
async def test_whose_clock_was_read_before_the_other_s_deed_is_told_of_it_all_the_same(
    store: Connection, second: float
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    await decide(store, action(number, Verb.ACK), "P2", after(1))
    with pytest.raises(RefusedError, match="ack by 李敏 at 2026-11-22 09:01"):
        await decide(store, action(number, Verb.ACK), "P3", after(second))
    assert len(await told(store, ["action"])) == 1


async def test_who_waited_for_the_chain_is_judged_by_what_happened_meanwhile(
    store: Connection, store_dsn: str
) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    other = await connect(store_dsn, name="other")
    try:
        # The clock of the second is read first, and both are at it before either is kept.
        around = store.transaction()
        await around.start()
        await decide(store, action(number, Verb.ACK), "P2", after(1))
        early = after(1) - timedelta(milliseconds=200)
        trying = asyncio.create_task(decide(other, action(number, Verb.ACK), "P3", early))
        while not await store.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not trying.done()
        await around.commit()
        with pytest.raises(RefusedError, match="ack by 李敏"):
            await trying
    finally:
        await other.close()
    assert [one.actor for one in await told(store, ["action"])] == ["P2"]


async def test_nothing_is_entered_before_what_was_entered_first(store: Connection) -> None:
    await with_firm(store)
    number = await with_alarm(store)
    body = action(number, Verb.COMMENT)
    for person, minutes in (("P2", 5), ("P3", 1), (SYSTEM, 2), ("P2", 7)):
        await decide(store, body, person, after(minutes))
    await enter(store, Decision(body, "P2", after(6)))
    entered = await told(store, ["action"])
    assert [one.entered_at for one in entered] == [after(at) for at in (5, 5, 5, 7, 7)]
    # What the system decides is of the moment at which it was due, whenever that was noticed.
    assert [one.effective_at for one in entered] == [after(at) for at in (5, 5, 2, 7, 7)]
    assert await first_broken(store) is None


def test_every_admission_is_of_a_kind_that_there_is() -> None:
    assert {"action", "declaration", "evidence"} <= set(ADMISSIONS)
