"""What stands against steps of a task, in a real database; of two at once one wins."""

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.storage.enforcement.deeds import BEFORE_VISIT, call, did, refused, step, steps, task_of
from tests.storage.enforcement.firm import DAY, HOUR, NOW, city, found, raised

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.enforcement.tasks import alarms_of
from wattwarden.alarms.enforcement.words import Outcome, TaskVerb
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import TASK, load_lives
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.registry import save_registry


async def test_a_task_is_lived_through_with_roles_and_names_kept(store: Connection) -> None:
    await found(store)
    number = await raised(store, NOW - HOUR, ended=NOW)
    name = await did(store, call(alarms=[number]))
    assert name.startswith("TK")
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE, TaskVerb.RESULT, TaskVerb.FOLLOW_UP)
    early = await refused(store, step(name, TaskVerb.CLOSE))
    assert "7天" in early[0][1]
    await did(store, step(name, TaskVerb.CLOSE), at=NOW + 7 * DAY)
    task = await task_of(store, name)
    assert task.state == "closed"
    assert alarms_of(task) == {number}
    assert {one.body.role for one in task.steps} == {"district_officer"}
    assert len(await load_lives(store, TASK)) == 1


async def test_an_enterprise_has_one_open_task_and_the_second_is_told_which(
    store: Connection,
) -> None:
    await found(store)
    first = await did(store, call())
    ((field, why),) = await refused(store, call(), "P3")
    assert field == "enterprise"
    assert first in why
    assert "王建国" in why
    await did(store, call("E2"))
    await did(store, step(first, TaskVerb.REJECT, note="误报"))
    assert await did(store, call()) != first


async def test_what_was_entered_is_not_entered_over(store: Connection) -> None:
    await found(store)
    await did(store, call(identity="TK-a"))
    await did(store, step("TK-a", TaskVerb.REJECT, note="误报"))
    ((field, why),) = await refused(store, call(identity="TK-a"))
    assert (field, "王建国" in why) == ("id", True)


async def test_of_two_who_act_at_once_one_wins_and_the_other_is_told_who(
    store: Connection, store_dsn: str
) -> None:
    await found(store)
    other = await asyncpg.connect(store_dsn)
    try:
        for bodies in (
            lambda _: (call(), call()),
            lambda task: (step(task, TaskVerb.APPROVE), step(task, TaskVerb.APPROVE)),
            lambda task: (
                step(task, TaskVerb.ASSIGN, person="P1"),
                step(task, TaskVerb.ASSIGN, person="P4"),
            ),
        ):
            standing = await load_lives(store, TASK)
            first, second = bodies(standing[0].id if standing else "")
            both = await asyncio.gather(
                decide(store, first, "P1", NOW),
                decide(other, second, "P3", NOW),
                return_exceptions=True,
            )
            (lost,) = [one for one in both if isinstance(one, RefusedError)]
            (won,) = [one for one in both if isinstance(one, Entered)]
            name = {"P1": "王建国", "P3": "赵丽"}[won.actor]
            assigned = getattr(won.body, "person", None)
            told = {"P1": "王建国", "P4": "孙强"}.get(assigned or "", name)
            assert told in lost.problems[0].zh
    finally:
        await other.close()
    (task,) = await load_lives(store, TASK)
    assert [one.body.verb for one in task.steps] == ["approve", "assign"]


async def test_two_wardens_at_once_propose_one_task(store: Connection, store_dsn: str) -> None:
    await found(store)
    others = [await asyncpg.connect(store_dsn) for _ in range(3)]
    try:
        both = await asyncio.gather(
            *(decide(one, call(), SYSTEM, NOW) for one in (store, *others)),
            return_exceptions=True,
        )
    finally:
        for one in others:
            await one.close()
    assert sum(isinstance(one, Entered) for one in both) == 1
    assert sum(isinstance(one, RefusedError) for one in both) == 3
    assert len(await load_lives(store, TASK)) == 1


async def test_the_positive_list_needs_a_leader_for_approval_and_visit(store: Connection) -> None:
    await found(store)
    name = await did(store, call("E3"))
    for officer in ("P1", "P3"):
        ((_, why),) = await refused(store, step(name, TaskVerb.APPROVE), officer)
        assert "须由领导批准" in why
    await did(store, step(name, TaskVerb.APPROVE), "P6")
    await steps(store, name, TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)
    assert (await task_of(store, name)).state == "on_site"


async def test_a_firm_listed_after_approval_is_visited_once_a_leader_endorsed_it(
    store: Connection,
) -> None:
    made = await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT)
    listed = msgspec.structs.replace(made.enterprise["E1"], supervision=Supervision.POSITIVE)
    await save_registry(store, difference(made, city(("enterprise", listed))), "me", now=NOW)
    ((_, why),) = await refused(store, step(name, TaskVerb.ARRIVE))
    assert "正面清单" in why
    ((_, why),) = await refused(store, step(name, TaskVerb.ENDORSE), "P3")
    assert "须由" in why
    await did(store, step(name, TaskVerb.ENDORSE), "P6")
    ((_, why),) = await refused(store, step(name, TaskVerb.ENDORSE), "P6")
    assert "已经领导批准" in why
    await did(store, step(name, TaskVerb.ARRIVE))


@pytest.mark.parametrize(
    ("person", "why"),
    [("P2", "不是管辖"), ("P5", "不是管辖"), ("P4", "")],
    ids=["of the firm", "of another district", "of the district"],
)
async def test_only_an_officer_for_the_firm_is_sent(
    store: Connection, person: str, why: str
) -> None:
    await found(store)
    name = await did(store, call())
    await did(store, step(name, TaskVerb.APPROVE))
    sent = step(name, TaskVerb.ASSIGN, person=person)
    if why:
        assert why in (await refused(store, sent))[0][1]
    else:
        await did(store, sent)


async def test_somebody_elses_task_is_theirs_until_it_is_taken_over_by_name(
    store: Connection,
) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, TaskVerb.APPROVE, TaskVerb.ASSIGN)
    assert "王建国" in (await refused(store, step(name, TaskVerb.ACCEPT), "P4"))[0][1]
    assert "改派" in (await refused(store, step(name, TaskVerb.ASSIGN, person="P4")))[0][1]
    await did(store, step(name, TaskVerb.ASSIGN, person="P4", instead_of="P1"), "P3")
    await did(store, step(name, TaskVerb.ACCEPT), "P4")


@pytest.mark.parametrize("verb", list(TaskVerb), ids=str)
async def test_the_system_attaches_observes_and_closes_and_nothing_else(
    store: Connection, verb: TaskVerb
) -> None:
    await found(store)
    number = await raised(store, NOW - HOUR, ended=NOW)
    name = await did(store, call())
    way = {
        TaskVerb.ASSIGN: 1, TaskVerb.ENDORSE: 1, TaskVerb.ACCEPT: 2, TaskVerb.ARRIVE: 3,
        TaskVerb.RESULT: 4, TaskVerb.FOLLOW_UP: 5, TaskVerb.CLOSE: 6,
    }  # fmt: skip
    order = (*BEFORE_VISIT, TaskVerb.ARRIVE, TaskVerb.RESULT, TaskVerb.FOLLOW_UP)
    await steps(store, name, *order[: way.get(verb, 0)])
    more: dict[TaskVerb, dict[str, Any]] = {
        TaskVerb.ASSIGN: {"person": "P1"}, TaskVerb.RESULT: {"outcome": Outcome.GUIDED},
        TaskVerb.FOLLOW_UP: {"days": 7}, TaskVerb.ATTACH: {"alarms": (str(number),)},
        TaskVerb.REJECT: {"note": "n"},
    }  # fmt: skip
    body = step(name, verb, **more.get(verb, {}))
    later = NOW + 7 * DAY
    if verb in (TaskVerb.ATTACH, TaskVerb.FOLLOW_UP, TaskVerb.CLOSE):
        await did(store, body, SYSTEM, later)
    else:
        assert "须由人员办理" in (await refused(store, body, SYSTEM, later))[0][1]


async def test_an_alarm_attaches_once_and_only_to_its_own_firms_task(store: Connection) -> None:
    await found(store)
    own, other = await raised(store, NOW), await raised(store, NOW, enterprise="E2")
    name = await did(store, call())
    await did(store, step(name, TaskVerb.ATTACH, alarms=(str(own),)))
    again = await refused(store, step(name, TaskVerb.ATTACH, alarms=(str(own),)))
    assert "均已并入" in again[0][1]
    foreign = await refused(store, step(name, TaskVerb.ATTACH, alarms=(str(other),)))
    assert foreign == [("alarms", f"alarm {other}不属于企业E1")]
    assert (await refused(store, call("E3", [own])))[0][0] == "alarms"


async def test_a_task_is_not_closed_while_an_alarm_goes_on(store: Connection) -> None:
    await found(store)
    name = await did(store, call())
    order = (*BEFORE_VISIT, TaskVerb.ARRIVE, TaskVerb.RESULT, TaskVerb.FOLLOW_UP)
    await steps(store, name, *order)
    # It began before anybody observed, and goes on.
    await raised(store, NOW - 2 * DAY)
    late = await refused(store, step(name, TaskVerb.CLOSE), at=NOW + 30 * DAY)
    assert "未消除" in late[0][1]


async def test_a_task_is_taken_over_from_somebody_who_fell_ill_on_site(store: Connection) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    other = step(name, TaskVerb.ASSIGN, person="P4", note="原承办人患病")
    assert [field for field, _ in await refused(store, other)] == ["instead_of"]
    await did(store, msgspec.structs.replace(other, instead_of="P1"))
    await steps(store, name, TaskVerb.ACCEPT, TaskVerb.ARRIVE, TaskVerb.RESULT, person="P4")
    assert (await task_of(store, name)).state == "concluded"
