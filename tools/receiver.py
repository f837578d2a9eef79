"""A receiver of webhooks: verifies, tells, knows duplicates by their ids, misbehaves if asked to.

POST ─► believed? ─no─► 401, and why
└► seen before? ─► told ─► answered, properly or not
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson
from aiohttp import web

from wattwarden.alarms.channels.verify import (
    TOLERANCE_S,
    Flaw,
    Verified,
    VerifyError,
    verify,
    verify_plain,
)
from wattwarden.tools.misbehaviour import Misbehaviour, answer

# Ours have 20 kB at most.
MAX_BODY_BYTES: Final = 65_536
# Nobody retries for longer than a day: a city's busiest has fewer notices than that.
MAX_REMEMBERED: Final = 100_000
# Whoever stops does not wait for those whom it keeps waiting on purpose.
LEAVING_S: Final = 0.2


class Verdict(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FAILED = "failed on purpose"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came, and how it is answered; ``document`` is None where it is no JSON object."""

    at: datetime
    verdict: Verdict
    answer: str
    id: str = ""
    detail: str = ""
    document: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secrets of Standard Webhooks, and of plain HMAC; several of each while they rotate."""

    standard: Sequence[str] = ()
    plain: Sequence[str] = ()
    tolerance_s: float = TOLERANCE_S


@dataclass(slots=True)
class Memory:
    """Ids of what was taken, the oldest forgotten first."""

    ids: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def is_new(self, identity: str) -> bool:
        """Tell whether an id was never seen, and remember it."""
        known = identity in self.ids
        self.ids[identity] = None
        self.ids.move_to_end(identity)
        if len(self.ids) > MAX_REMEMBERED:
            self.ids.popitem(last=False)
        return not known


class Receiver:
    """Serves any path; ``tell`` is called once for each delivery, before it is answered."""

    def __init__(self, keys: Keys, how: Misbehaviour, tell: Callable[[Delivery], None]) -> None:
        self.counts: Counter[Verdict] = Counter()
        self._keys = keys
        self._how = how
        self._tell = tell
        self._memory = Memory()
        self._number = 0
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=LEAVING_S, handler_cancellation=True
        )

    async def start(self, host: str, port: int) -> str:
        """Listen, on a port of the kernel's choice with 0, and return the address as a URL.

        Raises:
            OSError: The port is taken, or no such address is here.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        taken_host, taken_port = self._runner.addresses[0][:2]
        shown = f"[{taken_host}]" if ":" in taken_host else taken_host
        return f"http://{shown}:{taken_port}/"

    async def stop(self) -> None:
        """Listen no more; whoever still waits for an answer is hung up on."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            found = _believed(body, dict(request.headers), self._keys)
        except VerifyError as error:
            self._note(
                Delivery(at=_now(), verdict=Verdict.REFUSED, answer="401", detail=str(error))
            )
            return web.Response(status=401, text=f"{error}\n")
        self._number += 1
        manner = self._how.manner_of(self._number)
        verdict = Verdict.FAILED
        if self._how.takes(manner):
            verdict = Verdict.ACCEPTED if self._memory.is_new(found.id) else Verdict.DUPLICATE
        shown = str(self._how.status) if manner == "status" else (manner or "200")
        self._note(
            Delivery(
                at=_now(), verdict=verdict, answer=shown, id=found.id, document=_document(body)
            )
        )
        if self._how.slow_s:
            await asyncio.sleep(self._how.slow_s)
        return await answer(request, manner, self._how, f"receive-{self._number}")

    def _note(self, delivery: Delivery) -> None:
        self.counts[delivery.verdict] += 1
        self._tell(delivery)


def _believed(body: bytes, headers: dict[str, str], keys: Keys) -> Verified:
    """Believe a delivery by the signature that it has; of both the one with a time counts."""
    names = {name.lower() for name in headers}
    if keys.standard and ("webhook-signature" in names or not keys.plain):
        return verify(body, headers, keys.standard, time.time(), tolerance_s=keys.tolerance_s)
    if "x-hub-signature-256" in names and keys.plain:
        return verify_plain(body, headers, keys.plain)
    given = "webhook-signature" if keys.standard else "x-hub-signature-256"
    raise VerifyError(Flaw.MISSING, given)


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _now() -> datetime:
    return datetime.now(UTC)
