"""Who asks, how often they may, and what becomes of an answer that cannot be finished."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict
from structlog.testing import capture_logs

import wattwarden.console.doors
from wattwarden.console.doors import POLICY, Doors, Parts, add_headers
from wattwarden.console.limiter import MAX_ASKERS, Limiter
from wattwarden.console.pages import Pages
from wattwarden.console.traffic import LEFT, Traffic
from wattwarden.storage.errors import StorageError


@pytest.fixture(autouse=True)
def plain_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A log that takes every level, whatever a test before has configured."""
    kept = structlog.get_config()
    structlog.reset_defaults()
    monkeypatch.setattr(wattwarden.console.doors, "_log", structlog.get_logger())
    yield
    structlog.configure(**kept)


class Transport:
    """A connection's other end."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


def doors(*proxies: str) -> Doors:
    parts = Parts.__new__(Parts)
    object.__setattr__(parts, "proxies", proxies)
    object.__setattr__(parts, "counts", Counter())
    object.__setattr__(parts, "pages", Pages(""))
    return Doors(parts)


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
    ],
)
def test_only_our_own_proxies_say_whom_they_ask_for(peer: str, said: str, address: str) -> None:
    headers = CIMultiDict({"X-Forwarded-For": said} if said else {})
    transport = Transport(peer)
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    assert doors("10.0.0.0/8").address(request) == address


def test_a_limit_lets_so_many_in_a_window_each() -> None:
    limiter = Limiter(2, 60)
    assert [limiter.lets("a", 0), limiter.lets("a", 1), limiter.lets("a", 59)] == [
        True,
        True,
        False,
    ]
    assert limiter.lets("b", 59)
    assert limiter.lets("a", 60)


def test_a_limit_remembers_a_bounded_number() -> None:
    limiter = Limiter(1, 60)
    for number in range(MAX_ASKERS + 10):
        limiter.lets(str(number), 0)
    assert len(limiter._asked) == MAX_ASKERS
    assert limiter.lets("0", 0)
    assert not limiter.lets(str(MAX_ASKERS), 0)


async def test_what_a_handler_lets_a_file_do_is_no_more_than_it_says() -> None:
    request = make_mocked_request("GET", "/")
    narrow = web.Response(headers={POLICY: "default-src 'none'; sandbox"})
    await add_headers(request, narrow)
    assert narrow.headers[POLICY] == "default-src 'none'; sandbox"
    usual = web.Response()
    await add_headers(request, usual)
    assert "frame-ancestors 'none'" in usual.headers[POLICY]
    assert usual.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert usual.headers["Cache-Control"] == "no-store"


BLOCK = b"x" * 65_536


class Download:
    """A file without an end; ``ended`` once nobody takes it any more, or it breaks."""

    def __init__(self, breaks: Exception | None = None) -> None:
        self.ended = asyncio.Event()
        self._breaks = breaks

    async def give(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(BLOCK)
                if self._breaks is not None:
                    raise self._breaks
        finally:
            self.ended.set()


async def test_whoever_leaves_a_download_is_one_calm_line() -> None:
    made, traffic, download = doors(), Traffic(), Download()
    app = web.Application(middlewares=[traffic.middleware, made.middleware])
    app.router.add_get("/book/secret", download.give)
    with capture_logs() as logs:
        # As the console is served: whoever leaves cancels nothing.
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"GET /book/secret HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(len(BLOCK))
        writer.transport.abort()
        async with asyncio.timeout(10):
            await download.ended.wait()
        await runner.cleanup()
    assert [(one["log_level"], one["event"], one["path"]) for one in logs] == [
        ("info", "somebody left before all was sent", "book")
    ]
    assert made._parts.counts == {"left early": 1}
    assert traffic.requests == {("GET", "/book/secret", str(LEFT)): 1}


@pytest.mark.parametrize(
    "error",
    [StorageError("away", retryable=True), ValueError("odd"), ConnectionResetError("another one")],
    ids=["database", "mistake", "another connection"],
)
async def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(error: Exception) -> None:
    made, download = doors(), Download(error)
    app = web.Application(middlewares=[made.middleware])
    app.router.add_get("/book", download.give)
    with capture_logs():
        async with TestClient(TestServer(app)) as client, client.get("/book") as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
    assert made._parts.counts == {"cut off": 1}


async def test_a_connection_of_ours_that_breaks_is_a_failed_page() -> None:
    async def page(_request: web.Request) -> web.StreamResponse:
        raise ConnectionResetError("another one")

    made = doors()
    app = web.Application(middlewares=[made.middleware])
    app.router.add_get("/page", page)
    with capture_logs() as logs:
        async with TestClient(TestServer(app)) as client, client.get("/page") as answer:
            assert answer.status == 500
    assert [one["event"] for one in logs] == ["page failed"]
