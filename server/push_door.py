"""The door for IoT platforms: pushes over HTTP into the journal, answered once they are stored.

    POST /push/onenet            signed with the token        GET: the check of the address
    POST /push/ctwing[/SECRET]   or Authorization: Bearer SECRET

    body ─ bounded, one push ─► its own? ─► said before? ─► Chain ─► journal ─► 200
                                  403          200            └ not within its time: 503, said again

Acknowledged is stored: a push is answered 200 when the journal has it.  What was stored is
remembered for a while and not journalled again; behind a restart, or from another gateway, it is,
and the store takes the same readings of the same time once.
"""

import asyncio
import socket
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from wattwarden.codecs.pushes.json_body import BETWEEN, MOST_BYTES, load
from wattwarden.protocol.envelope import SessionRow
from wattwarden.protocol.outline import FRAME
from wattwarden.server.push_platforms import Platform, Shown
from wattwarden.server.sockets import address_of
from wattwarden.server.trace import What, happening

if TYPE_CHECKING:
    from wattwarden.server.port import MeterPort

# A body of the longest kind takes a second at 0.5 Mbit/s; a head or an idle connection no more.
BODY_S: Final = 10.0
QUIET_S: Final = 15.0
# Platforms wait 5 s for an answer, then they push again.
STORE_S: Final = 4.0
# Platforms keep a few dozen connections; each waits for its journal entry.
MOST_CONNECTIONS: Final = 512
# An hour of repetitions of a city; with their digests 10 MiB.
MOST_REMEMBERED: Final = 65_536
# What a platform sends to check an address is a word of its own.
MOST_PROOF_LETTERS: Final = 512
DRAIN_S: Final = 3.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Push:
    """One push on its way into the journal: a source of one frame."""

    __slots__ = ("row", "stored")

    def __init__(self, row: SessionRow, stored: asyncio.Future[bytes]) -> None:
        self.row = row
        self.stored = stored

    def reply(self, data: bytes) -> None:
        """Tell that it is stored."""
        if not self.stored.done():
            self.stored.set_result(data)

    def reject(self, frame: bytes) -> None:
        """Pushes have no checksum that could fit later or not."""


class PushDoor:
    """Listens for platforms.  ``counts`` tells what was answered, by reason."""

    def __init__(self, port: "MeterPort", platforms: Mapping[str, Platform]) -> None:
        self.counts: Counter[str] = Counter()
        self._port = port
        self.platforms = platforms
        """By the name in the path."""
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._heard: dict[object, float] = {}
        self._busy: set[object] = set()
        self._draining = False
        self._sweeping: asyncio.Task[None] | None = None
        app = web.Application(middlewares=[self._guard], client_max_size=MOST_BYTES)
        app.router.add_post("/push/{platform}", self._pushed)
        app.router.add_post("/push/{platform}/{secret}", self._pushed)
        app.router.add_get("/push/{platform}", self._checked)
        # Paths hold secrets: nothing logs them.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=QUIET_S,
            shutdown_timeout=DRAIN_S,
            handle_signals=False,
            # Nobody packs a push; what somebody did would be unpacked before anybody is asked, and
            # so would the rest of it be afterwards: a tenth of a second for 48 KB.
            auto_decompress=False,
        )

    async def start(self, door: socket.socket) -> str:
        """Hear platforms at a socket that listens; return HOST:PORT."""
        await self._runner.setup()
        await web.SockSite(self._runner, door).start()
        self._sweeping = asyncio.create_task(self._sweep())
        return address_of(door)

    def drain(self) -> None:
        """Take no more pushes; those taken get their answers."""
        self._draining = True

    async def close(self) -> None:
        """Answer what is in hand, and listen no more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await self._runner.cleanup()

    # --- requests

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            answer = self._answer(error.status, error.reason.lower())
        finally:
            self._busy.discard(request.protocol)
            self._heard[request.protocol] = self._now_s()
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def _checked(self, request: web.Request) -> web.Response:
        text = self._platform_of(request).proof(request.query)
        if text is None or len(text) > MOST_PROOF_LETTERS:
            raise web.HTTPForbidden(reason="checks without proof")
        return self._answer(200, "checks", text)

    async def _pushed(self, request: web.Request) -> web.Response:
        platform = self._platform_of(request)
        try:
            async with asyncio.timeout(BODY_S):
                raw = (await request.read()).strip(BETWEEN)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(reason="slow bodies") from error
        body = _body_of(platform, raw)
        shown = Shown(
            request.match_info.get("secret", ""), request.headers.get("Authorization", "")
        )
        if not platform.is_its_own(raw, body, shown):
            raise web.HTTPForbidden(reason="pushes without proof")
        digest = platform.digest(raw, body)
        if digest in self._remembered:
            self._remembered.move_to_end(digest)
            return self._answer(200, "repeated pushes", "ok")
        return await self._keep(platform, raw, digest, request.remote or "unknown")

    def _platform_of(self, request: web.Request) -> Platform:
        platform = self.platforms.get(request.match_info["platform"])
        if platform is None:
            raise web.HTTPNotFound(reason="no such platform")
        return platform

    async def _keep(self, platform: Platform, raw: bytes, digest: bytes, peer: str) -> web.Response:
        port, codec = self._port, platform.codec
        if self._draining or port.paused or port.trouble is not None:
            return self._answer(503, "pushes while the journal takes nothing")
        now = port.now_us()
        dialogue = codec.dialogue(port.profile_of)
        dialogue.receive([raw], now)
        identity = dialogue.identity
        version = port.profile_of(identity).version if identity else 0
        push = Push(
            SessionRow(port.new_epoch(), peer, identity, version),
            asyncio.get_running_loop().create_future(),
        )
        if port.looker is not None:
            port.looker(happening(now, What.HEARD, push.row, codec.name, raw))
        port.chain_of(f"{codec.name}:{identity or peer}").add(push, codec, [raw], now)
        try:
            async with asyncio.timeout(STORE_S):
                stored = await push.stored
        except TimeoutError:
            return self._answer(503, "pushes not stored in time")
        self._remember(digest)
        if port.looker is not None:
            at = port.now_us()
            told = happening(at, What.ANSWERED, push.row, codec.name, stored, waited_us=at - now)
            port.looker(told)
        return self._answer(200, "pushes", stored.decode())

    def _remember(self, digest: bytes) -> None:
        self._remembered[digest] = None
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _answer(self, status: int, reason: str, text: str = "") -> web.Response:
        self.counts[reason] += 1
        headers = {"Retry-After": "5"} if status == 503 else {}
        return web.Response(status=status, text=text, headers=headers)

    # --- connections

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.sweep(self._now_s())

    def sweep(self, now_s: float) -> None:
        """Close the connections that say nothing for long, and those that are too many."""
        server = self._runner.server
        if server is None:
            return
        everyone = server.connections
        self._heard = {one: self._heard.get(one, now_s) for one in everyone}
        idle = [one for one in everyone if one not in self._busy]
        most_idle = max(0, MOST_CONNECTIONS - (len(everyone) - len(idle)))
        for place, one in enumerate(idle):
            is_quiet = now_s - self._heard[one] > QUIET_S
            if (is_quiet or place >= most_idle) and one.transport is not None:
                self.counts["quiet connections" if is_quiet else "connections too many"] += 1
                one.transport.abort()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _body_of(platform: Platform, raw: bytes) -> dict[str, Any]:
    """Return the body of a request that is one push of a platform."""
    if platform.codec.outline.cut_strictly(raw, 0) != (FRAME, len(raw)):
        raise web.HTTPBadRequest(reason="no pushes")
    return load(raw)
