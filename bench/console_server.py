"""The console alone, in a process of its own, before a store that is there: what pages cost.

    python bench/console_server.py DSN SECRETS      prints its port, serves until it is ended

Each answer tells in a header how often the database was asked for it.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import structlog
import uvloop
from aiohttp import web
from tests.console.desk import Gateways
from tests.console.pages.town import CountingStore

from wattwarden.console.app import make_app
from wattwarden.console.doors import Parts
from wattwarden.console.keys import KeyRing
from wattwarden.console.pages import Pages

QUERIES: Final = "X-Queries"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(dsn: str, secrets: Path) -> None:
    """Serve until cancelled."""
    # Nobody reads further than the port.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    store = CountingStore(dsn)

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        before = len(store.asked)
        response = await handler(request)
        if not response.prepared:
            response.headers[QUERIES] = str(len(store.asked) - before)
        return response

    keys = KeyRing(secrets, lambda: time.time_ns() // 1000)
    parts = Parts(store, keys, Pages(""), Gateways(), secrets=secrets)
    runner = web.AppRunner(make_app(parts, counted), access_log=None)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", 0), backlog=512)
    await web.SockSite(runner, door).start()
    print(door.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))
