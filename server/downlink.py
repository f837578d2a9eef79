"""What a gateway asks meters by command: those whose sessions it holds.

    command queued ─ NOTIFY, or a look now and then ─► is its meter here? ─ claim ─► Session.order
    the line's outcome ─► finish                    the meter away ─► it waits, until it expires

Claimed before it is sent, so that nothing is sent twice; without the database nothing is sent.  A
gateway that ends leaves what it had sent, and the others see by its lock that it has ended.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from wattwarden.codecs import Profiles
from wattwarden.protocol.both import Both
from wattwarden.protocol.command import CannotAskError, Ending, Outcome, Peer
from wattwarden.protocol.polling import entries_of
from wattwarden.storage.commands.counts import Counted, tell_counts
from wattwarden.storage.commands.queue import (
    CHANNEL,
    MOST_WAITING,
    UNKNOWN_OUTCOME,
    Waiting,
    claim,
    expire,
    finish,
    hold,
    in_hand,
    said,
    waiting,
)
from wattwarden.storage.database import Connection, connect, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.moments import moment_of

if TYPE_CHECKING:
    from wattwarden.protocol.codec import Profile
    from wattwarden.server.connection import MeterConnection
    from wattwarden.server.port import MeterPort

# What is queued goes out that soon after its meter dialled in; a look costs no database.
LOOK_S: Final = 0.2
# A notice may be lost with a connection.
RELOAD_S: Final = 10.0
# Expiry is counted in minutes; a gateway that was killed is missed within so long.
EXPIRE_S: Final = 2.0
COUNTS_S: Final = 30.0
RETRY_S: Final = 1.0
_STATES: Final = {
    Ending.ANSWERED: "answered",
    Ending.REFUSED: "refused",
    Ending.SILENT: "expired",
}
_GONE: Final = Both("设备在应答前断开", "the meter hung up before it answered")
_UNKEPT: Final = Both("应答无法保存", "what came of it cannot be kept")

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class DownlinkCounters:
    """What became of commands since the process started."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    silent: int = 0


class Downlink:
    """The commands of one gateway process."""

    def __init__(self, port: "MeterPort", name: str, dsn: str, now_us: Callable[[], int]) -> None:
        self.counters = DownlinkCounters()
        self._port = port
        self._name = name
        self._dsn = dsn
        self._now_us = now_us
        self._waiting: list[Waiting] = []
        # Where the next look begins: what waits for meters that are away must hide no other.
        self._behind = 0
        self._under_way: dict[int, MeterConnection] = {}
        # What the database has not been told yet.
        self._ended: dict[int, Outcome] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._profiles: Mapping[tuple[str, str], Profile] = {}
        self._told: dict[str, tuple[int, ...]] = {}
        self._looks: list[Callable[[Connection], Awaitable[None]]] = []

    def look_too(self, look: Callable[[Connection], Awaitable[None]]) -> None:
        """Have somebody else look into the database whenever we do, and as often."""
        self._looks.append(look)

    def know(self, profiles: Profiles) -> None:
        """Take note of which meters stand behind others."""
        self._profiles = profiles
        self._owners = {
            (codec, str(entry["address"])): address
            for (codec, address), profile in profiles.items()
            if "meters" in profile.options
            for entry in entries_of(profile.options, "meters")
            if "address" in entry
        }

    async def run(self) -> None:
        """Send and finish commands for ever; without the database they wait."""
        quiet = False
        while True:
            try:
                connection = await connect(self._dsn, name=f"downlink {self._name}")
                try:
                    quiet = False
                    await self._follow(connection)
                finally:
                    connection.terminate()
            except StorageError as error:
                if not quiet:
                    _log.warning("commands are not followed", reason=error.message)
                quiet = True
                await asyncio.sleep(RETRY_S)

    async def _follow(self, connection: Connection) -> None:
        changed = asyncio.Event()
        changed.set()

        def hear(*_: object) -> None:
            changed.set()

        await hold(connection, self._name)
        with errors("listening for commands"):
            await connection.add_listener(CHANNEL, hear)
        # Taken just as the database went away: whether that was kept, nobody had told us.
        for number in await in_hand(connection, self._name):
            if number not in self._under_way and number not in self._ended:
                self._end(number, Ending.SILENT, UNKNOWN_OUTCOME)
        loop = asyncio.get_running_loop()
        reload_at = expire_at = counts_at = loop.time()
        while True:
            now = loop.time()
            if changed.is_set() or now >= reload_at:
                changed.clear()
                reload_at = now + RELOAD_S
                await self._look(connection)
                for look in self._looks:
                    await look(connection)
            if now >= expire_at:
                expire_at = now + EXPIRE_S
                await expire(connection, self._now(), self._name)
            if now >= counts_at:
                counts_at = now + COUNTS_S
                await self._tell_counts(connection)
            await self._send(connection)
            await self._finish(connection)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await changed.wait()

    async def _look(self, connection: Connection) -> None:
        """Look what waits: all of it, or so much, and the next time what stands behind that."""
        self._waiting = await waiting(connection, self._behind)
        is_full = len(self._waiting) == MOST_WAITING
        self._behind = self._waiting[-1].id if is_full else 0

    async def _send(self, connection: Connection) -> None:
        """Claim and send what waits for meters that are here."""
        here = {one.id: one for one in self._waiting if self._session_of(one) is not None}
        if not here:
            return
        claimed = await claim(connection, list(here), self._name, self._now())
        self._waiting = [one for one in self._waiting if one.id not in here]
        for number in claimed:
            self._order(here[number])

    def _session_of(self, one: Waiting) -> "MeterConnection | None":
        codec, address = one.meter
        identity = self._owners.get(one.meter, address)
        return self._port.fleet.held(f"{codec}:{identity}")

    def _order(self, one: Waiting) -> None:
        """Send a command; a meter that left in this moment, or cannot, ends it."""
        codec, address = one.meter
        identity = self._owners.get(one.meter, address)
        session = self._session_of(one)
        if session is None:
            self._end(one.id, Ending.REFUSED, _GONE)
            return
        profile = self._port.profile_of(identity)
        profile = self._profiles.get((codec, identity), profile)
        peer = Peer(address, identity, profile, self._now_us(), one.id, one.channel)
        try:
            session.order(one.id, one.command, peer)
        except CannotAskError as error:
            self._end(one.id, Ending.REFUSED, error.whole)
            return
        except Exception as error:  # noqa: BLE001  # a codec's defect is this command's alone
            _log.exception("a codec could not ask", command=one.id, codec=codec)
            kind = type(error).__name__
            message = Both(f"规约程序出错：{kind}", f"the codec failed: {kind}")
            self._end(one.id, Ending.REFUSED, message)
            return
        self.counters.sent += 1
        self._under_way[one.id] = session

    def _end(self, number: int, ending: Ending, message: Both) -> None:
        self._ended[number] = Outcome(number, ending, {}, message, (), (), 0)

    def _collect(self) -> None:
        """Take what came of commands from the lines."""
        for session in set(self._under_way.values()):
            for outcome in session.take_outcomes(self._now_us()):
                self._ended[outcome.number] = outcome
                self._under_way.pop(outcome.number, None)
        for number, session in list(self._under_way.items()):
            if not session.is_asking:
                del self._under_way[number]
                self._end(number, Ending.SILENT, _GONE)

    async def _finish(self, connection: Connection) -> None:
        """Say what came of commands."""
        self._collect()
        for number, outcome in list(self._ended.items()):
            reply = {
                "values": dict(outcome.values),
                **said(outcome.message),
                "heard": outcome.heard,
                "requests": [raw.hex() for raw in outcome.requests],
                "frames": [raw.hex() for raw in outcome.frames],
            }
            await self._keep(connection, number, _STATES[outcome.ending], reply)
            del self._ended[number]
            self._count(outcome.ending)

    async def _keep(
        self, connection: Connection, number: int, state: str, reply: Mapping[str, object]
    ) -> None:
        """Keep the end of a command; where the database never takes it, that there was one."""
        try:
            await finish(connection, number, state, reply, gateway=self._name, now=self._now())
        except StorageError as error:
            if error.retryable:
                raise
            _log.exception("what came of a command cannot be kept", command=number)
            reply = said(_UNKEPT)
            await finish(connection, number, state, reply, gateway=self._name, now=self._now())

    def _count(self, ending: Ending) -> None:
        match ending:
            case Ending.ANSWERED:
                self.counters.answered += 1
            case Ending.REFUSED:
                self.counters.refused += 1
            case Ending.SILENT:
                self.counters.silent += 1

    async def _tell_counts(self, connection: Connection) -> None:
        """Keep what came of polls, of those lines where something did."""
        counted = {one.name: one for one in self._counted()}
        changed = [one for name, one in counted.items() if self._told.get(name) != one.numbers]
        if changed:
            await tell_counts(connection, changed, self._now())
        self._told = {name: one.numbers for name, one in counted.items()}

    def _counted(self) -> Iterator[Counted]:
        for session in self._port.connections:
            line, codec, identity = (
                session.session.line, session.session.codec, session.session.identity,
            )  # fmt: skip
            if line is not None and codec is not None and identity and line.counters.asked:
                yield Counted(codec.name, identity, line.counters)

    def _now(self) -> datetime:
        return moment_of(self._now_us())
