"""What one meter's connections say and are told, told on to whoever wants to see it.

    order: these meters, so long ─► Target ─► ring of the last happenings
    a traced connection ─ happened ──►  │  └► sinks: who looks on, the log

What travels between a gateway and who looks on is one msgpack array each; nothing of it is stored.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from wattwarden.protocol.envelope import SessionRow

TOPIC: Final = "trace"
"""On which topic of the journal's server gateways hear orders; answers come on one below it."""
# An hour of a meter that reports every 15 s; of one that reports every second, minutes.
RING_HAPPENINGS: Final = 256
# The longest frame of a protocol is 9,999 bytes; what is longer is shown cut.
MOST_BYTES: Final = 16_384
# Who looks on says so again every few seconds; one that was killed is forgotten after this.
LEASE_S: Final = 15.0
RENEWAL_S: Final = 5.0
# A trace that nobody ends costs its meter the short way through the gateway.
LONGEST_S: Final = 7_200.0
# People look at some of them at a time; a gateway is no recorder of a city.
MOST_TARGETS: Final = 32
# NATS takes 1 MiB a message.
MOST_ANSWER_BYTES: Final = 262_144


class What(StrEnum):
    """What happened to a connection, beside the occurrences that the journal records."""

    HEARD = "heard"
    """A frame came."""
    ANSWERED = "answered"
    """What frames were answered once they were stored."""
    SENT = "sent"
    """What was sent without waiting for the journal: polls, commands, answers to logins."""
    NOISE = "noise"
    """Bytes that belong to no frame."""
    RETURNED = "returned"
    """A frame was given back: its checksum does not fit."""
    REFUSED = "refused"
    """The connection was not let in."""


INCOMING: Final = frozenset({What.HEARD, What.NOISE, What.RETURNED})
OUTGOING: Final = frozenset({What.ANSWERED, What.SENT})


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happened: ``at`` in microseconds UTC, on the connection of ``peer``.

    ``size`` is how many bytes there were, ``data`` the first of them; ``request`` is what a frame
    answers; ``waited_us`` from the receipt of what is answered until the answer was sent.
    """

    at: int
    what: str
    peer: str
    codec: str | None = None
    identity: str | None = None
    data: bytes = b""
    size: int = 0
    reason: str = ""
    request: bytes | None = None
    waited_us: int | None = None


def happening(
    at: int,
    what: str,
    row: SessionRow,
    codec: str | None,
    data: bytes,
    *,
    reason: str = "",
    waited_us: int | None = None,
) -> Happened:
    """Return what happened to a peer that an envelope would describe by ``row``."""
    return Happened(
        at=at,
        what=what,
        peer=row.peer,
        codec=codec,
        identity=row.identity,
        data=data[:MOST_BYTES],
        size=len(data),
        reason=reason,
        waited_us=waited_us,
    )


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Somebody wants to see what happens to a meter.

    ``names`` are codec:address or addresses, ``host`` is where its peer dials in from (with a port:
    one connection), "" where that does not matter.  ``last`` of what is remembered come first.
    ``seconds`` is how long it may last; the same ``id`` again renews it, with 0 ends it.
    """

    id: str
    names: frozenset[str]
    host: str
    last: int
    seconds: float
    by: str


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What a gateway tells: how many connections are traced, or what happened.

    ``left_out`` counts what came faster than anybody reads.
    """

    gateway: str
    connections: int | None
    happened: list[Happened]
    left_out: int = 0
    past: bool = False


_Told: Final = msgspec.msgpack.Decoder(Told)
_Order: Final = msgspec.msgpack.Decoder(Order)
_encoder: Final = msgspec.msgpack.Encoder()


def encode(message: Order | Told) -> bytes:
    """Return the message as it travels."""
    return _encoder.encode(message)


def decode_told(payload: bytes) -> Told:
    """Read what a gateway tells.  Raises ValueError where it is no such thing."""
    return _Told.decode(payload)


def decode_order(payload: bytes) -> Order:
    """Read an order.  Raises ValueError where it is none."""
    return _Order.decode(payload)


def portions(happened: list[Happened]) -> Iterator[list[Happened]]:
    """Yield lists that each fit into a message."""
    portion: list[Happened] = []
    size = 0
    for one in happened:
        if portion and size + len(one.data) > MOST_ANSWER_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += len(one.data) + len(one.request or b"")
    if portion:
        yield portion


Sink = Callable[[Happened], None]


@dataclass(slots=True)
class Target:
    """What is wanted to be seen, by which orders; ``sinks`` by the order's id."""

    names: frozenset[str]
    host: str
    ring: deque[Happened] = field(default_factory=lambda: deque(maxlen=RING_HAPPENINGS))
    sinks: dict[str, Sink] = field(default_factory=dict)

    def is_of(self, codec: str | None, identity: str | None, peer: str) -> bool:
        """Whether a connection is wanted."""
        if self.host and self.host in {peer, peer.rpartition(":")[0].strip("[]")}:
            return True
        return identity is not None and not self.names.isdisjoint((identity, f"{codec}:{identity}"))

    def see(self, happened: Happened) -> None:
        """Keep it, and tell who looks on."""
        self.ring.append(happened)
        for sink in list(self.sinks.values()):
            sink(happened)
