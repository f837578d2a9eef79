"""SM4-ECB without padding over the data of 2025 frames; a tail shorter than a block stays plain.

The standard prints the ciphertext as numbers; it is taken as raw bytes, the one form that fits its
own length field.
"""

from typing import TYPE_CHECKING, Final

from wattwarden.codecs.hj212.header import CP_BEGIN, CP_END, VERSION_2025, read_header, version_of
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.pairs import is_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK_BYTES: Final = 16
# Unprintable bytes in a first block: none in a text, one in a damaged one, ten in ciphertext.
ODD_BYTES_IN_BLOCK: Final = 4

_PRINTABLE: Final = bytes(range(0x20, 0x7F))


def is_sealed(segment: bytes) -> bool:
    """Whether data look encrypted: version 2025, and a first block that is no text."""
    head, _, data = segment.partition(CP_BEGIN)
    sealed = begins_sealed(data[: -len(CP_END)])
    return sealed and version_of(read_header(head)) >= VERSION_2025


def is_ciphertext(segment: bytes) -> bool:
    """Whether data that look encrypted are no text either, in whichever charset.

    The checksum cannot tell: one ciphertext in 256 fits that of its plain text.
    """
    return is_sealed(segment) and not is_text(segment.partition(CP_BEGIN)[2][: -len(CP_END)])


def begins_sealed(data: bytes) -> bool:
    """Whether data begin with a block that is no text."""
    block = data[:BLOCK_BYTES]
    odd = len(block.translate(None, _PRINTABLE))
    return odd >= ODD_BYTES_IN_BLOCK and len(block) == BLOCK_BYTES


def encrypt(data: bytes, key: bytes) -> bytes:
    """Encrypt the data of a 2025 frame (annex A.2).

    Raises:
        ProtocolError: the key has another size than keys have.
    """
    whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
    return _sm4(key).encryptor().update(data[:whole]) + data[whole:]


def decrypt(data: bytes, key: bytes) -> bytes:
    """Undo ``encrypt``."""
    whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
    return _sm4(key).decryptor().update(data[:whole]) + data[whole:]


def _sm4(key: bytes) -> "Cipher[modes.ECB]":
    # Slow to import, and hardly a meter encrypts.
    from cryptography.hazmat.primitives.ciphers import (  # noqa: PLC0415  # see above
        Cipher,
        algorithms,
        modes,
    )

    try:
        return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305  # the standard's choice
    except ValueError as error:
        message = f"a key of SM4 has {BLOCK_BYTES} bytes, this one {len(key)}"
        raise ProtocolError(Refusal.CHECKSUM, message) from error
