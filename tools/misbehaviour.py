"""How a receiver answers that is asked to misbehave, so that senders can be seen to bear it.

status     an answer of failure; the delivery was not taken
cut        half an answer, then nobody
malformed  what is no HTTP
hang       no answer at all              of the last three the delivery was taken, nobody knows
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import web

# What a promise says that is not kept.
PROMISED_BYTES: Final = 1000


class Manner(StrEnum):
    """What a receiver does instead of answering as it should."""

    STATUS = "status"
    CUT = "cut"
    MALFORMED = "malformed"
    HANG = "hang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """What is done to each ``every``-th delivery; before all of them it waits for ``slow_s``."""

    manner: Manner | None = None
    status: int = 200
    every: int = 1
    slow_s: float = 0.0
    retry_after_s: int | None = None

    def manner_of(self, number: int) -> Manner | None:
        """Return what is done to a delivery, counted from 1; None for a proper answer."""
        return self.manner if number % self.every == 0 else None

    def takes(self, manner: Manner | None) -> bool:
        """Tell whether a delivery was taken, whatever its sender gets to know."""
        return manner is not Manner.STATUS or 200 <= self.status < 300


async def answer(
    request: web.Request, manner: Manner | None, how: Misbehaviour, name: str
) -> web.StreamResponse:
    """Answer a delivery that is believed; ``name`` is what we call it, for the sender's books."""
    match manner:
        case Manner.STATUS:
            return _failure(how)
        case Manner.CUT:
            return await _cut(request)
        case Manner.MALFORMED:
            return _malformed(request)
        case Manner.HANG:
            # Until the sender hangs up, or we do.
            await asyncio.Event().wait()
        case _:
            pass
    return web.Response(headers={"x-request-id": name})


def _failure(how: Misbehaviour) -> web.Response:
    headers = {} if how.retry_after_s is None else {"retry-after": str(how.retry_after_s)}
    return web.Response(status=how.status, text="on purpose\n", headers=headers)


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": str(PROMISED_BYTES)})
    await response.prepare(request)
    await response.write(b"half")
    _hang_up(request)
    return response


def _malformed(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.write(b"HTTP/9.9 what\r\n{]\r\n\r\n")
    _hang_up(request)
    return web.Response()


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()
