"""What the answer page shows and what it refuses: real sockets, a real store, a clock one moves."""

import re
from typing import Any

import pytest
from tests.console.desk import Desk

from wattwarden.console.doors import MAX_BODY_BYTES, USES_OF_A_LINK, WRONG_LINKS
from wattwarden.console.links import ANSWERED_FOR, Answer, answer_address

DECLARED = {"kind": "maintenance", "hours": "4", "reason": "换滤袋"}


async def test_the_page_says_what_where_since_when_and_by_when(window: Desk) -> None:
    page = await window.get(window.link(await window.alarm_of("E1"), "duty1"))
    assert page.status == 200
    for words in (
        "停运",
        "L4 严重报警",
        "待确认",
        "2026-11-21 05:00",
        "1 天 6 小时",
        "整改期限",
        "R2",
    ):
        assert words in page.text
    assert "李敏" in page.text
    assert 'lang="zh-CN"' in page.html


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_whoever_fetches_a_link_changes_nothing(window: Desk, method: str) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    before = await window.decided()
    for path in (link, f"{link}?lang=en", f"{link}/acknowledge", f"{link}/declare?kind=outage"):
        assert (await window.ask(method, path)).status in {200, 405}
    assert await window.decided() == before


@pytest.mark.parametrize(
    ("person", "right"),
    [("district1", "企业确认和申报"), ("leader", "企业确认和申报"), ("auditor", "企业确认和申报")],
)
async def test_who_may_only_look_gets_no_button(window: Desk, person: str, right: str) -> None:
    link = window.link(await window.alarm_of("E1"), person)
    page = await window.get(link)
    assert page.status == 200
    assert "<form" not in page.html
    assert right in page.text


async def test_a_fitter_may_acknowledge_and_not_declare(window: Desk) -> None:
    link = window.link(await window.alarm_of("E1"), "fitter1")
    page = await window.get(link)
    assert "/acknowledge" in page.html
    assert "/declare" not in page.html
    refused = await window.post(f"{link}/declare", DECLARED | {"mark": page.mark})
    assert refused.status == 409
    assert "无权办理" in refused.text


@pytest.mark.parametrize("person", ["head2", "district2", "nobody"])
async def test_an_alarm_of_another_firm_is_as_if_it_were_not_there(
    window: Desk, person: str
) -> None:
    alarm = await window.alarm_of("E1")
    foreign = await window.get(window.link(alarm, person))
    nothing = await window.get(window.link(alarm + 1000, "duty1"))
    assert foreign.status == nothing.status == 404
    assert foreign.text == nothing.text
    assert window.console.counts["foreign"] == 2


async def test_a_link_acts_for_its_own_alarm_alone(window: Desk) -> None:
    mine = window.link(await window.alarm_of("E1"), "duty1")
    other = window.link(await window.alarm_of("E2"), "head2")
    mark = (await window.get(mine)).mark
    refused = await window.post(f"{other}/acknowledge", {"mark": mark})
    assert refused.status == 403
    assert await window.fetch("SELECT FROM decision WHERE kind = 'action'") == []


async def test_a_link_with_less_rights_does_less(window: Desk) -> None:
    alarm = await window.alarm_of("E1")
    answer = Answer(alarm, "duty1", 2, window.keys.now_s() + 60)
    link = answer_address("", window.keys, answer)
    page = await window.get(link)
    assert "/acknowledge" not in page.html
    assert (await window.post(f"{link}/acknowledge", {"mark": page.mark})).status == 403


async def test_an_expired_link_says_so_and_does_nothing(window: Desk) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    mark = (await window.get(link)).mark
    window.time.pass_s(ANSWERED_FOR.total_seconds())
    for page in (await window.get(link), await window.post(f"{link}/acknowledge", {"mark": mark})):
        assert page.status == 410
        assert "已过期" in page.text
        assert "expired" in page.text
    assert window.console.counts["expired"] == 2
    assert await window.fetch("SELECT FROM decision WHERE kind = 'action'") == []


async def test_guessing_links_is_stopped_and_does_not_stop_others(window: Desk) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    statuses = [(await window.get(f"/a/{'x' * 40}{number}")).status for number in range(25)]
    assert statuses == [403] * WRONG_LINKS + [429] * 5
    assert window.console.counts["forged"] == WRONG_LINKS
    assert window.console.counts["limited"] == 5
    assert (await window.get(link)).status == 200


async def test_one_link_is_opened_only_so_often(window: Desk) -> None:
    link = window.link(10**9, "duty1")
    asked = [(await window.get(link)).status for _ in range(USES_OF_A_LINK + 1)]
    assert asked == [404] * USES_OF_A_LINK + [429]


ATTEMPTS: list[tuple[dict[str, str], Any, int]] = [
    ({}, {}, 403),
    ({}, {"mark": "AAAAAAAAAAAAAAAAAAAAAA"}, 403),
    ({"Sec_Fetch_Site": "cross-site"}, {"mark": "right"}, 403),
    ({"Sec_Fetch_Site": "same-site"}, {"mark": "right"}, 403),
    ({"Content_Type": "text/plain"}, "mark=right", 415),
    ({"Content_Type": "application/json"}, '{"mark": "right"}', 415),
    ({"Content_Type": "application/x-www-form-urlencoded"}, "a=" + "x" * MAX_BODY_BYTES, 413),
]


@pytest.mark.parametrize(("headers", "form", "status"), ATTEMPTS)
async def test_a_form_that_is_not_the_pages_own_does_nothing(
    window: Desk, headers: dict[str, str], form: Any, status: int
) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    if isinstance(form, dict) and form.get("mark") == "right":
        form = {"mark": (await window.get(link)).mark}
    page = await window.post(f"{link}/acknowledge", form, **headers)
    assert page.status == status
    assert await window.fetch("SELECT FROM decision WHERE kind = 'action'") == []


@pytest.mark.parametrize(
    "changed",
    [{"kind": "holiday"}, {"hours": "1000"}, {"hours": ""}, {"reason": " "}, {"reason": "x" * 501}],
    ids=str,
)
async def test_what_the_form_does_not_offer_is_not_declared(
    window: Desk, changed: dict[str, str]
) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    form = DECLARED | changed | {"mark": (await window.get(link)).mark}
    before = await window.decided()
    assert (await window.post(f"{link}/declare", form)).status == 400
    assert await window.decided() == before


async def test_headers_let_nothing_in_and_tell_nobody(window: Desk) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    for page in (await window.get(link), await window.get("/a/x"), await window.get("/nothing")):
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in page.headers["Server"]
        assert "<script" not in page.html
        assert " style=" not in page.html
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.html)


async def test_the_style_is_ours_and_kept_by_browsers(window: Desk) -> None:
    page = await window.get(window.link(await window.alarm_of("E1"), "duty1"))
    (place,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.html)
    style = await window.get(place)
    assert style.status == 200
    assert "immutable" in style.headers["Cache-Control"]
    assert "prefers-color-scheme: dark" in style.html
    assert "url(" not in style.html
    assert "@import" not in style.html


@pytest.mark.parametrize(
    ("query", "accepted", "lang"),
    [
        ("", "", "zh-CN"),
        ("", "en-US,en;q=0.9", "en"),
        ("", "fr,en;q=0.5,zh;q=0.8", "zh-CN"),
        ("", "de", "zh-CN"),
        ("", ";q=,,en;q=x", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=zh", "en", "zh-CN"),
        ("?lang=<b>", "", "zh-CN"),
    ],
)
async def test_chinese_comes_first_and_english_by_wish(
    window: Desk, query: str, accepted: str, lang: str
) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    page = await window.get(link + query, Accept_Language=accepted)
    assert f'<html lang="{lang}">' in page.html
    assert ("Acknowledge" in page.text) == (lang == "en")


async def test_without_a_database_the_page_says_so(window: Desk) -> None:
    link = window.link(await window.alarm_of("E1"), "duty1")
    away = Desk("postgresql://u@127.0.0.1:9/none", window.keys._folder)
    await away.start()
    try:
        page = await away.get(link)
    finally:
        await away.stop()
    assert page.status == 503
    assert "稍后再试" in page.text
    assert "127.0.0.1:9" not in page.html
