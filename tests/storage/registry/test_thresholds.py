"""What units are judged by: nobody changes it alone, by whatever way the registry is written."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
from tests.storage.cases.city import after, known
from tests.storage.registry.council import with_council

from wattwarden.alarms.decisions.bodies import RegistryChange
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.decisions.norms import Norm, NormDraft, ThresholdSet
from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import Noun, Unit
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.books.exchange import draft_of, load_tables
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import Entered, told
from wattwarden.storage.registry.records import load_record
from wattwarden.storage.registry.registry import first_altered, save_registry
from wattwarden.storage.registry.sealing import first_broken

OWN = {"theta_off": 0.05}
TEXT = 'version = "2"\n[unit.U2]\ntheta_off = 0.05\n'


def fan(**fields: object) -> Change:
    record: Noun = msgspec.structs.replace(known().unit["U2"], **fields)
    return Change("unit", "U2", record)


async def propose(store: Connection, person: str = "C1", text: str = TEXT) -> str:
    draft = NormDraft(id=NEW, norm=Norm.THRESHOLDS, version="2", text=text, reason="除尘风机小")
    entered = await decide(store, draft, person, after(-30))
    return str(getattr(entered.body, "id", ""))


async def put(store: Connection, draft: str, person: str, text: str = TEXT) -> Entered:
    return await decide(store, ThresholdSet(version="2", text=text, draft=draft), person, after(-9))


async def own(store: Connection) -> Mapping[str, float]:
    unit = await load_record(store, Unit, "U2")
    assert unit is not None
    return unit.thresholds


@pytest.mark.parametrize(
    ("proposer", "decider", "why"),
    [
        ("C1", "C2", None),
        ("S1", "C1", None),
        ("C1", "P5", None),
        ("C1", "C1", "somebody else decides"),
        ("C1", "S1", "takes city_officer, leader"),
        ("C1", "P1", "takes city_officer, leader|whole city"),
        ("C1", "P2", "takes city_officer, leader|whole city"),
        ("C1", "P3", "takes city_officer, leader|whole city"),
        ("P3", "C1", "takes administrator, city_officer, leader"),
    ],
    ids=[
        "two-officers", "administrator-proposes", "a-leader-decides", "alone", "administrator",
        "who-is-not-of-the-city", "of-the-firm", "the-head", "the-firm-proposes",
    ],
)  # fmt: skip
async def test_one_proposes_and_another_decides(
    store: Connection, proposer: str, decider: str, why: str | None
) -> None:
    await with_council(store)
    if why is None:
        await put(store, await propose(store, proposer), decider)
        assert await own(store) == OWN
        kinds = [one.kind for one in await told(store, ["thresholds", "registry"])]
        assert kinds[-2:] == ["thresholds", "registry"]
        assert (await first_broken(store), await first_altered(store)) == (None, None)
        return
    with pytest.raises(RefusedError, match=why):
        await put(store, await propose(store, proposer), decider)
    assert await own(store) == {}


async def test_no_way_into_the_registry_leads_around_it(store: Connection) -> None:
    await with_council(store)
    with pytest.raises(RefusedError, match="nobody alone"):
        await save_registry(store, [fan(thresholds=OWN)], "S1", now=after(-9))
    tables = await load_tables(store)
    units = next(one for one in tables if one.title == "设施")
    place = units.heads.index("阈值")
    number, row = units.rows[1]
    wider = (*row[:place], "theta_off=0.05", *row[place + 1 :])
    book = [replace(units, rows=((number, wider),))]
    (fault,) = (await draft_of(store, book)).faults
    assert (fault.row, fault.column) == (number, "阈值")
    # To remove it first does not help, and neither does another id.
    await put(store, await propose(store), "C2")
    links = [one for one in known().link.values() if one.unit == "U2"]
    points = [one for one in known().point.values() if one.unit == "U2"]
    gone = [Change("link", one.id, None) for one in links]
    gone += [Change("point", one.id, None) for one in points]
    gone.append(Change("standby", "S1", None))
    await save_registry(store, [*gone, Change("unit", "U2", None)], "S1", now=after(-8))
    other = fan(id="U2b", standby=None, thresholds=OWN).record
    for change in (fan(standby=None), Change("unit", "U2b", other)):
        with pytest.raises(RefusedError, match="nobody alone"):
            await save_registry(store, [change], "S1", now=after(-7))
    await save_registry(store, [fan(standby=None, thresholds=OWN)], "S1", now=after(-6))
    assert await own(store) == OWN


async def test_what_is_no_number_of_the_rules_gets_nowhere(store: Connection) -> None:
    await with_council(store)
    for text, why in (
        ('version = "2"\n[unit.U2]\ntheta_of = 0.05', "did you mean theta_off"),
        ('version = "2"\n[unit.U99]\ntheta_off = 0.05', "there is no unit U99"),
    ):
        with pytest.raises(RefusedError, match=why):
            await propose(store, text=text)
    with pytest.raises(RefusedError, match="no number"):
        await save_registry(store, [fan(thresholds={"theta_of": 1.0})], "S1", now=after(-9))


async def test_nobody_decides_a_change_of_the_registry_without_its_records(
    store: Connection,
) -> None:
    await with_council(store)
    with pytest.raises(RefusedError, match="along with its records"):
        await decide(store, RegistryChange(changed={"unit": 1}, digest="0" * 64), "S1", after(-9))
    assert await first_altered(store) is None
