"""What meters send day in, day out, a hundred segments at a time.

segments ─ joined, cut at every 7D7D ─► parts ─ each a head, a usual command, no residue ─► frames
"""

from collections.abc import Sequence
from typing import Final

from wattwarden.codecs.acrel.dialogue import ANSWERED_AT_ONCE
from wattwarden.codecs.acrel.frame import HEAD, LEAST_BYTES, MOST_BYTES, NAMES, TAIL
from wattwarden.protocol.checksum import MODBUS_START, modbus_before, modbus_leaves_any
from wattwarden.protocol.codec import Routine

_BEGINNINGS: Final = frozenset(
    HEAD + bytes([command]) for command in NAMES if command not in ANSWERED_AT_ONCE
)
_BEGINNING_BYTES: Final = len(HEAD) + 1
_LEAST: Final = LEAST_BYTES - len(TAIL)
_MOST: Final = MOST_BYTES - len(TAIL)
# Begun with this, the sum over head, command, body and CRC comes out 0 where the CRC fits: so no
# part has to be cut once more.
_START: Final = modbus_before(HEAD, MODBUS_START)


def routine(segments: Sequence[bytes]) -> Routine | None:
    """Judge segments as ``Codec.routine`` says.

    A 7D7D inside a frame, and a heartbeat without CRC, are for the session to judge.
    """
    data = b"".join(segments)
    parts = data.split(TAIL)
    # Nothing stands behind the last tail.
    if parts.pop() or not parts:
        return None
    if not _BEGINNINGS.issuperset([part[:_BEGINNING_BYTES] for part in parts]):
        return None
    sizes = list(map(len, parts))
    if min(sizes) < _LEAST or max(sizes) > _MOST:
        return None
    if modbus_leaves_any(parts, _START):
        return None
    return Routine.of(data, [size + len(TAIL) for size in sizes], segments)
