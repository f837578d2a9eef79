"""The registry as a book on pages: shown what it would change, imported wholly or not at all."""

import io
import re
import zipfile
from collections.abc import Callable

import aiohttp
import pytest
import pytest_asyncio
from tests.console.browser import Browser
from tests.console.desk import Page

from wattwarden.storage.books.book import SENT, Table
from wattwarden.storage.books.reading import read_sent
from wattwarden.storage.books.writing import packed_book, packed_csv

REGION = ("编号", "名称", "上级")
Pack = Callable[[list[Table]], bytes]
Rows = tuple[tuple[str | None, ...], ...]


@pytest_asyncio.fixture
async def admin(admin: Browser) -> Browser:
    """Before the page of books."""
    await admin.get("/registry/book")
    return admin


def table(rows: Rows, title: str = "区域", heads: tuple[str, ...] = REGION) -> Table:
    return Table(title, heads, tuple(enumerate(rows, 2)))


async def send(browser: Browser, data: bytes, name: str = "b.xlsx", **fields: str) -> Page:
    form = aiohttp.FormData({"csrf": browser.mark, **fields})
    form.add_field("file", io.BytesIO(data), filename=name)
    return await browser.desk.post("/registry/book", form, **browser._with_cookies({}))


def seen(page: Page) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.html)
    assert found is not None, page.text
    return found[1]


async def names(browser: Browser) -> dict[str, str]:
    rows = await browser.desk.fetch(
        "SELECT DISTINCT ON (id) id, body ->> 'name' AS name FROM registry_entry"
        " WHERE kind = 'region' ORDER BY id, version DESC"
    )
    return {row["id"]: row["name"] for row in rows}


@pytest.mark.parametrize("pack", [packed_book, packed_csv], ids=["excel", "csv"])
async def test_a_book_is_tried_seen_and_then_imported_as_one_decision(
    admin: Browser, pack: Pack
) -> None:
    before = await admin.desk.decided()
    book = pack([table((("R2", "<b>新名</b>", "R"), ("R7", "新区", "R")))])
    page = await send(admin, book, do="try")
    assert page.status == 200
    assert "区域 2" in page.text
    assert "<b>新名</b>" in page.text
    assert await admin.desk.decided() == before
    answer = await send(admin, book, do="import", seen=seen(page))
    assert (answer.status, answer.headers["Location"]) == (
        303,
        f"/registry/book?done={before + 1}",
    )
    found = await names(admin)
    assert (found["R2"], found["R7"]) == ("<b>新名</b>", "新区")
    assert await admin.desk.decided() == before + 1


async def test_one_fault_and_nothing_is_imported(admin: Browser) -> None:
    before = await admin.desk.decided()
    book = packed_book([table((("R7", "新区", "R"), ("R8", None, "R"), ("R9", "x", "R77")))])
    for step in ("try", "import"):
        page = await send(admin, book, do=step)
        assert page.status == 422
        assert "2 处错误，没有导入" in page.text
        assert re.search(r"区域</td><td class=.r.>3</td><td>名称", page.html)
        assert re.search(r"区域</td><td class=.r.>4</td><td>上级", page.html)
    assert await admin.desk.decided() == before


async def test_what_was_not_shown_is_not_imported(admin: Browser) -> None:
    before = await admin.desk.decided()
    book = packed_book([table((("R7", "新区", "R"),))])
    assert (await send(admin, book, do="import")).status == 422
    other = seen(await send(admin, packed_book([table((("R8", "别区", "R"),))]), do="try"))
    page = await send(admin, book, do="import", seen=other)
    assert page.status == 422
    assert "与上次所见不同" in page.text
    assert await admin.desk.decided() == before


async def test_complete_sheets_remove_what_they_do_not_name(admin: Browser) -> None:
    book = packed_book([table((("R", "青岛市", None),))])
    page = await send(admin, book, do="try", others="remove")
    # Firms stand in the districts that would go.
    assert page.status == 422
    assert "错误" in page.text


async def fetched(browser: Browser, path: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(browser.desk.url + path, headers=browser._with_cookies({})) as answer,
    ):
        return answer.status, await answer.read()


@pytest.mark.parametrize("form", ["xlsx", "zip"])
async def test_what_is_exported_imports_as_no_change(admin: Browser, form: str) -> None:
    _, data = await fetched(admin, f"/registry/book/export?format={form}")
    assert {"区域", "企业"} <= {one.title for one in read_sent(data, "any") if one.rows}
    page = await send(admin, data, do="try")
    assert "没有要改的" in page.text
    _, template = await fetched(admin, f"/registry/book/export?empty=yes&format={form}")
    assert not any(one.rows for one in read_sent(template, "any") if one.title != "说明")


async def test_decisions_of_others_do_not_come_along(admin: Browser) -> None:
    before = await admin.desk.decided()
    heads = ("编号", "对象类型", "对象编号", "类型", "开始时间", "结束时间", "审核状态")
    row = ("D-1", "设施", "U1", "检修", "2026-11-22 08:00", "2026-11-22 12:00", "通过")
    book = packed_book([table((row,), "申报", heads)])
    page = await send(admin, book, do="import")
    assert page.status == 422
    assert "不能随档案导入" in page.text
    assert await admin.desk.decided() == before


def bomb() -> bytes:
    """A ZIP that says of itself that it unpacks to a gigabyte."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("区域.csv", bytes(2**20))
    return packed.getvalue().replace((2**20).to_bytes(4, "little"), (2**30).to_bytes(4, "little"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"PK\x03\x04nonsense", "no Excel file", id="no zip"),
        pytest.param(b"\xff\xff\xff", "neither UTF-8 nor GBK", id="no text"),
        pytest.param(b"<script>alert(1)</script>,x", "未知列", id="a page"),
    ],
)
async def test_what_is_no_book_is_refused(admin: Browser, data: bytes, said: str) -> None:
    before = await admin.desk.decided()
    page = await send(admin, data, "region.csv" if b"<" in data else "b.xlsx", do="import")
    assert page.status == 422
    assert said in page.text
    assert "<script>alert" not in page.html
    assert await admin.desk.decided() == before


async def test_a_bomb_is_refused_and_so_is_what_is_too_large(admin: Browser) -> None:
    before = await admin.desk.decided()
    page = await send(admin, bomb(), "b.zip", do="import")
    assert page.status == 422
    assert "unpacked" in page.text
    large = await send(admin, bytes(SENT.file_bytes + 70_000), do="try")
    assert large.status == 413
    assert await admin.desk.decided() == before


async def test_only_administrators_import_and_officers_of_the_city_export(admin: Browser) -> None:
    officer = Browser(admin.desk)
    await officer.sign_in("city")
    assert (await officer.get("/registry/book")).status == 403
    assert (await fetched(officer, "/registry/book/export?format=zip"))[0] == 200
    duty = Browser(admin.desk)
    await duty.sign_in("duty1")
    assert (await duty.get("/registry/book/export")).status == 403
