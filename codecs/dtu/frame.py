"""Where what a DTU sends begins and ends: packets of its own, and frames of meters behind it.

    registration | heartbeat
    [prefix] Modbus RTU reply
    [prefix] FE… DL/T 645 frame

A frame is proven by its CRC or sum, whatever it is glued to; a packet by being known.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from wattwarden.codecs.dlt645.frame import (
    FRAMING_BYTES,
    LENGTH,
    SECOND_HEAD,
    sound_end,
)
from wattwarden.codecs.dlt645.frame import HEAD as HEAD_645
from wattwarden.codecs.dlt645.frame import MOST_BYTES as MOST_645_BYTES
from wattwarden.codecs.dlt645.frame import PREAMBLE as PREAMBLE_645
from wattwarden.codecs.dtu.packets import MOST_PACKET_BYTES, NONE, UNTOLD, Packets
from wattwarden.codecs.modbus.frame import rtu_ends, rtu_fits
from wattwarden.codecs.modbus.functions import CODES
from wattwarden.protocol.candidates import Candidates
from wattwarden.protocol.codec import Claim
from wattwarden.protocol.verdict import FRAME, MORE

# Four are usual; more than these are no preamble.
MOST_PREAMBLE_BYTES: Final = 8
MOST_BYTES: Final = MOST_PACKET_BYTES + MOST_PREAMBLE_BYTES + MOST_645_BYTES


class Carried(Enum):
    """What a frame behind a DTU is."""

    MODBUS = "modbus"
    DLT645 = "dlt645"


@dataclass(frozen=True, slots=True)
class Inner:
    """A frame of a meter: what it is, where it begins, and its bytes without a prefix."""

    kind: Carried
    begin: int
    raw: bytes


def _preamble_end(buffer: bytes, at: int) -> int:
    end = at
    while end < len(buffer) and end - at < MOST_PREAMBLE_BYTES and buffer[end] == PREAMBLE_645[0]:
        end += 1
    return end


def _end_645(buffer: bytes, at: int) -> int:
    """Return where a frame of DL/T 645 may end, UNTOLD for one begun, else NONE."""
    begin = _preamble_end(buffer, at)
    here = len(buffer) - begin
    if here and buffer[begin] != HEAD_645[0]:
        return NONE
    if here > SECOND_HEAD and buffer[begin + SECOND_HEAD] != HEAD_645[0]:
        return NONE
    return begin + FRAMING_BYTES + buffer[begin + LENGTH] if here > LENGTH else UNTOLD


# Framing proves a reply, and whoever waits for it asks for the same bytes again at once.
@lru_cache(2)
def inner_of(frame: bytes, begin: int) -> Inner | None:
    """Return the frame of a meter that stands from ``begin`` to the end, None where none does."""
    end = len(frame)
    if end in rtu_ends(frame, begin) and rtu_fits(frame, begin, end):
        return Inner(Carried.MODBUS, begin, frame[begin:])
    if sound_end(frame, _preamble_end(frame, begin)) == end:
        return Inner(Carried.DLT645, begin, frame[begin:])
    return None


def outline_of(packets: Packets) -> Candidates:
    """Return the outline of DTUs that announce themselves so."""

    def ends(buffer: bytes, start: int) -> list[int]:
        found = [packets.end(buffer, start)]
        at = packets.prefix_end(buffer, start)
        if at == UNTOLD:
            found.append(UNTOLD)
        else:
            at = start if at == NONE else at
            found += (_end_645(buffer, at), *rtu_ends(buffer, at))
        return [end for end in found if end != NONE]

    def fits(buffer: bytes, start: int, end: int) -> bool:
        if packets.end(buffer, start) == end:
            return True
        at = packets.prefix_end(buffer, start)
        return inner_of(buffer[start:end], max(at, start) - start) is not None

    first = re.escape(packets.first_bytes + HEAD_645 + PREAMBLE_645)
    begin = re.compile(rb"(?s)[" + first + rb"]|.(?:[" + re.escape(CODES) + rb"]|\Z)")
    return Candidates(most_bytes=MOST_BYTES, ends=ends, fits=fits, begin=begin, head=b"8")


def claim_of(packets: Packets, outline: Candidates, head: bytes) -> Claim:
    """Know a DTU by its packet, or by its prefix and a sound frame; never by a frame alone."""
    end = packets.end(head, 0)
    if end != NONE:
        return Claim.YES if end else Claim.MORE
    at = packets.prefix_end(head, 0)
    if at == NONE:
        return Claim.NO
    verdict, _ = outline.cut(head, 0, 0)
    if verdict is FRAME:
        return Claim.YES
    return Claim.MORE if verdict is MORE else Claim.NO
