"""Addresses as people write them: refused at once when they are none, with the way to write them.

What is wrong is said without the address itself, which may hold a password.
"""

from ipaddress import ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from wattwarden.console.oidc.registration import is_private_way

MOST_PORT: Final = 65_535
DSN_FORM: Final = "postgresql://USER@HOST:5432/DATABASE"
NATS_FORM: Final = "nats://HOST:4222"
PUBLIC_FORM: Final = "https://HOST[:PORT][/PATH]"
ISSUER_FORM: Final = PUBLIC_FORM
STORE_FORM: Final = "file:///FOLDER or s3://BUCKET[/PREFIX][?endpoint_override=HOST:PORT&region=…]"

_DSN_SCHEMES: Final = ("postgresql", "postgres")
_NATS_SCHEMES: Final = ("nats", "tls", "ws", "wss")
_PUBLIC_SCHEMES: Final = ("https", "http")


def check_listen(address: str) -> str:
    """Return HOST:PORT as given.

    Raises:
        ValueError: It has no host, or no port from 0 (the kernel chooses) to 65535.
    """
    host, _, port = address.rpartition(":")
    if not host or not is_port(port):
        message = f"{address!r} is no HOST:PORT, as 0.0.0.0:10212 is"
        raise ValueError(message)
    return address


def endpoint_of(address: str) -> tuple[str, int]:
    """Return host and port of a HOST:PORT that was checked; no brackets around an IPv6 host.

    >>> endpoint_of("[::1]:10212")
    ('::1', 10212)
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def dialled(address: str) -> tuple[str, int]:
    """Return host and port of what is dialled: as ``endpoint_of``, and no port 0.

    Raises:
        ValueError: It is no HOST:PORT with a port from 1 on.
    """
    host, port = endpoint_of(check_listen(address))
    if not port:
        message = f"{address!r} is no HOST:PORT to dial, as 127.0.0.1:10212 is"
        raise ValueError(message)
    return host, port


def check_dsn(address: str) -> str:
    """Return the address of a PostgreSQL as given; several hosts are separated by commas.

    Raises:
        ValueError: It is none.
    """
    url = _split(address, _DSN_SCHEMES, DSN_FORM)
    _check_ports(url, DSN_FORM)
    return address


def check_nats(addresses: str) -> str:
    """Return the addresses of NATS servers, separated by commas, as given.

    Raises:
        ValueError: One of them is none.
    """
    for address in addresses.split(","):
        url = _split(address.strip(), _NATS_SCHEMES, NATS_FORM)
        _check_ports(url, NATS_FORM)
        if not url.hostname or url.path.strip("/"):
            message = f"an address names no host, or more than a host and a port: {NATS_FORM}"
            raise ValueError(message)
    return addresses


def check_public(address: str) -> str:
    """Return an address with which links begin, without the slash at its end.

    Raises:
        ValueError: It is none, or holds what links cannot begin with.
    """
    url = _split(address, _PUBLIC_SCHEMES, PUBLIC_FORM)
    try:
        _ = url.port
    except ValueError as error:
        message = f"a port is a number up to {MOST_PORT}: write it as {PUBLIC_FORM}"
        raise ValueError(message) from error
    if not url.hostname or "@" in url.netloc or url.query or url.fragment or url.netloc[-1] == ":":
        message = f"links begin with host, port and path alone: write it as {PUBLIC_FORM}"
        raise ValueError(message)
    return address.rstrip("/")


def check_store(address: str) -> str:
    """Return the address of a store of files, without the slash at its end.

    Raises:
        ValueError: It is none, or holds a secret: the catalogue names it to whoever reads.
    """
    url = urlsplit(address)
    if url.scheme not in {"file", "s3"} or not (url.netloc or url.path.startswith("/")):
        message = f"no store is there: write it as {STORE_FORM}"
        raise ValueError(message)
    if "@" in url.netloc:
        message = "a store's keys stay out of its address: give them as AWS_ACCESS_KEY_ID and so on"
        raise ValueError(message)
    return address.rstrip("/")


def check_issuer(address: str) -> str:
    """Return the address of a provider of identities as given: its issuer is compared by letters.

    Raises:
        ValueError: It is none, or others could listen in on the way to it.
    """
    if not is_private_way(address) or "?" in address:
        message = f"a provider is reached by TLS alone: write it as {ISSUER_FORM}"
        raise ValueError(message)
    return address


def check_network(text: str) -> str:
    """Return a network, such as 10.0.0.0/8, or an address, as given.

    Raises:
        ValueError: It is none.
    """
    ip_network(text)
    return text


def is_port(text: str) -> bool:
    """Whether a text is the number of a port, 0 included."""
    return text.isascii() and text.isdigit() and int(text) <= MOST_PORT


def _split(address: str, schemes: tuple[str, ...], form: str) -> SplitResult:
    try:
        url = urlsplit(address)
    except ValueError as error:
        message = f"this is no address ({error}): write it as {form}"
        raise ValueError(message) from error
    if url.scheme not in schemes or not address.startswith(f"{url.scheme}://"):
        message = f"an address begins with {schemes[0]}://: write it as {form}"
        raise ValueError(message)
    return url


def _check_ports(url: SplitResult, form: str) -> None:
    for host in url.netloc.rpartition("@")[2].split(","):
        # What follows the brackets of an IPv6 address, or the whole of any other.
        _, colon, port = host.rpartition("]")[2].rpartition(":")
        if colon and not (is_port(port) and int(port)):
            message = f"a port is a number from 1 to {MOST_PORT}: write it as {form}"
            raise ValueError(message)
