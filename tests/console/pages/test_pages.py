"""What the pages say of the small city, to whom, and how much they ask the database for it."""

import asyncio
import contextlib
import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec
import pytest
from openpyxl import load_workbook
from tests.console.pages.city import NOW
from tests.console.pages.happened import pass_time
from tests.console.pages.town import Town

from wattwarden.alarms.ledgers.contents import Motion, Withdrawn
from wattwarden.alarms.ledgers.entries import Draft, LedgerKind
from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import Supervision, UnitKind
from wattwarden.console.live.streams import MOST_OF_A_PERSON
from wattwarden.storage.ledgers.ledger import enter_drafts
from wattwarden.storage.registry.registry import load_registry, save_registry
from wattwarden.storage.views.saved import MOST_SAVED

# The smallest JPEG that says nothing of when it was taken.
PHOTO: Final = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
TWICE_AS_MANY: Final = """
INSERT INTO alarm (rule, subject, kind, began, enterprise, line, raised, found_in, version,
    explanation)
SELECT rule, subject, 'again', began - interval '4 hours', enterprise, line,
    raised - interval '4 hours', found_in, version, explanation FROM alarm
"""
PAGES: Final = {
    "board": ("zhou", "/board", 45),
    "wall": ("zhou", "/wall", 45),
    "alarms": ("zhou", "/alarms", 40),
    "alarm": ("zhou", "/alarms/{QH-T1}", 40),
    "curves": ("zhou", "/alarms/{QH-T1}/curves", 40),
    "firms": ("zhou", "/enterprises", 40),
    "firm": ("zhou", "/enterprises/QH", 60),
    "ledger": ("zhou", "/enterprises/QH/ledger", 20),
    "day": ("sun", "/day", 70),
    "tasks": ("zhou", "/tasks", 20),
    "task": ("zhou", "/tasks/{task}", 30),
    "declarations": ("zhou", "/declarations", 20),
    "statistics": ("zhou", "/statistics", 90),
    "firms statistics": ("zhou", "/statistics?by=enterprise&enterprise=QH", 90),
}


async def filled(town: Town, path: str) -> str:
    known = {unit: str(number) for unit, number in town.alarms.items()}
    known["task"] = await town.run("SELECT body ->> 'id' FROM decision WHERE kind = 'task'")
    return re.sub(r"{([\w-]+)}", lambda found: known[found[1]], path)


async def test_the_board_begins_with_what_is_wrong_and_says_who_has_the_longest(town: Town) -> None:
    page = await town.get("zhou", "/board")
    assert page.status == 200
    assert "<h1><b>6 条生产线</b>正在生产，治污没有正常运行</h1>" in page.html
    assert "另有 1 处未执行停限产、1 处数据异常。" in page.text
    assert "最久的已 2 小时 36 分：沧河宏晟水泥有限公司 2# 水泥磨，赵启已接手。" in page.text


async def test_rows_stand_by_grade_then_by_how_long_they_last(town: Town) -> None:
    page = await town.get("zhou", "/board")
    shown = [int(one) for one in re.findall(r'<li id="alarm-(\d+)"', page.html)]
    order = ["HC-T1", "QH-T1", "GT-P1", "CY-T1", "BL-T1", "JM-T1", "LY-T1", "TZ-T1"]
    assert shown[: len(order)] == [town.alarms[unit] for unit in order]


async def test_a_city_that_never_said_anything_has_a_board_and_figures(town: Town) -> None:
    await town.run("DELETE FROM unit_transition")
    board = await town.get("zhou", "/board")
    assert board.status == 200
    assert "无数据" in board.text
    assert (await town.get("zhou", "/statistics")).status == 200
    assert (await town.get("sun", "/day")).status == 200


async def test_a_district_sees_its_own_firms_alone(town: Town) -> None:
    page = await town.get("chen", "/board")
    assert "东湾启航" in page.text
    assert "沧河宏晟" not in page.text
    assert (await town.get("chen", town.path("HC-T1"))).status == 404
    assert (await town.get("chen", "/enterprises/HC")).status == 404


async def test_a_firms_people_have_their_day_and_no_board(town: Town) -> None:
    day = await town.get("sun", "/day")
    assert "2 号喷涂线：活性炭吸附风机在生产期间已关闭" in re.sub(r"\s+", "", day.text).replace(
        "2号喷涂线", "2 号喷涂线"
    )
    assert "说明原因和措施" in day.text
    assert (await town.get("sun", "/board")).status == 403
    assert (await town.get("zhou", "/day")).status == 403


async def test_the_curves_are_those_of_the_lines_machines_with_the_offence(town: Town) -> None:
    curves = await town.fetch("zhou", town.path("QH-T1") + "/curves")
    assert [one["id"] for one in curves["units"]] == ["QH-P1", "QH-P2", "QH-T1", "QH-T2"]
    fan = curves["units"][2]
    start = curves["offence"][0]
    before = [w for at, w in zip(fan["at"], fan["watts"], strict=True) if at < start - 60]
    after = [w for at, w in zip(fan["at"], fan["watts"], strict=True) if at > start + 60]
    assert min(before) > 30_000
    assert max(after) == 300
    month = await town.fetch("zhou", "/lines/QH-L1/curves?span=month")
    assert month["to"] - month["from"] == 31 * 86_400
    hour = await town.fetch("zhou", "/lines/QH-L1/curves?span=hour")
    assert len(hour["units"][0]["at"]) == 60


@pytest.mark.parametrize(("person", "path", "most"), PAGES.values(), ids=PAGES)
async def test_a_page_asks_the_database_as_often_however_much_there_is(
    town: Town, person: str, path: str, most: int
) -> None:
    path = await filled(town, path)
    await town.queries(person, path)  # what is read once for all
    few = await town.queries(person, path)
    assert few <= most
    await town.run(TWICE_AS_MANY)
    many = await town.queries(person, path)
    await town.run("DELETE FROM alarm WHERE kind = 'again'")
    assert many == few


async def test_views_and_filters_stand_in_the_address(town: Town) -> None:
    mine = await town.get("zhou", "/alarms?view=mine")
    assert re.findall(r'id="alarm-(\d+)"', mine.html) == [str(town.alarms["CY-T1"])]
    grave = await town.get("zhou", "/alarms?level=4")
    assert re.findall(r'id="alarm-(\d+)"', grave.html) == [str(town.alarms["HC-T1"])]
    east = await town.get("zhou", "/alarms?district=dong&view=standing")
    assert set(re.findall(r'id="alarm-(\d+)"', east.html)) == {
        str(town.alarms["QH-T1"]),
        str(town.alarms["GT-P1"]),
    }
    nonsense = await town.get("zhou", "/alarms?view='&level=9&district=%00x&before=never")
    assert nonsense.status in {200, 400}


async def test_an_offence_goes_from_the_board_to_its_end(town: Town) -> None:
    path = town.path("JM-T1")
    assert "无人确认" in (await town.get("zhou", "/alarms?level=2")).text
    # Only the firm's own people take it in hand.
    assert (await town.post("zhou", path + "/ack")).status == 403
    path = town.path("QH-T1")
    form = {"cause": "breakage", "reason": "接触器烧毁，正在更换"}
    assert (await town.post("sun", path + "/handle", form)).status == 303
    unproved = await town.post("sun", path + "/rectify", {"reason": "已更换"})
    assert unproved.status == 409
    assert "整改完成须附佐证材料" in unproved.text
    assert (await town.post("sun", path + "/rectify", rectified(PHOTO))).status == 303
    waits = await town.post("zhou", path + "/verify", {"fault": "enterprise"})
    assert (waits.status, "报警条件仍未消除" in waits.text) == (409, True)
    await recover(town, "QH-T1", 15)
    assert (await town.post("zhou", path + "/verify", {"fault": "enterprise"})).status == 303
    page = await town.get("sun", path)
    assert "周明远核实" in page.text
    assert "已核实" in page.text


async def test_what_waits_for_an_officer_stands_before_what_is_merely_over(town: Town) -> None:
    number = await town.run("SELECT id FROM alarm WHERE subject = 'unit:NP-T1'")
    path = f"/alarms/{number}"
    await town.post("yuan", path + "/ack")
    await town.post("yuan", path + "/handle", {"cause": "breakage", "reason": "检查"})
    assert (await town.post("yuan", path + "/rectify", rectified(PHOTO))).status == 303
    page = await town.get("zhou", "/board")
    shown = [int(one) for one in re.findall(r'<li id="alarm-(\d+)"', page.html)]
    over = await town.run("SELECT id FROM alarm WHERE subject = 'unit:QX-T1'")
    assert shown.index(number) < shown.index(over)
    assert f'href="{path}#act">核实<' in page.html


async def test_an_officer_closes_what_was_verified(town: Town) -> None:
    path = town.path("QH-T1")
    await town.post("sun", path + "/handle", {"cause": "breakage", "reason": "检查"})
    await town.post("sun", path + "/rectify", rectified(PHOTO))
    await recover(town, "QH-T1", 15)
    await town.post("zhou", path + "/verify", {"fault": "enterprise"})
    assert (await town.post("sun", path + "/close", {"reason": "好了"})).status == 403
    unsaid = await town.post("zhou", path + "/close", {"reason": ""})
    assert (unsaid.status, "须填写说明" in unsaid.text) == (409, True)
    assert (await town.post("zhou", path + "/close", {"reason": "照片与曲线一致"})).status == 303
    page = await town.get("sun", path)
    assert "已办结" in page.text
    assert "周明远办结" in page.text


async def test_an_officer_escalates_by_hand_until_nothing_is_graver(town: Town) -> None:
    path = town.path("QH-T1")
    assert f"{path}/escalate" not in (await town.get("sun", path)).html
    assert "升为 L4，通知上一级" in (await town.get("zhou", path)).text
    unsaid = await town.post("zhou", path + "/escalate", {"reason": ""})
    assert unsaid.status == 409
    assert (await town.post("zhou", path + "/escalate", {"reason": "当日第三次"})).status == 303
    page = await town.get("zhou", path)
    assert "周明远升级" in page.text
    assert 'class="grade big" data-grade="4"' in page.html
    assert f"{path}/escalate" not in page.html
    again = await town.post("zhou", path + "/escalate", {"reason": "再次"})
    assert (again.status, "已是最高级" in again.text) == (409, True)


async def test_what_came_out_stands_beside_the_power_with_its_limit(town: Town) -> None:
    curves = await town.fetch("zhou", town.path("QH-T1") + "/curves")
    (result,) = curves["results"]
    assert (result["name"]["zh"], result["unit"], result["limit"]) == ("非甲烷总烃", "mg/m³", 60)
    assert curves["from"] <= result["at"][0] < result["at"][-1] < curves["to"]
    pairs = list(zip(result["at"], result["amounts"], strict=True))
    start = curves["offence"][0]
    assert max(amount for at, amount in pairs if at < start) < 30
    assert max(amount for at, amount in pairs if at > start) > 90
    none = await town.fetch("zhou", town.path("HC-T1") + "/curves")
    assert none["results"] == []


async def test_a_camera_is_led_to_only_where_that_is_safe(town: Town) -> None:
    page = await town.get("zhou", town.path("QH-T1"))
    assert (
        '<a class="btn compact" href="https://cameras.example/QH/da001?view=live" target="_blank"'
        ' rel="noopener noreferrer"' in page.html
    )
    assert "厂门摄像机" in page.text
    assert "javascript:" not in page.html
    assert "视频" not in (await town.get("zhou", town.path("HC-T1"))).text


async def test_a_leaders_word_lets_a_visit_to_the_positive_list_go_on(town: Town) -> None:
    task = await filled(town, "/tasks/{task}")
    assert "须领导批示" not in (await town.get("leader", "/tasks")).text
    for person, verb, form in (
        ("zhou", "approve", {}),
        ("zhou", "assign", {"person": "zhou"}),
        ("zhou", "accept", {}),
    ):
        assert (await town.post(person, f"{task}/{verb}", {"note": "", **form})).status == 303
    await watch_as(town, "HC", "positive")
    assert "1 件须领导批示" in (await town.get("leader", "/tasks")).text
    assert "1 件须领导批示" not in (await town.get("zhou", "/tasks")).text
    link = f'href="{task}"'
    assert (await town.get("leader", "/tasks")).html.count(link) == 1
    behind = "/tasks?before=999999999"
    assert link not in (await town.get("leader", behind)).html, "it stood on the first page"
    assert link in (await town.get("zhou", behind)).html
    stopped = await town.post("zhou", f"{task}/arrive", {"note": "<已到>厂门"})
    assert (stopped.status, "到场前须经领导批准" in stopped.text) == (409, True)
    assert ">&lt;已到&gt;厂门</textarea>" in stopped.html, "what was typed is still there"
    assert (await town.post("zhou", f"{task}/endorse", {"note": "同意"})).status == 403
    assert f"{task}/endorse" in (await town.get("leader", task)).html
    assert (await town.post("leader", f"{task}/endorse", {"note": "同意到场"})).status == 303
    page = await town.get("leader", task)
    assert "同意到场" in page.text
    assert f"{task}/endorse" not in page.html
    assert (await town.post("zhou", f"{task}/arrive", {"note": ""})).status == 303


async def test_a_list_is_kept_under_a_name_for_whoever_named_it(town: Town) -> None:
    east = "view=standing&district=dong"
    assert "存为视图" in (await town.get("zhou", f"/alarms?{east}")).text
    form = {"name": " <b>东湾</b> ", "query": f"{east}&other=1&before=x"}
    kept = await town.post("zhou", "/alarms/views", form)
    assert (kept.status, kept.headers["Location"]) == (303, f"/alarms?{east}")
    page = await town.get("zhou", f"/alarms?{east}")
    assert f'href="/alarms?{east.replace("&", "&amp;")}" aria-current="page"' in page.html
    assert "<b>东湾</b>" not in page.html
    assert "存为视图" not in page.text
    assert "东湾" not in (await town.get("chen", "/alarms")).html.partition("<form")[0]
    await town.post("chen", "/alarms/views/drop", {"name": "<b>东湾</b>"})
    assert "删除视图" in (await town.get("zhou", f"/alarms?{east}")).text
    assert (await town.post("zhou", "/alarms/views/drop", {"name": "<b>东湾</b>"})).status == 303
    assert "删除视图" not in (await town.get("zhou", f"/alarms?{east}")).text


@pytest.mark.parametrize("name", ["", "  ", "长" * 25, "a\u202eb"], ids=repr)
async def test_a_name_that_fits_no_tab_is_refused(town: Town, name: str) -> None:
    refused = await town.post("zhou", "/alarms/views", {"name": name, "query": "view=mine"})
    assert refused.status == 400


async def test_so_many_lists_are_kept_and_no_more(town: Town) -> None:
    for number in range(MOST_SAVED):
        form = {"name": f"第 {number} 个", "query": "view=mine"}
        assert (await town.post("liang", "/alarms/views", form)).status == 303
    again = {"name": "第 0 个", "query": "view=done"}
    assert (await town.post("liang", "/alarms/views", again)).status == 303
    more = {"name": "又一个", "query": "view=done"}
    assert (await town.post("liang", "/alarms/views", more)).status == 409
    await town.run("DELETE FROM saved_view")


async def test_figures_lead_from_the_city_to_a_district_to_a_firm(town: Town) -> None:
    city = await town.get("zhou", "/statistics")
    district = unescape(re.findall(r'href="([^"]+)">东湾区</a>', city.html)[0])
    east = await town.get("zhou", district)
    assert "2 家企业" in east.text
    firm = unescape(re.findall(r'href="([^"]+)">东湾启航汽车部件有限公司</a>', east.html)[0])
    page = await town.get("zhou", firm)
    assert "东湾启航汽车部件有限公司，同步率" in page.text
    assert 'href="/enterprises/QH"' in page.html
    assert "治污设施异常关闭" in page.text
    assert (await town.get("chen", firm)).status == 200
    assert (await town.get("chen", "/statistics?enterprise=HC")).status == 404


async def test_figures_are_given_as_files_in_the_readers_language(town: Town) -> None:
    asked = "by=enterprise&district=dong"
    sheet = await town.get("chen", f"/statistics.csv?{asked}")
    rows = list(csv.DictReader(io.StringIO(sheet.html.removeprefix("\ufeff"))))
    assert {row["名称"] for row in rows} == {
        "东湾启航汽车部件有限公司",
        "东湾港通铸造有限公司",
    }
    assert [float(row["同步率 %"]) for row in rows] == sorted(
        float(row["同步率 %"]) for row in rows
    )
    async with town.asking("GET", "zhou", f"/statistics.xlsx?{asked}&lang=en") as response:
        assert response.status == 200
        assert ".xlsx" in response.headers["Content-Disposition"]
        book = load_workbook(io.BytesIO(await response.read()))
    heads, *cells = book.worksheets[0].iter_rows(values_only=True)
    assert heads[:4] == ("Name", "Firms", "In step %", "Alarms")
    assert len(cells) == 2


@pytest.mark.parametrize("path", ["/statistics", "/enterprises/QH/ledger"])
async def test_days_that_nobody_measured_are_not_asked(town: Town, path: str) -> None:
    page = await town.get("zhou", f"{path}?from=9999-12-31&to=0001-01-01")
    assert page.status == 200
    assert 'value="2026-11-22"' in page.html


async def test_figures_of_a_time_before_the_first_reading_say_so(town: Town) -> None:
    young = await town.get("zhou", "/statistics")
    assert "数据自 2026-11-2" in young.text
    assert "Data since 2026-11-2" in (await town.get("zhou", "/statistics?lang=en")).text
    today = await town.get("zhou", "/statistics?from=2026-11-22&lang=zh")
    assert "数据自" not in today.text


@pytest.mark.parametrize(
    ("room", "page", "path", "what"),
    [
        ("firms.pages", "PAGE_FIRMS", "/enterprises", 'href="/enterprises/'),
        ("firms.ledgers", "PAGE_FIRMS", "/ledgers", 'href="/enterprises/'),
        ("tasks.pages", "PAGE_ROWS", "/declarations", "<li>"),
    ],
    ids=["firms", "ledgers", "declarations"],
)
async def test_long_lists_come_a_page_at_a_time(
    town: Town, monkeypatch: pytest.MonkeyPatch, room: str, page: str, path: str, what: str
) -> None:
    def listed(html: str) -> list[str]:
        (card,) = re.findall(r'<ul class="rows">(.*?)</ul>', html, re.DOTALL)
        # Each page's forms carry a mark of their own.
        card = re.sub(r'name="csrf" value="[^"]+"', "", card)
        return re.findall(r"<li>.*?</li>", card, re.DOTALL)

    whole = listed((await town.get("zhou", path)).html)
    assert what in whole[0]
    monkeypatch.setattr(f"wattwarden.console.{room}.{page}", 1)
    seen, at = [], path
    for _ in whole:
        html = (await town.get("zhou", at)).html
        seen += listed(html)
        at = unescape("".join(re.findall(r'href="([^"]+)">下一页', html)))
    assert (seen, at) == (whole, "")
    beyond = await town.get("zhou", f"{path}?from=999999999999")
    assert listed(beyond.html) == whole[-1:]


async def test_a_list_of_firms_counts_all_that_is_open_there(town: Town) -> None:
    page = await town.get("zhou", "/enterprises")
    rows = re.findall(r"<li>(?:(?!</li>).)*</li>", page.html, re.DOTALL)
    (row,) = [one for one in rows if "沧河宏晟水泥有限公司" in one]
    assert "L4 × 1" in row


async def test_an_officer_reviews_what_was_declared(town: Town) -> None:
    path = town.path("CY-T1")
    page = await town.get("zhou", path)
    assert "变频器检修，今日完成" in page.text
    done = await town.post("zhou", path + "/review", {"verdict": "approve", "reason": "同意"})
    assert done.status == 303
    assert "已办结" in (await town.get("liang", path)).text


async def test_tasks_that_are_over_stand_on_a_page_of_their_own(town: Town) -> None:
    path = await filled(town, "/tasks/{task}")
    link = f'href="{path}"'
    assert link in (await town.get("zhou", "/tasks")).html
    assert link not in (await town.get("zhou", "/tasks?view=over")).html
    assert (await town.post("zhou", f"{path}/reject", {"note": "重复"})).status == 303
    in_hand, over = await town.get("zhou", "/tasks"), await town.get("zhou", "/tasks?view=over")
    assert "没有在办的任务" in in_hand.text
    assert (link in in_hand.html, link in over.html) == (False, True)
    assert "更早的任务" not in over.text
    assert link not in (await town.get("zhou", "/tasks?view=over&before=1")).html


async def test_a_task_goes_from_its_proposal_to_a_result(town: Town) -> None:
    path = await filled(town, "/tasks/{task}")
    for person, verb, form in (
        ("zhou", "approve", {}),
        ("zhou", "assign", {"person": "zhou"}),
        ("zhou", "accept", {}),
        ("zhou", "arrive", {}),
        ("zhou", "result", {"outcome": "ordered", "note": "责令立即修复"}),
    ):
        done = await town.post(person, f"{path}/{verb}", {"note": "", **form})
        assert done.status == 303, done.text
    page = await town.get("zhou", path)
    assert "责令改正" in page.text
    again = await town.post("zhou", path + "/approve", {"note": ""})
    assert again.status == 409
    assert (await town.get("chen", path)).status == 404


async def test_a_declaration_is_reviewed_on_its_list(town: Town) -> None:
    number = await town.run("SELECT body ->> 'id' FROM decision WHERE kind = 'declaration'")
    assert "1 件申报待审核" in (await town.get("zhou", "/declarations")).text
    address = f"/declarations/{number}/review"
    assert (await town.post("liang", address, {"verdict": "approve"})).status == 403
    assert (await town.post("zhou", address, {"verdict": "reject"})).status == 303
    assert "未通过" in (await town.get("liang", "/declarations")).text


async def test_a_file_is_what_its_bytes_are_and_is_given_to_nobody_else(town: Town) -> None:
    path = town.path("QH-T1")
    await town.post("sun", path + "/handle", {"cause": "breakage", "reason": "检查"})
    script = await town.post("sun", path + "/rectify", rectified(b"<script>alert(1)</script>"))
    assert (script.status, "文件不是图片" in script.text) == (409, True)
    too_big = await town.post(
        "sun", path + "/rectify", rectified(b"\xff\xd8\xff" + bytes(17 << 20))
    )
    assert too_big.status in {409, 413}
    assert (await town.post("sun", path + "/rectify", rectified(PHOTO))).status == 303
    page = await town.get("zhou", path)
    address = re.search(rf'href="({path}/files/[0-9a-f]+)"', page.html)
    assert address is not None
    async with town.asking("GET", "chen", address[1]) as response:
        assert (response.status, response.content_type) == (200, "image/jpeg")
        assert await response.read() == PHOTO
        # Whoever sits at this browser next is asked for first.
        assert response.headers["Cache-Control"] == "private, no-cache"
        assert response.headers["ETag"].strip('"') == address[1].rpartition("/")[2]
    assert (await town.get("liang", address[1])).status == 404
    other = address[1].replace(path, town.path("CY-T1"))
    assert (await town.get("zhou", other)).status == 404


async def test_what_people_write_is_text_wherever_it_is_shown(town: Town) -> None:
    path = town.path("QH-T1")
    said = '<script>alert("x")</script>\'; DROP TABLE alarm; --'
    assert (await town.post("sun", path + "/comment", {"reason": said})).status == 303
    page = await town.get("zhou", path)
    assert "<script>alert(" not in page.html
    assert said in page.text or said in unescape(page.html)


async def test_rows_of_a_ledger_that_stand_no_more_say_so(town: Town) -> None:
    connection = await asyncpg.connect(town.dsn)
    (first, *_, last) = await connection.fetch(
        "SELECT number FROM ledger WHERE enterprise = 'QH' AND kind = 'treatment' ORDER BY number"
    )
    changes = (
        (first["number"], Motion(name="风机", unit="QH-T1", kind=UnitKind.TREATMENT, running=True)),
        (last["number"], Withdrawn(name="更正泵", what="start")),
    )
    drafts = [
        Draft(
            kind=LedgerKind.TREATMENT,
            source="unit:QH-T1",
            occurred_at=NOW - timedelta(hours=2),
            entered_at=NOW,
            actor="system",
            content=content,
            corrects=number,
        )
        for number, content in changes
    ]
    await enter_drafts(connection, "QH", drafts)
    await connection.close()
    page = await town.get("sun", "/enterprises/QH/ledger?kind=treatment")
    fell = re.findall(r'<tr class="struck">.*?</tr>', page.html, re.DOTALL)
    assert [re.findall(r'<b class="fell">(.*?)</b>', row) for row in fell] == [["作废"], ["已更正"]]
    assert page.html.count('<tr class="amended">') == 2
    assert ",已更正1条,作废1条" in page.text


async def test_a_ledger_is_shown_and_given_as_a_book(town: Town) -> None:
    page = await town.get("sun", "/enterprises/QH/ledger?kind=treatment")
    assert page.html.count("活性炭吸附风机") == 5
    async with town.asking("GET", "sun", "/enterprises/QH/ledger.xlsx?kind=all") as response:
        assert response.status == 200
        book = load_workbook(io.BytesIO(await response.read()))
    assert book.sheetnames[:2] == ["生产设施启停", "治污设施启停"]
    assert book["治污设施启停"]["C5"].value == "活性炭吸附风机"
    assert (await town.get("liang", "/enterprises/QH/ledger")).status == 404
    assert (await town.get("sun", "/ledgers")).headers["Location"] == "/enterprises/QH/ledger"


async def test_an_open_page_hears_of_its_firms_changes_and_of_no_others(town: Town) -> None:
    async with town.asking("GET", "sun", "/live") as own:
        assert own.content_type == "text/event-stream"
        assert await event(own) == "hello"
        # Listening begins with the first page, which looks once more.
        assert await event(own) == "changed"
        async with town.asking("GET", "liang", "/live") as other:
            assert await event(other) == "hello"
            await town.post("sun", town.path("QH-T1") + "/comment", {"reason": "看到了"})
            assert await event(own) == "changed"
            with pytest.raises(TimeoutError):
                await event(other, 0.3)


async def test_a_person_has_so_many_open_pages_and_no_more(town: Town) -> None:
    async with contextlib.AsyncExitStack() as stack:
        answers = [
            await stack.enter_async_context(town.asking("GET", "sun", "/live"))
            for _ in range(MOST_OF_A_PERSON + 1)
        ]
        assert [one.status for one in answers] == [200] * MOST_OF_A_PERSON + [429]


async def event(stream: aiohttp.ClientResponse, within_s: float = 60.0) -> str:
    """Return the name of the next event."""
    async with asyncio.timeout(within_s):
        async for line in stream.content:
            if line.startswith(b"event: "):
                return line[7:].decode().strip()
    raise AssertionError("the stream ended")


async def watch_as(town: Town, firm: str, supervision: str) -> None:
    """Let a firm be watched otherwise from now on."""
    connection = await asyncpg.connect(town.dsn)
    registry = await load_registry(connection)
    was = registry.enterprise[firm]
    now = msgspec.structs.replace(was, supervision=Supervision(supervision))
    await save_registry(connection, [Change("enterprise", firm, now)], "me", now=NOW)
    await connection.close()


def rectified(photo: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("reason", "接触器已更换，恢复运行")
    form.add_field("file", io.BytesIO(photo), filename="风机.jpg", content_type="image/jpeg")
    return form


async def recover(town: Town, unit: str, minutes: float) -> None:
    """Let a unit run again, and so much time pass."""
    connection = await asyncpg.connect(town.dsn)
    at = await connection.fetchval("SELECT to_timestamp(max(second)) FROM tick")
    await connection.execute("UPDATE alarm SET ended = $2 WHERE id = $1", town.alarms[unit], at)
    await connection.execute(
        "INSERT INTO unit_transition VALUES ($1, $2, $3, 'running')", unit[:2], unit, at
    )
    await pass_time(connection, minutes)
    await connection.close()
