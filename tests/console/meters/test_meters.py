"""Meters on pages: whose they are, what they said, what could not be read."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from tests.console.browser import Browser, inhabited
from tests.console.desk import Desk
from tests.storage.acting.two_firms import NOW

from wattwarden.storage.commands.queue import AWAY, expire
from wattwarden.storage.database import connect
from wattwarden.storage.quarantine import Selection


@pytest_asyncio.fixture
async def house(metered: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """The console before that store."""
    async with inhabited(metered, tmp_path / "secrets") as made:
        yield made


async def _signed_in(house: Desk, person: str) -> Browser:
    browser = Browser(house)
    await browser.sign_in(person)
    return browser


async def _entered(house: Desk) -> int:
    return len(await house.fetch("SELECT FROM command"))


async def test_the_list_says_who_reports_and_whose_they_are(house: Desk) -> None:
    page = await (await _signed_in(house, "admin")).get("/meters")
    assert "2 台表计" in page.text
    for words in ("acrel:E1-meter", "在线", "失联", "待确认", "某涂装"):
        assert words in page.text
    assert "<script>x" not in page.html


@pytest.mark.parametrize(
    ("person", "seen", "unseen"),
    [("duty1", "E1-meter", "E2-meter"), ("district2", "E2-meter", "E1-meter")],
)
async def test_a_firm_sees_its_own_meters_alone(
    house: Desk, person: str, seen: str, unseen: str
) -> None:
    browser = await _signed_in(house, person)
    page = await browser.get("/meters")
    assert seen in page.text
    assert unseen not in page.text
    assert "script" not in page.text
    own, other = (1, 2) if seen == "E1-meter" else (2, 1)
    assert (await browser.get(f"/meters/{own}")).status == 200
    assert (await browser.get(f"/meters/{other}")).status == 404
    assert (await browser.get("/meters/3")).status == 404


async def test_meters_are_found_by_firm_and_state(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    page = await browser.get("/meters?q=某涂装")
    assert "E2-meter" in page.text
    assert "E1-meter" not in page.text
    page = await browser.get("/meters?state=unconfirmed")
    assert "E1-meter" not in page.text
    assert (await browser.get("/meters?q=%25")).text.count("acrel:") == 0
    # Beyond every number that a meter can have.
    assert (await browser.get("/meters?after=99999999999")).status == 200


async def test_a_meter_shows_what_it_said_and_what_nobody_could_read(house: Desk) -> None:
    page = await (await _signed_in(house, "admin")).get("/meters/1")
    for words in ("正在报数", "有功功率 12.3", "kW", "203.0.113.7:5", "CRC <b>is</b> wrong"):
        assert words in page.text
    assert "<b>is</b>" not in page.html
    # What came in at the port is for whoever runs the system.
    page = await (await _signed_in(house, "duty1")).get("/meters/1")
    assert "CRC" not in page.text


async def test_a_meter_is_accepted_and_its_frames_are_read_again(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    assert "确认此表" in (await browser.get("/meters/3")).text
    assert (await browser.post("/meters/3/accept")).status == 303
    assert "确认此表" not in (await browser.get("/meters/3")).text
    assert house.gateways.retried == [Selection(meter="<script>x")]
    assert "accepted acrel:" in (await browser.get("/audit?view=accounts")).text


async def test_what_a_meter_cannot_be_asked_is_told_and_not_sent(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    before = await _entered(house)
    await browser.get("/meters/1")
    page = await browser.post("/meters/1/command", {"verb": "set", "items": "nonsense=1"})
    assert page.status == 422
    assert "此表没有项目 nonsense" in page.text
    assert "is no item of this meter" not in page.text
    assert await _entered(house) == before
    page = await browser.post("/meters/1/command", {"verb": "dance", "items": ""})
    assert page.status == 404


async def test_what_came_of_a_command_is_told_in_the_language_of_the_page(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    await browser.get("/meters/1")
    items = {"verb": "ask", "items": "0x0014:3"}
    assert (await browser.post("/meters/1/command", items)).status == 303
    connection = await connect(house.dsn, name="test")
    try:
        assert await expire(connection, NOW + timedelta(days=1), "gw-1") == 1
    finally:
        await connection.close()
    page = await browser.get("/meters/1")
    assert AWAY.zh in page.text
    assert AWAY.en not in page.text


async def test_nobody_asks_a_meter_that_is_not_theirs(house: Desk) -> None:
    browser = await _signed_in(house, "fitter1")
    before = await _entered(house)
    page = await browser.get("/meters/1")
    assert "/meters/1/command" in page.html
    assert (await browser.post("/meters/2/command", {"verb": "ask"})).status == 404
    refused = await browser.post("/meters/1/command", {"verb": "set", "items": "time=now"})
    assert refused.status == 422
    assert "无权" in refused.text or "不能这样问" in refused.text
    assert await _entered(house) == before


async def test_a_frame_is_shown_byte_by_byte_and_read_again(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    page = await browser.get("/quarantine")
    assert "校验不符" in page.text
    (path,) = set(re.findall(r'href="(/quarantine/\d+)"', page.html))
    page = await browser.get(path)
    assert "de ad be ef" in page.text
    assert (await browser.post(f"{path}/retry")).status == 303
    assert house.gateways.retried == [Selection(ids=(1,))]
    assert (await browser.get("/quarantine?kind=length")).text.count("CRC") == 0
    assert (await browser.get("/quarantine/99")).status == 404
    assert (await browser.get("/quarantine/x")).status == 404


async def test_all_that_waits_is_read_again_at_once(house: Desk) -> None:
    browser = await _signed_in(house, "admin")
    await browser.get("/quarantine?kind=checksum")
    assert (
        await browser.post("/quarantine/retry", {"kind": "checksum", "meter": ""})
    ).status == 303
    assert [one.kind for one in house.gateways.retried] == ["checksum"]


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("7b7b84bf237d7d", 200, "bf 23"),
        ("7b 7b 84\nbf 23 7d 7d", 200, "bf 23"),
        ("deadbeef", 200, "没有一种规约认得"),
        ("no hex", 422, "请粘贴十六进制报文"),
        ("<script>alert(1)</script>", 422, "请粘贴十六进制报文"),
        ("", 422, "请粘贴十六进制报文"),
        ("00" * 7000, 422, "报文过长"),
    ],
    ids=["known", "spaced", "strange", "words", "script", "empty", "long"],
)
async def test_any_frame_is_explained(house: Desk, said: str, status: int, words: str) -> None:
    browser = await _signed_in(house, "auditor")
    await browser.get("/frame")
    page = await browser.post("/frame", {"hex": said, "codec": ""})
    assert page.status == status
    assert words in page.text
    assert "<script>alert" not in page.html
