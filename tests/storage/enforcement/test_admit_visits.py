"""What stands against inspections and stations."""

import msgspec
import pytest
from tests.storage.enforcement.deeds import call, did, inspection, refused, step, steps
from tests.storage.enforcement.firm import HOUR, NOW, found, raised

from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.enforcement.bodies import InspectionStep, Station, StationStep
from wattwarden.alarms.enforcement.words import InspectionVerb, Mode, StationVerb, TaskVerb
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.lives import INSPECTION, load_lives


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


async def test_a_leader_s_word_is_for_one_visit(store: Connection) -> None:
    await found(store)
    task = await did(store, call("E3"))
    await did(store, step(task, TaskVerb.APPROVE), "P6")
    visit = (TaskVerb.ASSIGN, TaskVerb.ACCEPT, TaskVerb.ARRIVE)
    await steps(store, task, *visit, TaskVerb.RESULT)
    during = inspection(Mode.ON_SITE, "E3", task=task)
    await did(store, during)
    again = msgspec.structs.replace(during, at=NOW + HOUR)
    assert "正面清单" in (await refused(store, again, at=NOW + HOUR))[0][1]
    stationed = Station(id=NEW, enterprise="E3", person="P1", start=NOW, reason="r")
    assert "正面清单" in (await refused(store, stationed))[0][1]
    # After a relapse somebody goes again: with another word.
    await steps(store, task, TaskVerb.FOLLOW_UP, TaskVerb.ASSIGN, TaskVerb.ACCEPT)
    arrive = step(task, TaskVerb.ARRIVE)
    assert "正面清单" in (await refused(store, arrive))[0][1]
    await did(store, step(task, TaskVerb.ENDORSE), "P6")
    await did(store, arrive)
