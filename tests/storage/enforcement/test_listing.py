"""Tasks are listed as they are needed: those in hand, those that are over, a page at a time."""

import pytest
from tests.storage.acting.two_firms import NOW, with_two_firms

from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.enforcement.bodies import TaskStep
from wattwarden.alarms.enforcement.words import TaskVerb
from wattwarden.storage.acting.reading import reading_as
from wattwarden.storage.database import Connection
from wattwarden.storage.enforcement.listing import count_open_tasks, list_tasks
from wattwarden.storage.enforcement.lives import TASK
from wattwarden.storage.enforcement.seen import load_seen
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

ENDED = "TK-E1-secret"


async def ended(store: Connection) -> None:
    """Two firms with two tasks each, of which one was rejected."""
    await with_two_firms(store)
    await enter(store, Decision(TaskStep(task=ENDED, verb=TaskVerb.REJECT, note="否"), "city", NOW))


@pytest.mark.parametrize("person", ["duty1", "district1", "city", "auditor"])
async def test_tasks_are_in_hand_or_over_and_none_is_lost(store: Connection, person: str) -> None:
    await ended(store)
    reader = await reading_as(store, person, Read.TASKS)
    every = {one.id: one for one in await load_seen(store, TASK, reader)}
    in_hand = await list_tasks(store, reader, over=False, limit=10)
    over = await list_tasks(store, reader, over=True, limit=10)
    assert {one.id: one for one in (*in_hand, *over)} == every
    assert [one.id for one in over] == [ENDED] * (ENDED in every)
    assert await count_open_tasks(store, reader) == len(in_hand)
    numbers = [one.told.number for one in in_hand]
    assert numbers == sorted(numbers, reverse=True)


async def test_tasks_come_a_page_at_a_time_and_of_firms_that_are_asked_for(
    store: Connection,
) -> None:
    await ended(store)
    reader = await reading_as(store, "city", Read.TASKS)
    first, *others = await list_tasks(store, reader, over=False, limit=10)
    assert [one.id for one in await list_tasks(store, reader, over=False, limit=1)] == [first.id]
    before = first.told.number
    rest = await list_tasks(store, reader, over=False, limit=10, before=before)
    assert rest == others
    asked = {"E1", "nobody"}
    own = await list_tasks(store, reader, over=False, limit=10, enterprises=asked)
    assert [one.told.body.enterprise for one in own] == ["E1"]
    district = await reading_as(store, "district1", Read.TASKS)
    assert await list_tasks(store, district, over=False, limit=10, enterprises={"E2"}) == []
