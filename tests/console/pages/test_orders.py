"""What pages say of orders, to whom; what officers order there, and take back."""

import re
from typing import Any

import pytest
from tests.console.pages.town import Town

SCRIPT = '<script>alert("x")</script>\'; DROP TABLE decision; --'
MOST_QUERIES = {
    "/plans": 45,
    "/plans/responses/RE2": 70,
    "/plans/presets": 15,
    "/plans/calendars": 15,
    "/plans/responses/new": 20,
    "/enterprises/QH/presets": 15,
    "/enterprises/QH/orders": 12,
    "/plans/new": 12,
}
ISSUED: dict[str, Any] = {
    "level": "orange",
    "start": "2026-11-22T11:00",
    "end": "2026-11-24T11:00",
    "region": "dong",
    "number": "第 9 号",
}


def told(html: str) -> str:
    """A page's text without what only lays it out."""
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", html))


async def test_the_city_is_told_who_must_stop_and_who_does_not_obey(helped: Town) -> None:
    page = told((await helped.get("zhou", "/plans")).html)
    assert "1家企业没有执行停限产" in page
    assert "应停产3家，应限产1家" in page
    assert "没有执行的L3报警东湾港通铸造有限公司" in page
    exempt = told((await helped.get("zhou", "/plans?view=exempt")).html)
    assert "望潮澜源食品有限公司全厂停产" in exempt


async def test_a_search_finds_a_firms_orders(helped: Town) -> None:
    page = told((await helped.get("zhou", "/plans?q=港通")).html)
    assert "东湾港通铸造有限公司2#中频电炉停产" in page
    assert "烘干炉停产" not in page


async def test_a_district_sees_the_orders_of_its_own_firms(helped: Town) -> None:
    for path in ("/plans", "/plans/responses/RE2", "/plans/presets"):
        page = (await helped.get("chen", path)).text
        assert "东湾港通" in page, path
        assert "沧河宏晟" not in page, path
    assert (await helped.get("chen", "/enterprises/HC/orders")).status == 404


async def test_a_firm_is_told_what_it_must_do_today(helped: Town) -> None:
    page = told((await helped.get("sun", "/plans")).html)
    assert "烘干炉：要求停产，没有执行" in page
    assert "2号喷涂线限产30%" in page
    assert "黄色预警2号喷涂线限产20%" in page
    free = told((await helped.get("liang", "/plans")).html)
    assert "今天没有停限产要求" in free
    assert "没有预案，请与分局确定" in free


async def test_a_response_is_shown_as_it_is_answered_and_to_a_firm_its_own_part(
    helped: Town,
) -> None:
    page = told((await helped.get("zhou", "/plans/responses/RE2")).html)
    assert "1家没有执行" in page
    assert "东湾港通铸造有限公司未响应停产0/1" in page
    assert "望潮澜源食品有限公司豁免" in page
    own = (await helped.get("sun", "/plans/responses/RE2")).text
    assert "东湾启航" in own
    assert "港通" not in own
    assert (await helped.get("zhou", "/plans/responses/RE9")).status == 404


@pytest.mark.parametrize(("path", "most"), MOST_QUERIES.items(), ids=str)
async def test_a_page_of_orders_asks_the_database_seldom(
    helped: Town, path: str, most: int
) -> None:
    await helped.queries("zhou", path)  # what is read once for all
    assert await helped.queries("zhou", path) <= most


async def test_a_response_is_issued_changed_and_lifted(helped: Town) -> None:
    assert (await helped.post("sun", "/plans/responses", ISSUED)).status == 403
    none = await helped.post("zhou", "/plans/responses", {**ISSUED, "level": ""})
    assert (none.status, "请选择一项" in none.text) == (409, True)
    issued = await helped.post("zhou", "/plans/responses", ISSUED)
    path = issued.headers["Location"]
    page = told((await helped.get("zhou", path)).html)
    assert "东湾区橙色预警" in page
    assert "东湾港通" in page
    assert "沧河宏晟" not in page
    changed = {"level": "red", "reason": SCRIPT}
    assert (await helped.post("zhou", f"{path}/change", changed)).status == 303
    page_now = await helped.get("zhou", path)
    assert "红色预警" in page_now.text
    assert "<script>alert(" not in page_now.html
    assert (await helped.post("zhou", f"{path}/lift", {"reason": "解除"})).status == 303
    assert (
        await helped.run(
            "SELECT count(*) FROM (SELECT DISTINCT ON (body ->> 'id') body FROM decision"
            " WHERE kind = 'plan' AND body ->> 'origin' = $1 ORDER BY body ->> 'id', id DESC) AS p"
            " WHERE (body ->> 'end')::timestamptz > (SELECT to_timestamp(max(second)) FROM tick)"
            " AND (body ->> 'enabled')::bool IS NOT FALSE",
            path.rpartition("/")[2],
        )
        == 0
    )
    again = await helped.post("zhou", f"{path}/lift", {"reason": "再次"})
    assert (again.status, "已解除" in again.text) == (409, True)


async def test_one_firm_is_ordered_something_and_the_order_ends(helped: Town) -> None:
    form = {
        "subject": "line:CY-L1",
        "measure": "limit",
        "reduction": "150",
        "start": "2026-11-22T11:00",
        "end": "2026-11-23T11:00",
        "reason": SCRIPT,
    }
    path = "/enterprises/CY/orders"
    wrong = await helped.post("zhou", path, form)
    assert (wrong.status, "1至100的百分比" in wrong.text) == (409, True)
    foreign = {**form, "reduction": "25", "subject": "line:QH-L1"}
    assert (await helped.post("zhou", path, foreign)).status == 404
    assert (await helped.post("zhou", path, {**form, "reduction": "25"})).status == 303
    page = await helped.get("zhou", "/plans")
    assert "<script>alert(" not in page.html
    assert "清溪晨曜包装印刷有限公司凹印1线限产25%" in told(page.html)
    assert "凹印 1 线 限产 25%" in (await helped.get("liang", "/plans")).text
    ends = re.search(r'action="(/plans/PL\d+/end)"', page.html)
    assert ends is not None
    assert (await helped.post("chen", ends[1])).status == 404
    assert (await helped.post("zhou", ends[1])).status == 303
    assert "限产25%" not in told((await helped.get("zhou", "/plans")).html)


async def test_what_a_firm_does_at_a_level_is_kept_and_taken_back(helped: Town) -> None:
    path = "/enterprises/CY/presets"
    form = {"level": "red", "measure-line:CY-L1": "stop", "from_hour": "22:00"}
    half = await helped.post("zhou", path, form)
    assert (half.status, "每日起止时刻须同时填写" in half.text) == (409, True)
    assert (await helped.post("liang", path, form)).status == 403
    assert (await helped.post("zhou", path, {**form, "to_hour": "06:00"})).status == 303
    assert "凹印 1 线 停产" in (await helped.get("liang", f"{path}?level=red")).text
    assert (await helped.post("zhou", f"{path}/withdraw", {"level": "red"})).status == 303
    assert "没有预案" in (await helped.get("liang", f"{path}?level=red")).text


async def test_an_industrys_calendar_is_the_citys_to_keep_and_to_take_back(helped: Town) -> None:
    form = {
        "name": SCRIPT,
        "industry": "printing",
        "measure": "stop",
        "start": "2026-11-22T11:00",
        "end": "2027-03-01T11:00",
        "weekday": "mon",
    }
    path = "/plans/calendars"
    assert (await helped.post("chen", path, form)).status == 409
    assert (await helped.post("zhou", path, form)).status == 303
    page = await helped.get("liang", path)
    assert "<script>alert(" not in page.html
    assert "行业 printing，停产，周一" in page.text
    assert "停产" in told((await helped.get("liang", "/plans")).html)
    officers = (await helped.get("zhou", path)).html
    takes = re.findall(r'action="(/plans/calendars/CA\d+/withdraw)"', officers)
    assert (await helped.post("sun", takes[0])).status == 403
    for one in takes:
        assert (await helped.post("zhou", one)).status == 303
    assert "没有日历" in (await helped.get("zhou", path)).text
