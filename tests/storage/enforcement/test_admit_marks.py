"""What stands against findings, clues and weak points, and against strangers."""

import msgspec
import pytest
from tests.storage.enforcement.deeds import call, did, refused, step
from tests.storage.enforcement.firm import HOUR, NOW, found, raised

from wattwarden.alarms.decisions.body import NEW, Scope
from wattwarden.alarms.enforcement.bodies import (
    Clue,
    ClueStep,
    Finding,
    FindingLink,
    Focus,
    FocusStep,
)
from wattwarden.alarms.enforcement.words import ClueVerb, FocusVerb, Source, TaskVerb
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import FINDING, TASK, load_life, load_lives


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
