"""The small port for monitoring: /metrics, /healthz and /readyz of one process.

/metrics   numbers for Prometheus; with a token, if one is set
/healthz   200 while the process answers at all: what does not is to be started again
/readyz    200, or 503 with the reasons as JSON: what is not ready gets no work
"""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest
from http import HTTPStatus
from typing import Final, Protocol

import orjson
import structlog
from aiohttp import web

from wattwarden.protocol.secret import Secret
from wattwarden.server.listening import Door, PortRefusedError, open_server, refused
from wattwarden.server.metrics.page import CONTENT_TYPE, page
from wattwarden.server.metrics.watch import Trouble, Watch
from wattwarden.server.places import Places
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.server.settings import DEFAULT_METRICS_LISTEN, OFF, Settings

METRICS: Final = Door("port for monitoring", "up", "WATTWARDEN_METRICS__LISTEN")
_HEADERS: Final = {"Server": "Wattwarden", "Cache-Control": "no-store"}
# Monitors ask one after the other, and are gone.
_DRAIN_S: Final = 1.0

_log: Final = structlog.get_logger(__name__)


class Told(Protocol):
    """What is asked by those who listen here."""

    async def text(self) -> str:
        """Return the numbers as Prometheus reads them."""

    async def unready(self) -> Sequence[Trouble]:
        """Return why the work cannot be done; empty when it can."""


class RoleTold:
    """What a single role tells."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def text(self) -> str:
        """Return the role's numbers."""
        return page(self._watch.role, await self._watch.numbers())

    async def unready(self) -> Sequence[Trouble]:
        """Return why the role cannot do its work."""
        return await self._watch.unready()


@asynccontextmanager
async def watched(settings: Settings, role: str, told: Told) -> AsyncIterator[str | None]:
    """Listen for monitors while the block runs; yields HOST:PORT, None where that is switched off.

    Where the usual port is taken, by another role of this machine, the kernel chooses one.

    Raises:
        PortRefusedError: The address that was set cannot be listened at, or there is no token.
    """
    if settings.metrics.listen == OFF:
        yield None
        return
    runner = web.AppRunner(
        make_app(role, told, token_of(settings)),
        access_log=None,
        shutdown_timeout=_DRAIN_S,
        # Whatever is sent here is not read, nor unpacked while it is thrown away.
        auto_decompress=False,
    )
    with _door(settings.metrics.listen) as door:
        await runner.setup()
        try:
            await web.SockSite(runner, door).start()
            host = settings.metrics.listen.rpartition(":")[0]
            yield f"{host}:{door.getsockname()[1]}"
        finally:
            await runner.cleanup()


def token_of(settings: Settings) -> Secret | None:
    """Return what monitors must show; None where nothing is asked of them.

    Raises:
        PortRefusedError: It cannot be read.
    """
    file = settings.metrics.token_file
    if file is None:
        return None
    try:
        return read_secret(Places(settings.data).secrets, file)
    except SecretError as error:
        cure = f"write a token of your own into secrets/{file}, mode 0600"
        message = f"the {METRICS.name}: {error}"
        raise PortRefusedError(message, cure) from error


def make_app(role: str, told: Told, token: Secret | None) -> web.Application:
    """Return the application."""

    async def metrics(request: web.Request) -> web.Response:
        if not _may(request, token):
            headers = {**_HEADERS, "WWW-Authenticate": "Bearer"}
            return web.Response(status=HTTPStatus.UNAUTHORIZED, headers=headers)
        body = (await told.text()).encode()
        return web.Response(body=body, headers={**_HEADERS, "Content-Type": CONTENT_TYPE})

    async def alive(_request: web.Request) -> web.Response:
        return _json({"role": role, "status": "ok"}, HTTPStatus.OK)

    async def ready(_request: web.Request) -> web.Response:
        troubles = await told.unready()
        reasons = [{"check": one.check, "reason": one.reason} for one in troubles]
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json({"role": role, "ready": not reasons, "reasons": reasons}, status)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    return app


def _may(request: web.Request, token: Secret | None) -> bool:
    if token is None:
        return True
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and compare_digest(
        shown.strip().encode(), token.reveal().encode()
    )


def _json(body: object, status: HTTPStatus) -> web.Response:
    text = orjson.dumps(body)
    return web.Response(
        body=text, status=status, headers={**_HEADERS, "Content-Type": "application/json"}
    )


def _door(listen: str) -> socket.socket:
    try:
        return open_server(listen)
    except OSError as error:
        if listen != DEFAULT_METRICS_LISTEN:
            raise refused(listen, METRICS, error) from error
    host = listen.rpartition(":")[0]
    try:
        door = open_server(f"{host}:0")
    except OSError as error:
        raise refused(listen, METRICS, error) from error
    _log.info("monitoring elsewhere", usual=listen, listen=f"{host}:{door.getsockname()[1]}")
    return door
