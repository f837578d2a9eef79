"""Whether every role of one `wattwarden up` still answers; one that does not is ended.

    /healthz of each role ─► answers: well
                          └► mute for MUTE_S: ended, and its watcher begins the next one
                             └► still there: not well, for nobody here can help

A role that is away is its watcher's business, and one that answers no monitors is not asked.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from wattwarden.server.children import READY_TIMEOUT_S
from wattwarden.server.metrics.parts import PART_S

# A role that starts has that long to say so, and is ended then by whoever started it.
MUTE_S: Final = READY_TIMEOUT_S + 30.0
# What was killed is gone at once, unless it waits for a disk that hangs.
ENDING_S: Final = 15.0

_log: Final = structlog.get_logger(__name__)


class Looked(Protocol):
    """A role as it is now."""

    @property
    def label(self) -> str:
        """What tells it from the others."""

    @property
    def pid(self) -> int:
        """Process id of the one that runs now, 0 for none."""

    @property
    def address(self) -> str:
        """Where it answers monitors, "" where that is switched off."""

    def kill(self) -> None:
        """End the process at once; its watcher begins the next one."""


class Lookout:
    """Looks at roles; ``now_s`` is a monotonic clock."""

    def __init__(self, roles: Sequence[Looked], now_s: Callable[[], float]) -> None:
        self._roles = roles
        self._now_s = now_s
        self._mute: dict[int, float] = {}

    async def look(self) -> bool:
        """Look at every role once; return whether each answers, or is about to be replaced."""
        running = [role for role in self._roles if role.pid and role.address]
        async with ClientSession(timeout=ClientTimeout(PART_S)) as session:
            answers = await asyncio.gather(*(_answers(session, role.address) for role in running))
        mute = [role for role, answered in zip(running, answers, strict=True) if not answered]
        now = self._now_s()
        # Another process under the same name has all its time again.
        self._mute = {role.pid: self._mute.get(role.pid, now) for role in mute if role.pid}
        helped = [self._helped(role, now) for role in mute]
        return all(helped)

    def _helped(self, role: Looked, now: float) -> bool:
        mute_s = now - self._mute.get(role.pid, now)
        if mute_s < MUTE_S:
            return True
        if mute_s < MUTE_S + ENDING_S:
            _log.error("role does not answer", name=role.label, pid=role.pid, mute_s=round(mute_s))
            role.kill()
            return True
        _log.error("role cannot be ended", name=role.label, pid=role.pid)
        return False


async def _answers(session: ClientSession, address: str) -> bool:
    try:
        async with session.get(f"http://{address}/healthz") as answer:
            return answer.ok
    except (ClientError, TimeoutError):
        return False
