"""How OneNET shows that a push is its own: Base64 of the MD5 over token, nonce and message."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import orjson

from wattwarden.codecs.pushes.json_body import BETWEEN, spans

_SIGNED = (b"msg", b"enc_msg")


def sign(token: str, nonce: str, message: bytes) -> str:
    """Return the signature of a message."""
    # The platform's own formula: the token keeps it, not the hash.
    signed = token.encode() + nonce.encode("utf-8", "surrogateescape") + message
    hashed = hashlib.md5(signed, usedforsecurity=False)
    return base64.b64encode(hashed.digest()).decode()


def is_signed(raw: bytes, body: dict[str, Any], token: str) -> bool:
    """Whether a body was signed with the token."""
    nonce, given = body.get("nonce"), body.get("msg_signature", body.get("signature"))
    if not isinstance(nonce, str) or not isinstance(given, str):
        return False
    return any(is_same(sign(token, nonce, message), given) for message in _messages(raw))


def is_same(wanted: str, given: str) -> bool:
    """Compare signatures in constant time; a + that a form has made a blank is one again."""
    return hmac.compare_digest(wanted.encode(), given.replace(" ", "+").encode("utf-8", "replace"))


def _messages(raw: bytes) -> Iterator[bytes]:
    """Yield what the platform may have signed: the text of the message, or its JSON as written."""
    for name, begin, end in spans(raw):
        if name in _SIGNED:
            written = raw[begin:end].strip(BETWEEN)
            text = orjson.loads(written)
            yield text.encode() if isinstance(text, str) else written
