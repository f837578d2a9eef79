"""The meter port for meters that speak TLS: the same sessions behind a handshake.

    listener ─► Wire ─► TlsPeer ── its turn? ──► handshake ──► MeterConnection, as at the plain port
                          └ refused: address not allowed, too many, failed too often

A handshake is the dearest thing that a stranger may ask for, so turns are limited: for all, and
for each address, so that nobody takes those of the others.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import structlog

from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.allowances import Allowance, Bucket, Turns
from wattwarden.server.certificates import CertificateError, Certificates, Files
from wattwarden.server.settings import GatewaySettings
from wattwarden.server.sockets import Sockets
from wattwarden.server.tls_peer import TlsPeer

if TYPE_CHECKING:
    from wattwarden.server.connection import MeterConnection
    from wattwarden.server.port import MeterPort
    from wattwarden.server.wire import Peer

MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = 24 * 60 * MINUTE_US
# Whoever renews by hand has to be told while there is time to.
ENDS_SOON: Final = timedelta(days=14)
# Of an address behind which a thousand meters redial, ten seconds' worth at once.
BURST_S: Final = 10
# Enough to see whose certificate is wrong, too few to fill a disk with scanners.
MOST_LOGGED_A_MINUTE: Final = 20

TOO_MANY_FAILURES: Final = "tls_failures_per_peer_minute"
TOO_MANY_OF_PEER: Final = "tls_handshakes_per_peer_second"
TOO_MANY: Final = "tls_handshakes_per_second"

_log: Final = structlog.get_logger(__name__)


class TlsDoor:
    """Listens for meters that speak TLS.

    ``patience_s`` is how long a handshake may take once it is the peer's turn.
    """

    def __init__(self, port: "MeterPort", settings: GatewaySettings, secrets: Path) -> None:
        """Read the certificate.

        Raises:
            CertificateError: It cannot be used.
        """
        self.patience_s = settings.tls_handshake_s
        self._port = port
        self._certificates = Certificates(Files.of(settings, secrets))
        self._turns = Turns(settings.tls_handshakes_per_second, self.patience_s, SECOND_US)
        per_peer = settings.tls_handshakes_per_peer_second
        self._of_peer = Bucket(BURST_S * per_peer, per_peer, SECOND_US)
        self._failures = Allowance(settings.tls_failures_per_peer_minute, MINUTE_US)
        self._logged = Allowance(1, MINUTE_US)
        self._lines = Allowance(MOST_LOGGED_A_MINUTE, MINUTE_US)
        self._told = Allowance(1, DAY_US)
        self._waiting: set[TlsPeer] = set()
        self._loop = asyncio.get_running_loop()
        # What it makes is never a source of a lane, for which alone a wire's peer must be more.
        connect = cast("Callable[[], Peer]", self._connect)
        self._sockets = Sockets(connect, port.now_us, port.end_turn)

    def listen(self, listening: Sequence[socket.socket]) -> str:
        """Accept at sockets that listen; return HOST:PORT."""
        return self._sockets.accept_at(listening)

    def drain(self) -> None:
        """Accept nobody more; who is still shaking hands has sent nothing that could be lost."""
        self._sockets.stop_listening()
        for peer in list(self._waiting):
            peer.abort()

    def end(self) -> None:
        """Let go of the sockets, once their connections have ended."""
        self._sockets.close()

    def sweep(self) -> None:
        """Take up a certificate that has changed; call it now and then."""
        self._of_peer.expire(self._now())
        try:
            changed = self._certificates.refresh()
        except CertificateError as error:
            _log.error("the old certificate stays", reason=error.message, cure=error.cure)
        else:
            if changed:
                _log.info("a new certificate is in force")
        left = self._certificates.ends_at - datetime.now(UTC)
        if left < ENDS_SOON and self._told.take("", self._now()):
            _log.warning("the certificate ends soon", days=left.days)

    # --- its peers' side

    def turn(self, peer: TlsPeer) -> float | None:
        """Return in how many seconds a newcomer may shake hands, None where it may not."""
        self._waiting.add(peer)
        port, host, now = self._port, peer.host, self._now()
        refusal = port.early_refusal(host)
        wait_s: float | None = None
        if refusal is None and self._failures.is_used_up(host, now):
            refusal = TOO_MANY_FAILURES
        if refusal is None and not self._of_peer.take(host, now):
            refusal = TOO_MANY_OF_PEER
        if refusal is None:
            wait_s = self._turns.wait_s(now)
            refusal = TOO_MANY if wait_s is None else None
        if refusal is not None:
            port.counters.refuse(refusal)
        return wait_s

    def let_in(self, peer: TlsPeer) -> "MeterConnection":
        """Return the connection of a peer whose handshake is done."""
        self._waiting.discard(peer)
        return self._port.connect()

    def forget(self, peer: TlsPeer) -> None:
        """Take note that a peer is gone."""
        self._waiting.discard(peer)

    def note_failure(self, host: str, reason: str) -> None:
        """Count a handshake that failed, and tell of it, of each address once a minute."""
        now = self._now()
        self._failures.take(host, now)
        self._port.counters.close(f"TLS handshake: {reason}")
        if self._logged.take(host, now) and self._lines.take("", now):
            _log.warning("a TLS handshake failed", peer=host, reason=reason)

    def _connect(self) -> TlsPeer:
        return TlsPeer(self, self._certificates.context)

    def _now(self) -> int:
        return round(self._loop.time() * SECOND_US)
