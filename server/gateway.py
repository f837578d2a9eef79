"""The gateway role: the meter port, its chains, the ticks and the signs of life.

start: journal → clock check → profiles (database, else snapshot) → listen
stop:  no new connections → what was received is stored and answered → close
"""

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Sequence
from typing import Final

import structlog

from wattwarden.codecs import Profiles, port_codecs
from wattwarden.protocol.envelope import FORMAT, Alive, decode_alive, encode
from wattwarden.server.chain import Chain
from wattwarden.server.clock import Clock
from wattwarden.server.directory import Directory
from wattwarden.server.doors import Doors
from wattwarden.server.inherited import METER_SOCKETS, NOTHING_INHERITED, open_sets
from wattwarden.server.inherited import Sockets as Inherited
from wattwarden.server.lifetime import give_up
from wattwarden.server.limitlog import LimitLog, limits_acted
from wattwarden.server.places import Places
from wattwarden.server.port import MeterPort
from wattwarden.server.settings import Settings
from wattwarden.server.siblings import Siblings
from wattwarden.server.sockets import Sockets, check_free
from wattwarden.server.ticker import Ticker, check_clock
from wattwarden.server.tracing import Tracing
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.journal import Journal, Kind
from wattwarden.storage.journal.lease import Lease

# A city that logs in makes some ten lasting objects a meter and no garbage in cycles; looking for
# it after every 700, as by default, takes a twentieth of the time.
YOUNG_OBJECTS: Final = 10_000
ALIVE_INTERVAL_S: Final = 10.0
# One sign of life may be late; a gateway that has missed two serves no more.
ALIVE_INTERVALS_TO_SHARE: Final = 2
SWEEP_INTERVAL_S: Final = 1.0
PAUSED_SWEEP_INTERVAL_S: Final = 0.05
# A peer that takes nothing keeps its connection from closing; the record of the others waits no
# longer for it than a restart may take.
CLOSE_PATIENCE_S: Final = 2.0
CLOSE_POLL_S: Final = 0.01

_log: Final = structlog.get_logger(__name__)


class Gateway:
    """One gateway process."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        directory: Directory,
        clock: Clock,
        sockets: Inherited = NOTHING_INHERITED,
    ) -> None:
        self.name = f"gw-{secrets.token_hex(6)}"
        self._listening = sockets
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._chain_tasks: list[asyncio.Task[None]] = []
        self._chains = [
            Chain(journal, shard, self.name, directory.of, clock.now_us, self._trouble, clock.rate)
            for shard in range(journal.shards)
        ]
        self.port = MeterPort(
            port_codecs(),
            self._chains,
            directory.of_address,
            clock.now_us,
            settings.gateway,
            clock.rate,
        )
        self._sockets = Sockets(self.port.connect, clock.now_us, self.port.end_turn)
        self._siblings = Siblings(self.name, journal, self.port.fleet, clock.now_us, clock.rate)
        self.tracing = Tracing(self.name, self.port, journal)
        self._doors = Doors(self.port, settings.gateway, Places(settings.data).secrets)
        self.doors: dict[str, str] = {}
        """The addresses of the doors beside the meter port, by name."""
        directory.follow(self._know)
        self._refused: list[tuple[int, int, str]] = []
        self._troubled: dict[str, str] = {}
        self._refusing_since = 0
        self._alive_number = 0

    async def start(self) -> str:
        """Begin to serve; return the address on which meters are heard.

        Raises:
            ClockRefusedError: the machine's clock is behind the journal.
            OSError: the address cannot be shared.
            PortRefusedError: an address cannot be listened on.
        """
        if not self._listening:
            await self._check_free()
        lease = await Lease.open(
            self._journal.link,
            "ticker",
            owner=self.name,
            replicas=self._settings.journal.replicas,
        )
        ticker = Ticker(self._journal, lease, self._clock.now_us, self._clock.rate)
        last = await ticker.last()
        if last is not None:
            check_clock(last.second, self._clock.now_us(), self._clock.rate)
        self._chain_tasks = [asyncio.create_task(chain.run()) for chain in self._chains]
        self._tasks = [
            asyncio.create_task(ticker.run()),
            asyncio.create_task(self._sweep()),
            asyncio.create_task(self._live()),
            *(asyncio.create_task(chain.run_occurrences()) for chain in self._chains),
        ]
        await self._siblings.follow()
        await self.tracing.follow()
        # Doors that are set and were not handed over are opened here.
        [self._listening] = await open_sets(self._settings.gateway, 1, self._listening)
        address = self._sockets.accept_at(self._listening[METER_SOCKETS])
        self.doors = await self._doors.start(self._listening)
        # What exists now lives as long as the process: no collection need look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        return address

    def renew(self) -> None:
        """Go by the settings as they are now, as far as they may change."""
        self.port.renew()
        self._doors.renew()

    async def stop(self) -> None:
        """Store and answer what was received, then hang up."""
        self._sockets.stop_listening()
        self._doors.drain()
        self.port.drain()
        for chain in self._chains:
            chain.close()
        try:
            async with asyncio.timeout(self._settings.gateway.drain_s):
                await asyncio.gather(*self._chain_tasks)
        except TimeoutError:
            _log.warning("not everything received was stored; it stays unanswered")
        await self._doors.close()
        self.port.close_all("gateway stops")
        await self._store_closes()
        await give_up(*self._tasks, *self._chain_tasks)
        self._sockets.close()
        self._doors.end()

    async def _check_free(self) -> None:
        """Share the address with gateways of this journal, and with nobody else.

        The kernel deals connections out among all that share an address, so a stranger who writes
        into another journal would get half of the meters without anybody noticing.
        """
        host, _, port = self._settings.gateway.listen.rpartition(":")
        try:
            await check_free(host.strip("[]"), int(port))
        except OSError:
            last = await self._journal.last(0, Kind.ALIVE)
            silent_us = self._clock.now_us() - (decode_alive(last.payload).at if last else 0)
            most_us = ALIVE_INTERVALS_TO_SHARE * ALIVE_INTERVAL_S * 1e6 * self._clock.rate
            if silent_us > most_us:
                raise

    async def _store_closes(self) -> None:
        """Record how all connections ended, unless the journal is away."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE_S):
                while self.port.connections:  # noqa: ASYNC110  once a process, at its end
                    await asyncio.sleep(CLOSE_POLL_S)
                await asyncio.gather(*(chain.flush_occurrences() for chain in self._chains))

    async def _sweep(self) -> None:
        off = False
        log = LimitLog()
        while True:
            now = self._clock.now_us()
            self.port.sweep(now)
            self._siblings.sweep(now)
            self._doors.sweep()
            self.tracing.sweep(asyncio.get_running_loop().time())
            acted = limits_acted(self.port.counters, (c.counters for c in self._chains))
            log.tell(acted | self._doors.limits_acted(), now)
            if self._clock.steer() != off:
                off = not off
                _log.warning("wall clock off", off_s=self._clock.off_us / 1e6, still=off)
            paused = self.port.paused
            await asyncio.sleep(PAUSED_SWEEP_INTERVAL_S if paused else SWEEP_INTERVAL_S)

    async def _live(self) -> None:
        while True:
            await self._say_alive()
            await asyncio.sleep(ALIVE_INTERVAL_S)

    async def _say_alive(self) -> None:
        self._alive_number += 1
        refused, self._refused = self._refused, []
        alive = Alive(FORMAT, self.name, self._clock.now_us(), len(self.port.connections), refused)
        msg_id = f"{self.name}:a{self._alive_number}"
        try:
            await self._journal.append(0, Kind.ALIVE, encode(alive), msg_id)
        except StorageError:
            self._refused = refused + self._refused

    def _know(self, profiles: Profiles) -> None:
        """Hear newcomers by what is configured: some say who they are in words of their own."""
        self.port.know(profiles)

    @property
    def chains(self) -> Sequence[Chain]:
        """What writes into the journal, one a shard."""
        return self._chains

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What has to run as long as the gateway serves: should one end, so must the process."""
        return [*self._tasks, *self._chain_tasks]

    def _trouble(self, chain: str, reason: str | None) -> None:
        """The journal takes nothing of a chain (reason), or takes again (None)."""
        if reason is None:
            self._troubled.pop(chain, None)
        else:
            self._troubled[chain] = reason
        reason = next(iter(self._troubled.values()), None)
        if reason == self.port.trouble:
            return
        now = self._clock.now_us()
        if self.port.trouble is None:
            self._refusing_since = now
            _log.error("reading stopped", reason=reason)
        elif reason is None:
            self._refused.append((self._refusing_since, now, self.port.trouble))
            _log.info("reading again", stood_still_s=(now - self._refusing_since) / 1e6)
        self.port.trouble = reason
        self.port.press_back()
