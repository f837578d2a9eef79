"""A provider's word of who somebody is: an ID token, looked at before it is believed.

header: algorithm, key ─► signature ─► issuer, audience, times ─► nonce ─► the claim that counts
"""

import hmac
from collections.abc import Sequence
from typing import Any, Final

import jwt

from wattwarden.console.oidc.discovery import Key
from wattwarden.console.oidc.errors import NoWordError
from wattwarden.console.oidc.registration import Algorithm, Claim, Registration, subject_of

# A token with a person's groups in it has some 4 KB.
MAX_TOKEN_LETTERS: Final = 16_384
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")


class UnknownKeyError(NoWordError):
    """The key that signed is none of those known: they may have changed."""


def subject_in(token: str, keys: Sequence[Key], registration: Registration, nonce: str) -> str:
    """Return who a token says somebody is, as identities are compared.

    Raises:
        UnknownKeyError: It was signed by none of these keys.
        NoWordError: It is forged, another's, from another time or visit, or does not tell.
    """
    if len(token) > MAX_TOKEN_LETTERS:
        raise NoWordError("the token is too long")
    key = _key_of(token, keys, registration)
    try:
        claims = jwt.decode(
            token,
            key=key.key,
            algorithms=[key.algorithm.value],
            audience=registration.client_id,
            issuer=registration.issuer,
            leeway=registration.leeway_s,
            options={"require": list(_REQUIRED)},
        )
    except (jwt.PyJWTError, ValueError) as error:
        # By its kind alone: messages of libraries may hold what tokens say.
        message = f"the token does not hold: {type(error).__name__}"
        raise NoWordError(message) from None
    _check_for_us(claims, registration, nonce)
    return _subject(claims, registration.claim)


def _key_of(token: str, keys: Sequence[Key], registration: Registration) -> Key:
    """Return the key that a token says to be signed with, of an algorithm that we take."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise NoWordError("the token is none") from None
    said = header.get("alg")
    if said not in registration.algorithms:
        raise NoWordError("the token is signed in a way that is not taken")
    identity = header.get("kid")
    able = [
        one
        for one in keys
        if one.algorithm is Algorithm(said) and (identity is None or one.id == identity)
    ]
    # Without a name there is no telling of several which it was.
    if len(able) != 1:
        raise UnknownKeyError("the token is signed by a key that is not the provider's")
    return able[0]


def _check_for_us(claims: dict[str, Any], registration: Registration, nonce: str) -> None:
    """Refuse what was said to another client, or for another visit."""
    party = claims.get("azp")
    audience = claims["aud"]
    shared = isinstance(audience, list) and len(audience) > 1
    if (shared or party is not None) and party != registration.client_id:
        raise NoWordError("the token was given to another client")
    said = claims.get("nonce")
    told = said.encode(errors="replace") if isinstance(said, str) else b""
    if not hmac.compare_digest(told, nonce.encode()):
        raise NoWordError("the token is of another visit")


def _subject(claims: dict[str, Any], claim: Claim) -> str:
    said = claims.get(claim)
    if claim is Claim.EMAIL and claims.get("email_verified") is not True:
        raise NoWordError("the provider has not verified the address")
    subject = subject_of(claim, said) if isinstance(said, str) else None
    if subject is None:
        raise NoWordError("the token does not tell who it is")
    return subject
