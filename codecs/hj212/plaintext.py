"""The plain text of a segment, decrypted where need be, proven by its checksum.

Raw ─ fits as sent? ─► itself
    └ version 2025 ─ key of the meter ─► decrypted, its forgotten tail restored ─ fits? ─► that
                   └ no key ─► UnknownKeyError: kept, never answered, read once the key is there
"""

from typing import Final

from wattwarden.codecs.hj212.cipher import begins_sealed, decrypt
from wattwarden.codecs.hj212.frame import Raw
from wattwarden.codecs.hj212.header import (
    CN_BYTES,
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    VERSION_2025,
    Header,
    address_of,
    read_header,
    version_of,
)
from wattwarden.protocol.checksum import hj212
from wattwarden.protocol.codec import ProfileOf
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.pairs import is_text

MAX_TAILS: Final = 8  # each costs a checksum; a meter ends all its items alike


class UnknownKeyError(ProtocolError):
    """Nobody can check the frame: it is encrypted, and the key of its meter is not known."""


def plain_of(raw: Raw, profile_of: ProfileOf, identity: str | None) -> bytes:
    """Return the plain text of a segment that is none as sent.

    One in 256 wrong plain texts fits the checksum, of which eight bits reach from byte to byte; so
    it must be a text besides, which ciphertext under a wrong key or with a wrong bit never gives.

    Raises:
        UnknownKeyError: it is encrypted, and its meter has no key.
        ProtocolError: the checksum fits nothing, or ciphertext by chance.
    """
    try:
        return _opened(raw, profile_of, identity)
    except UnknownKeyError:
        raise
    except ProtocolError as error:
        if not raw.fits:
            raise
        message = "the data are neither a text nor ciphertext that a key of its meter opens"
        raise ProtocolError(Refusal.DECODE, message, HEAD_BYTES) from error


def _opened(raw: Raw, profile_of: ProfileOf, identity: str | None) -> bytes:
    head, mark, data = raw.segment.partition(CP_BEGIN)
    header = read_header(head)
    meter = address_of(header) or identity
    if meter is not None and mark and version_of(header) >= VERSION_2025:
        key = profile_of(meter).key
        if key is not None:
            return _decrypted(raw, head + mark, data[: -len(CP_END)], key)
        if begins_sealed(data[: -len(CP_END)]) and _is_sound(raw.segment, head, header):
            message = (
                f"encrypted, and the key of {meter} is not known; set it with"
                f" wattwarden meters set hj212:{meter} --key-from-stdin"
            )
            offset = HEAD_BYTES + len(head) + len(mark)
            raise UnknownKeyError(Refusal.DECODE, message, offset)
    message = f"checksum of the segment is {hj212(raw.segment):04X}, the frame says {raw.crc:04X}"
    raise ProtocolError(Refusal.CHECKSUM, message, HEAD_BYTES + len(raw.segment))


def _decrypted(raw: Raw, begin: bytes, data: bytes, key: bytes) -> bytes:
    opened = decrypt(data, key)
    for tail in _tails(opened, raw.lost) if is_text(opened) else ():
        plain = begin + opened + tail + CP_END
        if hj212(plain) == raw.crc:
            return plain
    message = f"checksum is {raw.crc:04X}, neither the bytes nor the decrypted text fit"
    raise ProtocolError(Refusal.CHECKSUM, message, HEAD_BYTES + len(raw.segment))


def _is_sound(segment: bytes, head: bytes, header: Header) -> bool:
    """Whether a segment that no checksum proves can be believed: a text with a command, ended."""
    cn = header.get(b"CN", b"")
    is_print = head.isascii() and head.decode().isprintable()
    return is_print and len(cn) == CN_BYTES and cn.isdigit() and segment.endswith(CP_END)


def _tails(opened: bytes, lost: int) -> list[bytes]:
    """Return what the ``lost`` bytes behind a text can be: what stood there in an item before.

    The checksum tells whether they are.
    """
    if not lost:
        return [b""]
    begun = opened[opened.rfind(b"-") :]
    found: dict[bytes, None] = {}
    at = opened.find(begun)
    while 0 <= at < len(opened) - len(begun) and len(found) < MAX_TAILS:
        found[opened[at + len(begun) : at + len(begun) + lost]] = None
        at = opened.find(begun, at + 1)
    return [tail for tail in found if len(tail) == lost]
