"""What a provider of identities knows us as, and what of its words we take."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from wattwarden.protocol.secret import Secret

# Clocks of offices without time servers are a minute apart.
USUAL_LEEWAY_S: Final = 60
# To which a provider leads browsers back; it is registered there, and never changes.
BACK_PATH: Final = "/sign-in/provider/back"
# OpenID Connect Core 1.0, section 2: a subject has 255 letters at most; an address has 254.
MAX_SUBJECT_LETTERS: Final = 255

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Algorithm(StrEnum):
    """How a provider signs; nothing is taken that shares a key, or has none."""

    RS256 = "RS256"
    ES256 = "ES256"


class Claim(StrEnum):
    """By which claim of an ID token somebody is known."""

    SUBJECT = "sub"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Registration:
    """One provider, and what we are to it.

    ``back`` is the address to which browsers come back.  ``secret`` reads the client's secret, each
    time that it is needed; None where the client is a public one.  ``ca_file`` is the authority of
    a closed network; None: those of the system.
    """

    issuer: str
    client_id: str
    back: str
    secret: Callable[[], Secret] | None = None
    scopes: tuple[str, ...] = ()
    claim: Claim = Claim.SUBJECT
    algorithms: tuple[Algorithm, ...] = (Algorithm.RS256,)
    ca_file: str | None = None
    leeway_s: int = USUAL_LEEWAY_S
    zh: str = "单位统一认证"
    en: str = "your organisation"


def is_private_way(address: str) -> bool:
    """Tell whether nobody listens in on the way to an address: TLS, or this very machine."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        url = urlsplit(address)
        host = url.hostname
        _ = url.port
    except ValueError:
        return False
    if not host or "@" in url.netloc or url.fragment:
        return False
    return url.scheme == "https" or (url.scheme == "http" and host in _LOOPBACK)


def subject_of(claim: Claim, said: str) -> str | None:
    """Return an identity as it is compared; None for what is none.

    >>> subject_of(Claim.EMAIL, " Li.Min@City.gov.cn ")
    'li.min@city.gov.cn'
    """
    subject = said.strip()
    if claim is Claim.EMAIL:
        subject = subject.lower()
        if subject.count("@") != 1:
            return None
    return subject if 0 < len(subject) <= MAX_SUBJECT_LETTERS and subject.isprintable() else None
