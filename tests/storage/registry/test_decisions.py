"""Decisions: checked, sealed into one chain, effective after what is folded already."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.alarms.registry.firm import registry

from wattwarden.alarms.decisions.bodies import (
    Absence,
    Consumable,
    Declaration,
    Measure,
    Patrol,
    Plan,
    Replacement,
    RuleSet,
)
from wattwarden.alarms.decisions.body import Scope
from wattwarden.alarms.decisions.chain import FIRST_PREDECESSOR
from wattwarden.alarms.decisions.kinds import AnyBody
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.decisions import (
    Decision,
    _of_kinds,
    _text_of,
    decisions,
    in_force,
    told,
)
from wattwarden.storage.registry.entering import enter, enter_all
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.registry.sealing import first_broken

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
LATER = NOW + timedelta(hours=8)


def plan(subject: str = "E1", scope: Scope = Scope.ENTERPRISE, **changes: object) -> Plan:
    fields = {"id": "plan-1", "scope": scope, "subject": subject, "measure": Measure.STOP}
    return Plan(**(fields | {"start": NOW, "end": LATER} | changes))  # type: ignore[arg-type]  # any


def decided(body: AnyBody, **more: object) -> Decision:
    return Decision(body, "P1", NOW, **more)  # type: ignore[arg-type]  # any field of it


async def with_firm(store: Connection) -> None:
    await save_registry(store, difference(Registry(), registry()), "me", now=NOW)


async def folded_to(store: Connection, enterprise: str, step: int) -> None:
    await store.execute(
        "UPDATE slice_position SET step = $1 WHERE slice = $2", step, slice_of(enterprise)
    )


async def test_a_decision_is_read_back_as_it_was_entered(store: Connection) -> None:
    await with_firm(store)
    entered = await enter(store, decided(plan(), effective_at=LATER))
    assert (entered.kind, entered.enterprise, entered.effective_at) == ("plan", "E1", LATER)
    assert entered in await decisions(store, 0, 1)


async def test_a_decision_takes_effect_after_what_its_enterprise_is_folded_to(
    store: Connection,
) -> None:
    await with_firm(store)
    await folded_to(store, "E1", 50)
    await folded_to(store, "E2", 80)
    assert (await enter(store, decided(plan("E1")))).step == 51
    city = await enter(store, decided(RuleSet(version="2", text="x = 1")))
    assert (city.step, city.enterprise) == (81, None)


async def test_a_decision_about_a_unit_concerns_its_enterprise(store: Connection) -> None:
    await with_firm(store)
    entered = await enter(store, decided(plan("U2", Scope.UNIT), enterprise="E2"))
    assert entered.enterprise == "E1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (plan("E7"), "subject"),
        (plan("U7", Scope.UNIT), "subject"),
        (Consumable(id="c", unit="U7", kind="carbon", replaced_at=NOW, limit_days=90), "unit"),
        (Replacement(id="r", consumable="c7", replaced_at=NOW), "consumable"),
        (
            Patrol(id="p", scope=Scope.ENTERPRISE, subject="E1", person="nobody", at=NOW),
            "person",
        ),
    ],
    ids=["enterprise", "unit", "consumable's unit", "consumable", "person"],
)
async def test_what_is_decided_about_must_be_there(
    store: Connection, body: AnyBody, field: str
) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError) as refused:
        await enter(store, decided(body))
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_a_body_that_contradicts_itself_is_refused(store: Connection) -> None:
    await with_firm(store)
    with pytest.raises(RefusedError, match="not after the start"):
        await enter(store, decided(plan(end=NOW)))


async def test_of_several_decisions_all_are_kept_or_none(store: Connection) -> None:
    await with_firm(store)
    carbon = Consumable(id="c", unit="U2", kind="carbon", replaced_at=NOW, limit_hours=500)
    changed = Replacement(id="r", consumable="c", replaced_at=LATER)
    with pytest.raises(RefusedError):
        await enter_all(store, [decided(carbon), decided(plan("E7"))])
    assert await in_force(store, "consumable") == []
    entered = await enter_all(store, [decided(carbon), decided(changed)])
    assert [one.enterprise for one in entered] == ["E1", "E1"]
    again = await enter(store, decided(Replacement(id="r2", consumable="c", replaced_at=LATER)))
    assert again.enterprise == "E1"


async def test_the_newest_of_an_id_is_in_force(store: Connection) -> None:
    await with_firm(store)
    await enter(store, decided(plan()))
    await enter(store, decided(plan(id="plan-2")))
    newest = await enter(store, decided(plan(enabled=False)))
    assert [one.id for one in await in_force(store, "plan")] == [newest.id - 1, newest.id]


async def test_decisions_are_read_by_step_and_slice(store: Connection) -> None:
    await with_firm(store)
    await folded_to(store, "E1", 10)
    first = await enter(store, decided(plan("E1")))
    other = await enter(store, decided(plan("E2", id="plan-2")))
    city = await enter(store, decided(RuleSet(version="2", text="x = 1")))
    assert await decisions(store, 1, 20) == [first, city]
    mine = await decisions(store, 0, 20, [slice_of("E1")])
    assert (first in mine, other in mine, city in mine) == (True, False, True)
    assert await decisions(store, 11, 20) == []


async def test_the_chain_seals_every_decision(store: Connection) -> None:
    await with_firm(store)
    first = (await decisions(store, 0, 1))[0]
    second = await enter(store, decided(plan(base_energy=1.5e22, reason="重污染天气")))
    assert first.predecessor == FIRST_PREDECESSOR
    assert second.predecessor == first.digest
    assert (first.id, second.id) == (1, 2)
    assert await first_broken(store) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE decision SET actor = 'somebody' WHERE id = 2",
        "UPDATE decision SET step = 9 WHERE id = 2",
        'UPDATE decision SET body = body || \'{"reason": "x"}\' WHERE id = 2',
        "DELETE FROM decision WHERE id = 2",
    ],
    ids=["actor", "step", "body", "gone"],
)
async def test_a_change_behind_our_back_breaks_the_chain(store: Connection, change: str) -> None:
    await with_firm(store)
    await enter(store, decided(plan()))
    last = await enter(store, decided(plan(id="plan-2")))
    await store.execute("ALTER TABLE decision DISABLE TRIGGER USER")
    await store.execute(change)
    await store.execute("ALTER TABLE decision ENABLE TRIGGER USER")
    assert await first_broken(store) == (last.id if change.startswith("DELETE") else 2)


@pytest.mark.parametrize("table", ["decision", "registry_entry"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET kind = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
async def test_what_is_kept_can_only_be_added_to(
    store: Connection, table: str, change: str
) -> None:
    await with_firm(store)
    with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
        await store.execute(change.format(table))


async def test_a_decision_waits_for_the_fold_of_its_slice(
    store: Connection, store_dsn: str
) -> None:
    await with_firm(store)
    folding = await connect(store_dsn, name="fold")
    async with folding.transaction():
        await folding.execute(
            "SELECT step FROM slice_position WHERE slice = $1 FOR UPDATE", slice_of("E1")
        )
        entering = asyncio.create_task(enter(store, decided(plan("E1"))))
        while not await folding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not entering.done()
        await folded_to(folding, "E1", 7)
    assert (await entering).step == 8
    await folding.close()


async def test_declarations_are_pending_until_reviewed(store: Connection) -> None:
    await with_firm(store)
    body = Declaration(
        id="d", scope=Scope.UNIT, subject="U2", kind=Absence.MAINTENANCE, start=NOW, end=LATER
    )
    await enter(store, decided(body))
    (kept,) = await in_force(store, "declaration")
    assert kept.body == body
    assert body.state == "pending"


async def test_a_kind_of_a_newer_program_is_told(store: Connection) -> None:
    await store.execute(
        "INSERT INTO decision (id, kind, actor, entered_at, effective_at, step, body, predecessor,"
        " digest) VALUES (1, 'verdict', 'me', $1, $1, 1, '{}', $2, $2)",
        NOW,
        FIRST_PREDECESSOR,
    )
    with pytest.raises(StorageError, match="verdict"):
        await decisions(store, 0, 9)


async def fill(store: Connection, kind: str, body: str, count: int = 4_000) -> None:
    """Enter decisions of which nothing but their number matters; bodies see theirs as ``{}``."""
    await store.execute(
        "INSERT INTO decision (id, kind, actor, entered_at, effective_at, step, body,"
        " predecessor, digest) SELECT 100000 + i, $1, 'x', $2, $2, 1,"
        " replace($3, '{}', i::text)::jsonb, sha256(i::text::bytea), sha256((-i)::text::bytea)"
        " FROM generate_series(1, $4) AS i",
        kind,
        NOW,
        body,
        count,
    )
    await store.execute("ANALYZE decision")


async def read_whole(store: Connection) -> int:
    """How many rows of decisions were read by looking at all of them, in this transaction."""
    read: int = await store.fetchval(
        "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'decision'"
    )
    return read


async def test_one_among_many_decisions_is_found_without_reading_the_others(
    store: Connection,
) -> None:
    await with_firm(store)
    await enter(store, decided(plan()))
    await enter(store, decided(plan(end=LATER + timedelta(hours=1))))
    await fill(store, "plan", '{"id": "other-{}"}')
    async with store.transaction():
        before = await read_whole(store)
        # A statement that is asked again and again is planned without its values.
        for _ in range(8):
            found = await told(store, ["plan"], where={"id": "plan-1"})
            assert [one.enterprise for one in found] == ["E1", "E1"]
            assert await told(store, ["plan"], where={"id": "plan-1"}, enterprise="E2") == []
            assert len(await told(store, ["plan"], enterprises=["E1"])) == 2
        assert await read_whole(store) == before


@pytest.mark.parametrize(
    ("kinds", "field"),
    [
        (["evidence"], "subject"),
        (["evidence"], "sha256"),
        (["assistance_step"], "assistance"),
        (["response_step"], "response"),
        (["replacement", "carbon"], "consumable"),
    ],
)
async def test_what_is_about_another_thing_is_found_without_reading_the_others(
    store: Connection, kinds: list[str], field: str
) -> None:
    # Of all kinds that are asked for, some; and each of them is most of what there is.
    await fill(store, kinds[0], f'{{"{field}": "other-{{}}"}}')
    plan = await store.fetch(
        f"EXPLAIN SELECT * FROM decision WHERE {_of_kinds(kinds)} AND {_text_of(field)} = $1"  # noqa: S608  names of ours
        " ORDER BY id",
        "one",
    )
    assert any("Index Cond" in row[0] and field in row[0] for row in plan), plan


@pytest.mark.parametrize(
    ("kinds", "where"),
    [(["plan", "pla'n"], {}), (["plan"], {"id' OR TRUE --": "x"})],
    ids=["no kind", "no field"],
)
async def test_only_kinds_and_fields_of_decisions_are_asked_for(
    store: Connection, kinds: list[str], where: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"no kind|no field"):
        await told(store, kinds, where=where)
    assert await told(store, []) == []
