"""One's own account: password, second factor, sessions, tokens."""

import re
import time
from pathlib import Path

import pyotp
import pytest
from tests.console.browser import PASSWORD, Browser
from tests.console.desk import Desk, Page

NEW = "Heron-and-42-reeds"
SECRET = re.compile(r'class="secret"[^>]*>([^<]+)<')


async def test_a_new_password_takes_the_old_one(browser: Browser) -> None:
    await _signed_in(browser)
    form = {"password": "wrong", "new": NEW, "again": NEW}
    assert "当前密码不对" in (await browser.post("/me/password", form)).text
    form["password"] = PASSWORD
    assert (
        "旧密码相同"
        in (await browser.post("/me/password", {**form, "new": PASSWORD, "again": PASSWORD})).text
    )
    assert (await browser.post("/me/password", form)).status == 303
    assert (await browser.get("/me")).status == 200
    assert (await Browser(browser.desk).sign_in("duty1", NEW)).status == 303
    assert (await Browser(browser.desk).sign_in("duty1")).status == 422


async def test_a_new_password_signs_out_elsewhere(browser: Browser) -> None:
    elsewhere = Browser(browser.desk)
    await elsewhere.sign_in("duty1")
    await _signed_in(browser)
    await browser.post("/me/password", {"password": PASSWORD, "new": NEW, "again": NEW})
    assert (await elsewhere.get("/me")).status == 303
    assert (await browser.get("/me")).status == 200


async def test_sessions_are_shown_and_ended(browser: Browser) -> None:
    elsewhere = Browser(browser.desk)
    await elsewhere.sign_in("duty1")
    page = await _signed_in(browser)
    assert page.text.count("127.0.0.1") == 2
    (path,) = re.findall(r'action="(/me/sessions/\d+/end)"', page.html)
    assert (await browser.post(path)).status == 303
    assert (await elsewhere.get("/me")).status == 303
    assert (await browser.post(path)).status == 404


async def test_another_persons_session_is_not_there(browser: Browser) -> None:
    other = Browser(browser.desk)
    await other.sign_in("head2")
    await _signed_in(browser)
    (row,) = await browser.desk.fetch("SELECT id FROM console_session WHERE person = 'head2'")
    for number in (row["id"], 99, "x", "9" * 30):
        assert (await browser.post(f"/me/sessions/{number}/end")).status == 404
    assert (await other.get("/me")).status == 200


async def test_the_second_factor_is_asked_for_once_it_was_proven(browser: Browser) -> None:
    secret = await _with_second(browser)
    fresh = Browser(browser.desk)
    page = await fresh.sign_in("duty1", next="/me")
    assert page.status == 200
    assert (await fresh.get("/me")).status == 303
    half = re.findall(r'name="half" value="([^"]+)"', page.html)[0]
    form = {"half": half, "next": "/me", "code": "000000"}
    assert "验证码不对" in (await fresh.post("/sign-in/code", form)).text
    form["code"] = _code(secret, 1)
    answer = await fresh.post("/sign-in/code", form)
    assert (answer.status, answer.headers["Location"]) == (303, "/me")
    # The same code again is nobody's.
    again = Browser(browser.desk)
    await again.sign_in("duty1")
    assert (await again.post("/sign-in/code", form)).status == 422


async def test_a_forged_or_late_half_lets_nobody_in(browser: Browser) -> None:
    secret = await _with_second(browser)
    fresh = Browser(browser.desk)
    await fresh.sign_in("duty1")
    answer = await fresh.post("/sign-in/code", {"half": "forged", "code": _code(secret, 1)})
    assert "超时" in answer.text


async def test_codes_are_guessed_as_rarely_as_passwords(browser: Browser) -> None:
    await _with_second(browser)
    fresh = Browser(browser.desk)
    page = await fresh.sign_in("duty1")
    half = re.findall(r'name="half" value="([^"]+)"', page.html)[0]
    statuses = [
        (await fresh.post("/sign-in/code", {"half": half, "code": "000000"})).status
        for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]


async def test_the_second_factor_is_dropped_by_the_password(browser: Browser) -> None:
    await _with_second(browser)
    assert (await browser.post("/me/second/drop", {"password": "wrong"})).status == 422
    assert (await browser.post("/me/second/drop", {"password": PASSWORD})).status == 303
    assert (await Browser(browser.desk).sign_in("duty1")).status == 303


async def test_the_second_factors_secret_is_a_file_of_its_owner(
    browser: Browser, tmp_path: Path
) -> None:
    secret = await _with_second(browser)
    (file,) = (tmp_path / "secrets").glob("totp-*")
    assert file.read_text().strip() == secret
    assert file.stat().st_mode & 0o777 == 0o600
    rows = await browser.desk.fetch("SELECT row_to_json(a)::text AS text FROM account AS a")
    assert not any(secret in row["text"] for row in rows)


async def test_a_token_reads_and_its_secret_is_told_once(browser: Browser) -> None:
    await _signed_in(browser)
    page = await browser.post("/me/tokens", {"name": "备份 <b>", "days": "30"})
    assert page.status == 201
    assert "备份 &lt;b&gt;" in page.html
    secret = SECRET.findall(page.html)[0]
    assert secret.startswith("ww_")
    desk: Desk = browser.desk
    assert (await desk.get("/me", Authorization=f"Bearer {secret}")).status == 200
    # It may only read, and says so to a program.
    refused = await desk.post("/sign-out", {}, Authorization=f"Bearer {secret}")
    assert refused.status == 403
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    page = await browser.get("/me")
    assert secret not in page.html
    (path,) = re.findall(r'action="(/me/tokens/\d+/end)"', page.html)
    assert (await browser.post(path)).status == 303
    assert (await desk.get("/me", Authorization=f"Bearer {secret}")).status == 401


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "days": "30"},
        {"name": "x" * 61, "days": "30"},
        {"name": "x", "days": "31"},
        {"name": "x\x1b", "days": "30"},
    ],
    ids=["nameless", "long", "days", "control"],
)
async def test_a_token_that_was_not_offered_is_not_made(
    browser: Browser, form: dict[str, str]
) -> None:
    await _signed_in(browser)
    assert (await browser.post("/me/tokens", form)).status == 422
    assert not await browser.desk.fetch("SELECT FROM api_token")


async def test_a_nul_is_refused_before_it_reaches_the_store(browser: Browser) -> None:
    await _signed_in(browser)
    assert (await browser.post("/me/tokens", {"name": "a\0b", "days": "30"})).status == 400
    assert (await browser.get("/me?x=%00")).status == 400


async def _signed_in(browser: Browser) -> Page:
    await browser.sign_in("duty1")
    return await browser.get("/me")


async def _with_second(browser: Browser) -> str:
    """Turn the second factor on; return its secret."""
    await _signed_in(browser)
    page = await browser.post("/me/second/begin", {"password": PASSWORD})
    assert "<svg" in page.html
    secret = str(SECRET.findall(page.html)[0])
    assert (await browser.post("/me/second/prove", {"code": "000000"})).status == 422
    assert (await browser.post("/me/second/prove", {"code": _code(secret, 0)})).status == 303
    return secret


def _code(secret: str, steps: int) -> str:
    return str(pyotp.TOTP(secret).at(int(time.time()) + 30 * steps))
