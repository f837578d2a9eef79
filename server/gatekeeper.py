"""Who is let in: by the address when somebody dials in, by what a meter has to show at its login.

    address ─ refusal ─► allowed network? ─► not too often? ─► connection
    login ─── denial ──► not failed too often? ─► its network? its certificate? ─► not too often?
    datagram ─ fault ──► its network? its certificate?

What a peer is told is nothing; reasons are counted and logged, and are few.  Whoever sends a
datagram may write any address into it: nobody is held up for what came under his address.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final

from wattwarden.protocol.access import OPEN, Access, Certificate, is_inside
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.allowances import Allowance, Bucket
from wattwarden.server.settings import GatewaySettings

MINUTE_S: Final = 60
# What a gateway lets in within two seconds; of a larger storm behind one address the rest comes
# when it dials again.
BURST_S: Final = 25
# Whoever guesses one meter's password of six digits from one address needs months for half of them.
DENIAL_WINDOW_S: Final = 600

FOREIGN_NETWORK: Final = "not from an allowed network"
TOO_MANY_CONNECTIONS: Final = "connections_per_peer_second"
TOO_MANY_LOGINS: Final = "the meter logs in too often"
TOO_MANY_DENIALS: Final = "the meter failed to prove itself too often from this address"
OTHER_NETWORK: Final = "not from a network of the meter"
OTHER_CERTIFICATE: Final = "not with the certificate of the meter"


class Gatekeeper:
    """Lets in who may come.  ``rate`` seconds of the clock pass in a real one."""

    def __init__(self, settings: GatewaySettings, rate: int) -> None:
        second_us = SECOND_US * rate
        self._networks = tuple(ip_network(one) for one in settings.allowed_networks)
        per_second = settings.connections_per_peer_second
        self._newcomers = Bucket(BURST_S * per_second, per_second, second_us)
        self._logins = Allowance(settings.logins_per_meter_minute, MINUTE_S * second_us)
        self._denials = Allowance(settings.denied_logins_per_meter, DENIAL_WINDOW_S * second_us)
        self._proofs: Mapping[tuple[str, str], Access] = {}

    def refusal(self, host: str, now: int) -> str | None:
        """Say why nobody is let in from an address at this moment, None when he is."""
        if not self.is_allowed(host):
            return FOREIGN_NETWORK
        return None if self._newcomers.take(host, now) else TOO_MANY_CONNECTIONS

    def is_allowed(self, host: str) -> bool:
        """Tell whether an address is one that meters dial in from."""
        return not self._networks or is_inside(host, self._networks)

    def denial(
        self, meter: str, access: Access, host: str, shown: Certificate | None, now: int
    ) -> str | None:
        """Say why a peer that logs in is not believed to be a meter, None when it is."""
        if access is not OPEN:
            if self._denials.is_used_up(_pair(meter, host), now):
                return TOO_MANY_DENIALS
            reason = fault_of(access, host, shown)
            if reason is not None:
                self.note_denial(meter, host, now)
                return reason
        # Of who is believed alone: strangers would use up the logins of a meter that proves itself.
        return None if self._logins.take(meter, now) else TOO_MANY_LOGINS

    def note_denial(self, meter: str, host: str, now: int) -> None:
        """Take note that a peer at an address failed to prove that it is a meter."""
        self._denials.take(_pair(meter, host), now)

    def expect(self, proofs: Mapping[tuple[str, str], Access]) -> None:
        """Take note of what which meters have to show; where that changed, believe all anew."""
        if proofs != self._proofs:
            self._proofs = proofs
            self._denials.forgive()

    def expire(self, now: int) -> None:
        """Forget what is of no more use; call it now and then."""
        self._newcomers.expire(now)


def fault_of(access: Access, host: str, shown: Certificate | None) -> str | None:
    """Say what a peer fails to show of what a meter has to; None for nothing."""
    if access.networks and not is_inside(host, access.networks):
        return OTHER_NETWORK
    if access.certificate is not None and (shown is None or access.certificate not in shown.names):
        return OTHER_CERTIFICATE
    return None


def _pair(meter: str, host: str) -> str:
    return f"{host} {meter}"
