"""Signing in: what is let in, what is not, and what a session is worth."""

import asyncio
import gzip

import pytest
from tests.console.browser import PASSWORD, Browser
from tests.console.desk import Desk

from wattwarden.console.access.parts import local_path
from wattwarden.console.visitor import DOOR_COOKIE, SESSION_COOKIE
from wattwarden.storage.people.attempts import MOST_AT_ONE_PLACE


async def test_who_knows_the_password_is_in_and_leads_on(browser: Browser) -> None:
    answer = await browser.sign_in("duty1", next="/me")
    assert (answer.status, answer.headers["Location"]) == (303, "/me")
    page = await browser.get("/me")
    assert page.status == 200
    assert "李敏" in page.text


async def test_a_telephone_number_is_an_account_as_well(house: Desk, browser: Browser) -> None:
    await house.fetch(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        ' SELECT kind, id, version + 1, body || \'{"phone": "13900000001"}\', FALSE, decision'
        " FROM registry_entry WHERE kind = 'person' AND id = 'duty1'"
        " ORDER BY version DESC LIMIT 1"
    )
    assert (await browser.sign_in("13900000001")).status == 303


async def test_cookies_are_for_this_site_alone_and_no_script(browser: Browser) -> None:
    await browser.get("/sign-in")
    answer = await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD})
    (cookie,) = [
        one for one in answer.headers.getall("Set-Cookie") if one.startswith(SESSION_COOKIE)
    ]
    for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
        assert word in cookie


async def test_what_was_a_session_before_is_none_after(browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = "chosen-by-somebody-else"
    await browser.sign_in("duty1")
    assert browser.cookies[SESSION_COOKIE] != "chosen-by-somebody-else"
    first = dict(browser.cookies)
    await browser.get("/me")
    await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD})
    assert browser.cookies[SESSION_COOKIE] != first[SESSION_COOKIE]
    browser.cookies = first
    assert (await browser.get("/me")).status == 303


async def test_nobody_is_led_to_the_sign_in_and_back(browser: Browser) -> None:
    answer = await browser.get("/me?lang=en")
    assert answer.status == 303
    assert answer.headers["Location"] == "/sign-in?next=/me?lang%3Den"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/ok\r\nLocation: https://evil.example",
        "/\tevil",
        "",
        "/" + "a" * 2000,
    ],
)
def test_next_leads_nowhere_else(elsewhere: str) -> None:
    assert local_path("/ww", elsewhere) == "/ww/"


def test_next_leads_to_pages_of_ours() -> None:
    assert local_path("/ww", "/alarms?grade=4&lang=en") == "/ww/alarms?grade=4&lang=en"


async def test_who_came_by_a_forged_link_lands_here(browser: Browser) -> None:
    answer = await browser.sign_in("duty1", next="//evil.example/")
    assert answer.headers["Location"] == "/"


async def test_a_wrong_password_and_no_such_account_read_alike(browser: Browser) -> None:
    await browser.get("/sign-in")
    known = await browser.post("/sign-in", {"user": "duty1", "password": "wrong"})
    unknown = await browser.post("/sign-in", {"user": "nobody", "password": "wrong"})
    assert known.status == unknown.status == 422
    assert known.text.replace("duty1", "") == unknown.text.replace("nobody", "")
    assert "还可以试 4 次" in known.text


async def test_guessing_is_held_up_here_and_not_elsewhere(house: Desk, browser: Browser) -> None:
    await browser.get("/sign-in")
    for left in range(MOST_AT_ONE_PLACE - 1, -1, -1):
        answer = await browser.post("/sign-in", {"user": "duty1", "password": "wrong"})
        assert f"还可以试 {left} 次" in answer.text
    held = await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD})
    assert held.status == 429
    assert int(held.headers["Retry-After"]) > 0
    # From another address, as another visitor's transport tells it, the owner is let in.
    await house.fetch("UPDATE sign_in_attempt SET place = '198.51.100.9'")
    assert (await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD})).status == 303


async def test_what_was_right_forgives_what_was_wrong(browser: Browser) -> None:
    for _ in range(2):
        await browser.get("/sign-in")
        for _ in range(MOST_AT_ONE_PLACE - 1):
            await browser.post("/sign-in", {"user": "duty1", "password": "wrong"})
        assert (await browser.sign_in("duty1")).status == 303
        browser.cookies.clear()


async def test_many_guesses_at_once_are_no_more_than_some(browser: Browser) -> None:
    await browser.get("/sign-in")
    guesses = [browser.post("/sign-in", {"user": "duty1", "password": "w"}) for _ in range(12)]
    answers = await asyncio.gather(*guesses)
    assert sorted(one.status for one in answers) == [422] * 5 + [429] * 7


@pytest.mark.parametrize("mark", ["", "x", "A" * 88, "é"])
async def test_a_form_of_another_site_signs_nobody_in(browser: Browser, mark: str) -> None:
    await browser.get("/sign-in")
    answer = await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD, "csrf": mark})
    assert answer.status == 403
    assert SESSION_COOKIE not in browser.cookies


async def test_a_mark_of_another_browser_is_worth_nothing(house: Desk, browser: Browser) -> None:
    other = Browser(house)
    await other.get("/sign-in")
    await browser.get("/sign-in")
    browser.mark = other.mark
    assert (await browser.post("/sign-in", {"user": "duty1", "password": PASSWORD})).status == 403


async def test_marks_read_otherwise_each_time(browser: Browser) -> None:
    await browser.sign_in("duty1")
    await browser.get("/me")
    first = browser.mark
    await browser.get("/me")
    assert browser.mark != first


async def test_what_browsers_say_is_from_elsewhere_is_refused(browser: Browser) -> None:
    await browser.sign_in("duty1")
    await browser.get("/me")
    answer = await browser.post("/sign-out", Sec_Fetch_Site="cross-site")
    assert answer.status == 403
    assert (await browser.get("/me")).status == 200


async def test_signing_out_ends_the_session_itself(browser: Browser) -> None:
    await browser.sign_in("duty1")
    await browser.get("/me")
    kept = dict(browser.cookies)
    assert (await browser.post("/sign-out")).status == 303
    assert SESSION_COOKIE not in browser.cookies
    browser.cookies = kept
    assert (await browser.get("/me")).status == 303


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE console_session SET seen = now() - interval '61 minutes'",
        "UPDATE console_session SET expires = now()",
        "UPDATE console_session SET revoked = now()",
        "UPDATE account SET locked = now()",
        "DELETE FROM account",
    ],
    ids=["idle", "old", "revoked", "locked", "gone"],
)
async def test_a_session_ends(house: Desk, browser: Browser, ended: str) -> None:
    await browser.sign_in("duty1")
    assert (await browser.get("/me")).status == 200
    await house.fetch(ended)
    assert (await browser.get("/me")).status == 303


async def test_a_locked_account_is_told_so_only_with_its_password(
    house: Desk, browser: Browser
) -> None:
    await house.fetch("UPDATE account SET locked = now() WHERE person = 'duty1'")
    assert "已停用" in (await browser.sign_in("duty1")).text
    assert "已停用" not in (await browser.sign_in("duty1", "wrong")).text


async def test_the_store_knows_no_secret(house: Desk, browser: Browser) -> None:
    await browser.sign_in("duty1")
    (row,) = await house.fetch("SELECT token, agent FROM console_session")
    assert browser.cookies[SESSION_COOKIE].encode() not in bytes(row["token"])
    assert len(row["token"]) == 32


async def test_scripts_in_what_was_typed_are_text(browser: Browser) -> None:
    script = '"><script>alert(1)</script>'
    answer = await browser.sign_in(script, "wrong", next=script)
    assert "<script>alert" not in answer.html
    assert script in answer.text or "&lt;script&gt;" in answer.html


async def test_a_packed_form_is_not_unpacked_for_whoever_sends_it(house: Desk) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded", "Content_Encoding": "gzip"}
    bomb = gzip.compress(b"user=" + b"x" * 20_000_000)
    # Read as it came it is no form; unpacked it would be a form too long.
    assert (await house.post("/sign-in", bomb, **form)).status == 400


async def test_letters_that_no_column_takes_are_no_mistake_of_ours(browser: Browser) -> None:
    odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
    await browser.get("/sign-in")
    answer = await browser.post(
        "/sign-in", {"user": "duty1", "password": PASSWORD}, **{"User-Agent": f"Odd{odd}/1"}
    )
    assert answer.status == 303
    assert (await browser.get("/me")).status == 200
    browser.cookies = {SESSION_COOKIE: odd, DOOR_COOKIE: odd}
    assert (await browser.get("/me")).status == 303
    assert (await browser.get("/sign-in")).status == 200
    assert (await browser.get("/api/v1/me", Authorization=f"Bearer ww_{odd}")).status == 401
