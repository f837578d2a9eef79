"""Listening sockets that a gateway has from whoever started it, and that outlive it.

    up      opens one set of sockets a gateway ─► WATTWARDEN_SOCKETS={"meters": [7], …} ─► gateway
    systemd ListenStream=, FileDescriptorName=meters ──► LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES
                                                         └► up, which deals them out; a gateway

Whoever dials in while the gateway is started again waits in the socket and is let in by the next
one; datagrams wait likewise.  All sets share one address, and the kernel deals out peers among
them by their address: as long as the sets stay, so does each peer's.
"""

import os
import socket
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson

from wattwarden.server.addresses import endpoint_of
from wattwarden.server.datagrams import open_datagrams
from wattwarden.server.listening import (
    DATAGRAMS,
    LISTENERS,
    METERS,
    PUSHES,
    TLS,
    Door,
    PortRefusedError,
    refused,
)
from wattwarden.server.settings import GatewaySettings
from wattwarden.server.sockets import open_listeners

VARIABLE: Final = "WATTWARDEN_SOCKETS"
METER_SOCKETS: Final = "meters"
TLS_SOCKETS: Final = "tls"
PUSH_SOCKETS: Final = "pushes"
DATAGRAM_SOCKETS: Final = "datagrams"
# sd_listen_fds(3): the first descriptor that is handed over.
_FIRST_OF_SYSTEMD: Final = 3

Sockets = Mapping[str, Sequence[socket.socket]]
"""Sockets by the name of their door; a listener's is ``listener-NAME``."""
NOTHING_INHERITED: Final[Sockets] = MappingProxyType({})


def listener_sockets(name: str) -> str:
    """Return the name of a listener's sockets."""
    return f"listener-{name}"


def inherited(environment: Mapping[str, str], pid: int) -> dict[str, list[socket.socket]]:
    """Return the sockets that this process was handed over.

    Raises:
        PortRefusedError: What was handed over is no socket.
    """
    try:
        return {
            name: [_socket_of(number) for number in numbers]
            for name, numbers in _numbers(environment, pid).items()
        }
    except (OSError, ValueError, TypeError) as error:
        message = f"the sockets handed over cannot be used: {error}"
        raise PortRefusedError(message, f"start it without {VARIABLE} and LISTEN_FDS") from error


async def open_sets(
    settings: GatewaySettings, count: int, held: Sockets = NOTHING_INHERITED
) -> list[dict[str, list[socket.socket]]]:
    """Open all that so many gateways listen with, a set for each; what is held is dealt out.

    Raises:
        PortRefusedError: An address cannot be listened at.
    """
    sets = [_dealt(held, number, count) for number in range(count)]
    try:
        for name, listen, door in _doors(settings):
            if name in held:
                continue
            host, port = endpoint_of(listen)
            for one in sets:
                one[name] = await _opened(name, (host, port), refusal=(listen, door))
                # Where the kernel chooses the port, the first one's holds for all.
                port = one[name][0].getsockname()[1]
    except PortRefusedError:
        for one in sets:
            close_all(one)
        raise
    return sets


def handed_over(sockets: Sockets) -> str:
    """Write which descriptors hold which sockets, for the one who gets them."""
    numbers = {name: [sock.fileno() for sock in held] for name, held in sockets.items()}
    return orjson.dumps(numbers).decode()


def descriptors(sockets: Sockets) -> tuple[int, ...]:
    """Return the descriptors of all sockets."""
    return tuple(sock.fileno() for held in sockets.values() for sock in held)


def close_all(sockets: Sockets) -> None:
    """Let go of all of them."""
    for held in sockets.values():
        for sock in held:
            sock.close()


def _dealt(held: Sockets, number: int, count: int) -> dict[str, list[socket.socket]]:
    """Return a gateway's share of what is held; where there is too little, several have one."""
    return {
        name: list(sockets[number::count]) or [sockets[number % len(sockets)]]
        for name, sockets in held.items()
    }


async def _opened(
    name: str, address: tuple[str, int], refusal: tuple[str, Door]
) -> list[socket.socket]:
    try:
        if name == DATAGRAM_SOCKETS:
            return [open_datagrams(*address)]
        return await open_listeners(*address)
    except OSError as error:
        raise refused(*refusal, error) from error


def _doors(settings: GatewaySettings) -> list[tuple[str, str, Door]]:
    """Name what is listened for, and where."""
    doors = [(METER_SOCKETS, settings.listen, METERS)]
    if settings.tls_listen is not None:
        doors.append((TLS_SOCKETS, settings.tls_listen, TLS))
    if settings.http_listen is not None:
        doors.append((PUSH_SOCKETS, settings.http_listen, PUSHES))
    if settings.udp_listen is not None:
        doors.append((DATAGRAM_SOCKETS, settings.udp_listen, DATAGRAMS))
    doors += [(listener_sockets(n), listen, LISTENERS) for n, listen in settings.listeners.items()]
    return doors


def _numbers(environment: Mapping[str, str], pid: int) -> Mapping[str, Sequence[int]]:
    if VARIABLE in environment:
        numbers: dict[str, list[int]] = orjson.loads(environment[VARIABLE])
        return numbers
    found: dict[str, list[int]] = defaultdict(list)
    if environment.get("LISTEN_PID") == str(pid):
        count = int(environment.get("LISTEN_FDS", "0"))
        names = environment.get("LISTEN_FDNAMES", "").split(":")
        for place in range(count):
            # A unit that names nothing has one door.
            name = names[place] if place < len(names) else ""
            known = name if _is_known(name) else METER_SOCKETS
            found[known].append(_FIRST_OF_SYSTEMD + place)
    return found


def _is_known(name: str) -> bool:
    doors = {TLS_SOCKETS, PUSH_SOCKETS, DATAGRAM_SOCKETS}
    return name in doors or name.startswith(listener_sockets(""))


def _socket_of(number: int) -> socket.socket:
    # Nobody whom this process may start has any use for it.
    os.set_inheritable(number, False)  # noqa: FBT003  theirs
    sock = socket.socket(fileno=number)
    sock.settimeout(0)
    return sock
