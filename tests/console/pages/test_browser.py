"""The pages in a real browser: one offence from the board to its end, by an officer at a desk and
by a firm's person on a phone; nothing in the browser's console, no request to another host, nothing
that keeps somebody out who cannot see or cannot use a mouse."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.console.pages.happened import pass_time, shut_down
from tests.console.pages.town import Town

from wattwarden.console.visitor import SESSION_COOKIE

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text(encoding="utf-8")
DESK: Final[Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: Final[Any] = {
    "viewport": {"width": 360, "height": 780},
    "is_mobile": True,
    "has_touch": True,
}
# A live page hears within a second and fetches within two more; a busy machine takes its time.
LIVE_MS: Final = 60_000
# The rules of WCAG 2.1 at level AA, which are what authorities must keep.
RUN: Final = """axe.run(document, {resultTypes: ["violations"],
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})"""
GRAVE: Final = ("serious", "critical")
# Every kind of page once, in both languages, both themes, both sizes: each look takes a second.
PLACES: Final = (
    (
        "zhou",
        DESK,
        (
            "/board",
            "/alarms?lang=en",
            "/alarms/{CY-T1}?lang=zh&theme=dark",
            "/enterprises/QH",
            "/enterprises/QH/ledger",
            "/statistics?theme=light",
            "/statistics?by=enterprise&district=dong&enterprise=QH",
            "/declarations",
            "/plans?theme=dark",
            "/plans/responses/RE2?lang=en&theme=light",
            "/guidance?lang=zh",
        ),
    ),
    ("sun", PHONE, ("/day", "/alarms/{QH-T1}", "/plans", "/assistance")),
)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.timeout(900),
]
expect.set_options(timeout=LIVE_MS)


class Screen:
    """A browser's window with somebody before it; remembers what it should not have done."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self._url = url
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    async def open(self, path: str) -> None:
        await self.page.goto(self._url + path)

    async def accessible(self) -> None:
        """Fail where somebody is kept out."""
        await self.page.evaluate(AXE)
        found = await self.page.evaluate(RUN)
        grave = [
            (one["id"], node["target"], node["failureSummary"])
            for one in found["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"]
        ]
        assert not grave, (self.page.url, grave)

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self._url, "data:", "blob:")):
            self.faults.append(f"asked {url}")


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Debian's own browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def screen(browser: Browser, town: Town, person: str, how: Any) -> AsyncIterator[Screen]:
    """Sit somebody down before a page of the town."""
    context = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", **how)
    cookie: Any = {"name": SESSION_COOKIE, "value": town.cookies[person], "url": town.url}
    await context.add_cookies([cookie])
    seen = Screen(await context.new_page(), town.url)
    yield seen
    assert not seen.faults
    await context.close()


async def test_an_offence_goes_from_the_board_to_its_end_at_desks_and_on_phones(
    chromium: Browser, town: Town
) -> None:
    async with (
        screen(chromium, town, "zhou", DESK) as officer,
        screen(chromium, town, "zhou", PHONE) as outside,
        screen(chromium, town, "yuan", PHONE) as firm,
        screen(chromium, town, "yuan", DESK) as office,
    ):
        await officer.open("/board")
        number = await _offence(town, "NP-T2")
        row = officer.page.locator(f"#alarm-{number}")
        # Nobody presses anything: it comes by itself.
        await expect(row).to_contain_text("无人确认", timeout=LIVE_MS)

        await firm.open("/day")
        await expect(firm.page.locator("h1")).to_contain_text("NP-T2 在生产期间已关闭")
        await firm.page.get_by_role("link", name="确认收到").click()
        await firm.page.get_by_role("button", name="确认收到").click()
        await expect(firm.page.locator("#state")).to_have_text("已确认")
        await expect(row).to_contain_text("袁帆", timeout=LIVE_MS)

        # Back at a desk they say why; on the phone, which still lies there, the next form appears.
        await office.open(f"/alarms/{number}")
        await office.page.get_by_label("原因", exact=True).first.select_option("breakage")
        await office.page.get_by_label("措施").fill("接触器烧毁，电工正在更换")
        await office.page.get_by_role("button", name="提交处置").click()
        await expect(office.page.locator("#state")).to_have_text("整改中")
        await expect(firm.page.get_by_label("做了什么")).to_be_visible(timeout=LIVE_MS)
        photo = await firm.page.screenshot()
        files: Any = [{"name": "现场.png", "mimeType": "image/png", "buffer": photo}]
        await firm.page.get_by_label("照片或文件").first.set_input_files(files)
        await firm.page.get_by_label("做了什么").fill("更换接触器，恢复运行")
        await firm.page.get_by_role("button", name="提交整改").click()
        await expect(firm.page.locator("#state")).to_have_text("整改待核实")
        await expect(firm.page.get_by_alt_text("现场.png")).to_be_visible()
        await firm.accessible()

        await _recovery(town, number, "NP-T2")
        await row.get_by_role("link", name="核实").click(timeout=LIVE_MS)
        await officer.page.get_by_role("button", name="核实通过").click()
        await expect(officer.page.locator("#state")).to_have_text("已核实")
        await expect(firm.page.locator("#state")).to_have_text("已核实", timeout=LIVE_MS)

        await outside.open(f"/alarms/{number}")
        await outside.page.locator("summary", has_text="办结").click()
        await outside.page.locator("#close-reason").fill("照片与曲线一致")
        await outside.page.get_by_role("button", name="办结").click()
        await expect(outside.page.locator("#state")).to_have_text("已办结")
        await outside.accessible()
        for one in (officer, firm):
            await expect(one.page.locator("#state")).to_have_text("已办结", timeout=LIVE_MS)
        await expect(firm.page.get_by_text("照片与曲线一致")).to_be_visible()
        await office.open("/alarms?view=done")
        await expect(office.page.locator(f"#alarm-{number}")).to_be_visible()


async def test_rows_are_gone_through_with_the_keys_alone_and_kept_under_a_name(
    chromium: Browser, town: Town
) -> None:
    async with screen(chromium, town, "zhou", DESK) as seen:
        await seen.open("/alarms?level=3")
        links = seen.page.locator("[data-rows] .alarm-what a")
        await links.first.focus()
        await seen.page.keyboard.press("ArrowDown")
        await expect(links.nth(1)).to_be_focused()
        await seen.page.keyboard.press("End")
        await expect(links.last).to_be_focused()
        await seen.page.keyboard.press("k")
        await seen.page.keyboard.press("Home")
        await expect(links.first).to_be_focused()
        # What comes in by itself leaves them where they stand.
        held = await seen.page.evaluate("document.activeElement.closest('li').id")
        await _told(town, "QH")
        await expect(seen.page.locator(f"#{held} .alarm-what a")).to_be_focused()
        await seen.page.keyboard.press("Enter")
        charts = seen.page.locator("[data-curves] .chart")
        await expect(charts).to_have_count(3)
        await expect(charts.last).to_contain_text("DA001 喷涂废气排口，限值 60")
        await seen.page.go_back()
        await seen.page.get_by_text("存为视图").click()
        await seen.page.get_by_label("视图名称").fill("三级")
        await seen.page.get_by_role("button", name="保存").click()
        await expect(seen.page.get_by_role("link", name="三级")).to_have_attribute(
            "aria-current", "page"
        )
        await seen.accessible()


async def test_nobody_is_kept_out_and_nothing_sticks_out(chromium: Browser, helped: Town) -> None:
    for person, how, paths in PLACES:
        async with screen(chromium, helped, person, how) as seen:
            for path in paths:
                await seen.open(path.format(**helped.alarms))
                await seen.accessible()
                wide = await seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, path


async def _offence(town: Town, unit: str) -> int:
    store = await asyncpg.connect(town.dsn)
    number = await shut_down(store, unit)
    await store.close()
    return number


async def _told(town: Town, firm: str) -> None:
    """Tell open pages that something of a firm changed, and wait until one has looked again."""
    before = len(town.store.asked)
    await town.run("SELECT pg_notify('live', $1)", firm)
    async with asyncio.timeout(LIVE_MS / 1000):
        while len(town.store.asked) == before:  # noqa: ASYNC110  the page tells nobody
            await asyncio.sleep(0.05)


async def _recovery(town: Town, number: int, unit: str) -> None:
    store = await asyncpg.connect(town.dsn)
    at = await store.fetchval("SELECT to_timestamp(max(second)) FROM tick")
    firm = unit.partition("-")[0]
    await store.execute(
        "INSERT INTO unit_transition VALUES ($1, $2, $3, 'running')", firm, unit, at
    )
    await store.execute("UPDATE alarm SET ended = $2 WHERE id = $1", number, at)
    await pass_time(store, 15)
    # Whoever looks at open pages is told when the warden has taken it up.
    await store.execute("SELECT pg_notify('live', $1)", firm)
    await store.close()
