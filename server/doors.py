"""The gateway's doors beside its meter port: TLS, pushes, datagrams, listeners; off by default.

start ─► addresses      drain: nothing more is taken      close: what was taken has its answers
"""

import socket
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from wattwarden.server.certificates import CertificateError
from wattwarden.server.datagrams import DatagramDoor
from wattwarden.server.inherited import (
    DATAGRAM_SOCKETS,
    PUSH_SOCKETS,
    TLS_SOCKETS,
    listener_sockets,
)
from wattwarden.server.inherited import Sockets as Inherited
from wattwarden.server.listening import PortRefusedError
from wattwarden.server.push_door import PushDoor
from wattwarden.server.push_platforms import PLATFORMS, Platform
from wattwarden.server.secret_files import SecretError, read_secret, stamp_of
from wattwarden.server.settings import GatewaySettings
from wattwarden.server.sockets import Sockets
from wattwarden.server.tls_door import TlsDoor

if TYPE_CHECKING:
    from wattwarden.server.port import MeterPort

_log: Final = structlog.get_logger(__name__)

# What is no limit's doing.
_USUAL: Final = frozenset({"pushes", "checks", "datagrams"})


class Doors:
    """What a gateway hears beside its meter port; ``secrets`` is the folder of the tokens."""

    def __init__(self, port: "MeterPort", settings: GatewaySettings, secrets: Path) -> None:
        self._port = port
        self._settings = settings
        self._secrets = secrets
        self._open: list[PushDoor | DatagramDoor] = []
        self._listeners: list[Sockets] = []
        self._tls: TlsDoor | None = None
        # Of the token files, as they were last read.
        self._seen = self._stamps()

    async def start(self, sockets: Inherited) -> dict[str, str]:
        """Open the doors that there are sockets for; return their addresses by name.

        Raises:
            PortRefusedError: One cannot be opened; says why and what to do.
        """
        heard: dict[str, str] = {}
        for door in sockets.get(PUSH_SOCKETS, ()):
            pushes = PushDoor(self._port, self._platforms())
            self._open.append(pushes)
            heard["http"] = await pushes.start(door)
        for door in sockets.get(DATAGRAM_SOCKETS, ()):
            datagrams = DatagramDoor(self._port, self._port.codecs)
            self._open.append(datagrams)
            heard["udp"] = await datagrams.start(door)
        if found := sockets.get(TLS_SOCKETS):
            self._tls = self._secured()
            heard["tls"] = self._tls.listen(found)
        for name in self._settings.listeners:
            if found := sockets.get(listener_sockets(name)):
                heard[name] = self._listen(name, found)
        return heard

    def renew(self) -> None:
        """Tell pushes from others by the secrets that are set now; wrong ones change nothing."""
        doors = [door for door in self._open if isinstance(door, PushDoor)]
        if not doors:
            return
        try:
            platforms = self._platforms()
        except PortRefusedError as error:
            _log.error("pushes are told apart as before", reason=error.message)
            return
        for door in doors:
            door.platforms = platforms

    def drain(self) -> None:
        """Take nothing more."""
        for listener in self._listeners:
            listener.stop_listening()
        if self._tls is not None:
            self._tls.drain()
        for door in self._open:
            door.drain()

    async def close(self) -> None:
        """Close the doors, once what was taken is stored."""
        for door in self._open:
            await door.close()
        self._open.clear()

    def end(self) -> None:
        """Let go of the listeners, once their connections have ended."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._tls is not None:
            self._tls.end()
            self._tls = None

    def sweep(self) -> None:
        """Take up what changed beside the settings; call it once a second."""
        if self._tls is not None:
            self._tls.sweep()
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            self.renew()

    def limits_acted(self) -> dict[str, int]:
        """Return how often each limit acted since the start, by kind."""
        return dict(self._limits())

    def _limits(self) -> Iterator[tuple[str, int]]:
        for door in self._open:
            yield from ((kind, count) for kind, count in door.counts.items() if kind not in _USUAL)

    def _secured(self) -> TlsDoor:
        """Return the door for meters that speak TLS."""
        try:
            return TlsDoor(self._port, self._settings, self._secrets)
        except CertificateError as error:
            message = f"nobody could speak TLS: {error.message}"
            raise PortRefusedError(message, error.cure) from error

    def _listen(self, name: str, listening: Sequence[socket.socket]) -> str:
        """Hear meters that are known by where they dial in."""
        port = self._port
        sockets = Sockets(partial(port.connect, name), port.now_us, port.end_turn)
        self._listeners.append(sockets)
        return sockets.accept_at(listening)

    def _platforms(self) -> dict[str, Platform]:
        """Return the platforms whose secrets are set."""
        found: dict[str, Platform] = {}
        for name, file in self._token_files().items():
            try:
                found[name] = PLATFORMS[name](read_secret(self._secrets, file))
            except SecretError as error:
                message = f"pushes of {name} cannot be told from others: {error}"
                raise PortRefusedError(message, f"put it into {self._secrets}") from error
        if not found:
            cure = "name a file of the secrets folder as gateway.onenet_token_file or ctwing_…"
            raise PortRefusedError("nothing tells pushes from others: no token is set", cure)
        return found

    def _token_files(self) -> dict[str, str]:
        """Return the files of the platforms that are listened to."""
        files = {
            "ctwing": self._settings.ctwing_token_file,
            "onenet": self._settings.onenet_token_file,
        }
        return {name: file for name, file in files.items() if file is not None}

    def _stamps(self) -> list[tuple[int, ...]]:
        return [stamp_of(self._secrets / file) for file in self._token_files().values()]
