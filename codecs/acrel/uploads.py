"""The readings of stored uploads, thousands at once.

batch → frames of one size → frames of one build → columns → blocks
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wattwarden.codecs.acrel.builds import Build, groups
from wattwarden.codecs.acrel.frame import BODY_BEGIN, LEAST_BYTES, SERIAL_BYTES, UPLOAD
from wattwarden.codecs.acrel.layouts import COUNTED_POWER_LAYOUTS, LAYOUTS
from wattwarden.codecs.acrel.message import read
from wattwarden.codecs.acrel.sections import ERROR_TEXT, Section
from wattwarden.protocol.checksum import modbus_each
from wattwarden.protocol.clock import utc_us_each
from wattwarden.protocol.codec import Batch, Block, Columns, Profile, Refused, refusal
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.pieces import Rows
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.wire import fixed_text

_WANTED: Final = frozenset((*QUANTITIES, "clock"))
_SCALED_BY_OPTION: Final = ("power_", "reactive_")
# The same meters report again and again, and reading a serial costs as much as its columns.  More
# meters than a writer is given; 10 MiB when it is full of hostile ones.
REMEMBERED_SERIALS: Final = 65_536
_NO_METER: Final = -1

Values = dict[str, NDArray[Any]]


def decode(batch: Batch) -> Columns:
    """Decode the uploads of a batch; frames of the same build are decoded together."""
    uploads = _Uploads(batch)
    for frames, matrix in _by_size(batch):
        for build, rows, same in groups(matrix):
            uploads.add(build, frames[rows], same)
    return uploads.columns()


def _by_size(batch: Batch) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Give the uploads of each size: their numbers in the batch, and their bytes."""
    data = np.frombuffer(batch.data, np.uint8)
    starts, sizes = batch.offsets[:-1], np.diff(batch.offsets)
    uploads = np.flatnonzero(sizes > LEAST_BYTES)
    uploads = uploads[data[starts[uploads] + 2] == UPLOAD]
    uploads = uploads[np.argsort(sizes[uploads], kind="stable")]
    for frames in np.split(uploads, np.flatnonzero(np.diff(sizes[uploads])) + 1):
        if len(frames):
            yield frames, _matrix(data, starts[frames], int(sizes[frames[0]]))


def _matrix(data: NDArray[np.uint8], starts: NDArray[np.int64], size: int) -> Rows:
    """Return the frames of one size that begin at these places, in order, a row each."""
    first, last, count = int(starts[0]), int(starts[-1]), len(starts)
    if last - first == (count - 1) * size:
        return data[first : last + size].reshape(count, size)
    windows: Rows = sliding_window_view(data, size)[starts]
    return windows


@dataclass(frozen=True, slots=True)
class _Origin:
    """Whence rows are: the frame and the meter of each, and the profiles of the meters."""

    frame: NDArray[np.int64]
    meter: NDArray[np.int32]
    profiles: dict[int, Profile]


class _Uploads:
    """Collects what the uploads of a batch mean."""

    __slots__ = ("_addresses", "_batch", "_blocks", "_names", "_refused")

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._addresses: dict[str, int] = {}
        self._names: list[str] = []
        self._blocks: list[Block] = []
        self._refused: list[Refused] = []

    def add(self, build: Build | ProtocolError, frames: NDArray[np.int64], matrix: Rows) -> None:
        """Add frames of one build; an error is that of a single frame."""
        if isinstance(build, ProtocolError):
            self._refused += [refusal(frame, build) for frame in frames.tolist()]
        elif readings := build.readings():
            self._read(build, readings, frames, matrix)
        elif _is_unread(build, matrix[0].tobytes()):
            text = "no section is of a size that is known"
            self._refused += [Refused(frame, Refusal.DECODE, text) for frame in frames.tolist()]

    def columns(self) -> Columns:
        """Return everything that was added."""
        return Columns(tuple(self._names), tuple(self._blocks), (), tuple(self._refused))

    def _read(
        self,
        build: Build,
        readings: list[list[Section]],
        frames: NDArray[np.int64],
        matrix: Rows,
    ) -> None:
        meter = self._meters(build, frames, matrix)
        good = meter != _NO_METER
        found: list[Values] = []
        for reading in readings:
            values, sound = _values(reading, matrix)
            good &= sound
            found.append(values)
        if not good.all():
            self._refuse(frames[~good])
            frames, meter = frames[good], meter[good]
            found = [{name: column[good] for name, column in one.items()} for one in found]
        if not len(frames):
            return
        numbers = np.unique(meter).tolist()
        profiles = {number: self._batch.profile_of(self._names[number]) for number in numbers}
        origin = _Origin(frames, meter, profiles)
        for (first, *_), values in zip(readings, found, strict=True):
            self._blocks.append(_block(self._batch, origin, first, values))

    def _meters(self, build: Build, frames: NDArray[np.int64], matrix: Rows) -> NDArray[np.int32]:
        """Number each frame's meter: by the serial in the frame, else by its session."""
        if build.serial:
            serials = _pieces(matrix[:, BODY_BEGIN : BODY_BEGIN + SERIAL_BYTES])
            number_of = {raw: self._number(_text(raw)) for raw in dict.fromkeys(serials)}
            return np.fromiter(map(number_of.__getitem__, serials), np.int32, len(serials))
        sessions, where = np.unique(self._batch.session[frames], return_inverse=True)
        identities = [self._batch.identities[session] for session in sessions.tolist()]
        return np.array([self._number(identity) for identity in identities], np.int32)[where]

    def _number(self, address: str | None) -> int:
        if not address:
            return _NO_METER
        number = self._addresses.setdefault(address, len(self._names))
        if number == len(self._names):
            self._names.append(address)
        return number

    def _refuse(self, frames: NDArray[np.int64]) -> None:
        """Say of each refused frame what ``read`` says of it: rare, so one by one."""
        for index in frames.tolist():
            try:
                message = read(self._batch.frame(index), self._batch.profile_of)
            except ProtocolError as error:
                self._refused.append(refusal(index, error))
                continue
            if message.meter is None:
                text = "no serial in the frame and no registration before it"
                self._refused.append(Refused(index, Refusal.UNKNOWN, text))
            else:
                text = "the CRC of a section does not fit"
                self._refused.append(Refused(index, Refusal.CHECKSUM, text))


def _is_unread(build: Build, frame: bytes) -> bool:
    """Whether an upload without readings has sections that say something else than an error."""
    return any(
        not section.layout and not frame.startswith(ERROR_TEXT, section.begin)
        for section in build.sections
    )


def _values(reading: list[Section], matrix: Rows) -> tuple[Values, NDArray[np.bool_]]:
    """Return the columns of a reading, and where they and the CRCs of their blocks are sound."""
    values: Values = {}
    good = np.ones(len(matrix), bool)
    for section in reading:
        columns, fine = LAYOUTS[section.layout].decode(
            matrix[:, section.data : section.data_end], _WANTED
        )
        good &= fine & (modbus_each(_pieces(matrix[:, section.begin : section.end])) == 0)
        values |= columns
    return values, good


def _pieces(matrix: Rows) -> list[bytes]:
    """Return the bytes of each row."""
    pieces: list[bytes] = (
        np.ascontiguousarray(matrix).view(f"V{matrix.shape[1]}").reshape(-1).tolist()
    )
    return pieces


@lru_cache(REMEMBERED_SERIALS)
def _text(raw: bytes) -> str | None:
    try:
        return fixed_text(raw)
    except ProtocolError:
        return None


def _block(batch: Batch, origin: _Origin, first: Section, values: Values) -> Block:
    quality = np.zeros(len(origin.frame), np.int16)
    clock = values.pop("clock", None)
    if clock is None:
        at = batch.received_at[origin.frame]
        quality |= Quality.NO_CLOCK.value
    else:
        zones = {number: profile.zone for number, profile in origin.profiles.items()}
        at = utc_us_each(clock, origin.meter, zones)
    columns = {
        name: column if QUANTITIES[name].exact else column.astype(np.float64, copy=False)
        for name, column in values.items()
        if name in QUANTITIES
    }
    if first.layout in COUNTED_POWER_LAYOUTS:
        _apply_power_scale(columns, origin)
    frame = origin.frame.astype(np.int32)
    return Block(frame, origin.meter, first.channel, "instant", at, quality, columns)


def _apply_power_scale(values: Values, origin: _Origin) -> None:
    options = (profile.options for profile in origin.profiles.values())
    scales = [float(chosen.get("power_scale_w", 1)) for chosen in options]
    if set(scales) == {1.0}:
        return
    numbers = np.array(list(origin.profiles), np.int32)
    scale = np.array(scales)[np.searchsorted(numbers, origin.meter)]
    for name, column in values.items():
        if name.startswith(_SCALED_BY_OPTION) and not name.startswith("power_factor"):
            values[name] = column * scale
