"""Frames that are built alike, found in linear work, so that they are decoded together.

uint8[n, size] → (build, rows, uint8[rows, size]) …
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.acrel.frame import BODY_BEGIN, SECTION_HEAD, SERIAL_BYTES
from wattwarden.codecs.acrel.layouts import ALARM_LAYOUT
from wattwarden.codecs.acrel.sections import Section, sections, sections_begin
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.pieces import Rows

# Each round looks at what the ones before have left.  Uploads of one size are of one build, or of
# a few that differ by channel; whatever is left after so many is sorted frame by frame.
MOST_ROUNDS: Final = 32


@dataclass(frozen=True, slots=True)
class Build:
    """What frames of one size share: whether a serial stands in front, and where sections lie."""

    serial: bool
    sections: tuple[Section, ...]

    @property
    def repeats(self) -> bool:
        """Whether a few bytes tell the sections: no payload had to be searched for its end."""
        return all(section.layout for section in self.sections)

    def readings(self) -> list[list[Section]]:
        """Group the sections that make up one reading each."""
        readings: list[list[Section]] = []
        for section in self.sections:
            if section.leads and section.layout != ALARM_LAYOUT:
                readings.append([section])
            elif section.layout and not section.leads and readings:
                readings[-1].append(section)
        return readings


Group = tuple[Build | ProtocolError, NDArray[np.int64], Rows]
"""What frames share, or why one has no build; which rows of those given they are; their bytes."""


def groups(matrix: Rows) -> Iterator[Group]:
    """Tell frames of one size, at least one, apart by their builds; each row is given once."""
    rows = np.arange(len(matrix))
    for _ in range(MOST_ROUNDS):
        build = _build_of(matrix[0].tobytes())
        same = _of_build(matrix, build)
        if same.all():
            yield build, rows, matrix
            return
        yield build, rows[same], matrix[same]
        rows, matrix = rows[~same], matrix[~same]
    yield from _sorted_singly(rows, matrix)


def _sorted_singly(rows: NDArray[np.int64], matrix: Rows) -> Iterator[Group]:
    alike: dict[Build, list[int]] = {}
    for row, frame in enumerate(matrix):
        build = _build_of(frame.tobytes())
        if isinstance(build, Build) and build.repeats:
            alike.setdefault(build, []).append(row)
        else:
            yield build, rows[row : row + 1], matrix[row : row + 1]
    for build, mine in alike.items():
        yield build, rows[mine], matrix[mine]


def _build_of(frame: bytes) -> Build | ProtocolError:
    try:
        return Build(sections_begin(frame) > BODY_BEGIN, sections(frame))
    except ProtocolError as error:
        return error


def _of_build(matrix: Rows, build: Build | ProtocolError) -> NDArray[np.bool_]:
    """Return which rows have the build of the first."""
    same: NDArray[np.bool_]
    if isinstance(build, ProtocolError) or not build.repeats:
        same = np.zeros(len(matrix), bool)
    else:
        told = matrix[:, _places(build)]
        same = (told == told[0]).all(axis=1)
        if build.serial:
            first, second = SECTION_HEAD
            same &= (matrix[:, BODY_BEGIN] != first) | (matrix[:, BODY_BEGIN + 1] != second)
    same[0] = True
    return same


def _places(build: Build) -> NDArray[np.int64]:
    """Return where the bytes stand that tell the sections.

    The openings with their addresses, the headers of the Modbus replies, and the closings.
    """
    places: list[int] = []
    at = BODY_BEGIN + (SERIAL_BYTES if build.serial else 0)
    for section in build.sections:
        places += [*range(at, section.data), *range(section.end, section.closed)]
        at = section.closed
    return np.array(places, np.int64)
