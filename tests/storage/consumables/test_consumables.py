"""Consumables in the store: what is admitted, how they stand, and what a rejection undoes."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.storage.responses.city import register_city

from wattwarden.alarms.consumables.bodies import Carbon, CheckResult, OffsiteCheck, WasteEntry
from wattwarden.alarms.consumables.chain import ChainState, Colour
from wattwarden.alarms.consumables.wear import Level
from wattwarden.alarms.decisions.bodies import Consumable, Replacement
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.ledgers.sheets import said
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.orders import compile_orders, milliseconds
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import default_rules
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.consumables.check import calculate, check_replacement, replace_part
from wattwarden.storage.consumables.load import PartNow, load_parts, parts_now
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.ledger import load_entries
from wattwarden.storage.registry.decisions import decisions
from wattwarden.storage.registry.registry import load_registry
from wattwarden.storage.registry.sealing import first_broken

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SINCE = NOW - 40 * DAY
CARBON = Consumable(id="CS-c", unit="U2", kind="carbon", replaced_at=SINCE, limit_hours=400)
PHOTO = b"%PDF-1.7 the new filling"
DIGEST = hashlib.sha256(PHOTO).hexdigest()
REPLACED = Replacement(id="RP-1", consumable="CS-c", replaced_at=NOW - 2 * DAY, amount="800 kg",
                       evidence=(DIGEST,))  # fmt: skip
WASTE = WasteEntry(id="WS-1", replacement="RP-1", code="900-039-49", mass_kg=800, container="吨袋",
                   stored_at=NOW - DAY)  # fmt: skip
PASS = OffsiteCheck(id="CC-1", replacement="RP-1", result=CheckResult.PASS)
REJECT = OffsiteCheck(id="CC-1", replacement="RP-1", result=CheckResult.REJECT, opinion="照片不符")


def changed(body: Body, **changes: object) -> Body:
    return msgspec.structs.replace(body, **changes)


def sent(data: bytes) -> Arrived:
    return Arrived(data, "photo.pdf", "consumable", "CS-c")


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection) -> Connection:
    """U2 has run eight hours a day for forty days, at night in Shanghai."""
    await register_city(store)
    for day in range(41):
        for hours, state in ((0, "running"), (8, "off")):
            await store.execute(
                "INSERT INTO unit_transition (enterprise, unit, at, state)"
                " VALUES ('E1', 'U2', $1, $2)",
                NOW.replace(hour=16) - 41 * DAY + day * DAY + hours * HOUR,
                state,
            )
    meter = await store.fetchval(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('acrel', 'M1', 'accepted', now()) RETURNING id"
    )
    await store.execute(
        "INSERT INTO reading (meter, step, at, received_at, quality, period, channel)"
        " VALUES ($1, 1, $2, $2, 0, 'i', '1-2')",
        meter,
        NOW,
    )
    await decide(store, CARBON, "duty", SINCE)
    await keep_evidence(store, sent(PHOTO), "duty", NOW - 2 * DAY)
    return store


async def stands(city: Connection, now: datetime = NOW) -> PartNow:
    (found,) = await parts_now(city, await load_parts(city, enterprises=["E1"]), now)
    return found


async def test_a_part_is_told_with_its_hours_its_pace_and_when_it_is_due(city: Connection) -> None:
    one = await stands(city)
    assert (one.wear.hours, one.wear.unknown_hours, one.wear.pace_h_d) == (320.0, 0.0, 8.0)
    assert one.wear.share == pytest.approx(0.8)
    assert one.wear.due_at == NOW + 10 * DAY
    assert (one.level, one.colour, one.part.last) == (Level.IN_USE, Colour.GREEN, None)


async def test_the_chain_goes_from_the_reminder_to_the_check(city: Connection) -> None:
    await city.execute(
        "INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, found_in,"
        " version, explanation) VALUES ('R18', 'unit:U2', 'remind:CS-c', $1, 'E1', '', $1,"
        " 'readings', '1', '{}')",
        NOW - 3 * DAY,
    )
    assert (await stands(city)).reminded_at == NOW - 3 * DAY
    await decide(city, REPLACED, "duty", NOW - 2 * DAY)
    one = await stands(city)
    assert (one.wear.hours, one.reminded_at) == (16.0, None)
    states = [(one.part.last and one.part.last.state, one.colour)]
    late = await stands(city, NOW + 2 * DAY)
    states.append((late.part.last and late.part.last.state, late.colour))
    await decide(city, WASTE, "duty", NOW)
    await check_replacement(city, PASS, "district", NOW + HOUR)
    done = await stands(city, NOW + 2 * DAY)
    states.append((done.part.last and done.part.last.state, done.colour))
    assert states == [
        (ChainState.REPLACED, Colour.GREEN),
        (ChainState.REPLACED, Colour.AMBER),
        (ChainState.CHECKED, Colour.GREEN),
    ]


async def test_a_rejected_replacement_has_not_been_one(city: Connection) -> None:
    await decide(city, REPLACED, "duty", NOW - 2 * DAY)
    await check_replacement(city, REJECT, "district", NOW)
    one = await stands(city)
    assert (one.wear.hours, one.colour) == (320.0, Colour.AMBER)
    assert one.part.last is not None
    assert (one.part.last.state, one.part.last.actor) == (ChainState.REJECTED, "duty")
    # The fold counts from the part's first day again as well.
    bodies = [entered.body for entered in await decisions(city, 0, 1_000)]
    plant = compile_plant(await load_registry(city), default_rules(), ["E1"])
    (wear,) = compile_orders(plant, bodies).wear
    assert wear.since == milliseconds(SINCE)
    assert await first_broken(city) is None


async def test_a_calculation_sets_the_limit(city: Connection) -> None:
    design = Carbon(id=NEW, consumable="CS-c", mass_kg=1_000, share=0.1, reduction_mg_m3=50,
                    flow_m3_h=10_000, hours_per_day=8)  # fmt: skip
    await calculate(city, design, "district", NOW)
    one = await stands(city)
    assert one.part.body.limit_hours == pytest.approx(200)
    assert one.part.carbon is not None
    assert (one.level, one.colour) == (Level.OVERDUE, Colour.RED)


async def test_a_firm_does_not_set_its_own_limit_by_calculating(city: Connection) -> None:
    design = Carbon(id=NEW, consumable="CS-c", mass_kg=9_000, share=0.1, reduction_mg_m3=50,
                    flow_m3_h=10_000, hours_per_day=8)  # fmt: skip
    with pytest.raises(RefusedError, match="only officers"):
        await calculate(city, design, "duty", NOW)
    assert (await stands(city)).part.carbon is None


@pytest.mark.parametrize(
    ("body", "actor", "field"),
    [
        (changed(CARBON, limit_hours=4_000), "duty", "id"),
        (changed(CARBON, replaced_at=NOW), "district", "replaced_at"),
        (changed(CARBON, unit="U1"), "district", "unit"),
        (changed(CARBON, id=NEW, replaced_at=NOW + DAY), "duty", "replaced_at"),
        (REPLACED, "duty", "id"),
        (changed(REPLACED, id=NEW), "duty", "replaced_at"),
        (changed(REPLACED, id=NEW, replaced_at=NOW + DAY), "duty", "replaced_at"),
        (changed(REPLACED, rejected=True), "district", "rejected"),
        (changed(REPLACED, id=NEW, replaced_at=NOW, evidence=()), "duty", "evidence"),
        (changed(REPLACED, id=NEW, replaced_at=NOW, evidence=("0" * 64,)), "duty", "evidence"),
        (changed(REPLACED, id=NEW, replaced_at=NOW), "duty", "evidence"),
        (changed(REPLACED, id=NEW, replaced_at=NOW, evidence=("x",)), "duty", "evidence"),
        (changed(WASTE, replacement="RP-9"), "duty", "replacement"),
        (changed(WASTE, stored_at=NOW - 9 * DAY), "duty", "stored_at"),
        (PASS, "district", "replacement"),
        (WASTE, "district", ""),
        (REPLACED, "district", ""),
        (REJECT, "duty", ""),
        (REJECT, "other", ""),
    ],
    ids=["a firm's own limit", "replaced by another name", "another unit", "in use to come",
         "replaced twice", "before the last", "to come", "a rejection by itself",
         "no file", "an unknown file", "the last one's file", "no hash", "no replacement",
         "stored too early", "passed without waste", "an officer stores", "an officer replaces",
         "a firm checks", "another district checks"],
)  # fmt: skip
async def test_what_stands_against_it_is_told(
    city: Connection, body: Body, actor: str, field: str
) -> None:
    await decide(city, REPLACED, "duty", NOW - 2 * DAY)
    with pytest.raises(RefusedError) as refused:
        await decide(city, body, actor, NOW)
    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limit_hours": 100_000_000}, "limit_hours"),
        ({"limit_hours": 500.5}, "limit_hours"),
        ({"limit_hours": 500}, None),
        ({"limit_hours": None, "limit_days": 91}, "limit_days"),
        ({"limit_hours": None, "limit_days": 90}, None),
        ({"kind": "bags", "limit_hours": 24_001}, "limit_hours"),
        ({"kind": "bags", "limit_hours": 24_000}, None),
        ({"kind": "bags", "limit_hours": None, "limit_days": 1_001}, "limit_days"),
        ({"kind": "bags", "limit_hours": None, "limit_days": 1_000}, None),
        ({"kind": "活性碳", "limit_hours": 87_601}, "limit_hours"),
    ],
    ids=str,
)
async def test_a_firm_enters_a_part_for_no_longer_than_its_kind_lasts(
    city: Connection, changes: dict[str, Any], field: str | None
) -> None:
    part = changed(CARBON, id=NEW, **changes)
    if field is None:
        await decide(city, part, "duty", NOW)
        return
    with pytest.raises(RefusedError, match="takes an officer") as refused:
        await decide(city, part, "duty", NOW)
    assert [problem.field for problem in refused.value.problems] == [field]
    await decide(city, part, "district", NOW)


def filling(mass_kg: float) -> Carbon:
    """So many kilograms last 0.2 run hours each."""
    return Carbon(id=NEW, consumable="CS-d", mass_kg=mass_kg, share=0.1, reduction_mg_m3=50,
                  flow_m3_h=10_000, hours_per_day=8)  # fmt: skip


async def test_a_firms_calculation_sets_the_first_limit_and_no_other(city: Connection) -> None:
    part = changed(CARBON, id="CS-d", limit_hours=None, limit_days=60)
    await decide(city, part, "duty", SINCE)
    with pytest.raises(RefusedError, match="only officers"):
        await decide(city, changed(part, limit_hours=300), "duty", NOW)
    with pytest.raises(RefusedError, match="takes an officer"):
        await calculate(city, filling(2_501), "duty", NOW)
    await calculate(city, filling(1_500), "duty", NOW)
    (one,) = await load_parts(city, identity="CS-d")
    assert one.body.limit_hours == pytest.approx(300)
    assert one.body.limit_days == 60
    with pytest.raises(RefusedError, match="only officers"):
        await calculate(city, filling(2_000), "duty", NOW)
    await calculate(city, filling(9_000), "district", NOW)
    (one,) = await load_parts(city, identity="CS-d")
    assert one.body.limit_hours == pytest.approx(1_800)


async def test_a_replacement_comes_with_files_that_the_ledger_counts(city: Connection) -> None:
    body = changed(REPLACED, id=NEW, evidence=())
    assert isinstance(body, Replacement)
    more = b"%PDF-1.7 the delivery note"
    entered = await replace_part(city, body, [sent(PHOTO), sent(more)], "duty", NOW)
    assert isinstance(entered.body, Replacement)
    assert entered.body.evidence == (DIGEST, hashlib.sha256(more).hexdigest())
    (told,) = await load_entries(city, "E1")
    assert told.source == f"decision:{entered.id}"
    assert "附件2份" in said(told, UTC, str)


async def test_a_replacement_that_is_refused_leaves_no_file_behind(city: Connection) -> None:
    late = changed(REPLACED, id=NEW, replaced_at=NOW + DAY, evidence=())
    assert isinstance(late, Replacement)
    with pytest.raises(RefusedError):
        await replace_part(city, late, [sent(b"%PDF-1.7 another")], "duty", NOW)
    assert await city.fetchval("SELECT count(*) FROM evidence") == 1


async def test_a_part_that_is_no_carbon_has_no_calculation(city: Connection) -> None:
    bags = Consumable(id="CS-b", unit="U2", kind="bags", replaced_at=SINCE, limit_days=300)
    await decide(city, bags, "duty", SINCE)
    design = Carbon(id=NEW, consumable="CS-b", mass_kg=1, share=0.1, reduction_mg_m3=50,
                    flow_m3_h=10_000, hours_per_day=8)  # fmt: skip
    with pytest.raises(RefusedError, match="no activated carbon"):
        await decide(city, design, "district", NOW)


async def test_officers_change_a_limit_and_take_a_part_out_of_use(city: Connection) -> None:
    await decide(city, changed(CARBON, limit_hours=300), "district", NOW)
    assert (await stands(city)).level is Level.DUE
    await decide(city, changed(CARBON, enabled=False), "district", NOW)
    assert await load_parts(city) == []
    with pytest.raises(RefusedError, match="no more in use"):
        await decide(city, REPLACED, "duty", NOW)
