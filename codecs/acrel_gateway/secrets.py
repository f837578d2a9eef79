"""What a gateway's secret is for: its proof, and what it encrypts and compresses.

The secret is 16 bytes; AES-128-CBC has it as key and as initial vector, with PKCS#7 padding.
"""

import hashlib
import hmac
import zlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from wattwarden.codecs.acrel_gateway.frame import BLOCK_BYTES
from wattwarden.protocol.errors import ProtocolError, Refusal

# Eight times the longest frame; XML of so many numbers shrinks to a tenth, not to a thousandth.
MOST_XML_BYTES: Final = 1024 * 1024
_SIX_DIGITS: Final = 900_000


def proof(key: bytes, sequence: str) -> str:
    """Return what a gateway has to answer to a sequence."""
    return hashlib.md5(key + sequence.encode(), usedforsecurity=False).hexdigest()


def sequence_of(key: bytes, gateway: str, now: int) -> str:
    """Return a sequence that nobody without the key can foretell, and that never comes again."""
    told = hmac.digest(key, f"{gateway} {now}".encode(), "sha256")
    return f"{now // 1000}{_SIX_DIGITS // 9 + int.from_bytes(told[:8], 'big') % _SIX_DIGITS}"


def encrypt(plain: bytes, key: bytes) -> bytes:
    """Encrypt a text."""
    padder = PKCS7(8 * BLOCK_BYTES).padder()
    sealing = _cipher(key).encryptor()
    return sealing.update(padder.update(plain) + padder.finalize()) + sealing.finalize()


def decrypt(sealed: bytes, key: bytes) -> bytes:
    """Undo ``encrypt``.

    Raises:
        ProtocolError: decode, where the key does not fit.
    """
    opening = _cipher(key).decryptor()
    unpadder = PKCS7(8 * BLOCK_BYTES).unpadder()
    try:
        padded = opening.update(sealed) + opening.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise ProtocolError(Refusal.DECODE, "the key does not fit the data") from error


def zipped(text: bytes) -> bytes:
    """Compress a text, as gateways do before they encrypt it."""
    return zlib.compress(text)


def unzip(data: bytes) -> bytes:
    """Decompress a text.

    Raises:
        ProtocolError: decode, where it is none; length, where it becomes longer than texts may be.
    """
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(data, MOST_XML_BYTES + 1)
    except zlib.error as error:
        raise ProtocolError(Refusal.DECODE, "the data are not compressed") from error
    if len(text) > MOST_XML_BYTES:
        message = f"the data become longer than {MOST_XML_BYTES} bytes"
        raise ProtocolError(Refusal.LENGTH, message)
    if not inflating.eof:
        raise ProtocolError(Refusal.LENGTH, "the compressed data end too early")
    return text


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(key))
