"""Numbers of single units on a page: proposed by one, put in force or refused by another."""

import re
from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest
import pytest_asyncio
from tests.console.browser import Browser
from tests.console.desk import Desk

from wattwarden.alarms.registry.nouns import Outlet
from wattwarden.console.rules import drafts
from wattwarden.storage.registry.records import load_record

FORM = {
    "kind": "outlet", "id": "O1", "version": "从严", "reason": "<i>新标准</i>",
    "own-name-1": "a21002", "own-number-1": "50", "own-name-2": "", "own-number-2": "",
}  # fmt: skip


@pytest_asyncio.fixture
async def store(city_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The store behind the page."""
    connection = await asyncpg.connect(city_dsn)
    yield connection
    await connection.close()


async def limits(store: asyncpg.Connection) -> Mapping[str, float]:
    outlet = await load_record(store, Outlet, "O1")
    assert outlet is not None
    return outlet.limits


async def signed_in(house: Desk, person: str) -> Browser:
    browser = Browser(house)
    await browser.sign_in(person)
    await browser.get("/thresholds")
    return browser


async def proposed(by: Browser) -> str:
    assert (await by.post("/thresholds/propose", FORM)).status == 303
    return str(re.findall(r"(ND\d+)", (await by.get("/thresholds")).text)[0])


async def test_numbers_take_two_people(house: Desk, store: asyncpg.Connection) -> None:
    admin, leader = await signed_in(house, "admin"), await signed_in(house, "leader")
    page = await admin.get("/thresholds?kind=outlet&id=O1")
    assert 'name="own-name-1" value="a21002"' in page.html
    assert 'name="own-number-1" value="100"' in page.html
    draft = await proposed(admin)
    assert await limits(store) == {"a21002": 100}
    page = await leader.get("/thresholds")
    assert "排放口 O1 排口：a21002 100 → a21002 50" in page.text
    assert "&lt;i&gt;新标准" in page.html
    assert "Outlet O1 排口: a21002 100" in (await leader.get("/thresholds?lang=en")).text
    await leader.get("/thresholds?lang=zh")
    # An administrator proposes and does not decide.
    assert (await admin.post("/thresholds/activate", {"draft": draft})).status == 403
    assert (await leader.post("/thresholds/activate", {"draft": "ND0"})).status == 404
    assert (await leader.post("/rules/activate", {"draft": draft})).status == 404
    assert (await leader.post("/thresholds/activate", {"draft": draft})).status == 303
    assert await limits(store) == {"a21002": 50}
    again = await leader.post("/thresholds/activate", {"draft": draft})
    assert (again.status, "审定" in again.text) == (422, True)


async def test_nobody_decides_their_own_numbers(house: Desk, store: asyncpg.Connection) -> None:
    leader = await signed_in(house, "leader")
    before = await limits(store)
    draft = await proposed(leader)
    refused = await leader.post("/thresholds/activate", {"draft": draft})
    assert (refused.status, "由本人提出" in refused.text) == (422, True)
    assert await limits(store) == before


async def test_a_draft_is_refused_with_a_reason_and_comes_to_nothing(house: Desk) -> None:
    city, leader = await signed_in(house, "city"), await signed_in(house, "leader")
    draft = await proposed(city)
    assert (await leader.post("/thresholds/refuse", {"draft": draft})).status == 422
    why = {"draft": draft, "why": "<b>证据不足"}
    assert (await leader.post("/thresholds/refuse", why)).status == 303
    page = await city.get("/thresholds")
    assert "已由 吴局 退回" in page.text
    assert "退回理由：&lt;b&gt;证据不足" in page.html
    late = await leader.post("/thresholds/activate", {"draft": draft})
    assert (late.status, "退回" in late.text) == (422, True)
    own = await proposed(city)
    assert "撤回草案" in (await city.get("/thresholds")).text
    assert (await city.post("/thresholds/refuse", {"draft": own, "why": "写错"})).status == 303


async def test_of_drafts_that_were_decided_long_ago_their_number_is_said(
    house: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_DECIDED", 1)
    city = await signed_in(house, "city")
    waiting = await proposed(city)
    gone = [await proposed(city) for _ in range(2)]
    for draft in gone:
        why = {"draft": draft, "why": "写错"}
        assert (await city.post("/thresholds/refuse", why)).status == 303
    page = await city.get("/thresholds")
    assert [draft in page.text for draft in (waiting, gone[0], gone[1])] == [True, False, True]
    assert re.search(r"更早办结的 \d+ 份未列出", page.text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"id": "O99"}, "O99"),
        ({"kind": "line"}, "请填写"),
        ({"reason": ""}, "请填写"),
        ({"own-number-1": "far"}, "数值有误：a21002 far"),
        ({"own-number-1": "-1"}, "有负数"),
        ({"kind": "unit", "id": "U1"}, "没有参数"),
    ],
    ids=["nothing there", "no kind", "no reason", "no number", "negative", "no such number"],
)
async def test_what_cannot_be_in_force_is_not_proposed_and_nothing_typed_is_lost(
    house: Desk, more: dict[str, str], said: str
) -> None:
    admin = await signed_in(house, "admin")
    before = await house.decided()
    answer = await admin.post("/thresholds/propose", {**FORM, **more})
    assert (answer.status, said in answer.text) == (422, True)
    assert 'name="own-name-1" value="a21002"' in answer.html
    assert 'value="从严"' in answer.html
    assert await house.decided() == before


async def test_an_auditor_looks_and_districts_and_firms_do_not(house: Desk) -> None:
    page = await (await signed_in(house, "auditor")).get("/thresholds")
    assert (page.status, "propose" in page.html) == (200, False)
    for person in ("district1", "duty1"):
        assert (await (await signed_in(house, person)).get("/thresholds")).status == 403
