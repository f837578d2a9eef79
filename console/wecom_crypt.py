"""What WeCom sends to an application, and what is sent back: signed and encrypted (path/90968).

signature = SHA-1 hex of token, timestamp, nonce, encrypted: sorted, put together
encrypted = base64 AES-256-CBC( random 16 | length 4, big-endian | text | corpid ), IV key[:16],
padded as PKCS#7 to blocks of 32
key       = base64 of EncodingAESKey and "="
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

RANDOM_BYTES: Final = 16
LENGTH_BYTES: Final = 4
# Padding goes to twice the block of AES.
BLOCK_BYTES: Final = 32

_ELEMENT: Final = re.compile(r"<(\w{1,64})>(?:<!\[CDATA\[(.*?)\]\]>|([^<>]*))</\1>", re.DOTALL)


class CallbackError(ValueError):
    """What came is not signed, not encrypted or not addressed as WeCom's is; says what."""


@dataclass(frozen=True, slots=True)
class Callback:
    """The address of an application for callbacks: whose it is, its Token, its EncodingAESKey."""

    corpid: str
    token: str = field(repr=False)
    encoding_key: str = field(repr=False)

    @property
    def key(self) -> bytes:
        """The key itself.

        Raises:
            CallbackError: EncodingAESKey is none.
        """
        try:
            key = base64.b64decode(f"{self.encoding_key}=", validate=True)
        except ValueError as error:
            raise CallbackError("EncodingAESKey is no base64") from error
        if len(key) != BLOCK_BYTES:
            raise CallbackError("EncodingAESKey has 43 letters")
        return key


@dataclass(frozen=True, slots=True)
class Stamp:
    """What stands beside an encrypted text; ``timestamp`` is Unix time as text."""

    timestamp: str
    nonce: str


def sign(callback: Callback, stamp: Stamp, encrypted: str) -> str:
    """Return the signature of an encrypted text."""
    parts = sorted((callback.token, stamp.timestamp, stamp.nonce, encrypted))
    return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324  WeCom's own choice


def unwrap(callback: Callback, stamp: Stamp, signature: str, encrypted: str) -> str:
    """Return the text of what WeCom sent.

    Raises:
        CallbackError: It is not WeCom's, or not for us.
    """
    right = sign(callback, stamp, encrypted)
    if not hmac.compare_digest(right.encode(), signature.encode()):
        raise CallbackError("wrong signature")
    return _decrypt(callback, encrypted)


def wrap(callback: Callback, stamp: Stamp, text: str, random: bytes) -> str:
    """Return the answer with a text in it, as XML; ``random`` has 16 bytes, never used before."""
    encrypted = encrypt(callback, text, random)
    signature = sign(callback, stamp, encrypted)
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{stamp.timestamp}</TimeStamp>"
        f"<Nonce><![CDATA[{stamp.nonce}]]></Nonce></xml>"
    )


def encrypt(callback: Callback, text: str, random: bytes) -> str:
    """Return a text encrypted; WeCom does the same."""
    said = text.encode()
    plain = random + len(said).to_bytes(LENGTH_BYTES, "big") + said + callback.corpid.encode()
    padding = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    key = callback.key
    encryptor = Cipher(AES(key), CBC(key[:RANDOM_BYTES])).encryptor()
    whole = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(whole).decode()


def elements(xml: str) -> Mapping[str, str]:
    """Return the texts of a flat document by their names; what is nested shows its innermost.

    WeCom's documents have no entities, so nothing is expanded.
    """
    body = xml.strip().removeprefix("<xml>")
    return {found[1]: found[2] or found[3] or "" for found in _ELEMENT.finditer(body)}


def _decrypt(callback: Callback, encrypted: str) -> str:
    key = callback.key
    try:
        raw = base64.b64decode(encrypted, validate=True)
        decryptor = Cipher(AES(key), CBC(key[:RANDOM_BYTES])).decryptor()
        plain = decryptor.update(raw) + decryptor.finalize()
    except ValueError as error:
        raise CallbackError("cannot be decrypted") from error
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= BLOCK_BYTES or len(plain) < RANDOM_BYTES + LENGTH_BYTES + padding:
        raise CallbackError("wrong padding")
    plain = plain[RANDOM_BYTES:-padding]
    end = LENGTH_BYTES + int.from_bytes(plain[:LENGTH_BYTES], "big")
    if plain[end:] != callback.corpid.encode():
        raise CallbackError("for another corporation")
    try:
        return plain[LENGTH_BYTES:end].decode()
    except UnicodeDecodeError as error:
        raise CallbackError("no UTF-8") from error
