"""What pages learn of gateways, from stand-ins over real sockets and a real routing table."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from tests.storage.store import EMPTY_STORE

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.console.gateways import UnknownVisitorError
from wattwarden.console.store import Store
from wattwarden.server.courier import wall_us
from wattwarden.server.exchange import Exchange
from wattwarden.server.readers import free_readers
from wattwarden.server.settings import Settings
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

ENDPOINTS = """
[endpoint.app]
channel = "wecom_app"
settings = { corpid = "ww1", agentid = 7, base = "URL" }
secrets = { corpsecret = "s", callback_token = "t", callback_key = "k" }
allow = ["127.0.0.0/8"]
address = "wecom"

[endpoint.mp]
channel = "wechat_template"
allow = ["127.0.0.0/8"]
address = "openid"
secrets = { secret = "s" }
[endpoint.mp.settings]
appid = "wx1"
template = "T"
base = "URL"
keywords = { thing1 = "what" }

[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "s" }
allow = ["127.0.0.0/8"]
address = "mail"

[endpoint.bare]
channel = "wecom_app"
settings = { corpid = "ww1", agentid = 7, base = "URL" }
secrets = { corpsecret = "s" }
"""


class Gateway:
    """WeCom and WeChat as far as they tell who a visitor is; codes and tokens hold once."""

    def __init__(self) -> None:
        self.codes = {"C1": "zhangsan", "G1": ""}
        self.tokens = 0
        self.stale = 1

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/cgi-bin/gettoken", self._token)
        app.router.add_post("/cgi-bin/stable_token", self._token)
        app.router.add_get("/cgi-bin/auth/getuserinfo", self._member)
        app.router.add_get("/sns/oauth2/access_token", self._openid)
        return app

    async def _token(self, _request: web.Request) -> web.Response:
        self.tokens += 1
        return web.json_response({"access_token": f"T{self.tokens}", "expires_in": 7200})

    async def _member(self, request: web.Request) -> web.Response:
        if self.stale:
            self.stale -= 1
            return web.json_response({"errcode": 42001, "errmsg": "access_token expired"})
        assert request.query["access_token"] == f"T{self.tokens}"
        who = self.codes.pop(request.query["code"], None)
        if who is None:
            return web.json_response({"errcode": 40029, "errmsg": "invalid code the-secret"})
        return web.json_response({"errcode": 0, "userid": who} if who else {"errcode": 0})

    async def _openid(self, request: web.Request) -> web.Response:
        wanted = {"appid": "wx1", "secret": "the-secret", "grant_type": "authorization_code"}
        assert wanted.items() <= dict(request.query).items()
        who = self.codes.pop(request.query["code"], None)
        if not who:
            return web.json_response({"errcode": 40163, "errmsg": "code been used"})
        return web.json_response({"openid": who, "access_token": "x", "expires_in": 7200})


@pytest.fixture
def empty_dsn(store_server: str) -> str:
    async def empty() -> None:
        connection = await asyncpg.connect(store_server)
        await connection.execute(EMPTY_STORE)
        await connection.close()

    asyncio.run(empty())
    return store_server


@pytest_asyncio.fixture
async def exchange(empty_dsn: str, tmp_path: Path) -> AsyncIterator[Exchange]:
    for name, text in {"s": "the-secret", "t": "token", "k": "key"}.items():
        (tmp_path / name).write_text(text)
    runner = web.AppRunner(Gateway().app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connection = await asyncpg.connect(empty_dsn)
    text = default_text() + ENDPOINTS.replace("URL", url)
    await enter(connection, Decision(Routing(version="1", text=text), "me", moment_of(wall_us())))
    await connection.close()
    store = Store(empty_dsn)
    yield Exchange(store, tmp_path, partial(free_readers, Settings(data=tmp_path)))
    await store.close()
    await runner.cleanup()


async def test_a_member_of_the_corporation_is_known_by_a_code_once(exchange: Exchange) -> None:
    assert await exchange.identify("app", "C1") == "zhangsan"
    with pytest.raises(UnknownVisitorError) as told:
        await exchange.identify("app", "C1")
    assert "the-secret" not in str(told.value)
    with pytest.raises(UnknownVisitorError, match="no member"):
        await exchange.identify("app", "G1")


async def test_a_follower_of_the_account_is_known_by_a_code_once(exchange: Exchange) -> None:
    assert await exchange.identify("mp", "C1") == "zhangsan"
    with pytest.raises(UnknownVisitorError):
        await exchange.identify("mp", "C1")


@pytest.mark.parametrize("endpoint", ["hook", "none"])
async def test_others_tell_nobodys_identity(exchange: Exchange, endpoint: str) -> None:
    assert await exchange.bindable(endpoint, "https://ww.example/b/x") is None
    with pytest.raises(UnknownVisitorError):
        await exchange.identify(endpoint, "C1")


@pytest.mark.parametrize(
    ("endpoint", "kind", "appid"), [("app", "wecom", "ww1"), ("mp", "openid", "wx1")]
)
async def test_the_page_of_consent_leads_back(
    exchange: Exchange, endpoint: str, kind: str, appid: str
) -> None:
    way = await exchange.bindable(endpoint, "https://ww.example/b/x")
    assert way is not None
    address = urlsplit(way.consent)
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert way.kind == kind
    assert (address.netloc, address.fragment) == ("open.weixin.qq.com", "wechat_redirect")
    assert asked["redirect_uri"] == "https://ww.example/b/x"
    assert (asked["appid"], asked["scope"]) == (appid, "snsapi_base")


async def test_buttons_are_answered_where_the_table_names_their_secrets(
    exchange: Exchange, tmp_path: Path
) -> None:
    callback = await exchange.callback("app")
    assert callback is not None
    assert (callback.corpid, callback.token, callback.encoding_key) == ("ww1", "token", "key")
    assert "token" not in repr(callback).replace("callback_token", "")
    assert [await exchange.callback(name) for name in ("bare", "mp", "none")] == [None] * 3
    (tmp_path / "k").unlink()
    assert await exchange.callback("app") is None


async def test_an_endpoint_that_takes_no_addresses_binds_none(exchange: Exchange) -> None:
    assert await exchange.bindable("bare", "https://ww.example/b/x") is None
