"""Meters that send more than their share: held back, so that the journal stays open to the others.

    sweep ─► who was heard this moment ─► bytes that the kernel received ─► share used up? ─► held
             and has its turn, or is pressing

Nothing is counted where frames are taken: the kernel does it anyway (tcp_info(7), Linux 4.1).
"""

import socket
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wattwarden.server.connection import MeterConnection

RECEIVED_BYTES: Final = "received_bytes"
"""By which name transports tell how much has come (``get_extra_info``)."""
# struct tcp_info of linux/tcp.h: tcpi_bytes_received is its sixteenth word of 64 bits.
_RECEIVED: Final = struct.Struct("=128xQ")
# Who sends all the time was heard within this, and of the others few.
_MOMENT_S: Final = 0.1
# Of those each sweep looks at a fourth, and at everyone of whom more was waiting than a turn reads:
# what the others can send within four sweeps is little beside what they may send at once.
_PARTS: Final = 4
# While it is held, nobody notices that it hung up.
MOST_HELD_S: Final = 60.0


def received_bytes(sock: socket.socket) -> int:
    """Return how many bytes have come over a connection.

    Raises:
        OSError: The connection has ended.
    """
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
    received: int = _RECEIVED.unpack(told)[0]
    return received


class LoudMeters:
    """Holds back who sends more than ``per_second`` bytes, beyond ``burst`` at once.

    ``second_us`` is how many microseconds of the clock pass in a second.
    """

    def __init__(self, per_second: int, burst: int, second_us: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._second_us = second_us
        # By connection: bytes at the last look, what was left of its share then, and when.
        self._seen: dict[MeterConnection, tuple[int, float, int]] = {}

    def sweep(self, connections: Iterable["MeterConnection"], now: int) -> int:
        """Look at who is heard at this moment; return how many were held back for it."""
        moment = now - round(_MOMENT_S * self._second_us)
        part = now // self._second_us % _PARTS
        held = 0
        for connection in connections:
            if not connection.is_pressing and connection.epoch % _PARTS != part:
                continue
            connection.is_pressing = False
            if connection.session.heard_at >= moment and not self._is_within(connection, now):
                held += 1
        whole_us = self._burst / self._per_second * self._second_us
        self._seen = {one: seen for one, seen in self._seen.items() if now - seen[2] < whole_us}
        return held

    def _is_within(self, connection: "MeterConnection", now: int) -> bool:
        received = connection.received_bytes()
        before, left, at = self._seen.get(connection, (received, float(self._burst), now))
        regained = (now - at) / self._second_us * self._per_second
        left = min(self._burst, left + regained - (received - before))
        self._seen[connection] = (received, left, now)
        if left >= 0:
            return True
        connection.hold(min(MOST_HELD_S, -left / self._per_second))
        return False
