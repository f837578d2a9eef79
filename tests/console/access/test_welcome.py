"""One-time links: the first administrator's, and everybody else's."""

import asyncio

import asyncpg
import pytest
from tests.console.browser import Browser, with_accounts
from tests.console.desk import Desk

from wattwarden.server.first_run import first_link, link_for
from wattwarden.storage.people.invitations import invite

NEW = "Heron-and-42-reeds"


async def test_a_link_lets_in_once(house: Desk, browser: Browser) -> None:
    path = await _path(house, "duty1")
    assert "李敏" in (await browser.get(path)).text
    answer = await browser.post(path, {"password": NEW, "again": NEW})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert (await browser.get("/me")).status == 200
    assert (await Browser(house).get(path)).status == 410
    assert (await Browser(house).sign_in("duty1", NEW)).status == 303


async def test_looking_at_a_link_does_not_use_it_up(house: Desk, browser: Browser) -> None:
    path = await _path(house, "duty1")
    for _ in range(3):
        assert (await browser.get(path)).status == 200


async def test_a_new_link_ends_the_one_before(house: Desk, browser: Browser) -> None:
    before, after = await _path(house, "duty1"), await _path(house, "duty1")
    assert (await browser.get(before)).status == 410
    assert (await browser.get(after)).status == 200


async def test_a_new_password_ends_older_sessions(house: Desk, browser: Browser) -> None:
    await browser.sign_in("duty1")
    other = Browser(house)
    path = await _path(house, "duty1")
    await other.get(path)
    await other.post(path, {"password": NEW, "again": NEW})
    assert (await browser.get("/me")).status == 303
    assert (await other.get("/me")).status == 200


async def test_a_link_stands_in_for_the_password_alone(house: Desk, browser: Browser) -> None:
    await house.fetch("UPDATE account SET totp = 'totp-x' WHERE person = 'duty1'")
    path = await _path(house, "duty1")
    await browser.get(path)
    answer = await browser.post(path, {"password": NEW, "again": NEW})
    assert answer.status == 200
    assert 'name="code"' in answer.html
    assert (await browser.get("/me")).status == 303, "the second factor is still to be shown"


async def test_a_link_of_who_is_locked_opens_nothing(house: Desk, browser: Browser) -> None:
    path = await _path(house, "duty1")
    await house.fetch("UPDATE account SET locked = now() WHERE person = 'duty1'")
    assert (await browser.get(path)).status == 410


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        (NEW, NEW + "x", "不一样"),
        ("short", "short", "至少 10 位"),
        ("aaaaaaaaaaaaa", "aaaaaaaaaaaaa", "太容易猜到"),
        ("duty1-duty1-99", "duty1-duty1-99", "太容易猜到"),
        ("ab" * 70, "ab" * 70, "最多 128 位"),
    ],
    ids=["differ", "short", "repeated", "own name", "long"],
)
async def test_a_bad_password_leaves_the_link_as_it_was(
    house: Desk, browser: Browser, password: str, again: str, said: str
) -> None:
    path = await _path(house, "duty1")
    await browser.get(path)
    answer = await browser.post(path, {"password": password, "again": again})
    assert answer.status == 422
    assert said in answer.text
    assert (await browser.get(path)).status == 200


async def test_guessing_links_is_stopped(browser: Browser) -> None:
    answers = [(await browser.get(f"/welcome/{number}")).status for number in range(25)]
    assert answers[0] == 410
    assert answers[-1] == 429


async def test_the_first_run_makes_its_administrator(city_dsn: str, house: Desk) -> None:
    await with_accounts(city_dsn)
    browser = Browser(house)
    path = await _unnamed(house)
    await browser.get(path)
    form = {"user": "root1", "name": "罗一", "password": NEW, "again": NEW}
    assert (await browser.post(path, {**form, "user": "1 2"})).status == 422
    assert (await browser.post(path, {**form, "user": "admin"})).status == 422
    assert (await browser.post(path, form)).status == 303
    assert "罗一" in (await browser.get("/me")).text
    (row,) = await house.fetch("SELECT actor, kind FROM decision ORDER BY id DESC LIMIT 1")
    assert (row["actor"], row["kind"]) == ("system", "registry")
    assert (await Browser(house).get(await _unnamed(house))).status == 410


async def test_two_at_once_make_one_administrator(city_dsn: str, house: Desk) -> None:
    await with_accounts(city_dsn)
    path = await _unnamed(house)
    browsers = [Browser(house), Browser(house)]
    for one in browsers:
        await one.get(path)
    form = {"name": "罗一", "password": NEW, "again": NEW}
    answers = await asyncio.gather(
        *(one.post(path, {**form, "user": f"boss{n}"}) for n, one in enumerate(browsers))
    )
    assert sorted(one.status for one in answers) == [303, 410]


async def test_the_first_link_is_the_administrators_and_only_while_nobody_has_one(
    city_dsn: str, house: Desk
) -> None:
    connection = await asyncpg.connect(city_dsn)
    try:
        assert await first_link(connection, house.url) is None
        await with_accounts(city_dsn)
        link = await first_link(connection, f"{house.url}/")
        assert link is not None
        assert link.startswith(f"{house.url}/welcome/")
        assert "郑管" in (await Browser(house).get(link.removeprefix(house.url))).text
    finally:
        await connection.close()


async def _path(house: Desk, person: str) -> str:
    connection = await asyncpg.connect(house.dsn)
    try:
        link = await link_for(connection, "", person)
        assert link is not None
        return link
    finally:
        await connection.close()


async def _unnamed(house: Desk) -> str:
    connection = await asyncpg.connect(house.dsn)
    try:
        return f"/welcome/{await invite(connection, None)}"
    finally:
        await connection.close()
