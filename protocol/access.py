"""What a meter has to show before it is believed; by default nothing.

networks     from where it dials in          certificate  what it shows at the TLS listener
password     what its frames carry (HJ 212)  sim          the card that it registers with (Acrel)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

UNKNOWN_PASSWORD: Final = b""
"""Stands for a password that cannot be read: nothing fits it, so nobody passes for the meter."""
NOWHERE: Final[tuple[Network, ...]] = (ip_network("::/128"),)
"""Stands for networks that cannot be read: nobody dials in from there."""
# So ends what stands for all cards of a block, such as those of one order.
ANY_REST: Final = "*"


@dataclass(frozen=True, slots=True)
class Access:
    """What a meter has to show; None and () ask for nothing.

    ``password`` is secret and never leaves memory, ``password_file`` names it.  ``certificate`` is
    one of the names that ``Certificate.names`` gives; ``sim`` an ICCID, or its beginning and ``*``.
    """

    password: bytes | None = field(default=None, repr=False)
    networks: tuple[Network, ...] = ()
    certificate: str | None = None
    sim: str | None = None
    password_file: str | None = None

    def takes_password(self, given: bytes) -> bool:
        """Tell whether a password is the meter's, in a time that does not depend on how close."""
        wanted = self.password
        return wanted is None or (bool(wanted) and compare_digest(wanted, given))

    def takes_sim(self, given: str) -> bool:
        """Tell whether a card is the meter's."""
        wanted = self.sim
        if wanted is None:
            return True
        if wanted.endswith(ANY_REST):
            return given.startswith(wanted.removesuffix(ANY_REST))
        return given == wanted


OPEN: Final[Access] = Access()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a client's certificate says of it, once its authority is proven.

    ``fingerprint`` is the SHA-256 of the whole, ``serial`` what its authority numbered it with;
    both are hexadecimal digits in lower case.
    """

    fingerprint: str
    common_name: str
    serial: str

    @property
    def names(self) -> frozenset[str]:
        """By what a meter's configuration may name it."""
        named = {f"sha256:{self.fingerprint}", f"serial:{self.serial}"}
        return frozenset(named | ({f"cn:{self.common_name}"} if self.common_name else set()))

    @property
    def described(self) -> str:
        """What is recorded of it: the whole as a number, and in print the name that it has."""
        name = "".join(letter for letter in self.common_name if letter.isprintable())
        return f"sha256:{self.fingerprint} CN={name}"


def is_inside(host: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of some networks; what is no address lies in none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)
