"""To which addresses the courier may connect: public ones, and what an endpoint's list allows.

A name is resolved by whoever connects, so what is checked is the very address of the connection.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

# What clouds tell machines about themselves, keys included; no list allows these.
METADATA: Final = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local: AWS, Azure, Google, Huawei, Tencent
            "100.100.100.200/32",  # Aliyun
            "168.63.129.16/32",  # Azure's wire server, which is a public address
            "fd00:ec2::254/128",  # AWS
            "fe80::/10",
        ),
    )
)
# Translated addresses (RFC 6052) hold the IPv4 address in their last four bytes.
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
# All that is given to anybody (IANA's registry of IPv6 unicast addresses).  What lies outside leads
# back into one's own network or nowhere: site-local fec0::/10, NAT64 of one's own 64:ff9b:1::/48
# (RFC 8215), IPv4 inside of ::/96 and ::ffff:0:0:0/96.
_PUBLIC: Final = IPv6Network("2000::/3")
# For examples in books (RFC 9637).
_DOCUMENTS: Final = IPv6Network("3fff::/20")


class RefusedAddressError(OSError):
    """An address to which nobody may connect."""


class Guard:
    """Checks addresses; ``allow`` are networks beyond the public ones."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allow = tuple(map(ip_network, allow))

    def check(self, host: str) -> None:
        """Refuse an address, as text, that is not allowed.

        Raises:
            RefusedAddressError: It is private, a cloud's own, or no address.
        """
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError as error:
            message = f"address {host} is refused: it is none"
            raise RefusedAddressError(message) from error
        for one in _meanings(address):
            if any(one in network for network in METADATA):
                message = f"address {host} is refused: a cloud's own"
                raise RefusedAddressError(message)
            if not self._may(one):
                message = f"address {host} is refused: not public, and not on the endpoint's list"
                raise RefusedAddressError(message)

    def _may(self, address: IPv4Address | IPv6Address) -> bool:
        if any(address in network for network in self._allow):
            return True
        if address.version == 6 and (address not in _PUBLIC or address in _DOCUMENTS):
            return False
        return address.is_global and not address.is_multicast


def _meanings(address: IPv4Address | IPv6Address) -> Iterable[IPv4Address | IPv6Address]:
    """Yield an address, or those where it leads in the end."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            yield inner
            return
    yield address
