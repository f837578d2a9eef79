"""What a provider says of itself (OpenID Connect Discovery 1.0): where to ask, and its keys.

ISSUER/.well-known/openid-configuration ─► Place          jwks_uri ─► Key, Key, …
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from wattwarden.console.oidc.errors import AwayError
from wattwarden.console.oidc.registration import Algorithm, Registration, is_private_way

# Providers have two keys, while they change them; a list of more is somebody's invention.
MAX_KEYS: Final = 32
# What is shorter is broken by who has a year and money.
LEAST_RSA_BITS: Final = 2048

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_KINDS: Final = {("RSA", None): Algorithm.RS256, ("EC", "P-256"): Algorithm.ES256}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider is asked; ``says_issuer``: its answers name it (RFC 9207)."""

    authorization: str
    token: str
    keys: str
    in_header: bool
    says_issuer: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key by which a provider signs, of one algorithm; ``id`` None where it has none."""

    id: str | None
    algorithm: Algorithm
    key: jwt.PyJWK


def document_address(issuer: str) -> str:
    """Return where a provider describes itself."""
    return f"{issuer.rstrip('/')}{_WELL_KNOWN}"


def place_of(document: dict[str, Any], registration: Registration) -> Place:
    """Read what a provider says of itself.

    Raises:
        AwayError: It is another provider's, or leads where others listen in.
    """
    if document.get("issuer") != registration.issuer:
        raise AwayError("the provider's description names another issuer")
    # The protocol's own default is the header.
    ways = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    in_header = not isinstance(ways, list) or "client_secret_basic" in ways
    says_issuer = document.get("authorization_response_iss_parameter_supported") is True
    return Place(
        _endpoint(document, "authorization_endpoint"),
        _endpoint(document, "token_endpoint"),
        _endpoint(document, "jwks_uri"),
        in_header,
        says_issuer,
    )


def keys_of(document: dict[str, Any]) -> tuple[Key, ...]:
    """Read the keys by which a provider signs; those of other kinds or uses are left out.

    Raises:
        AwayError: It is no list of keys.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise AwayError("the provider's list of keys is none")
    return tuple(_keys(listed))


def _endpoint(document: dict[str, Any], name: str) -> str:
    address = document.get(name)
    if not isinstance(address, str) or not is_private_way(address):
        message = f"the provider's {name} is no https address"
        raise AwayError(message)
    return address


def _keys(listed: list[Any]) -> Iterator[Key]:
    for one in listed:
        if not isinstance(one, dict) or "d" in one or one.get("use", "sig") != "sig":
            continue
        algorithm = _KINDS.get((str(one.get("kty")), one.get("crv")))
        if algorithm is None or one.get("alg", algorithm) != algorithm:
            continue
        identity = one.get("kid")
        try:
            key = jwt.PyJWK(one, algorithm=algorithm.value)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key.key, RSAPublicKey) and key.key.key_size < LEAST_RSA_BITS:
            continue
        yield Key(identity if isinstance(identity, str) else None, algorithm, key)
