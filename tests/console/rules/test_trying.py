"""Back-tests on pages: begun with bounds, followed, cancelled, read; nothing else is touched."""

import asyncio
import re
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio
from tests.console.browser import Browser
from tests.console.desk import Desk

from wattwarden.alarms.rulebook import default_text
from wattwarden.storage.backtests import Differing, Outcome, State, Times, finish, follow

AT = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
OUTCOME = Outcome(
    in_force="2026.1+a",
    tried="try-7+b",
    same=4,
    by_rule={"appears": {"R1": 1}, "vanishes": {}, "moves": {}, "regrades": {"R2": 1}},
    differences=[
        Differing(
            change="appears", rule="R1", kind="", subject="unit:U1", enterprise="E1", line="L1",
            before=None, after=Times(AT, AT, None), grade_before="", grade_after="A",
            zh="<i>风机</i>未开", en="the fan is off",
        ),
        Differing(
            change="regrades", rule="R2", kind="", subject="unit:U1", enterprise="E1", line="L1",
            before=Times(AT, AT, AT), after=Times(AT, AT, AT), grade_before="B", grade_after="C",
            zh="负荷低", en="load is low",
        ),
    ],
)  # fmt: skip


@pytest_asyncio.fixture
async def house(house: Desk) -> Desk:
    """Without what other tests tried."""
    await house.fetch("DELETE FROM backtest")
    return house


async def drafter(house: Desk) -> tuple[Browser, dict[str, str]]:
    """An administrator with a draft, and a form that tries it on two days."""
    admin = Browser(house)
    await admin.sign_in("admin")
    await admin.get("/rules")
    text = re.sub(r'(?m)^version = "[^"]*"', 'version = "try-7"', default_text())
    await admin.post("/rules/propose", {"text": text, "reason": "试"})
    draft = re.findall(r"(ND\d+)", (await admin.get("/rules")).text)[0]
    await admin.get(f"/rules/backtests?draft={draft}")
    return admin, {"draft": draft, "since": "2026-11-19", "until": "2026-11-20", "firms": "E1"}


async def on(house: Desk, number: int, outcome: Outcome | None) -> bool:
    """Let a back-test go on, as whoever runs it does; False: it is unwanted."""
    connection = await asyncpg.connect(house.dsn)
    try:
        if outcome is not None:
            await finish(connection, number, State.DONE, outcome)
            return False
        return await follow(connection, number, 1, 3)
    finally:
        await connection.close()


async def test_a_draft_is_tried_followed_and_read(house: Desk) -> None:
    admin, form = await drafter(house)
    before = await house.decided()
    answer = await admin.post("/rules/backtests", form)
    assert answer.status == 303, answer.text
    path = answer.headers["Location"]
    (wanted,) = house.gateways.backtests
    assert "try-7" in wanted.text
    assert wanted.enterprises == ("E1",)
    assert (wanted.since.isoformat(), wanted.until.isoformat()) == (
        "2026-11-18T16:00:00+00:00",
        "2026-11-20T16:00:00+00:00",
    )
    number = int(path.rpartition("/")[2])
    assert await on(house, number, None)
    running = await admin.get(path, HX_Request="true")
    assert "1 / 3" in running.text
    assert 'hx-trigger="every 2s"' in running.html
    assert "<html" not in running.html
    await on(house, number, OUTCOME)
    done = await admin.get(path)
    assert "1 条会新增" in done.text
    assert "B → C" in done.text
    assert "&lt;i&gt;风机" in done.html
    assert "hx-trigger" not in done.html
    assert await house.decided() == before
    for person, status in (("leader", 200), ("district1", 200), ("district2", 404)):
        other = Browser(house)
        await other.sign_in(person)
        assert (await other.get(path)).status == status
        assert ("try-7" in (await other.get("/rules/backtests")).text) == (status == 200)


async def test_one_runs_at_a_time_and_can_be_cancelled(house: Desk) -> None:
    admin, form = await drafter(house)
    path = (await admin.post("/rules/backtests", form)).headers["Location"]
    second = await admin.post("/rules/backtests", form)
    assert second.status == 409
    assert "请等它结束" in second.text
    await admin.get(path)
    assert (await admin.post(f"{path}/cancel")).status == 303
    assert not await on(house, int(path.rpartition("/")[2]), None)


async def test_a_runner_that_is_gone_holds_nobody_up(house: Desk) -> None:
    admin, form = await drafter(house)
    path = (await admin.post("/rules/backtests", form)).headers["Location"]
    await house.fetch("UPDATE backtest SET seen_at = now() - interval '2 minutes'")
    assert "没有完成" in (await admin.get(path)).text
    await admin.get("/rules/backtests")
    assert (await admin.post("/rules/backtests", form)).status == 303


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"since": "2026-09-01"}, "最长31天"),
        ({"since": "2026-11-22", "until": "2026-11-01"}, "止晚于起"),
        ({"since": "yesterday"}, "起止日期"),
        ({"since": "0001-01-01"}, "起止日期"),
        ({"until": "9999-12-31"}, "起止日期"),
        ({"draft": "ND999999"}, "没有此草案"),
        ({"firms": "E1, E77"}, "没有企业 E77"),
        ({"firms": ",".join(f"F{n}" for n in range(501))}, "最多500家"),
    ],
    ids=["long", "backwards", "no day", "before days", "after days", "no draft", "no firm", "many"],
)
async def test_what_cannot_be_tried_is_told(house: Desk, said: dict[str, str], told: str) -> None:
    admin, form = await drafter(house)
    answer = await admin.post("/rules/backtests", form | said)
    assert answer.status == 422
    assert told in answer.text
    assert house.gateways.backtests == []


async def test_whoever_proposes_no_rules_tries_none(house: Desk) -> None:
    browsers = [Browser(house) for _ in range(2)]
    await asyncio.gather(*map(Browser.sign_in, browsers, ("auditor", "duty1")))
    auditor, duty = browsers
    page = await auditor.get("/rules/backtests")
    assert page.status == 200
    assert 'name="draft"' not in page.html
    assert (await auditor.post("/rules/backtests", {"draft": "ND1"})).status == 403
    assert (await duty.get("/rules/backtests")).status == 403
