"""Acrel uploads in memory: the shape that loadgen sends, sound checksums, values that vary."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.acrel.frame import SERIAL_BYTES, TAIL
from wattwarden.codecs.acrel.layouts import CLOCK, LAYOUTS
from wattwarden.codecs.acrel.message import encode
from wattwarden.codecs.acrel.sections import Section, sections
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Message

LAYOUT: Final = LAYOUTS["prepaid_0x60"]
MOST_COUNT: Final = 1_000  # of a 16-bit register: 100 V, 10 A, 1 kW, a power factor of 1

_SERIAL: Final = slice(3, 3 + SERIAL_BYTES)
_CRC_BYTES: Final = 2


def serial(meter: int) -> str:
    """The address of a meter."""
    return f"2612{meter:010d}"


def uploads(meters: int, seconds: int, start: datetime) -> NDArray[np.uint8]:
    """Return uint8[seconds * meters, size]: second by second, one frame of each meter.

    ``start`` is wall time, as the meters' clocks show it.
    """
    template = _template(start)
    frames = np.tile(np.frombuffer(template, np.uint8), (seconds * meters, 1))
    names = [serial(meter).encode().ljust(SERIAL_BYTES, b"\0") for meter in range(meters)]
    names_matrix = np.frombuffer(b"".join(names), np.uint8).reshape(meters, -1)
    frames[:, _SERIAL] = np.tile(names_matrix, (seconds, 1))
    block = frames[:, block_of(template)]
    _fill(block, meters)
    clocks = [_clock(start + timedelta(seconds=second)) for second in range(seconds)]
    clock = next(column for column in LAYOUT.columns if column.name == "clock")
    block[:, clock.offset : clock.offset + clock.size] = np.repeat(clocks, meters, axis=0)
    _sum(frames, sections(template)[0])
    return frames


def block_of(frame: bytes) -> slice:
    """Where the registers of an upload's only section lie."""
    (section,) = sections(frame)
    return slice(section.data, section.end - _CRC_BYTES)


def _template(start: datetime) -> bytes:
    values = {"clock": LocalTime.of(start)}
    section = {"channel": "1-1", "layout": "prepaid_0x60", "values": values}
    return encode(Message("upload", fields={"serial": serial(0), "sections": [section]}))


def _fill(block: NDArray[np.uint8], meters: int) -> None:
    """Put random counts into the registers of 16 bits, energies that grow into those of 32."""
    random = np.random.default_rng(1)
    count = len(block)
    second = np.arange(count) // meters
    for column in LAYOUT.columns:
        if column.size == 2:
            values = random.integers(0, MOST_COUNT, count).astype(">u2")
        elif column.size == 4:
            values = (random.integers(0, 2**24, meters)[np.arange(count) % meters] + second).astype(
                ">u4"
            )
        else:
            continue
        raw = values.view(np.uint8).reshape(count, column.size)
        block[:, column.offset : column.offset + column.size] = raw


def _clock(moment: datetime) -> NDArray[np.uint8]:
    return np.frombuffer(CLOCK.build({"clock": LocalTime.of(moment)}), np.uint8)


def _sum(frames: NDArray[np.uint8], section: Section) -> None:
    """Put both checksums into every frame: the section's own first, the frame covers it."""
    for begin, end in ((section.begin, section.end), (2, frames.shape[1] - len(TAIL))):
        covered = np.ascontiguousarray(frames[:, begin : end - _CRC_BYTES])
        sums = [modbus(row.tobytes()) for row in covered]
        raw = np.array(sums, "<u2").view(np.uint8).reshape(-1, _CRC_BYTES)
        frames[:, end - _CRC_BYTES : end] = raw
