"""The registry in the database: whole, by step, with its history."""

from datetime import UTC, datetime

import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.acting.rights import SYSTEM
from wattwarden.alarms.registry.changes import Change, difference
from wattwarden.alarms.registry.nouns import Line, Person, Role
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.registry import (
    first_altered,
    history,
    load_registry,
    save_registry,
)

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
RENAMED = Line(id="L1", enterprise="E1", name="回转窑")


async def saved(store: Connection, *changes: Change) -> int:
    entered = await save_registry(store, changes, "me", now=NOW)
    assert entered is not None
    return entered.step


async def test_what_is_saved_is_loaded_again(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    assert await load_registry(store) == registry()


async def test_nothing_to_change_is_no_decision(store: Connection) -> None:
    assert await save_registry(store, [], "me", now=NOW) is None
    assert await store.fetchval("SELECT count(*) FROM decision") == 0


async def test_a_step_sees_what_was_in_force_then(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    await store.execute("UPDATE slice_position SET step = 40 WHERE slice = 3")
    assert await saved(store, Change("line", "L1", RENAMED)) == 41
    await store.execute("UPDATE slice_position SET step = 60")
    assert await saved(store, Change("link", "K3", None), Change("line", "L2", None)) == 61
    assert await load_registry(store, 0) == Registry()
    assert await load_registry(store, 40) == registry()
    assert await load_registry(store, 41) == registry(("line", RENAMED))
    assert set((await load_registry(store, 61)).line) == {"L1", "L9"}
    assert set((await load_registry(store, 61)).link) == {"K1", "K2"}


async def test_a_record_keeps_its_history(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    await saved(store, Change("line", "L9", RENAMED.__class__("E2", "新线", id="L9")))
    await saved(store, Change("line", "L9", None))
    versions = await history(store, "line", "L9")
    assert [None if line is None else line.name for line, _ in versions] == [  # type: ignore[attr-defined]  # a line
        "喷漆线",
        "新线",
        None,
    ]
    assert [decision for _, decision in versions] == [1, 2, 3]


async def test_a_registry_that_would_not_hold_together_is_refused(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    with pytest.raises(RefusedError, match="there is no line L1"):
        await save_registry(store, [Change("line", "L1", None)], "me", now=NOW)
    assert await load_registry(store) == registry()


async def test_entries_that_were_not_decided_are_found(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    await saved(store, Change("line", "L1", RENAMED))
    assert await first_altered(store) is None
    await store.execute(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        " SELECT kind, id, 3, NULL, true, 2 FROM registry_entry WHERE id = 'U1'"
    )
    assert await first_altered(store) == 2


async def test_a_record_of_a_newer_program_is_told(store: Connection) -> None:
    await saved(store, *difference(Registry(), registry()))
    await store.execute(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        " VALUES ('line', 'L1', 2, '{\"id\": \"L1\", \"colour\": 1}', false, 1)"
    )
    with pytest.raises(StorageError, match="cannot be read by this program"):
        await load_registry(store)


async def test_nobody_is_named_as_the_system_itself(store: Connection) -> None:
    auditor = Person(id=SYSTEM, name="甲", role=Role.AUDITOR)
    with pytest.raises(RefusedError, match=SYSTEM):
        await saved(store, Change("person", SYSTEM, auditor))
    assert await store.fetchval("SELECT count(*) FROM registry_entry") == 0
