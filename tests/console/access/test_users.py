"""What administrators do about accounts, and what auditors see."""

import re

import pytest
from tests.console.browser import Browser
from tests.console.desk import Desk

from wattwarden.console.access.words import DEEDS
from wattwarden.storage.people.log import Deed

NEW = "Heron-and-42-reeds"


async def test_people_are_found_by_name_firm_and_role(admin: Browser) -> None:
    page = await admin.get("/people")
    for name in ("李敏", "郑管", "某涂装"):
        assert name in page.text
    page = await admin.get("/people?q=某涂装")
    assert "赵六" in page.text
    assert "李敏" not in page.text
    page = await admin.get("/people?role=auditor")
    assert "冯审" in page.text
    assert "李敏" not in page.text


@pytest.mark.parametrize("said", ["%", "_", "'; DROP TABLE account; --", "\\", '"><script>'])
async def test_signs_of_sql_and_html_mean_themselves(admin: Browser, said: str) -> None:
    page = await admin.get("/people?q=" + re.sub(r"[^a-z]", lambda c: f"%{ord(c[0]):02x}", said))
    assert page.status == 200
    assert "没有找到" in page.text
    assert "<script>" not in page.html.replace('<script src="', "")


async def test_an_invitation_is_shown_once_and_works(admin: Browser, house: Desk) -> None:
    await admin.get("/people/duty1")
    page = await admin.post("/people/duty1/invite")
    assert page.status == 201
    link = re.findall(r'class="secret"[^>]*>([^<]+)<', page.html)[0]
    assert link.startswith("https://ww.example/welcome/")
    path = link.removeprefix("https://ww.example")
    fresh = Browser(house)
    await fresh.get(path)
    assert (await fresh.post(path, {"password": NEW, "again": NEW})).status == 303
    assert path.rpartition("/")[2] not in (await admin.get("/people/duty1")).html


async def test_who_is_locked_is_out_at_once_and_comes_back(admin: Browser, house: Desk) -> None:
    other = Browser(house)
    await other.sign_in("duty1")
    await admin.get("/people/duty1")
    assert (await admin.post("/people/duty1/lock")).status == 303
    assert (await other.get("/me")).status == 303
    assert "已停用" in (await other.sign_in("duty1")).text
    assert (await admin.post("/people/duty1/unlock")).status == 303
    assert (await other.sign_in("duty1")).status == 303


async def test_ones_own_second_factor_goes_with_the_password_alone(
    admin: Browser, house: Desk
) -> None:
    await house.fetch("UPDATE account SET totp = 'totp-x' WHERE person IN ('admin', 'duty1')")
    page = await admin.get("/people/admin")
    assert "/drop-second" not in page.html
    assert (await admin.post("/people/admin/drop-second")).status == 409
    assert (await admin.post("/people/duty1/drop-second")).status == 303
    rows = await house.fetch("SELECT person FROM account WHERE totp IS NOT NULL")
    assert [row["person"] for row in rows] == ["admin"]


async def test_nobody_locks_themselves_out(admin: Browser) -> None:
    await admin.get("/people/admin")
    assert (await admin.post("/people/admin/lock")).status == 409
    assert (await admin.get("/me")).status == 200


async def test_who_must_change_their_password_does_that_first(admin: Browser, house: Desk) -> None:
    other = Browser(house)
    await other.sign_in("auditor")
    await admin.get("/people/auditor")
    await admin.post("/people/auditor/demand")
    answer = await other.get("/audit")
    assert (answer.status, answer.headers["Location"]) == (303, "/me")
    assert "先更换密码" in (await other.get("/me")).text
    form = {"password": "Kestrel-over-9-fields", "new": NEW, "again": NEW}
    assert (await other.post("/me/password", form)).status == 303
    assert (await other.get("/audit")).status == 200


async def test_ending_all_sessions_leaves_the_account(admin: Browser, house: Desk) -> None:
    other = Browser(house)
    await other.sign_in("duty1")
    await admin.get("/people/duty1")
    assert (await admin.post("/people/duty1/end-sessions")).status == 303
    assert (await other.get("/me")).status == 303
    assert (await other.sign_in("duty1")).status == 303


async def test_auditors_look_and_do_nothing(house: Desk) -> None:
    auditor = Browser(house)
    await auditor.sign_in("auditor")
    page = await auditor.get("/people/duty1")
    assert page.status == 200
    assert "/people/duty1/lock" not in page.html
    assert (await auditor.post("/people/duty1/lock")).status == 403


@pytest.mark.parametrize("person", ["nobody", "..%2f..%2fetc%2fpasswd"])
async def test_who_is_not_there_is_not_found(admin: Browser, person: str) -> None:
    assert (await admin.get(f"/people/{person}")).status == 404


async def test_the_log_tells_who_did_what_and_from_where(admin: Browser, house: Desk) -> None:
    await admin.get("/people/duty1")
    await admin.post("/people/duty1/lock")
    await Browser(house).sign_in("<script>x", "wrong")
    page = await admin.get("/audit?view=accounts")
    assert "停用账号" in page.text
    assert "duty1" in page.text
    page = await admin.get("/audit?view=sign-ins")
    assert "&lt;script&gt;x" in page.html
    assert "127.0.0.1" in page.text


async def test_decisions_are_listed_by_kind_actor_and_page(admin: Browser) -> None:
    page = await admin.get("/audit")
    assert "吴局" in page.text
    page = await admin.get("/audit?kind=silence&actor=leader")
    assert "SL-E1" in page.text
    assert "TK-E1" not in page.text
    numbers = [int(one) for one in re.findall(r'<td class="r">(\d+)</td>', page.html)]
    assert numbers == sorted(numbers, reverse=True)
    page = await admin.get(f"/audit?kind=silence&before={numbers[0]}")
    assert f'<td class="r">{numbers[0]}</td>' not in page.html
    assert (await admin.get("/audit?before=x&kind=';--")).status == 200


async def test_everybody_finds_their_own_places_on_the_rail(house: Desk, admin: Browser) -> None:
    assert 'href="/audit"' in (await admin.get("/more")).html
    duty = Browser(house)
    await duty.sign_in("duty1")
    page = await duty.get("/more")
    assert 'href="/audit"' not in page.html
    assert 'href="/me"' in page.html


async def test_a_language_and_a_theme_are_remembered(admin: Browser) -> None:
    assert 'lang="zh-CN"' in (await admin.get("/me")).html
    await admin.get("/me?lang=en&theme=dark")
    page = await admin.get("/me")
    assert "Sign out" in page.text
    assert 'data-theme="dark"' in page.html
    assert 'data-theme="system"' in (await admin.get("/me?theme=neon")).html


async def test_pages_hold_no_script_and_no_style_of_their_own(admin: Browser) -> None:
    own = re.compile(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!ww\.example)")
    for path in ("/me", "/people", "/people/duty1", "/audit", "/more"):
        assert not own.search((await admin.get(path)).html), path


def test_every_deed_of_the_log_has_a_name_in_both_languages() -> None:
    assert set(DEEDS) == set(Deed)
    assert all(re.search("[\u4e00-\u9fff]", one.zh) and one.en.isascii() for one in DEEDS.values())
