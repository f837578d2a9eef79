"""Checksums of meter protocols, one at a time and for many frames at once.

Check values are over the nine digits ``123456789`` unless another text is named.

| name   | check  | where                                                        |
|--------|--------|--------------------------------------------------------------|
| modbus | 0x4B37 | Modbus RTU, Acrel 7B7B; low byte first on the wire           |
| x25    | 0x906E | DL/T 698.45 HCS and FCS, HDLC; low byte first on the wire    |
| sum8   | 0xDD   | DL/T 645, Q/GDW 376.1 (GB/T 18657.1 FT1.2)                   |
| xor8   | 0x31   | registration packets of some DTUs                            |
| hj212  | 0x2F80 | HJ 212-2017 annex A: no catalogued CRC-16, see ``hj212``     |
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import repeat
from typing import Final

import numpy as np
from fastcrc import crc16
from numpy.typing import NDArray

MODBUS_START: Final = 0xFFFF
_MODBUS_POLYNOMIAL: Final = 0xA001  # reflected
# From here on numpy is faster than the loop over integers: by a factor of 20 for the longest frame.
_SUMMED_AT_ONCE_BYTES: Final = 256


def modbus(data: bytes, start: int = MODBUS_START) -> int:
    """CRC-16/MODBUS; ``start`` carries a running value on.

    >>> hex(modbus(b"123456789"))
    '0x4b37'
    """
    return crc16.modbus(data, start)


modbus_at_once: Final[Callable[[bytes], int]] = crc16.modbus
"""``modbus`` without a call of ours around it: for the receive path, where it is made per frame."""


def modbus_before(data: bytes, value: int) -> int:
    """Return the start from which ``modbus`` over ``data`` comes out as ``value``.

    >>> modbus(b"123456789", modbus_before(b"123456789", 0x1234)) == 0x1234
    True
    """
    for byte in reversed(data):
        for _ in range(8):
            # A step shifts right, and folds in the polynomial where a bit fell out on the right:
            # only then is the bit on the left set.
            value = ((value ^ _MODBUS_POLYNOMIAL) << 1) | 1 if value & 0x8000 else value << 1
        value ^= byte
    return value


def modbus_leaves_any(stretches: Iterable[bytes], start: int) -> bool:
    r"""Whether the CRC-16/MODBUS of one of the stretches, begun with ``start``, is not zero.

    >>> modbus_leaves_any([b"123456789\x37\x4b"] * 2, MODBUS_START)
    False
    """
    return any(map(crc16.modbus, stretches, repeat(start)))


def modbus_each(stretches: Sequence[bytes]) -> NDArray[np.uint16]:
    """CRC-16/MODBUS of each stretch.

    >>> modbus_each([b"123456789", b""]).tolist() == [0x4B37, MODBUS_START]
    True
    """
    # Without a function of ours around each call; a table by columns is no faster.
    return np.fromiter(map(crc16.modbus, stretches), np.uint16, len(stretches))


def x25(data: bytes) -> int:
    """CRC-16/X-25, which HDLC and DL/T 698.45 call FCS and HCS.

    >>> hex(x25(b"123456789"))
    '0x906e'
    """
    return crc16.ibm_sdlc(data)


def sum8(data: bytes) -> int:
    """Arithmetic sum modulo 256 (GB/T 18657.1 FT1.2).

    >>> hex(sum8(b"123456789"))
    '0xdd'
    """
    if len(data) < _SUMMED_AT_ONCE_BYTES:
        return sum(data) & 0xFF
    return int(np.add.reduce(np.frombuffer(data, np.uint8), dtype=np.uint8))


def xor8(data: bytes) -> int:
    """Exclusive or of all bytes.

    >>> hex(xor8(b"123456789"))
    '0x31'
    """
    return _folded(data, 1)


def _folded(data: bytes, size: int) -> int:
    """Exclusive or of all stretches of ``size`` bytes, counted from the end; big-endian.

    Folding halves keeps the work in a few big-integer operations.
    """
    width = 8 * size << max(0, (len(data) - 1) // size).bit_length()
    value = int.from_bytes(data, "big")
    while width > 8 * size:
        width //= 2
        value = (value >> width) ^ (value & ((1 << width) - 1))
    return value


def _reflected_table(polynomial: int) -> NDArray[np.uint16]:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = (table >> np.uint16(1)) ^ (table & np.uint16(1)) * np.uint16(polynomial)
    return table


_TABLE: Final = _reflected_table(0xA001)

# The HJ 212 register keeps only its high byte from step to step, so the terms of its bytes repeat,
# and so does what becomes of the start value.
HJ212_CYCLE_BYTES: Final = 8


@cache
def _hj212_terms() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """What a byte adds, by its distance from the end; what the start value adds, by the length."""
    rows = [_TABLE]
    starts = [np.uint16(0xFFFF), _TABLE[0xFF]]
    for _ in range(HJ212_CYCLE_BYTES - 1):
        rows.append(_TABLE[rows[-1] >> 8])
        starts.append(_TABLE[starts[-1] >> 8])
    return np.stack(rows), np.array(starts)


@cache
def _hj212_lists() -> tuple[list[list[int]], list[int]]:
    rows, starts = _hj212_terms()
    return rows.tolist(), starts.tolist()


def hj212(data: bytes) -> int:
    """CRC of HJ 212-2017 annex A over the data segment; printed as %04X, high byte first.

    The register is shifted down before each byte is mixed in and its low byte is lost, so no
    catalogued CRC-16 gives this value.

    >>> f"{hj212(b''):04X} {hj212(bytes(1)):04X}"
    'FFFF 4040'
    """
    rows, starts = _hj212_lists()
    size = len(data)
    register = starts[(size - 1) % HJ212_CYCLE_BYTES + 1 if size else 0]
    # Linear in its bytes: those whose terms come from one row are first folded into one byte.
    folded = _folded(data, HJ212_CYCLE_BYTES).to_bytes(HJ212_CYCLE_BYTES, "little")
    for row, byte in zip(rows, folded, strict=True):
        register ^= row[byte]
    return register


def hj212_many(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint16]:
    """CRC of each segment ``data[starts[i]:ends[i]]``, all at once.  Segments may be empty.

    Running sums over every eighth byte fold all segments in one pass over ``data``.
    """
    rows, starters = _hj212_terms()
    cycle = HJ212_CYCLE_BYTES
    padded = np.zeros((len(data) + 2 * cycle - 1) // cycle * cycle, np.uint8)
    padded[cycle : cycle + len(data)] = data
    words = padded.view(np.uint64)
    sums = np.bitwise_xor.accumulate(words).view(np.uint8)

    lengths = ends - starts
    register = starters[(lengths > 0) * ((lengths - 1) % cycle + 1)]
    for distance in range(cycle):
        last = ends - 1 - distance
        inside = last >= starts
        first = starts + (last - starts) % cycle
        byte = (sums[last + cycle] ^ sums[first]) * inside
        register ^= rows[distance][byte]
    return register


# A register that only meets zero bytes comes back after 32,767 of them.
MAX_WINDOW_BYTES: Final = 32_767


class WindowScan:
    """Finds, in one pass over a window, stretches whose CRC-16/MODBUS fits, whatever their bounds.

    Let G(i) be the register after the first i bytes, started at 0, and A the step for a zero byte.
    A stretch [b, e) that ends with its own checksum leaves the register 0, which says
    A^-e G(e) = A^-b (G(b) ^ start).  Both sides are prefix sums over the window, so every pair of a
    beginning and an end is compared by looking up equal numbers, not by running the CRC again.
    """

    def __init__(self, window_bytes: int, head_bytes: int, tail_bytes: int) -> None:
        if window_bytes > MAX_WINDOW_BYTES:
            message = f"a window is at most {MAX_WINDOW_BYTES} bytes, got {window_bytes}"
            raise ValueError(message)
        self._steps = np.arange(1, window_bytes + 1)
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes

    def beginnings(
        self,
        window: bytes,
        heads: NDArray[np.int64],
        ends: NDArray[np.int64],
        span: tuple[int, int],
    ) -> NDArray[np.int64]:
        """Return for each end the first head from which the checksum fits, -1 where none does.

        ``heads``, ascending, are where frames may begin, ``ends`` where they may end; ``span`` is
        the least and the most number of bytes of a frame.  The checksum covers what lies between
        head and tail.
        """
        walks, places, start = _walks()
        data = np.frombuffer(window, np.uint8)
        sums = np.zeros(len(data) + 1, np.uint16)
        terms = walks.take(places.take(data) + self._steps[: len(data)])
        np.bitwise_xor.accumulate(terms, out=sums[1:])

        least, most = span
        heads = heads[heads <= len(data) - least]
        inner = heads + self._head_bytes
        # Ordered by key, then by place: an end looks for its key and the first place near enough.
        keyed = (sums[inner] ^ walks[start + inner]).astype(np.int64) << 16 | heads
        keyed = np.append(np.sort(keyed), np.int64(1 << 32))
        wanted = sums[ends - self._tail_bytes].astype(np.int64) << 16
        nearest = wanted | (ends - most) * (ends > most)
        # Thousands of searches in random order would cost the cache misses that a sort saves.
        order = np.argsort(nearest)
        found = np.empty_like(nearest)
        found[order] = keyed[np.searchsorted(keyed, nearest[order])]
        return np.where(found <= (wanted | ends) - least, found & 0xFFFF, np.int64(-1))


@cache
def _walks() -> tuple[NDArray[np.uint16], NDArray[np.int64], int]:
    """How registers change while zero bytes are taken back from them.

    ``walks[place + i]`` is A^-i of the register at ``place``, for i up to MAX_WINDOW_BYTES.  Given
    are the places of each byte's term and of the start value.
    """
    registers = np.arange(1 << 16, dtype=np.uint16)
    back = np.empty_like(registers)
    back[(registers >> 8) ^ _TABLE[registers & 0xFF]] = registers
    # The terms of all bytes and the start value lie on three walks; the one from 0 stays there.
    walks = _TABLE[[0, 1, 3]].reshape(3, 1)
    while walks.shape[1] < 1 << 16:
        walks = np.concatenate([walks, back[walks]], axis=1)
        back = back[back]
    place_of = np.zeros(1 << 16, np.int64)
    for index, walk in enumerate(walks):
        place_of[walk[:MAX_WINDOW_BYTES]] = (index << 16) + np.arange(MAX_WINDOW_BYTES)
    return walks.ravel(), place_of[_TABLE], int(place_of[MODBUS_START])
