"""A platform that pushes what its meters sent: a few requests at once, again until it is stored."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import aiohttp

from wattwarden.tools.simulator.protocols.pushes import Pushed
from wattwarden.tools.simulator.protocols.rows import ACKED
from wattwarden.tools.simulator.protocols.stage import Memory, Stage

# Platforms keep some connections and wait 5 s for an answer.
AT_ONCE: Final = 16
ANSWER_S: Final = 5.0
TAKEN: Final = 200


class Platform:
    """All platforms of a run; ``tokens`` by the codec's name, ``url`` where the gateway listens."""

    def __init__(self, stage: Stage, url: str, tokens: Mapping[str, str]) -> None:
        self.memory = Memory(stage)
        self._stage = stage
        self._url = url
        self._tokens = tokens
        self._waiting: asyncio.Queue[tuple[int, Pushed, int]] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Begin to push."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        self._http = aiohttp.ClientSession(timeout=timeout)
        self._workers = [asyncio.create_task(self._work(self._http)) for _ in range(AT_ONCE)]

    def saying(self, pushed: Pushed) -> Callable[[int, datetime], None]:
        """Return what pushes the report of a meter's turn."""

        def say(turn: int, at: datetime) -> None:
            number = self.memory.keep(pushed.report(turn, at))
            self._waiting.put_nowait((number, pushed, 0))

        return say

    async def give_up(self) -> None:
        """End for good."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
        self.memory.close()

    async def _work(self, http: aiohttp.ClientSession) -> None:
        while True:
            number, pushed, tries = await self._waiting.get()
            name = f"{pushed.codec.name}:{pushed.address}"
            taken = await self._push(http, pushed, number)
            # An answer that is lost on its way: what was stored is pushed again.
            if taken and not self._stage.breaks(name, number):
                self.memory.forget(number, ACKED)
                continue
            self._stage.tally.resent += 1
            pause_s = self._stage.pause_s(name, tries)
            asyncio.get_running_loop().call_later(
                pause_s, self._waiting.put_nowait, (number, pushed, tries + 1)
            )

    async def _push(self, http: aiohttp.ClientSession, pushed: Pushed, number: int) -> bool:
        name = pushed.codec.name
        headers = {"Authorization": f"Bearer {self._tokens[name]}"} if name == "ctwing" else {}
        body = self.memory.kept[number].report.frame
        url = f"{self._url}/push/{name}"
        try:
            async with http.post(url, data=body, headers=headers) as answer:
                return answer.status == TAKEN
        except (aiohttp.ClientError, TimeoutError):
            self._stage.tally.refused_dials += 1
            return False
