"""Thousands of Acrel uploads at once: a frame of the codec's encoder, its registers overwritten.

encoder ─► one template a meter ─► registers of all readings, by the codec's own layout ─► CRCs

A test holds these frames equal to those of the encoder.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.acrel.layouts import LAYOUTS, STRUCTS
from wattwarden.codecs.acrel.sections import sections
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.wire import Scaled, parts_of
from wattwarden.tools.simulator.frames import ACREL_LAYOUT, Frames
from wattwarden.tools.simulator.readings import NAMES, Readings
from wattwarden.tools.simulator.site import Machine

Bytes2 = NDArray[np.uint8]
CHINA_S: Final = 8 * 3600
_DAY_S: Final = 86_400
# 1970-01-01 was a Thursday; meters count from Sunday = 0.
_FIRST_WEEKDAY: Final = 4
_FRAME_CRC: Final = 4  # from the frame's end to its CRC
_SUMMED: Final = 2  # from the frame's begin to what the CRC covers
_RTU_CRC: Final = 2


class AcrelFrames:
    """Makes the uploads of Acrel meters."""

    def __init__(self, frames: Frames, machines: tuple[Machine, ...]) -> None:
        self._row = {machine.column: row for row, machine in enumerate(machines)}
        zero = dict.fromkeys(NAMES, 0)
        made = [frames.report(machine, zero, kept=False) for machine in machines]
        self._templates = np.frombuffer(b"".join(made), np.uint8).reshape(len(made), -1)
        self._ratio = np.array([machine.ratio for machine in machines])
        (section,) = sections(made[0])
        self._section = section
        scales = {
            name: float(piece.scale)
            for name, piece in parts_of(STRUCTS[ACREL_LAYOUT])
            if isinstance(piece, Scaled) and name
        }
        columns = LAYOUTS[ACREL_LAYOUT].columns
        self._places = {one.name: (section.data + one.offset, one.size) for one in columns}
        self._scales = scales

    def of(self, columns: NDArray[np.int32], readings: Readings) -> list[bytes]:
        """Return a frame for each of these readings; ``columns`` are their meters'."""
        rows = np.array([self._row[column] for column in columns.tolist()])
        matrix = self._templates[rows]
        ratio = self._ratio[rows]
        for phase in "abc":
            self._put(matrix, f"voltage_{phase}", getattr(readings, f"voltage_{phase}"))
            self._put(matrix, f"current_{phase}", getattr(readings, f"current_{phase}") / ratio)
        self._put(matrix, "power_total", readings.power / ratio)
        self._put(matrix, "power_factor_total", readings.power_factor)
        self._put(matrix, "energy_forward", readings.energy // ratio)
        at, size = self._places["clock"]
        matrix[:, at : at + size] = _clock(readings.at_ms)
        return self._sealed(matrix)

    def _put(self, matrix: Bytes2, name: str, values: NDArray[Any]) -> None:
        """Write a column of values as registers, high byte first."""
        at, size = self._places[name]
        counts = np.rint(values.astype(np.float64) / self._scales[name]).astype(np.int64)
        matrix[:, at : at + size] = counts.astype(">i8").view(np.uint8).reshape(-1, 8)[:, -size:]

    def _sealed(self, matrix: Bytes2) -> list[bytes]:
        """Renew both checksums: the Modbus reply's, then the frame's."""
        begin, end = self._section.begin, self._section.end
        frames = []
        for row in matrix:
            raw = bytearray(row.tobytes())
            inner = modbus(bytes(raw[begin : end - _RTU_CRC]))
            raw[end - _RTU_CRC : end] = inner.to_bytes(2, "little")
            outer = modbus(bytes(raw[_SUMMED:-_FRAME_CRC]))
            raw[-_FRAME_CRC : -_FRAME_CRC + 2] = outer.to_bytes(2, "little")
            frames.append(bytes(raw))
        return frames


def _clock(at_ms: NDArray[np.int64]) -> Bytes2:
    """Wall times of mainland China as year, month, day, weekday, hour, minute, second."""
    local = at_ms // 1000 + CHINA_S
    days, second = np.divmod(local, _DAY_S)
    date = days.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    year = date.astype("datetime64[Y]")
    parts = (
        (year.astype(np.int64) + 1970) % 100,
        (month - year).astype(np.int64) + 1,
        (date - month).astype(np.int64) + 1,
        (days + _FIRST_WEEKDAY) % 7,
        second // 3600,
        second // 60 % 60,
        second % 60,
    )
    return np.stack(parts, axis=1).astype(np.uint8)
