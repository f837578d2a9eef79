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
_COMMAND: Final = b"CN="


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
    heads = [b"##%04d" % (size - _AROUND) for size in sizes]
    if heads != [part[:HEAD_BYTES] for part in parts] or _asks(data, parts):
        return None
    if {part[_CLOSING] for part in parts} != _ENDS:
        return None
    if not HEX_DIGITS.issuperset(b"".join([part[-CRC_BYTES:] for part in parts])):
        return None
    return Routine.of(data, [size + len(CRLF) for size in sizes], segments)


def _asks(data: bytes, parts: list[bytes]) -> bool:
    """Whether a frame is answered at once, or may be a part of a packet."""
    if PART_LETTER in data and PART_MARK in data:
        return True
    places = [part.find(_COMMAND, HEAD_BYTES) + len(_COMMAND) for part in parts]
    commands = [part[at : at + 4] for part, at in zip(parts, places, strict=True)]
    return not AT_ONCE.isdisjoint(commands)
