"""The pages in a real browser: one offence from the board to its end, by an officer at a desk and
by a firm's person on a phone; nothing in the browser's console, no request to another host, nothing
that keeps somebody out who cannot see or cannot use a mouse."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.console.pages.city import pass_time, shut_down
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
LIVE_MS: Final = 15_000
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
            "/declarations",
        ),
    ),
    ("sun", PHONE, ("/day", "/alarms/{QH-T1}")),
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


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


async def test_an_offence_is_seen_taken_up_rectified_with_a_photo_and_verified(
    chromium: Browser, town: Town
) -> None:
    async with (
        screen(chromium, town, "zhou", DESK) as officer,
        screen(chromium, town, "yuan", PHONE) as firm,
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

        await firm.page.get_by_label("原因", exact=True).first.select_option("breakage")
        await firm.page.get_by_label("措施").fill("接触器烧毁，电工正在更换")
        await firm.page.get_by_role("button", name="提交处置").click()
        await expect(firm.page.locator("#state")).to_have_text("整改中")
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


async def test_nobody_is_kept_out_and_nothing_sticks_out(chromium: Browser, town: Town) -> None:
    for person, how, paths in PLACES:
        async with screen(chromium, town, person, how) as seen:
            for path in paths:
                await seen.open(path.format(**town.alarms))
                await seen.accessible()
                wide = await seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, path


async def _offence(town: Town, unit: str) -> int:
    store = await asyncpg.connect(town.dsn)
    number = await shut_down(store, unit)
    await store.close()
    return number


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
