"""How DTUs announce themselves: registration and heartbeat packets, and what stands before frames.

    86xxxxxxxxxxxxx              IMEI, 15 digits with their check digit (also 35…)
    89…                          ICCID of the SIM: 20 characters in China (8986…), else 19 digits
    www.usr.cn                   the heartbeat that USR ships
    whatever else is configured  the DTU's own address, or its option ``registration``

Packets have no framing of their own, so only a known text, or numbers of known length, can be told
from what follows them in the same segment.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

UNTOLD: Final = 0
NONE: Final = -1
HEX: Final = "hex:"
ANY_DIGIT: Final = ord("#")
# Shorter ones stand in every other frame by chance; no DTU that was met can be given longer ones.
LEAST_PACKET_BYTES: Final = 4
MOST_PACKET_BYTES: Final = 64

_IMEI_BYTES: Final = 15
_ICCID_BYTES: Final = 19
_LONG_ICCID_BYTES: Final = 20
_IMEI: Final = re.compile(rb"(?:35|86)\d{13}")
_CHINESE: Final = re.compile(rb"8986[0-9A-F]{16}")
_ICCID: Final = re.compile(rb"89(?!86)\d{17}")
_BEGUN: Final = (
    (re.compile(rb"8(?:9(?:8(?:6[0-9A-F]*)?)?)?"), _LONG_ICCID_BYTES),
    (re.compile(rb"89\d*"), _ICCID_BYTES),
    (re.compile(rb"(?:3|35\d*|8|86\d*)"), _IMEI_BYTES),
)
_BUILT_IN_HEARTBEATS: Final = (b"www.usr.cn",)
_DIGITS: Final = b"0123456789"


def has_check_digit(digits: bytes) -> bool:
    """Whether the last digit is the check of the others (Luhn, ISO/IEC 7812-1 annex B).

    >>> has_check_digit(b"490154203237518"), has_check_digit(b"490154203237519")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit - ord("0")
        doubled = value * 2 if place % 2 else value
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def number_end(buffer: bytes, start: int) -> int:
    """Return where the IMEI or ICCID that begins here ends; UNTOLD for one begun, else NONE."""
    if _CHINESE.match(buffer, start):
        return start + _LONG_ICCID_BYTES
    for number, size in ((_ICCID, _ICCID_BYTES), (_IMEI, _IMEI_BYTES)):
        if number.match(buffer, start) and has_check_digit(buffer[start : start + size]):
            return start + size
    rest = buffer[start : start + _LONG_ICCID_BYTES]
    for begun, size in _BEGUN:
        if len(rest) < size and begun.fullmatch(rest):
            return UNTOLD
    return NONE


def packet_of(text: Any) -> bytes:
    """Return the bytes of an option: ``hex:…``, or a text as it is; b"" for what is no packet."""
    if not isinstance(text, str):
        return b""
    try:
        raw = bytes.fromhex(text.removeprefix(HEX)) if text.startswith(HEX) else text.encode()
    except ValueError:
        return b""
    return raw if LEAST_PACKET_BYTES <= len(raw) <= MOST_PACKET_BYTES else b""


def address_of(packet: bytes) -> str:
    """Return the address of who registers with these bytes: their text, or their hex digits."""
    text = packet.decode("ascii", "replace").strip()
    return text if text.isascii() and text.isprintable() and text else packet.hex()


class Packets:
    """What is known of how DTUs announce themselves.

    ``registrations`` and ``prefixes`` name the address of each; ``templates`` are registrations in
    which ``#`` stands for any digit.
    """

    def __init__(
        self,
        registrations: Mapping[bytes, str],
        heartbeats: Iterable[bytes] = (),
        prefixes: Mapping[bytes, str] | None = None,
        templates: Iterable[bytes] = (),
    ) -> None:
        self.registrations: Final = dict(registrations)
        self.heartbeats: Final = frozenset((*heartbeats, *_BUILT_IN_HEARTBEATS))
        self.prefixes: Final = dict(prefixes or {})
        self.templates: Final = tuple(sorted(templates))
        self._texts: Final = sorted({*self.registrations, *self.heartbeats})
        # The longest first: one may be the beginning of another.
        self._sizes: Final = sorted({len(text) for text in self._texts}, reverse=True)
        self._prefixes: Final = sorted(self.prefixes)
        self._prefix_sizes: Final = sorted({len(text) for text in self.prefixes}, reverse=True)
        numbered = any(template[0] == ANY_DIGIT for template in self.templates)
        first = {text[0] for text in (*self._texts, *self.templates)} - {ANY_DIGIT}
        self._first: Final = bytes(first.union(_DIGITS if numbered else b"38"))
        self.first_bytes: Final = bytes({*self._first, *(text[0] for text in self.prefixes)})
        """What a packet or prefix may begin with."""

    def end(self, buffer: bytes, start: int) -> int:
        """Return where the packet that begins here ends; UNTOLD for one begun, else NONE."""
        if start < len(buffer) and buffer[start] not in self._first:
            return NONE
        for size in self._sizes:
            piece = buffer[start : start + size]
            if len(piece) == size and (piece in self.registrations or piece in self.heartbeats):
                return start + size
        begun = _is_begun(self._texts, buffer[start : start + MOST_PACKET_BYTES])
        for template in self.templates:
            piece = buffer[start : start + len(template)]
            if _resembles(piece, template):
                if len(piece) == len(template):
                    return start + len(template)
                begun = True
        end = number_end(buffer, start)
        return UNTOLD if end == NONE and begun else end

    def prefix_end(self, buffer: bytes, start: int) -> int:
        """Return where the prefix that stands here ends; UNTOLD for one begun, else NONE."""
        if not self.prefixes:
            return NONE
        for size in self._prefix_sizes:
            piece = buffer[start : start + size]
            if len(piece) == size and piece in self.prefixes:
                return start + size
        rest = buffer[start : start + MOST_PACKET_BYTES]
        return UNTOLD if _is_begun(self._prefixes, rest) else NONE

    def identity_of(self, packet: bytes) -> str | None:
        """Return who registers with a packet, None for a heartbeat."""
        if packet in self.heartbeats:
            return None
        return self.registrations.get(packet) or address_of(packet)


def _is_begun(texts: Sequence[bytes], rest: bytes) -> bool:
    """Whether one of sorted texts begins so: of thousands of DTUs, the one behind is looked at."""
    place = bisect_left(texts, rest)
    return place < len(texts) and texts[place].startswith(rest)


def _resembles(piece: bytes, template: bytes) -> bool:
    return all(
        byte == wanted or (wanted == ANY_DIGIT and byte in _DIGITS)
        for byte, wanted in zip(piece, template, strict=False)
    )
