"""The console: one aiohttp application, listened for at one address."""

import asyncio
import socket
from collections import Counter
from typing import Any, Final

import structlog
from aiohttp import web

from wattwarden.console.answering import Answering
from wattwarden.console.binding import Inviting
from wattwarden.console.buttons import Buttons
from wattwarden.console.doors import DOORS, MAX_BODY_BYTES, PARTS, Doors, Parts, add_headers
from wattwarden.console.guard import Guard
from wattwarden.console.rail import ROUTES_BY_NAME, places
from wattwarden.console.rooms import ENDINGS, LIFESPANS, ROUTES
from wattwarden.console.traffic import Traffic
from wattwarden.console.visit import RAIL

# An idle browser's connection; a reverse proxy keeps its own for longer and knows how to redo one.
KEEPALIVE_S: Final = 15.0
# Requests in hand are answered in a fraction of that.
DRAIN_S: Final = 3.0
REPORT_INTERVAL_S: Final = 60.0

_log: Final = structlog.get_logger(__name__)


def make_app(parts: Parts, *around: Any) -> web.Application:
    """Return the application; ``around`` are middlewares that see what comes out in the end."""
    doors = Doors(parts)
    guard = Guard(parts, doors)
    app = web.Application(middlewares=[*around, doors.middleware], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(add_headers)
    app[ROUTES_BY_NAME] = {one.name: one for one in ROUTES}
    app[RAIL] = places
    app[DOORS] = doors
    app[PARTS] = parts

    async def asset(request: web.Request) -> web.Response:
        return parts.pages.assets.answer(request, request.match_info["file"])

    app.router.add_get("/static/{file:.+}", asset)
    for rooms in (Answering(parts, doors), Inviting(parts, doors), Buttons(parts, doors)):
        app.add_routes(rooms.routes())
    for route in ROUTES:
        app.router.add_route(route.method, route.path, guard.of(route), name=route.name)
    app.cleanup_ctx.extend(LIFESPANS)
    app.on_shutdown.extend(ENDINGS)
    return app


class Console:
    """The application while it is served."""

    def __init__(self, parts: Parts) -> None:
        self.counts = parts.counts
        self.traffic = Traffic()
        self._parts = parts
        self._told: Counter[str] = Counter()
        # Addresses hold links: nothing logs them.
        self._runner = web.AppRunner(
            make_app(parts, self.traffic.middleware),
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=DRAIN_S,
            handle_signals=False,
            # Browsers pack nothing that they send; what somebody packed would be unpacked, all of
            # it, before anybody is asked who he is.
            auto_decompress=False,
        )

    async def start(self, door: socket.socket) -> None:
        """Serve who comes to a socket that listens."""
        await self._runner.setup()
        await web.SockSite(self._runner, door).start()

    async def run(self, stop: asyncio.Event) -> None:
        """Tell now and then what was asked, until ``stop`` is set; then close."""
        try:
            while not stop.is_set():
                try:
                    async with asyncio.timeout(REPORT_INTERVAL_S):
                        await stop.wait()
                except TimeoutError:
                    self._report()
        finally:
            await self.close()

    async def close(self) -> None:
        """Answer what is in hand, and listen no more."""
        await self._runner.cleanup()
        await self._parts.store.close()

    def _report(self) -> None:
        news = self.counts - self._told
        if news:
            self._told = Counter(self.counts)
            _log.info("pages", **{name.replace(" ", "_"): count for name, count in news.items()})
