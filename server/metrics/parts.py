"""What the whole system of one `wattwarden up` tells: its roles' own words, put together.

/metrics of each role ─► one page          /readyz of each role ─► ready when all are
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from wattwarden import __version__
from wattwarden.protocol.secret import Secret
from wattwarden.server.metrics.page import Sample, of_process, page, together
from wattwarden.server.metrics.watch import Trouble
from wattwarden.server.sampling import counted

# A role answers in milliseconds; its own looks give up after two seconds.
PART_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Part:
    """A role as it is now: where it tells of itself ("": nowhere), how often it was begun again.

    ``process`` is its number where several share the work, else 0.
    """

    name: str
    address: str
    restarts: int
    process: int = 0

    @property
    def label(self) -> str:
        """What tells it from the others."""
        return f"{self.name}-{self.process}" if self.process else self.name


class SystemTold:
    """What is told for all roles; ``parts`` says which there are, at each asking."""

    def __init__(
        self,
        parts: Callable[[], Sequence[Part]],
        token: Secret | None,
        reloads: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._parts = parts
        self._reloads = reloads
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}

    async def text(self) -> str:
        """Return the numbers of all roles that answer, and which do."""
        parts = self._parts()
        async with self._session() as session:
            texts, troubles = await asyncio.gather(
                asyncio.gather(*(_text(session, part) for part in parts)),
                asyncio.gather(*(_unready(session, part) for part in parts)),
            )
        is_ready = all(texts) and not any(troubles)
        samples = [Sample("build_info", 1, (__version__,)), Sample("ready", int(is_ready))]
        samples += (Sample("reloads_total", n, (what,)) for what, n in self._reloads().items())
        samples += (Sample("log_events_total", n, (level, event)) for level, event, n in counted())
        for part, text in zip(parts, texts, strict=True):
            samples.append(Sample("role_up", int(bool(text)), (part.label,)))
            samples.append(Sample("role_restarts_total", part.restarts, (part.label,)))
        return together([page("up", samples), *filter(None, texts)])

    async def unready(self) -> Sequence[Trouble]:
        """Return why roles cannot do their work, each reason under the role's name."""
        async with self._session() as session:
            found = await asyncio.gather(*(_unready(session, part) for part in self._parts()))
        return [trouble for troubles in found for trouble in troubles]

    def _session(self) -> ClientSession:
        return ClientSession(timeout=ClientTimeout(PART_S), headers=self._headers)


async def _text(session: ClientSession, part: Part) -> str:
    """Return a role's page; empty when it does not answer."""
    if not part.address:
        return ""
    try:
        async with session.get(f"http://{part.address}/metrics") as answer:
            text = await answer.text() if answer.ok else ""
    except (ClientError, TimeoutError):
        return ""
    return of_process(text, part.name, part.process)


async def _unready(session: ClientSession, part: Part) -> list[Trouble]:
    silent = [Trouble(part.label, "the role does not answer")]
    if not part.address:
        return silent
    try:
        async with session.get(f"http://{part.address}/readyz") as answer:
            told = orjson.loads(await answer.read())
            return [
                Trouble(f"{part.label}: {one['check']}", one["reason"]) for one in told["reasons"]
            ]
    except (ClientError, TimeoutError, orjson.JSONDecodeError, KeyError):
        return silent
