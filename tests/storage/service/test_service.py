"""Service deeds in a real store: who may, whose firm, in which order; of two at once one wins."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio
from tests.alarms.registry.firm import registry

from wattwarden.alarms.acting.roles import ENTERPRISE, OFFICERS
from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person, Region, Role
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import (
    Assistance,
    AssistanceStep,
    Deed,
    Document,
    Guidance,
    Reminder,
    ReminderRead,
    RoundTable,
    Solution,
    Topic,
    Training,
)
from wattwarden.alarms.service.requests import State
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.service.load import load_documents, load_reminders, load_requests

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
FIRMS = frozenset({Role.DUTY, Role.HEAD, Role.MAINTENANCE})
CITY_ONLY = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})


def people() -> list[tuple[str, Person]]:
    """One of each role on either side: of E1 or its agency, and of another's."""
    found = []
    for role in Role:
        for side, firm, agency in (("own", "E1", "A1"), ("foreign", "E3", "A2")):
            person = Person(
                id=f"{role}-{side}",
                name=f"{role}{side}",
                role=role,
                enterprise=firm if role in FIRMS else None,
                agency=None if role in FIRMS | CITY_ONLY else agency,
            )
            found.append(("person", person))
    return found


def city() -> Registry:
    return registry(
        ("region", Region(id="R2", name="城阳区", parent="R")),
        ("agency", Agency(id="A2", name="城阳分局", parent="A", region="R2")),
        ("enterprise", Enterprise(id="E3", name="某车", agency="A2", region="R2", industry="car")),
        ("person", Person(id="chief", name="支队", role=Role.CITY_OFFICER, agency="A")),
        *people(),
    )


@pytest_asyncio.fixture(loop_scope="session")
async def city_store(store: Connection) -> Connection:
    await save_registry(store, difference(Registry(), city()), "me", now=NOW)
    await decide(store, asked(), "duty-own", NOW)
    reminder = Reminder(id="RM1", text="换炭", enterprise="E1")
    await decide(store, reminder, "district_officer-own", NOW)
    return store


def asked(identity: str = "AS1") -> Assistance:
    return Assistance(id=identity, enterprise="E1", topic=Topic.PERMIT, problem_text="许可变更")


def step(deed: Deed, **more: object) -> AssistanceStep:
    fields = {"at": NOW if deed is Deed.SCHEDULE else None, "text": "如此"} | more
    return AssistanceStep(assistance="AS1", deed=deed, **fields)  # type: ignore[arg-type]  # any field of it


SOLUTION = Solution(
    id="SL1", enterprise="E1", topic=Topic.RUNNING, problem_text="风机", solution="换轴承"
)
DEEDS: dict[str, tuple[Body, frozenset[Role]]] = {
    "ask": (asked("AS2"), ENTERPRISE),
    "accept": (step(Deed.ACCEPT), OFFICERS),
    "decline": (step(Deed.DECLINE), OFFICERS),
    "schedule": (step(Deed.SCHEDULE), OFFICERS),
    "solve": (step(Deed.SOLVE), OFFICERS),
    "withdraw": (step(Deed.WITHDRAW), ENTERPRISE),
    "solution": (SOLUTION, OFFICERS),
    "train": (
        Training(id="TN1", guidance=Guidance.PATROLS, title="t", at=NOW, enterprises=("E1",)),
        OFFICERS,
    ),
    "round table": (RoundTable(id="RT1", title="t", at=NOW, enterprises=("E1",)), OFFICERS),
    "remind": (Reminder(id="RM2", text="换炭", enterprise="E1"), OFFICERS),
    "read": (ReminderRead(enterprise="E1", reminder="RM1"), ENTERPRISE),
    "publish": (Document(id="DM1", industry="cement", title="t", text="x"), frozenset()),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_every_role_does_its_own_deeds_for_its_own_firms(
    city_store: Connection, deed: str
) -> None:
    body, roles = DEEDS[deed]
    for role in Role:
        for side in ("own", "foreign"):
            transaction = city_store.transaction()
            await transaction.start()
            try:
                await decide(city_store, body, f"{role}-{side}", NOW)
                allowed = True
            except RefusedError:
                allowed = False
            finally:
                await transaction.rollback()
            assert allowed == (role in roles and side == "own"), (role, side)


@pytest.mark.parametrize(("person", "allowed"), [("chief", True), ("district_officer-own", False)])
async def test_a_manual_is_for_the_whole_city(
    city_store: Connection, person: str, *, allowed: bool
) -> None:
    first = Document(id="DM1", industry="cement", title="一业一册", text="第一版")
    second = Document(id="DM1", industry="cement", title="一业一册", text="第二版")
    if not allowed:
        with pytest.raises(RefusedError, match="whole city"):
            await decide(city_store, first, person, NOW)
        return
    for one in (first, second, Document(id="DM2", industry="paint", title="t", text="x")):
        await decide(city_store, one, person, NOW)
    (shown,) = await load_documents(city_store, "cement")
    assert shown.text == "第二版"
    gone = Document(id="DM2", industry="paint", title="t", text="x", enabled=False)
    await decide(city_store, gone, person, NOW)
    assert [one.id for one in await load_documents(city_store)] == ["DM1"]


async def test_a_request_lives_until_its_firm_confirms_it(city_store: Connection) -> None:
    visit = NOW + timedelta(days=1)
    for body, person in (
        (step(Deed.SCHEDULE, at=visit, person="district_officer-own"), "district_officer-own"),
        (step(Deed.SOLVE), "district_officer-own"),
        (step(Deed.CONFIRM), "head-own"),
    ):
        await decide(city_store, body, person, NOW)
    (request,) = await load_requests(city_store, enterprises=["E1"])
    assert (request.state, request.appointment) == (State.CONFIRMED, visit)
    assert [one.actor for one in request.steps][-1] == "head-own"
    with pytest.raises(RefusedError, match=r"confirmed .* by head-own"):
        await decide(city_store, step(Deed.SOLVE), "chief", NOW)
    assert await load_requests(city_store, enterprises=["E1"], upto=NOW) == []
    assert (await load_requests(city_store, identity="AS1", upto=visit)) == [request]


async def test_of_two_officers_at_once_one_wins_and_the_other_is_told_who(
    city_store: Connection, store_dsn: str
) -> None:
    others = [await connect(store_dsn, name="test") for _ in range(2)]
    answers = await asyncio.gather(
        decide(others[0], step(Deed.DECLINE), "chief", NOW),
        decide(others[1], step(Deed.DECLINE), "district_officer-own", NOW),
        return_exceptions=True,
    )
    for connection in others:
        await connection.close()
    (refused,) = [one for one in answers if isinstance(one, RefusedError)]
    (request,) = await load_requests(city_store, identity="AS1")
    assert request.steps[0].actor in refused.problems[0].zh
    assert "不予受理" in refused.problems[0].zh


async def test_new_things_get_ids_and_entered_ones_are_not_entered_over(
    city_store: Connection,
) -> None:
    entered = await decide(city_store, asked(NEW), "duty-own", NOW)
    assert entered.body == asked(f"AS{entered.id}")
    with pytest.raises(RefusedError, match="entered it"):
        await decide(city_store, asked("AS1"), "duty-own", NOW)


async def test_training_is_of_firms_that_are_all_the_officers_own(
    city_store: Connection,
) -> None:
    both = Training(
        id="TN1", guidance=Guidance.TRAINING, title="t", at=NOW, enterprises=("E1", "E3")
    )
    with pytest.raises(RefusedError, match="enterprise E3"):
        await decide(city_store, both, "district_officer-own", NOW)
    assert (await decide(city_store, both, "chief", NOW)).enterprise == "E1"


async def test_a_firm_reads_what_was_meant_for_it(city_store: Connection) -> None:
    for number, industry in ((2, "cement"), (3, "car")):
        body = Reminder(id=f"RM{number}", text="停产预案", industry=industry)
        await decide(city_store, body, "chief", NOW)
    with pytest.raises(RefusedError, match="for others"):
        await decide(city_store, ReminderRead(enterprise="E1", reminder="RM3"), "duty-own", NOW)
    later = NOW + timedelta(hours=1)
    await decide(city_store, ReminderRead(enterprise="E1", reminder="RM2"), "duty-own", later)
    firm = city().enterprise["E1"]
    shown = await load_reminders(city_store, firm)
    assert [(one.body.id, one.read_at) for one in shown] == [("RM1", None), ("RM2", later)]


async def test_nobody_wishes_for_a_visit_in_the_past(city_store: Connection) -> None:
    late = msgspec.structs.replace(asked("AS3"), wanted_at=NOW - timedelta(minutes=6))
    with pytest.raises(RefusedError, match="the time of the visit has passed"):
        await decide(city_store, late, "duty-own", NOW)
    await decide(city_store, msgspec.structs.replace(late, wanted_at=NOW), "duty-own", NOW)
    agreed = step(Deed.SCHEDULE, at=NOW - timedelta(minutes=6))
    with pytest.raises(RefusedError, match="the time of the visit has passed"):
        await decide(city_store, agreed, "district_officer-own", NOW)
