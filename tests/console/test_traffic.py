"""Requests are counted by the pattern of their path, never by the path itself."""

from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from wattwarden.console.traffic import Traffic


async def thing(_request: web.Request) -> web.Response:
    return web.Response(text="here")


async def broken(_request: web.Request) -> web.Response:
    raise ValueError("no")


async def stream(_request: web.Request) -> web.Response:
    return web.Response(text="", content_type="text/event-stream")


@pytest_asyncio.fixture
async def traffic() -> AsyncIterator[tuple[Traffic, TestClient[web.Request, web.Application]]]:
    counted = Traffic()
    app = web.Application(middlewares=[counted.middleware])
    app.router.add_get("/things/{thing}", thing)
    app.router.add_get("/api/v1/broken", broken)
    app.router.add_get("/live", stream)
    async with TestClient(TestServer(app)) as client:
        yield counted, client


Counted = tuple[Traffic, TestClient[web.Request, web.Application]]


async def test_paths_are_counted_by_their_pattern(traffic: Counted) -> None:
    counted, client = traffic
    await client.get("/things/secret")
    await client.get("/nowhere/secret")
    assert counted.requests == {
        ("GET", "/things/{thing}", "200"): 1,
        ("GET", "unknown", "404"): 1,
    }
    assert counted.open == 0


async def test_what_fails_is_counted_as_failed_and_timed(traffic: Counted) -> None:
    counted, client = traffic
    await client.get("/api/v1/broken")
    assert counted.requests["GET", "/api/v1/broken", "500"] == 1
    assert sum(counted.answer_s["api"].counts) == 1
    assert sum(counted.answer_s["page"].counts) == 0


async def test_streams_say_nothing_of_how_quick_we_are(traffic: Counted) -> None:
    counted, client = traffic
    await client.get("/live")
    assert sum(counted.answer_s["page"].counts) == 0


async def test_made_up_methods_are_one(traffic: Counted) -> None:
    counted, client = traffic
    await client.request("PROPFIND", "/things/1")
    assert [method for method, _, _ in counted.requests] == ["other"]
