"""Rules and the ways of notices on pages: shown, proposed, decided by somebody else, tried."""

import re
from html import unescape

from tests.console.browser import Browser
from tests.console.desk import Desk

from wattwarden.alarms.rulebook import default_text
from wattwarden.console.drawing.said import Said
from wattwarden.console.rules.drafts import MOST_LINES, difference


async def _signed_in(house: Desk, person: str, path: str) -> Browser:
    browser = Browser(house)
    await browser.sign_in(person)
    await browser.get(path)
    return browser


async def test_rules_take_two_people(house: Desk) -> None:
    admin = await _signed_in(house, "admin", "/rules")
    text = re.sub(r'(?m)^version = "[^"]*"', 'version = "try-7"', default_text())
    form = {"text": text, "reason": "<i>试</i>"}
    assert (await admin.post("/rules/propose", form)).status == 303
    page = await admin.get("/rules")
    assert "&lt;i&gt;试" in page.html
    draft = re.findall(r"(ND\d+)", page.text)[0]
    # An administrator proposes and does not decide.
    assert (await admin.post("/rules/activate", {"draft": draft})).status == 403
    leader = await _signed_in(house, "leader", "/rules")
    shown = (await leader.get("/rules")).text
    assert '+version = "try-7"' in unescape(shown), "who decides sees what it changes"
    assert (await leader.post("/rules/activate", {"draft": "ND0"})).status == 404
    assert (await leader.post("/rules/activate", {"draft": draft})).status == 303
    assert "try-7" in (await leader.get("/rules")).text
    again = await leader.post("/rules/activate", {"draft": draft})
    assert again.status == 422
    assert "已由" in again.text


async def test_nobody_decides_their_own_draft(house: Desk) -> None:
    leader = await _signed_in(house, "leader", "/rules")
    text = re.sub(r'(?m)^version = "[^"]*"', 'version = "try-8"', default_text())
    await leader.post("/rules/propose", {"text": text, "reason": "试"})
    page = await leader.get("/rules")
    draft = re.findall(r"(ND\d+)", page.text)[0]
    refused = await leader.post("/rules/activate", {"draft": draft})
    assert refused.status == 422
    assert "由本人提出" in refused.text


async def test_a_draft_of_rules_is_refused(house: Desk) -> None:
    admin = await _signed_in(house, "admin", "/rules")
    text = re.sub(r'(?m)^version = "[^"]*"', 'version = "try-9"', default_text())
    await admin.post("/rules/propose", {"text": text, "reason": "试"})
    draft = re.findall(r"(ND\d+)", (await admin.get("/rules")).text)[0]
    leader = await _signed_in(house, "leader", "/rules")
    assert (await leader.post("/rules/refuse", {"draft": draft, "why": "过严"})).status == 303
    assert "已由 吴局 退回" in (await leader.get("/rules")).text
    assert (await leader.post("/rules/activate", {"draft": draft})).status == 422


def test_files_too_long_to_compare_are_shown_as_they_are() -> None:
    long = "a\n" * MOST_LINES
    assert difference("b", long) == Said(long, long)
    assert difference("a", "a").zh == "与现行内容相同"


async def test_a_file_that_is_none_is_not_proposed(house: Desk) -> None:
    admin = await _signed_in(house, "admin", "/rules")
    before = await house.decided()
    for text in ("version = ", "<script>alert(1)</script>"):
        answer = await admin.post("/rules/propose", {"text": text, "reason": "试"})
        assert answer.status == 422
        assert "文件不可用：规则文件不是 TOML" in answer.text
        assert "<script>alert" not in answer.html
    assert (await admin.post("/rules/propose", {"text": default_text()})).status == 422
    assert await house.decided() == before


async def test_a_channel_is_tried_and_says_what_became_of_it(house: Desk) -> None:
    admin = await _signed_in(house, "admin", "/channels")
    page = await admin.get("/channels")
    assert "wecom" in page.text
    assert "被网关拒收" in page.text
    answer = await admin.post("/channels/test", {"endpoint": "wecom", "to": "w-E1"})
    assert "已送达" in answer.text
    assert house.gateways.tried == [("wecom", ("w-E1",))]
    answer = await admin.post("/channels/test", {"endpoint": "wecom", "to": "bad"})
    assert answer.status == 502
    assert "&lt;b&gt;40003" in answer.html
    assert (await admin.post("/channels/test", {"endpoint": "wecom", "to": ""})).status == 422
    assert (await admin.post("/channels/test", {"endpoint": "none", "to": "x"})).status == 404


async def test_auditors_see_channels_and_try_none(house: Desk) -> None:
    auditor = await _signed_in(house, "auditor", "/channels")
    assert "/channels/test" not in (await auditor.get("/channels")).html
    assert (await auditor.post("/channels/test", {"endpoint": "wecom"})).status == 403
