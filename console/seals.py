"""Sealed texts: what was written is read back only if it was sealed here, and for this purpose.

base64url( key id 4 | body | HMAC-SHA256(key, purpose 0 key id body)[:16] )    no padding
"""

import base64
import hashlib
import hmac
from typing import Final

from wattwarden.console.keys import ID_BYTES, Key, KeyRing

# 128 bits are guessed by nobody, and a message by SMS has few letters.
MARK_BYTES: Final = 16
# A link of the longest person's id; what is longer is not looked at.
MAX_LETTERS: Final = 512


def seal(key: Key, purpose: bytes, body: bytes) -> str:
    """Return a body, sealed for a purpose, as a text that addresses may hold."""
    whole = key.id + body
    return _text(whole + _mark(key, purpose, whole))


def unseal(keys: KeyRing, purpose: bytes, text: str) -> bytes | None:
    """Return the body of a sealed text; None where it was not sealed by us for this purpose."""
    raw = _bytes(text)
    if raw is None or len(raw) < ID_BYTES + MARK_BYTES:
        return None
    whole, mark = raw[:-MARK_BYTES], raw[-MARK_BYTES:]
    key = keys.find(whole[:ID_BYTES])
    if key is None or not hmac.compare_digest(mark, _mark(key, purpose, whole)):
        return None
    return whole[ID_BYTES:]


def form_mark(keys: KeyRing, text: str) -> str:
    """Return what a form on the page of a sealed text carries: known to those who saw that page."""
    raw = _bytes(text) or b""
    key = keys.find(raw[:ID_BYTES])
    return "" if key is None else _text(_mark(key, b"form", raw))


def is_form_mark(keys: KeyRing, text: str, mark: str) -> bool:
    """Tell whether a form came from the page of a sealed text."""
    right = form_mark(keys, text)
    return bool(right) and hmac.compare_digest(right.encode(), mark.encode())


def _mark(key: Key, purpose: bytes, whole: bytes) -> bytes:
    said = purpose + b"\0" + whole
    return hmac.digest(key.secret, said, hashlib.sha256)[:MARK_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    """Return the bytes of a text that was written by ``_text``; one text alone means them."""
    if len(text) > MAX_LETTERS or not text.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if _text(raw) == text else None
