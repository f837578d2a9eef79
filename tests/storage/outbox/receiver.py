"""A gateway that answers as it is told to, over real sockets."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


class Receiver:
    """Keeps what it got; answers by the next of ``answers``, else with 200."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: deque[Answer] = deque()
        self.otherwise: Answer = status(200)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Serve at a port, the kernel's choice for 0."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def ids(self) -> list[str]:
        return [headers.get("webhook-id", "") for _, headers, _ in self.got]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.path_qs, headers, body))
        answer = self.answers.popleft() if self.answers else self.otherwise
        return await answer(request, body)


def status(code: int, text: str = "", **headers: str) -> Answer:
    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=code, text=text, headers=headers)

    return answer


def says(document: Any) -> Answer:
    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.json_response(document)

    return answer


async def hang(_request: web.Request, _body: bytes) -> web.StreamResponse:
    """Take it, and say nothing any more."""
    await asyncio.Event().wait()
    return web.Response()


async def cut(request: web.Request, _body: bytes) -> web.StreamResponse:
    """Begin an answer, and hang up in its midst."""
    answer = web.StreamResponse(headers={"content-length": "1000"})
    await answer.prepare(request)
    await answer.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return answer
