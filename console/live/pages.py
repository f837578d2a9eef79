"""The stream itself: server-sent events to an open page.

event: hello     the stream stands
event: changed   something of the visitor's changed; at most one a second
: still here     every 20 s, so that proxies keep it open and we notice who left
"""

import asyncio
import contextlib
import time
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.scope import Read
from wattwarden.console.doors import PageError
from wattwarden.console.live.streams import STREAMS, Stream, Streams, TooManyError
from wattwarden.console.routes import Route
from wattwarden.console.visit import Visit

# Proxies commonly close what is silent for 60 s.
STILL_S: Final = 20.0
# A burst of alarms is one change to look at.
LEAST_S: Final = 1.0
# Then the browser opens another, and who asks is looked at again: signed out, moved, locked.
LONGEST_S: Final = 600.0
_HELLO: Final = b"retry: 3000\nevent: hello\ndata: \n\n"
_CHANGED: Final = b"event: changed\ndata: \n\n"
_STILL: Final = b": still here\n\n"


async def show_stream(visit: Visit) -> web.StreamResponse:
    """Tell a page of changes as long as it stands open.

    Raises:
        PageError: There are too many streams.
    """
    streams = visit.request.app[STREAMS]
    try:
        with streams.stream(visit.person.id, visit.reader) as stream:
            return await _told(visit.request, streams, stream)
    except TooManyError as error:
        raise _full(error.name) from error


async def _told(request: web.Request, streams: Streams, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    until = time.monotonic() + LONGEST_S
    try:
        await response.write(_HELLO)
        while not streams.over.is_set() and time.monotonic() < until:
            await response.write(await _next(stream, streams.over))
    except ConnectionError:
        # The page was closed.
        pass
    return response


async def _next(stream: Stream, over: asyncio.Event) -> bytes:
    """Wait for what is to be said next; not a moment longer once all is over."""
    try:
        async with asyncio.timeout(STILL_S):
            await stream.changed.wait()
    except TimeoutError:
        return _STILL
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAST_S):
            await over.wait()
    stream.changed.clear()
    return _CHANGED


def _full(name: str) -> PageError:
    return PageError(
        HTTPStatus.TOO_MANY_REQUESTS,
        name,
        "打开的实时页面过多，请关闭一些。",
        "Too many live pages are open; close some.",
    )


ROUTES: Final = (Route("GET", "/live", show_stream, Read.ALARMS, "live"),)
