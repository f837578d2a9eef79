"""What stands against deeds of enforcement, in a real database; of two at once one wins."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.storage.enforcement.firm import DAY, HOUR, NOW, city, found, raised

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.cases.bodies import Action, Cause, Evidence, Verb
from wattwarden.alarms.decisions.body import NEW, Body, Scope
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
    Inspection,
    InspectionStep,
    Station,
    StationStep,
    Task,
    TaskStep,
)
from wattwarden.alarms.enforcement.lives import TaskLife
from wattwarden.alarms.enforcement.tasks import alarms_of
from wattwarden.alarms.enforcement.words import (
    ClueVerb,
    FocusVerb,
    InspectionVerb,
    Mode,
    Outcome,
    Source,
    StationVerb,
    TaskVerb,
)
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Supervision
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import (
    FINDING,
    INSPECTION,
    TASK,
    load_life,
    load_lives,
)
from wattwarden.storage.registry.decisions import Decision, Entered, enter
from wattwarden.storage.registry.registry import save_registry


async def did(store: Connection, body: Body, person: str = "P1", at: datetime = NOW) -> str:
    """Decide, and return the id of the thing."""
    entered: Entered = await decide(store, body, person, at)
    return str(getattr(entered.body, "id", ""))


async def refused(
    store: Connection, body: Body, person: str = "P1", at: datetime = NOW
) -> list[tuple[str, str]]:
    """Fields and Chinese reasons of a refusal."""
    with pytest.raises(RefusedError) as error:
        await decide(store, body, person, at)
    assert all(problem.en for problem in error.value.problems)
    return [(problem.field, problem.zh) for problem in error.value.problems]


def call(enterprise: str = "E1", alarms: Sequence[int] = (), identity: str = NEW) -> Task:
    numbers = tuple(map(str, alarms))
    return Task(id=identity, enterprise=enterprise, text="请前往", alarms=numbers)


def step(task: str, verb: TaskVerb, **more: Any) -> TaskStep:
    return TaskStep(task=task, verb=verb, **more)


async def steps(store: Connection, task: str, *verbs: TaskVerb, person: str = "P1") -> None:
    """Take a task on by some verbs, as everybody does them usually."""
    needed: dict[TaskVerb, dict[str, Any]] = {
        TaskVerb.ASSIGN: {"person": person},
        TaskVerb.RESULT: {"outcome": Outcome.ORDERED},
        TaskVerb.FOLLOW_UP: {"days": 7},
    }
    for verb in verbs:
        await did(store, step(task, verb, **needed.get(verb, {})), person)


async def task_of(store: Connection, identity: str) -> TaskLife:
    life = await load_life(store, TASK, identity)
    assert life is not None
    return life


BEFORE_VISIT = (TaskVerb.APPROVE, TaskVerb.ASSIGN, TaskVerb.ACCEPT)


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
async def test_the_system_attaches_and_closes_and_nothing_else(
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
    if verb in (TaskVerb.ATTACH, TaskVerb.CLOSE):
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


async def test_a_firm_that_corrected_itself_in_time_is_exempted_and_another_is_not(
    store: Connection,
) -> None:
    await found(store)
    number = await raised(store, NOW - HOUR, ended=NOW - HOUR / 2)
    name = await did(store, call(alarms=[number]))
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    assert "未在期限内" in (await refused(store, result))[0][1]
    verbs: list[tuple[Verb, dict[str, Any]]] = [
        (Verb.ACK, {}), (Verb.HANDLE, {"reason": "更换", "cause": Cause.AGEING}),
        (Verb.RECTIFY, {"reason": "已更换", "evidence": ("0" * 64,)}),
    ]  # fmt: skip
    for verb, more in verbs:
        action = Action(id=f"AC-{verb}", alarm=str(number), verb=verb, **more)
        # Which evidence it takes is not asked here.
        await enter(store, Decision(action, "P2", NOW))
    await did(store, result, at=NOW + HOUR)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_exemption_without_any_alarm_takes_a_proof_that_it_was_corrected(
    store: Connection,
) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    ((field, why),) = await refused(store, result)
    assert (field, "证据" in why, "检查" in why) == ("files", True, True)
    unknown = msgspec.structs.replace(result, files=("0" * 64,))
    assert [one for one, _ in await refused(store, unknown)] == ["files"]
    arrived = Arrived(b"%PDF-1.7 mended", "mended.pdf", "enterprise", "E1")
    kept = await keep_evidence(store, arrived, "P2", NOW)
    assert isinstance(kept.body, Evidence)
    photo = msgspec.structs.replace(result, files=(kept.body.sha256,))
    await did(store, photo)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_inspection_that_found_nothing_shows_a_correction_and_a_strangers_does_not(
    store: Connection,
) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    foreign = await did(store, inspection(Mode.OFF_SITE, "E2"), "P3")
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    taken = msgspec.structs.replace(result, inspection=foreign)
    assert "不属于" in (await refused(store, taken))[0][1]
    own = await did(store, inspection(Mode.OFF_SITE))
    after = msgspec.structs.replace(result, inspection=own)
    assert [field for field, _ in await refused(store, after)] == ["files"]
    end = InspectionStep(inspection=own, verb=InspectionVerb.CONCLUDE, at=NOW, problems=0)
    await did(store, end)
    await did(store, after)
    assert (await task_of(store, name)).state == "concluded"


async def test_an_alarm_that_nobody_attached_stands_against_an_exemption(
    store: Connection,
) -> None:
    await found(store)
    other = await raised(store, NOW - 20 * DAY, ended=NOW - 19 * DAY, rule="R2")
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    result = step(name, TaskVerb.RESULT, outcome=Outcome.EXEMPTED, minor=True, harmless=True)
    told = [why for _, why in await refused(store, result)]
    assert any(f"报警{other}未在期限内" in why for why in told)


async def test_a_task_is_taken_over_from_somebody_who_fell_ill_on_site(store: Connection) -> None:
    await found(store)
    name = await did(store, call())
    await steps(store, name, *BEFORE_VISIT, TaskVerb.ARRIVE)
    other = step(name, TaskVerb.ASSIGN, person="P4", note="原承办人患病")
    assert [field for field, _ in await refused(store, other)] == ["instead_of"]
    await did(store, msgspec.structs.replace(other, instead_of="P1"))
    await steps(store, name, TaskVerb.ACCEPT, TaskVerb.ARRIVE, TaskVerb.RESULT, person="P4")
    assert (await task_of(store, name)).state == "concluded"


# --- inspections, stations


def inspection(mode: Mode, enterprise: str = "E1", **more: Any) -> Inspection:
    return Inspection(id=NEW, enterprise=enterprise, mode=mode, at=NOW - HOUR, **more)


@pytest.mark.parametrize("mode", list(Mode), ids=str)
@pytest.mark.parametrize(
    ("enterprise", "person"), [("E1", "P1"), ("E3", "P1"), ("E3", "P6")],
    ids=["ordinary", "listed", "listed, by a leader"],
)  # fmt: skip
async def test_a_listed_firm_is_looked_into_from_afar_unless_a_leader_says_otherwise(
    store: Connection, enterprise: str, person: str, mode: Mode
) -> None:
    await found(store)
    body = inspection(mode, enterprise)
    if (enterprise, person) == ("E3", "P1") and mode is not Mode.OFF_SITE:
        assert "正面清单" in (await refused(store, body, person))[0][1]
        task = await did(store, call("E3"))
        await did(store, step(task, TaskVerb.APPROVE), "P6")
        await did(store, msgspec.structs.replace(body, task=task), person)
    else:
        await did(store, body, person)
    assert len(await load_lives(store, INSPECTION, enterprise)) == 1


async def test_an_inspection_goes_on_site_once_and_ends_once(store: Connection) -> None:
    await found(store)
    name = await did(store, inspection(Mode.OFF_SITE, people=("P1", "P4")))
    switch = InspectionStep(
        inspection=name, verb=InspectionVerb.SWITCH, at=NOW, report="在线数据异常"
    )
    early = msgspec.structs.replace(switch, at=NOW - 2 * HOUR)
    assert (await refused(store, early))[0][0] == "at"
    late = msgspec.structs.replace(switch, at=NOW + HOUR)
    assert (await refused(store, late))[0][0] == "at"
    await did(store, switch)
    assert "现场检查中" in (await refused(store, switch))[0][1]
    end = InspectionStep(inspection=name, verb=InspectionVerb.CONCLUDE, at=NOW, problems=3)
    await did(store, end)
    assert "已办结" in (await refused(store, end))[0][1]


async def test_going_on_site_at_a_listed_firm_takes_a_leader_as_well(store: Connection) -> None:
    await found(store)
    name = await did(store, inspection(Mode.OFF_SITE, "E3"))
    switch = InspectionStep(inspection=name, verb=InspectionVerb.SWITCH, at=NOW, report="异常")
    assert "正面清单" in (await refused(store, switch))[0][1]
    await did(store, switch, "P6")


async def test_a_task_that_is_over_lets_nobody_go_there(store: Connection) -> None:
    await found(store)
    task = await did(store, call())
    await did(store, step(task, TaskVerb.REJECT, note="n"))
    assert "已结束" in (await refused(store, inspection(Mode.ON_SITE, task=task)))[0][1]


async def test_an_inspection_names_officers_alarms_and_tasks_of_its_firm(
    store: Connection,
) -> None:
    await found(store)
    other, task = await raised(store, NOW, enterprise="E2"), await did(store, call("E2"))
    told = await refused(
        store, inspection(Mode.OFF_SITE, alarms=(str(other),), task=task, people=("P2",))
    )
    assert [field for field, _ in told] == ["alarms", "task", "people"]


async def test_a_supervisor_is_stationed_relieved_and_withdrawn(store: Connection) -> None:
    await found(store)
    body = Station(id=NEW, enterprise="E1", person="P2", start=NOW - HOUR, reason="不达标")
    assert "执法人员" in (await refused(store, body))[0][1]
    name = await did(store, msgspec.structs.replace(body, person="P1"))
    early = StationStep(station=name, verb=StationVerb.END, at=NOW - 2 * HOUR)
    assert (await refused(store, early))[0][0] == "at"
    relief = StationStep(station=name, verb=StationVerb.RELIEVE, at=NOW, person="P4")
    await did(store, relief)
    end = StationStep(station=name, verb=StationVerb.END, at=NOW)
    await did(store, end)
    assert "已撤离" in (await refused(store, relief))[0][1]
    listed = Station(id=NEW, enterprise="E3", person="P1", start=NOW, reason="r")
    assert "正面清单" in (await refused(store, listed))[0][1]


# --- findings, clues, weak points


async def test_a_finding_from_any_source_belongs_to_alarms_tasks_and_inspections(
    store: Connection,
) -> None:
    await found(store)
    number, task = await raised(store, NOW), await did(store, call())
    for source in Source:
        body = Finding(id=NEW, enterprise="E1", source=source, at=NOW - HOUR, what="烟羽")
        name = await did(store, body)
        await did(store, FindingLink(finding=name, alarms=(str(number),)))
        await did(store, FindingLink(finding=name, task=task, alarms=(str(number),)))
    findings = await load_lives(store, FINDING, "E1")
    assert [one.told.body.source for one in findings] == list(Source)
    assert {(one.alarms, one.tasks, one.inspections) for one in findings} == {
        ((str(number),), (task,), ())
    }


async def test_a_finding_is_of_the_past_of_its_own_firm_and_of_kept_files(
    store: Connection,
) -> None:
    await found(store)
    other = await raised(store, NOW, enterprise="E2")
    body = Finding(
        id=NEW, enterprise="E1", source=Source.DRONE, at=NOW + HOUR, what="烟羽",
        alarms=(str(other),), files=("0" * 64,),
    )  # fmt: skip
    assert [field for field, _ in await refused(store, body)] == ["at", "alarms", "files"]
    good = Finding(id=NEW, enterprise="E1", source=Source.DRONE, at=NOW, what="烟羽")
    name = await did(store, good)
    link = FindingLink(finding=name, alarms=(str(other),))
    assert [field for field, _ in await refused(store, link)] == ["alarms"]


async def test_a_clue_is_given_to_an_officer_and_borne_out_once(store: Connection) -> None:
    await found(store)
    number, other = await raised(store, NOW), await raised(store, NOW, enterprise="E2")
    body = Clue(id=NEW, enterprise="E1", text="夜间停运", alarms=(str(number),), person="P5")
    assert [field for field, _ in await refused(store, body)] == ["person"]
    mixed = Clue(id=NEW, enterprise="E1", text="夜间停运", alarms=(str(number), str(other)))
    assert [field for field, _ in await refused(store, mixed)] == ["alarms"]
    name = await did(store, msgspec.structs.replace(body, person=None))
    borne = ClueStep(clue=name, verb=ClueVerb.CONFIRM, note="属实")
    assert "待指派" in (await refused(store, borne))[0][1]
    assert [
        field
        for field, _ in await refused(store, ClueStep(clue=name, verb=ClueVerb.ASSIGN, person="P2"))
    ] == ["person"]
    await did(store, ClueStep(clue=name, verb=ClueVerb.ASSIGN, person="P4"))
    await did(store, borne, "P4")
    assert "已查实" in (await refused(store, borne))[0][1]


async def test_a_weak_point_is_put_right_by_the_firm_and_confirmed_by_an_officer(
    store: Connection,
) -> None:
    await found(store)
    body = Focus(id=NEW, scope=Scope.UNIT, subject="U2", weakness="叶轮老化", officer="P2")
    assert [field for field, _ in await refused(store, body)] == ["officer"]
    name = await did(store, msgspec.structs.replace(body, officer="P1"))
    claim = FocusStep(focus=name, verb=FocusVerb.RECTIFY, note="已更换")
    assert "须由" in (await refused(store, claim, "P1"))[0][1]
    unkept = msgspec.structs.replace(claim, files=("0" * 64,))
    assert [field for field, _ in await refused(store, unkept, "P2")] == ["files"]
    await did(store, claim, "P2")
    confirm = FocusStep(focus=name, verb=FocusVerb.CONFIRM)
    assert "须由" in (await refused(store, confirm, "P2"))[0][1]
    await did(store, confirm)
    assert "已消除" in (await refused(store, claim, "P2"))[0][1]


@pytest.mark.parametrize("person", ["P5", "P2", "nobody"])
async def test_nobody_acts_on_a_firm_that_is_not_theirs(store: Connection, person: str) -> None:
    await found(store)
    assert await refused(store, call(), person)
    name = await did(store, call())
    assert await refused(store, step(name, TaskVerb.APPROVE), person)


async def test_what_is_not_there_is_told(store: Connection) -> None:
    await found(store)
    assert "没有" in (await refused(store, step("TK99", TaskVerb.APPROVE)))[0][1]
    assert await load_life(store, TASK, "TK99") is None
