"""Signing in by a provider of identities: who it says, for this visit, and nobody else."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from tests.console.access.identity_provider import (
    CLIENT,
    SECRET,
    IdentityProvider,
    Signed,
    by_ec,
    by_nobody,
    by_rsa,
    by_somebody_else,
    by_what_all_know,
    changed_after,
    ec_shown,
    rsa_shown,
)
from tests.console.browser import Browser, with_accounts
from tests.console.desk import Desk, Page

from wattwarden.console.access.by_provider import LEAVE_COOKIE
from wattwarden.console.oidc.errors import AwayError, NoWordError
from wattwarden.console.oidc.leaving import Ties
from wattwarden.console.oidc.provider import AGAIN_S, KEPT_S, Provider
from wattwarden.console.oidc.registration import BACK_PATH, Algorithm, Claim, Registration
from wattwarden.console.visitor import SESSION_COOKIE
from wattwarden.protocol.secret import Secret

_ADDRESS: Final = re.compile(r'class="btn primary wide" href="([^"]+)"')


@dataclass
class Hall:
    """The console, the provider, a browser."""

    desk: Desk
    provider: IdentityProvider
    browser: Browser

    async def left(self, **form: str) -> str:
        """Leave for the provider; return where the browser is led back to."""
        await self.browser.get("/sign-in")
        page = await self.browser.post("/sign-in/provider", form)
        assert page.status == 200, page.text
        found = _ADDRESS.search(page.html)
        assert found is not None
        address = unescape(found[1])
        assert page.headers["Refresh"] == f"0; url={address}"
        return self.provider.visited(address)

    async def signed_in(self, **form: str) -> Page:
        return await self.browser.get(await self.left(**form))

    async def bind(self, person: str, subject: str, claim: str = "sub") -> None:
        await self.desk.fetch(
            "INSERT INTO account (person) VALUES ($1) ON CONFLICT DO NOTHING", person
        )
        await self.desk.fetch(
            "INSERT INTO identity (issuer, claim, subject, person, actor)"
            " VALUES ($1, $2, $3, $4, 'admin')",
            self.provider.issuer,
            claim,
            subject,
            person,
        )


def registered(issuer: str) -> Registration:
    return Registration(
        issuer=issuer,
        client_id=CLIENT,
        back=f"https://ww.example{BACK_PATH}",
        secret=lambda: Secret(SECRET),
        algorithms=(Algorithm.RS256, Algorithm.ES256),
        zh="市统一认证",
        en="the city",
    )


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    made = IdentityProvider()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def hall(
    city_dsn: str, tmp_path: Path, provider: IdentityProvider, request: pytest.FixtureRequest
) -> AsyncIterator[Hall]:
    await with_accounts(city_dsn, "admin", "city")
    more: dict[str, Any] = getattr(request, "param", {})
    registration = replace(registered(provider.issuer), **more)
    desk = Desk(city_dsn, tmp_path / "secrets", registration)
    await desk.start()
    made = Hall(desk, provider, Browser(desk))
    await made.bind("duty1", "sub-of-duty1")
    yield made
    await desk.stop()


async def test_who_is_bound_is_in_and_led_on(hall: Hall) -> None:
    page = await hall.browser.get("/sign-in")
    assert "用市统一认证登录" in page.text
    answer = await hall.signed_in(next="/me?lang=en")
    assert (answer.status, answer.headers["Location"]) == (303, "/me?lang=en")
    page = await hall.browser.get("/me")
    assert "李敏" in page.text
    assert LEAVE_COOKIE not in hall.browser.cookies
    (row,) = await hall.desk.fetch("SELECT person, deed, detail FROM access_event")
    assert tuple(row) == ("duty1", "signed_in", hall.provider.issuer)


async def test_a_key_of_an_elliptic_curve_signs_as_well(hall: Hall) -> None:
    hall.provider.sign, hall.provider.shown = by_ec, [rsa_shown(), ec_shown()]
    assert (await hall.signed_in()).status == 303


async def test_nobody_gets_an_account_by_it(hall: Hall) -> None:
    hall.provider.subject = "<b>stranger</b>"
    page = await hall.signed_in()
    assert page.status == 403
    assert "<b>stranger</b>" in page.text
    assert "<b>" not in page.html
    assert SESSION_COOKIE not in hall.browser.cookies
    (row,) = await hall.desk.fetch("SELECT account, outcome FROM sign_in_attempt")
    assert tuple(row) == ("<b>stranger</b>", "unbound")
    assert await hall.desk.fetch("SELECT FROM account WHERE person LIKE '%stranger%'") == []


NOW: Final = int(time.time())


@pytest.mark.parametrize(
    ("more", "sign"),
    [
        pytest.param({"nonce": "another"}, by_rsa, id="another visit's nonce"),
        pytest.param({"nonce": None}, by_rsa, id="no nonce"),
        pytest.param({"nonce": "\ud800"}, by_rsa, id="a nonce that is no text"),
        pytest.param({"iss": "https://evil.example"}, by_rsa, id="another issuer"),
        pytest.param({"aud": "another"}, by_rsa, id="another audience"),
        pytest.param({"aud": [CLIENT, "another"]}, by_rsa, id="shared with another client"),
        pytest.param({"azp": "another"}, by_rsa, id="given to another client"),
        pytest.param({"exp": NOW - 3600}, by_rsa, id="expired"),
        pytest.param({"exp": None}, by_rsa, id="never expires"),
        pytest.param({"nbf": NOW + 3600}, by_rsa, id="not yet"),
        pytest.param({"iat": NOW + 3600}, by_rsa, id="from the future"),
        pytest.param({"sub": None}, by_rsa, id="nobody"),
        pytest.param({"sub": "\u202eadmin"}, by_rsa, id="letters that nobody sees"),
        pytest.param({}, by_nobody, id="alg none"),
        pytest.param({}, by_what_all_know, id="HS256 with the public key"),
        pytest.param({}, by_somebody_else, id="another's key"),
        pytest.param({}, changed_after, id="changed after it was signed"),
        pytest.param({}, lambda _: "no.token", id="no token"),
        pytest.param({}, lambda _: "a" * 20_000, id="too long"),
        pytest.param({}, lambda claims: by_rsa(claims, "unknown"), id="an unknown key"),
    ],
)
async def test_a_word_that_does_not_hold_lets_nobody_in(
    hall: Hall, more: dict[str, Any], sign: Signed
) -> None:
    hall.provider.more, hall.provider.sign = more, sign
    page = await hall.signed_in()
    assert page.status == 403
    assert "无法核实" in page.text
    assert SESSION_COOKIE not in hall.browser.cookies
    assert hall.desk.console.counts["provider no word"] == 1


async def test_clocks_may_be_a_little_apart(hall: Hall) -> None:
    now = int(time.time())
    hall.provider.more = {"iat": now + 30, "nbf": now + 30, "exp": now - 30}
    assert (await hall.signed_in()).status == 303


@pytest.mark.parametrize("hall", [{"algorithms": (Algorithm.ES256,)}], indirect=True)
async def test_an_algorithm_that_is_not_configured_is_not_taken(hall: Hall) -> None:
    assert (await hall.signed_in()).status == 403


async def test_an_address_leads_back_once_and_in_one_browser(hall: Hall) -> None:
    back = await hall.left()
    other = Browser(hall.desk)
    await other.get("/sign-in")
    assert (await other.get(back)).status == 403, "another browser's"
    assert hall.provider.asked["token"] == 0
    cookies = dict(hall.browser.cookies)
    assert (await hall.browser.get(back)).status == 303
    hall.browser.cookies = cookies
    page = await hall.browser.get(back)
    assert page.status == 403, "replayed"
    assert "已用过" in page.text
    assert hall.provider.asked["token"] == 1


async def test_a_state_of_another_visit_leads_nowhere(hall: Hall) -> None:
    back = await hall.left()
    assert (await hall.browser.get(f"{back}x")).status == 403
    assert (await hall.browser.get(back.replace("state=", "s="))).status == 403
    assert hall.provider.asked["token"] == 0


async def test_leaving_takes_the_mark_of_the_sign_in_page(hall: Hall) -> None:
    await hall.browser.get("/sign-in")
    hall.browser.mark = ""
    assert (await hall.browser.post("/sign-in/provider")).status == 403
    hall.browser.mark = "x"
    assert (await hall.browser.post("/sign-in/provider")).status == 403


async def test_keys_that_changed_are_asked_for_anew_and_not_all_the_time(
    provider: IdentityProvider,
) -> None:
    now_s = 1000.0
    asked = Provider(registered(provider.issuer), lambda: now_s)

    async def subject() -> str:
        ties = Ties.of("secret")
        back = provider.visited(await asked.leave_for(ties))
        code = back.partition("code=")[2].partition("&")[0]
        return await asked.subject(code, ties, "")

    assert await subject() == "sub-of-duty1"
    provider.shown, provider.sign = [rsa_shown("new")], lambda claims: by_rsa(claims, "new")
    with pytest.raises(NoWordError, match="not the provider's"):
        await subject()
    assert provider.asked["keys"] == 1, "they were asked for a moment ago"
    now_s += AGAIN_S
    assert await subject() == "sub-of-duty1"
    assert provider.asked == {"description": 1, "keys": 2, "token": 3}
    now_s += KEPT_S
    await subject()
    assert provider.asked == {"description": 2, "keys": 3, "token": 4}
    await asked.close()


@pytest.mark.parametrize("what", ["description", "keys", "token"])
async def test_a_provider_that_is_away_is_said_so(hall: Hall, what: str) -> None:
    hall.provider.status[what] = 502
    if what == "description":
        await hall.browser.get("/sign-in")
        page = await hall.browser.post("/sign-in/provider")
    else:
        page = await hall.signed_in()
    assert page.status == 503
    assert "用账号和密码登录" in page.text
    assert page.headers["Retry-After"] == "30"
    assert 'name="password"' in page.html


async def test_a_provider_that_nobody_reaches_is_asked_once_in_a_while(hall: Hall) -> None:
    await hall.provider.stop()
    for _ in range(2):
        await hall.browser.get("/sign-in")
        assert (await hall.browser.post("/sign-in/provider")).status == 503
    assert (await hall.browser.sign_in("city")).status == 303


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"issuer": "https://evil.example"}, id="another's description"),
        pytest.param({"token_endpoint": "http://evil.example/t"}, id="a way others listen to"),
        pytest.param({"authorization_endpoint": None}, id="no endpoint"),
        pytest.param({"authorization_endpoint": "https://h/\nX: y"}, id="a header in an address"),
        pytest.param({"jwks_uri": "https://u:p@evil.example"}, id="an address with a password"),
        pytest.param({"long": "x" * 70_000}, id="too long"),
    ],
)
async def test_a_description_that_is_none_is_not_followed(
    hall: Hall, document: dict[str, Any]
) -> None:
    hall.provider.document = document
    await hall.browser.get("/sign-in")
    assert (await hall.browser.post("/sign-in/provider")).status == 503


async def test_what_the_provider_refuses_is_said(hall: Hall) -> None:
    back = await hall.left()
    state = back.partition("state=")[2]
    script = "<script>alert(1)</script>"
    page = await hall.browser.get(f"{BACK_PATH}?error={script}&state={state}")
    assert page.status == 403
    assert "没有通过" in page.text
    assert "alert(1)" not in page.html
    assert "state=" not in page.html, "the other language is that of the sign-in page"


async def test_another_provider_that_answers_is_not_believed(hall: Hall) -> None:
    back = await hall.left()
    page = await hall.browser.get(f"{back}&iss=https://evil.example")
    assert page.status == 403
    assert hall.provider.asked["token"] == 0, "the code went nowhere"


async def test_who_is_locked_out_stays_out(hall: Hall) -> None:
    await hall.desk.fetch("UPDATE account SET locked = now() WHERE person = 'duty1'")
    page = await hall.signed_in()
    assert page.status == 403
    assert "停用" in page.text


async def test_a_second_factor_of_ours_is_asked_for_all_the_same(hall: Hall) -> None:
    await hall.desk.fetch("UPDATE account SET totp = 'totp-x' WHERE person = 'duty1'")
    page = await hall.signed_in(next="/me")
    assert page.status == 200
    assert 'name="code"' in page.html
    assert 'name="next" value="/me"' in page.html
    assert SESSION_COOKIE not in hall.browser.cookies


async def test_signing_out_ends_our_session(hall: Hall) -> None:
    await hall.signed_in()
    await hall.browser.get("/me")
    await hall.browser.post("/sign-out")
    assert (await hall.browser.get("/me")).status == 303


@pytest.mark.parametrize("hall", [{"claim": Claim.EMAIL}], indirect=True)
async def test_an_address_counts_once_the_provider_verified_it(hall: Hall) -> None:
    await hall.bind("fitter1", "fitter@firm.example", "email")
    hall.provider.more = {"email": "Fitter@Firm.example"}
    assert (await hall.signed_in()).status == 403
    hall.provider.more = {"email": "Fitter@Firm.example", "email_verified": True}
    assert (await hall.signed_in()).status == 303
    (row,) = await hall.desk.fetch("SELECT person FROM console_session WHERE revoked IS NULL")
    assert row["person"] == "fitter1"


async def test_an_administrator_binds_and_unbinds(hall: Hall) -> None:
    await hall.browser.sign_in("admin")
    await hall.browser.get("/people/fitter1")
    assert (await hall.browser.post("/people/fitter1/bind", {"subject": " "})).status == 422
    taken = await hall.browser.post("/people/fitter1/bind", {"subject": "sub-of-duty1"})
    assert taken.status == 409
    assert await hall.desk.fetch("SELECT FROM account WHERE person = 'fitter1'") == []
    assert (await hall.browser.post("/people/fitter1/bind", {"subject": "s-1"})).status == 303
    assert (await hall.browser.post("/people/fitter1/bind", {"subject": "s-2"})).status == 303
    assert "s-2" in (await hall.browser.get("/people/fitter1")).text
    visitor = Hall(hall.desk, hall.provider, Browser(hall.desk))
    hall.provider.subject = "s-1"
    assert (await visitor.signed_in()).status == 403
    hall.provider.subject = "s-2"
    assert (await visitor.signed_in()).status == 303
    assert (await hall.browser.post("/people/fitter1/unbind")).status == 303
    assert (await visitor.browser.get("/me")).status == 303
    assert (await visitor.signed_in()).status == 403
    assert (await hall.browser.post("/people/fitter1/unbind")).status == 404
    rows = await hall.desk.fetch("SELECT deed FROM access_event WHERE actor = 'admin' ORDER BY id")
    assert [row["deed"] for row in rows] == ["signed_in", "bound", "bound", "unbound"]


async def test_without_a_provider_there_is_none(browser: Browser) -> None:
    page = await browser.get("/sign-in")
    assert "/sign-in/provider" not in page.html
    assert (await browser.post("/sign-in/provider")).status == 404
    assert (await browser.get(f"{BACK_PATH}?code=1&state=2")).status == 404
    await browser.sign_in("admin")
    page = await browser.get("/people/duty1")
    assert "bind" not in page.html
    assert (await browser.post("/people/duty1/bind", {"subject": "x"})).status == 404


def test_secrets_show_themselves_to_nobody() -> None:
    assert SECRET not in repr(registered("https://x"))


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({}, ()),
        (
            {
                "response_types_supported": ["code", "id_token"],
                "code_challenge_methods_supported": ["plain", "S256"],
                "id_token_signing_alg_values_supported": ["none", "ES256"],
                "claims_supported": ["sub", "email"],
                "scopes_supported": ["openid"],
            },
            (),
        ),
        (
            {"code_challenge_methods_supported": ["plain"]},
            ("code_challenge_methods_supported has not S256",),
        ),
        (
            {"response_types_supported": ["id_token"], "claims_supported": ["email", 7]},
            ("response_types_supported has not code", "claims_supported has not sub"),
        ),
        (
            {"id_token_signing_alg_values_supported": ["HS256"]},
            ("id_token_signing_alg_values_supported has not ES256, RS256",),
        ),
    ],
    ids=["says little", "fits", "no S256", "no code, no subject", "shares its key"],
)
async def test_a_provider_is_told_in_what_it_does_not_fit(
    provider: IdentityProvider, document: dict[str, Any], found: tuple[str, ...]
) -> None:
    provider.document = document
    asked = Provider(registered(provider.issuer))
    assert await asked.misfits() == found
    await asked.close()


async def test_a_provider_without_a_key_that_is_taken_does_not_fit(
    provider: IdentityProvider,
) -> None:
    provider.shown = [ec_shown()]
    asked = Provider(replace(registered(provider.issuer), algorithms=(Algorithm.RS256,)))
    assert await asked.misfits() == ("no key of the provider signs by RS256",)
    provider.issuer = "https://elsewhere.example"
    with pytest.raises(AwayError, match="another issuer"):
        await asked.misfits()
    await asked.close()
