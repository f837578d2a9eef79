"""The platforms that may push: whose body it is, how it shows that, and when it is a repetition."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from wattwarden.codecs import load_codecs
from wattwarden.codecs.onenet import messages_of
from wattwarden.codecs.onenet.signature import is_same, is_signed, sign
from wattwarden.protocol.codec import Codec
from wattwarden.protocol.secret import Secret

# Of 128 bits two messages in 10^19 share one by chance.
_DIGEST_BYTES: Final = 16
_BEARER: Final = "Bearer "


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows beside its body: the end of its path, and its Authorization."""

    path: str
    authorization: str


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that pushes.

    ``is_its_own(raw, body, shown)`` tells whether it is the platform that speaks; ``said(raw,
    body)`` what it says, without what differs when it says it again; ``proof`` answers its check of
    the address, None where nothing proves that it asks.
    """

    codec: Codec
    is_its_own: Callable[[bytes, dict[str, Any], Shown], bool]
    said: Callable[[bytes, dict[str, Any]], bytes]
    proof: Callable[[Mapping[str, str]], str | None]

    def digest(self, raw: bytes, body: dict[str, Any]) -> bytes:
        """Return what tells a push from others, the same for its repetitions."""
        name = self.codec.name.encode()
        return hashlib.blake2b(self.said(raw, body), digest_size=_DIGEST_BYTES, key=name).digest()


def ctwing(secret: Secret) -> Platform:
    """Return CTWing, which shows a secret: as a bearer token, or as the end of the path."""

    def is_its_own(_raw: bytes, _body: dict[str, Any], shown: Shown) -> bool:
        wanted = secret.reveal().encode()
        given = (shown.path, shown.authorization.removeprefix(_BEARER))
        # Both are looked at: which of the two is the right one takes no time to tell.
        return sum(hmac.compare_digest(wanted, _bytes(one)) for one in given) > 0

    return Platform(load_codecs()["ctwing"], is_its_own, lambda raw, _: raw, lambda _: None)


def onenet(secret: Secret) -> Platform:
    """Return OneNET, which signs every push, and asks for an address before it pushes there."""

    def is_its_own(raw: bytes, body: dict[str, Any], _shown: Shown) -> bool:
        return is_signed(raw, body, secret.reveal())

    def said(raw: bytes, body: dict[str, Any]) -> bytes:
        # Signature and nonce are others each time; device, time, stream and value are not.
        if "msg" not in body:
            return raw
        return orjson.dumps(messages_of(body["msg"]), option=orjson.OPT_SORT_KEYS)

    def proof(query: Mapping[str, str]) -> str | None:
        message, nonce, given = (query.get(name) for name in ("msg", "nonce", "signature"))
        if message is None or nonce is None or given is None:
            return None
        wanted = sign(secret.reveal(), nonce, _bytes(message))
        return message if is_same(wanted, given) else None

    return Platform(load_codecs()["onenet"], is_its_own, said, proof)


def _bytes(text: str) -> bytes:
    """What stood in a request, whatever its charset."""
    return text.encode("utf-8", "surrogateescape")


PLATFORMS: Final[dict[str, Callable[[Secret], Platform]]] = {"ctwing": ctwing, "onenet": onenet}
"""How to make each platform of its secret, by the name in the path."""
