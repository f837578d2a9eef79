"""Who wants to see what happens to which meter, at one gateway process.

    orders over the journal's server ─┐                       ┌─► who looks on, by the same server
    debugging, kept in the database ──┴► Target ─ meet, look ─┴─► the log of this process

An order of somebody who looks on holds for a lease, and is renewed; a meter is debugged until the
moment that was said, also at a gateway that starts meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from wattwarden.codecs import load_codecs
from wattwarden.protocol.errors import ProtocolError
from wattwarden.server.connection import MeterConnection
from wattwarden.server.port import MeterPort
from wattwarden.server.trace import (
    LEASE_S,
    LONGEST_S,
    MOST_TARGETS,
    TOPIC,
    Happened,
    Order,
    Sink,
    Target,
    Told,
    What,
    decode_order,
    encode,
    portions,
)
from wattwarden.server.traced import TracedConnection, look_at
from wattwarden.storage.database import Connection
from wattwarden.storage.debugged import Debugged, load_debugged

# Nobody reads faster; a meter that goes mad must not fill the line of who looks at it.
MOST_TOLD_A_SECOND: Final = 200
# A busy meter says two things a second; a log of all of them is read by nobody.
MOST_LINES_A_SECOND: Final = 20
SECOND_S: Final = 1.0
# Enough to tell frames apart; the whole of it is in the journal, and in ``wattwarden trace``.
LOGGED_BYTES: Final = 32
DEBUGGED: Final = "debug"

_log: Final = structlog.get_logger(__name__)


class Wire(Protocol):
    """What is needed of the journal's connection to its server."""

    def tell(self, topic: str, payload: bytes) -> bool:
        """Send to whoever listens now."""

    async def hear(self, topic: str, hear: Callable[[bytes], None]) -> None:
        """Have ``hear`` called with what is told on a topic."""


@dataclass(slots=True)
class _Held:
    """An order in force, until a moment of the loop's clock; ``ends`` is the last it can have."""

    target: str
    until: float
    ends: float
    by: str


class Tracing:
    """What is wanted to be seen of the connections of a port; ``gateway`` is our own name."""

    def __init__(self, gateway: str, port: MeterPort, wire: Wire) -> None:
        self.orders = 0
        """How many were taken since the start."""
        self.refused = 0
        """How many were not, because too many meters are looked at."""
        self._gateway = gateway
        self._port = port
        self._wire = wire
        self._targets: dict[str, Target] = {}
        self._held: dict[str, _Held] = {}
        self._debugged: dict[str, Debugged] = {}

    def __len__(self) -> int:
        """How many meters and addresses are looked at."""
        return len(self._targets)

    async def follow(self) -> None:
        """Listen for orders from now on."""
        await self._wire.hear(TOPIC, self.hear)

    def hear(self, payload: bytes) -> None:
        """Take an order."""
        try:
            order = decode_order(payload)
        except ValueError as error:
            self.refused += 1
            _log.warning("an order to trace is not understood", reason=str(error))
            return
        now = asyncio.get_running_loop().time()
        if order.seconds <= 0:
            if order.last:
                self._look_back(order)
            self._end(order.id)
        elif order.id in self._held:
            held = self._held[order.id]
            held.until = min(now + LEASE_S, held.ends)
        else:
            self._begin(order, now)

    def _begin(self, order: Order, now: float) -> None:
        name = _name_of(order)
        if name not in self._targets and len(self._targets) >= MOST_TARGETS:
            self.refused += 1
            _log.warning("too many meters are traced", most=MOST_TARGETS, meter=name, by=order.by)
            return
        self.orders += 1
        self._look_back(order)
        ends = now + min(order.seconds, LONGEST_S)
        self._held[order.id] = _Held(name, min(now + LEASE_S, ends), ends, order.by)
        telling = _Telling(self._gateway, f"{TOPIC}.{order.id}", self._wire)
        self._want(name, order.names, order.host, order.id, telling)
        _log.info("meter traced", meter=name, by=order.by, most_s=order.seconds)

    def _look_back(self, order: Order) -> None:
        """Tell how many connections there are, and what the ring of the meter holds."""
        topic = f"{TOPIC}.{order.id}"
        wanted = Target(order.names, order.host)
        count = sum(1 for _ in self._of(wanted))
        self._wire.tell(topic, encode(Told(self._gateway, count, [])))
        target = self._targets.get(_name_of(order))
        if target is not None and order.last:
            for portion in portions(list(target.ring)[-order.last :]):
                self._wire.tell(topic, encode(Told(self._gateway, None, portion, past=True)))

    def sweep(self, now_s: float) -> None:
        """End what nobody renewed, and what has lasted long enough; call it once a second."""
        for number in [number for number, held in self._held.items() if now_s >= held.until]:
            self._end(number)

    async def take_up(self, connection: Connection) -> None:
        """Look which meters are debugged.

        Raises:
            StorageError: The database is away.
        """
        found = {one.meter: one for one in await load_debugged(connection)}
        for meter in [meter for meter in self._debugged if meter not in found]:
            self._end(f"{DEBUGGED} {meter}")
            _log.info("meter debugged no more", meter=meter)
        for meter in [meter for meter in found if meter not in self._debugged]:
            one = found[meter]
            self._want(meter, frozenset({meter}), "", f"{DEBUGGED} {meter}", self._logging(meter))
            _log.info("meter debugged", meter=meter, by=one.actor, until=one.until.isoformat())
        self._debugged = found

    def meet(self, connection: MeterConnection) -> None:
        """Look at a connection that came, or said who it is, where somebody wants that."""
        if self._targets:
            self._look(connection)

    def see(self, happened: Happened) -> None:
        """Take what happened at a door that has no connections."""
        for target in list(self._targets.values()):
            if target.is_of(happened.codec, happened.identity, happened.peer):
                target.see(happened)

    def _want(self, name: str, names: frozenset[str], host: str, number: str, sink: Sink) -> None:
        target = self._targets.setdefault(name, Target(names, host))
        target.sinks[number] = sink
        self._port.meet, self._port.looker = self.meet, self.see
        for connection in list(self._of(target)):
            self._look(connection)

    def _end(self, number: str) -> None:
        held = self._held.pop(number, None)
        if held is not None:
            _log.info("meter traced no more", meter=held.target, by=held.by)
        for name, target in list(self._targets.items()):
            target.sinks.pop(number, None)
            if not target.sinks:
                del self._targets[name]
                for connection in list(self._of(target)):
                    self._look(connection)
        if not self._targets:
            self._port.looker = None

    def _of(self, target: Target) -> Iterator[MeterConnection]:
        """Yield the connections that are wanted, and those that were."""
        for connection in self._port.connections:
            traced = isinstance(connection, TracedConnection) and target in connection.targets
            if traced or _is_of(target, connection):
                yield connection

    def _look(self, connection: MeterConnection) -> None:
        wanting = [one for one in self._targets.values() if _is_of(one, connection)]
        if wanting or isinstance(connection, TracedConnection):
            look_at(connection, wanting)

    def _logging(self, meter: str) -> Sink:
        """Return what writes down what happens to a meter."""
        pace = Pace(MOST_LINES_A_SECOND)

        def write(one: Happened) -> None:
            if not pace.allows():
                return
            _log.info(
                "meter debug",
                meter=meter,
                what=one.what,
                peer=one.peer,
                codec=one.codec,
                kind=self._kind_of(one) if one.what == What.HEARD else None,
                bytes=one.size or None,
                head=one.data[:LOGGED_BYTES].hex() or None,
                reason=one.reason or None,
                waited_ms=None if one.waited_us is None else one.waited_us / 1000,
                left_out=pace.left_out() or None,
            )

        return write

    def _kind_of(self, one: Happened) -> str | None:
        codec = None if one.codec is None else load_codecs().get(one.codec)
        if codec is None:
            return None
        try:
            return codec.read(one.data, self._port.profile_of).kind
        except ProtocolError as error:
            return f"refused: {error.message}"
        except Exception as error:  # noqa: BLE001  # who looks on changes nothing for who is looked at
            return f"the codec failed: {type(error).__name__}"


class Pace:
    """Lets through so many a second, and counts the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0.0
        self._count = 0
        self._left_out = 0

    def allows(self) -> bool:
        """Whether one more may be told now."""
        now = asyncio.get_running_loop().time()
        if now - self._second >= SECOND_S:
            self._second, self._count = now, 0
        self._count += 1
        if self._count <= self._most:
            return True
        self._left_out += 1
        return False

    def left_out(self) -> int:
        """Return, once, how many were not."""
        count, self._left_out = self._left_out, 0
        return count


class _Telling:
    """Tells who looks on: once a turn of the loop, what came in it."""

    def __init__(self, gateway: str, topic: str, wire: Wire) -> None:
        self._gateway = gateway
        self._topic = topic
        self._wire = wire
        self._pace = Pace(MOST_TOLD_A_SECOND)
        self._waiting: list[Happened] = []

    def __call__(self, happened: Happened) -> None:
        if not self._pace.allows():
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(happened)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for portion in portions(waiting):
            told = Told(self._gateway, None, portion, self._pace.left_out())
            self._wire.tell(self._topic, encode(told))


def _name_of(order: Order) -> str:
    return " ".join(sorted(order.names)) or order.host


def _is_of(target: Target, connection: MeterConnection) -> bool:
    session = connection.session
    codec = None if session.codec is None else session.codec.name
    return target.is_of(codec, session.identity, connection.peer)
