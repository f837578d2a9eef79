"""What loggers send day in, day out, a hundred segments at a time.

segments ─ joined, cut at every CR LF ─► parts ─ each as long as it says ─► frames
"""

from collections.abc import Sequence
from typing import Final

from wattwarden.codecs.hj212.dialogue import AT_ONCE, PART_LETTER, PART_MARK
from wattwarden.codecs.hj212.frame import CR, CRC_BYTES, CRLF, HEX_DIGITS, MAX_FRAME_BYTES
from wattwarden.codecs.hj212.header import CP_BEGIN, CP_END, HEAD_BYTES
from wattwarden.protocol.codec import Routine

_AROUND: Final = HEAD_BYTES + CRC_BYTES
_LEAST: Final = _AROUND + len(CP_BEGIN) + len(CP_END)
_MOST: Final = MAX_FRAME_BYTES - len(CRLF)
_CLOSING: Final = slice(-CRC_BYTES - len(CP_END), -CRC_BYTES)
_ENDS: Final = {CP_END}
_AT_ONCE: Final = tuple(b"CN=" + command for command in sorted(AT_ONCE))
# How a frame of so many bytes begins; half of the time it takes to write its length is saved.
_HEADS: Final = tuple(b"##%04d" % max(0, size - _AROUND) for size in range(_MOST + 1))


def routine(segments: Sequence[bytes]) -> Routine | None:
    """Judge segments as ``Codec.routine`` says; checksums are for ``confirm``.

    Frames without CR LF, parts of packets and ciphertext are for the session to judge.
    """
    data = b"".join(segments)
    parts = data.split(CRLF)
    # Nothing stands behind the last end of line, and no CR elsewhere.
    if parts.pop() or not parts or data.count(CR) != len(parts):
        return None
    sizes = list(map(len, parts))
    if min(sizes) < _LEAST or max(sizes) > _MOST:
        return None
    heads = list(map(_HEADS.__getitem__, sizes))
    if heads != [part[:HEAD_BYTES] for part in parts] or _asks(data):
        return None
    if {part[_CLOSING] for part in parts} != _ENDS:
        return None
    if not HEX_DIGITS.issuperset(b"".join([part[-CRC_BYTES:] for part in parts])):
        return None
    return Routine.of(data, [size + len(CRLF) for size in sizes], segments)


def _asks(data: bytes) -> bool:
    """Whether a frame may be answered at once, or be a part of a packet."""
    if PART_LETTER in data and PART_MARK in data:
        return True
    return any(map(data.__contains__, _AT_ONCE))
