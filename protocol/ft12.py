"""Frames of format class FT1.2 with a variable length (GB/T 18657.1), as Q/GDW 376.1 has them.

68 | L 2 | L 2 | 68 | user data | CS 1 | 16     L low byte first

The two lowest bits of L name the protocol, the others count the user data; CS is their sum.
"""

from typing import Final

from wattwarden.protocol.checksum import sum8

HEAD: Final = 0x68
TAIL: Final = 0x16
BODY: Final = 6
FRAMING_BYTES: Final = 8
MOST_BODY_BYTES: Final = 0x3FFF
MOST_BYTES: Final = FRAMING_BYTES + MOST_BODY_BYTES


def measure(buffer: bytes, start: int) -> int:
    """Return how long the frame is, 0 when its header has not arrived, -1 when none begins here."""
    here = len(buffer) - start
    if here < BODY:
        return 0 if _may_become(buffer, start, here) else -1
    if buffer[start + 1 : start + 3] != buffer[start + 3 : start + 5] or buffer[start + 5] != HEAD:
        return -1
    return FRAMING_BYTES + (int.from_bytes(buffer[start + 1 : start + 3], "little") >> 2)


def _may_become(buffer: bytes, start: int, here: int) -> bool:
    """Whether a header that is cut short repeats its length as far as it has come."""
    return here <= 3 or buffer[start + 3 : start + 5].startswith(
        buffer[start + 1 : start + here - 2]
    )


def fits(buffer: bytes, start: int, end: int) -> bool:
    """Whether the sum and the tail of a frame fit."""
    body = buffer[start + BODY : end - 2]
    return buffer[end - 1] == TAIL and sum8(body) == buffer[end - 2]


def sound_end(buffer: bytes, start: int) -> int:
    """Return where the sound frame that begins at ``start`` ends, 0 when none does."""
    if start >= len(buffer) or buffer[start] != HEAD:
        return 0
    size = measure(buffer, start)
    end = start + size
    return end if size > 0 and end <= len(buffer) and fits(buffer, start, end) else 0


def seal(body: bytes, protocol: int) -> bytes:
    """Return the frame of user data.  Raises ValueError for more than fit."""
    if len(body) > MOST_BODY_BYTES:
        message = f"a frame holds up to {MOST_BODY_BYTES} bytes, got {len(body)}"
        raise ValueError(message)
    length = (len(body) << 2 | protocol & 3).to_bytes(2, "little")
    head = bytes([HEAD])
    return head + length + length + head + body + bytes([sum8(body), TAIL])
