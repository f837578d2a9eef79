"""Help for firms on pages: asked for in two taps, answered, confirmed; manuals; reminders."""

import io
import re
import zipfile
from typing import Any

import aiohttp
import pytest
from tests.console.pages.helped import MANUAL, PDF
from tests.console.pages.town import Town

SCRIPT = '<script>alert("x")</script>\'; DROP TABLE decision; --'
MOST_QUERIES = {
    "/assistance": 20,
    "/assistance/AS1": 20,
    "/guidance": 20,
    "/enterprises/QH/help": 45,
    "/documents": 15,
    "/documents/DM1": 20,
}


def told(html: str) -> str:
    """A page's text without what only lays it out."""
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", html))


def sent(data: bytes, **fields: str) -> Any:
    # Names of files as browsers send them.
    form = aiohttp.FormData(quote_fields=False)
    for name, value in {"industry": "printing", "title": "印刷手册", **fields}.items():
        form.add_field(name, value)
    form.add_field("file", io.BytesIO(data), filename="手册.pdf")
    return form


async def test_officers_are_told_what_waits_and_who_is_visited_today(helped: Town) -> None:
    page = told((await helped.get("zhou", "/assistance")).html)
    assert "1件诉求等待受理，今天上门1家" in page
    assert "沧河宏晟水泥有限公司14:00，周明远上门" in page
    district = (await helped.get("chen", "/assistance")).text
    assert "东湾启航" in district
    assert "沧河宏晟" not in district


async def test_a_firm_is_asked_first_whether_its_problem_is_solved(helped: Town) -> None:
    page = told((await helped.get("sun", "/assistance")).html)
    first, _, rest = page.partition("问题解决了吗？")
    assert "台账管理，方案已给出" in first
    assert "11月2314:00，陈思上门" in rest
    assert "2条提醒" in rest
    assert "薄弱环节" in rest
    assert (await helped.get("wu", "/assistance")).status == 403


@pytest.mark.parametrize(("path", "most"), MOST_QUERIES.items(), ids=str)
async def test_a_page_of_help_asks_the_database_seldom(helped: Town, path: str, most: int) -> None:
    await helped.queries("zhou", path)
    assert await helped.queries("zhou", path) <= most


async def test_one_firms_help_is_for_itself_and_its_officers(helped: Town) -> None:
    page = (await helped.get("chen", "/enterprises/QH/help")).text
    assert "活性炭吸附风机最需要帮助" in page
    assert "月底前更换活性炭" in page
    assert (await helped.get("sun", "/enterprises/QH/help")).status == 200
    assert (await helped.get("liang", "/enterprises/QH/help")).status == 404


async def test_a_manual_is_for_the_firms_of_its_industry_alone(helped: Town) -> None:
    assert "喷涂行业合规手册" in (await helped.get("sun", "/documents")).text
    assert "水泥行业错峰指南" not in (await helped.get("sun", "/documents")).text
    page = await helped.get("sun", "/documents/DM1")
    assert "先开治污设施" in page.text
    address = re.search(r'href="(/documents/DM1/files/[0-9a-f]{64})"', page.html)
    assert address is not None
    async with helped.asking("GET", "sun", address[1]) as response:
        assert await response.read() == PDF
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert "sandbox" in response.headers["Content-Security-Policy"]
    async with helped.asking("GET", "sun", "/documents/DM1/text") as response:
        assert (await response.read()).decode("utf-8-sig") == MANUAL
    for path in ("/documents/DM1", "/documents/DM1/text", address[1], "/documents/DM9"):
        assert (await helped.get("zhao", path)).status == 404, path
    other = address[1].replace("DM1", "DM2")
    assert (await helped.get("zhao", other)).status == 404


async def test_help_is_asked_for_in_two_taps_and_goes_to_its_end(helped: Town) -> None:
    asked = await helped.post("liang", "/assistance", {"topic": "permit"})
    path = asked.headers["Location"]
    assert "排污许可：请与我们联系" in (await helped.get("liang", path)).text
    assert (await helped.get("sun", path)).status == 404
    assert (await helped.post("zhou", "/assistance", {"topic": "permit"})).status == 403
    past = {"at": "2026-11-20T09:00", "person": "zhou"}
    late = await helped.post("zhou", f"{path}/schedule", past)
    assert (late.status, "到访时间已过" in late.text) == (409, True)
    visit = {"at": "2026-11-24T09:00", "person": "zhou", "text": SCRIPT}
    assert (await helped.post("zhou", f"{path}/schedule", visit)).status == 303
    assert (await helped.post("chen", f"{path}/solve", {"text": "x"})).status == 404
    page = await helped.get("liang", path)
    assert "2026-11-24 09:00，周明远上门" in page.text
    assert "<script>alert(" not in page.html
    assert (await helped.post("zhou", f"{path}/solve", {"text": "不需要变更"})).status == 303
    assert (await helped.post("zhou", f"{path}/confirm")).status == 403
    assert (await helped.post("liang", f"{path}/reopen", {"text": "还不清楚"})).status == 303
    assert (await helped.post("zhou", f"{path}/solve", {"text": "见附表"})).status == 303
    assert (await helped.post("liang", f"{path}/confirm")).status == 303
    assert "企业已确认" in (await helped.get("zhou", path)).text
    nothing = await helped.post("liang", "/assistance", {"topic": "party", "text": SCRIPT})
    assert (nothing.status, "<script>alert(" in nothing.html) == (409, False)


async def test_a_reminder_is_read_by_whom_it_was_meant_for(helped: Town) -> None:
    form = {"text": f"停机检修前申报 {SCRIPT}", "firm": "QH", "due": "2026-11-30T12:00"}
    assert (await helped.post("sun", "/guidance/reminder", form)).status == 403
    nobody = await helped.post("zhou", "/guidance/reminder", {**form, "firm": ""})
    assert (nobody.status, "须填写企业或行业之一" in nobody.text) == (409, True)
    assert (await helped.post("chen", "/guidance/reminder", form)).status == 303
    page = await helped.get("sun", "/assistance")
    assert "3 条提醒" in page.text
    assert "<script>alert(" not in page.html
    for one in re.findall(r'action="(/reminders/RM\w+/read)"', page.html):
        # Those to its whole industry as well, and nobody else's.
        assert (await helped.post("sun", one)).status == 303
        assert (await helped.post("zhao", one)).status == 404
    assert "条提醒" not in (await helped.get("sun", "/assistance")).text


async def test_what_was_taught_and_solved_is_entered_on_its_page(helped: Town) -> None:
    at = {"at": "2026-11-22T09:00"}
    for path, form in (
        ("training", {"title": "危废台账", "guidance": "training", "industry": "printing", **at}),
        ("round-table", {"title": "园区座谈", "enterprise": "QH", **at}),
        ("solution", {"firm": "QH", "topic": "waste", "problem": SCRIPT, "solution": "已换标识"}),
    ):
        done = await helped.post("zhou", f"/guidance/{path}", form)
        assert done.status == 303, done.text
    page = await helped.get("zhou", "/guidance")
    assert "培训指导 2 次，座谈 2 场，主动解决 1 个问题" in page.text
    assert "<script>alert(" not in page.html
    district = (await helped.get("chen", "/guidance")).text
    assert "园区座谈" in district
    assert "清溪晨曜" not in district
    assert (await helped.get("sun", "/guidance")).status == 403
    empty = await helped.post("zhou", "/guidance/round-table", {"title": "空", **at})
    assert (empty.status, "须填写参会企业" in empty.text) == (409, True)


async def test_a_manual_is_published_replaced_and_taken_back(helped: Town) -> None:
    script = await helped.post("zhou", "/documents", sent(b"<html>\x00<script>"))
    assert (script.status, "文件须为PDF" in script.text) == (409, True)
    assert (await helped.post("liang", "/documents", sent(PDF))).status == 403
    assert (await helped.post("chen", "/documents", sent(PDF))).status == 409
    made = await helped.post("zhou", "/documents", sent(PDF, text=SCRIPT))
    path = made.headers["Location"]
    page = await helped.get("liang", path)
    assert "手册.pdf" in page.text
    assert "<script>alert(" not in page.html
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("word/document.xml", "")
    identity = path.rpartition("/")[2]
    newer = await helped.post("zhou", "/documents", sent(book.getvalue(), id=identity, text="新"))
    assert newer.headers["Location"] == path
    page = await helped.get("liang", path)
    assert ("手册.docx" in page.text, "手册.pdf" in page.text) == (True, False)
    assert (await helped.post("zhou", f"{path}/withdraw")).status == 303
    assert (await helped.get("liang", path)).status == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"attendees": "9" * 5000}, "请填写0至100000的整数"),
        ({"attendees": "若干"}, "请填写0至100000的整数"),
        ({"at": "0001-01-01T00:00"}, "时间填写有误"),
    ],
    ids=["endless", "no number", "before all calendars"],
)
async def test_what_is_no_number_and_no_time_is_said_where_it_was_written(
    helped: Town, fields: dict[str, str], said: str
) -> None:
    form = {
        "title": "培训",
        "guidance": "training",
        "at": "2026-11-20T09:00",
        "industry": "printing",
    }
    answer = await helped.post("zhou", "/guidance/training", form | fields)
    assert (answer.status, said in answer.text) == (409, True)
