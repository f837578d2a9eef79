"""From frames read one by one to columns: for protocols whose frames differ in what they carry.

frame → Rows.add → … → Rows.columns → Block, FactorBlock

Rows of one shape share a block, so that the store meets few arrays however many frames came.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, repeat
from math import isnan
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.protocol.clock import utc_us_each
from wattwarden.protocol.codec import Batch, Block, Columns, FactorBlock, Refused, refusal
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES
from wattwarden.protocol.timetext import check_digits, digits_us

NO_FLAG: Final = b"\0"
# float64 counts every integer up to here; an energy beyond is a broken register.
_EXACT_BELOW: Final = 2.0**53
_ANY_TIME: Final = b"19700101000000000"


class Measured(NamedTuple):
    """A quantity of electricity among the values of a row; ``scale`` brings it to its unit."""

    channel: str
    quantity: str
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the values of a row are: the factors, then the quantities.

    Compared by identity: whoever makes shapes keeps one for each list of names.
    """

    factors: tuple[str, ...]
    quantities: tuple[Measured, ...]

    def __len__(self) -> int:
        return len(self.factors) + len(self.quantities)


# Shapes that polls ask for; a block of tariffs has one for each count of them.
_REMEMBERED_SHAPES: Final = 1024


@lru_cache(_REMEMBERED_SHAPES)
def shape_of(measured: tuple[Measured, ...]) -> Shape:
    """Return the one shape of quantities without factors."""
    return Shape((), measured)


Kind = tuple[Shape, str, str]
"""What rows of one block have in common: shape, period, and the channel of the factors."""


@dataclass(slots=True)
class _Group:
    """Rows of one kind: those that came one by one, then those that came by the table."""

    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    flags: bytearray = field(default_factory=bytearray)
    table_rows: list[int] = field(default_factory=list)
    tables: list[tuple[NDArray[np.float64], NDArray[np.uint8]]] = field(default_factory=list)

    def columns(self, width: int) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Return the numbers of the rows, their values and their flags."""
        values = np.array(self.values, np.float64).reshape(-1, width)
        flags = np.frombuffer(bytes(self.flags), np.uint8).reshape(-1, width)
        if self.tables:
            values = np.concatenate([values, *(table for table, _ in self.tables)])
            flags = np.concatenate([flags, *(table for _, table in self.tables)])
        return np.array(self.rows + self.table_rows, np.int64), values, flags


class Rows:
    """Collects the rows of a batch.

    ``sound_flags`` are the letters that mean nothing is wrong; ``time_mark`` the bytes before a
    time in its frame, to show where a wrong one stands.
    """

    __slots__ = (
        "_batch",
        "_groups",
        "_meters",
        "_origins",
        "_refused",
        "_sound_flags",
        "_time_mark",
        "_times",
    )

    def __init__(self, batch: Batch, sound_flags: bytes, time_mark: bytes) -> None:
        self._batch = batch
        self._sound_flags = np.frombuffer(NO_FLAG + sound_flags, np.uint8)
        self._time_mark = time_mark
        self._meters: dict[str, int] = {}
        # Frame, meter and quality of each row, one behind the other.
        self._origins: list[int] = []
        self._times: list[bytes] = []
        self._groups: dict[Kind, _Group] = {}
        self._refused: list[Refused] = []

    def meter(self, frame: int, address: str | None) -> int:
        """Return the number of a frame's meter, that of its session where the frame names none.

        Raises:
            ProtocolError: neither is known.
        """
        known = address or self._batch.identities[self._batch.session[frame]]
        if known is None:
            message = "the frame names no meter, nor did its session"
            raise ProtocolError(Refusal.UNKNOWN, message)
        return self._meters.setdefault(known, len(self._meters))

    def meters(self, addresses: Sequence[str]) -> list[int]:
        """Return the number of each of the meters that frames name."""
        known = self._meters
        return [known.setdefault(address, len(known)) for address in addresses]

    def refuse(self, frame: int, error: ProtocolError) -> None:
        """Note why a frame gave no row, or not all of its rows."""
        self._refused.append(refusal(frame, error))

    def take_each(self, take: Callable[[int, bytes], None]) -> Columns:
        """Give each frame to ``take``, by index; return the columns.

        What ``take`` raises as ProtocolError is why the frame gave no row, or not all of them.
        """
        for index, frame in enumerate(self._batch.frames()):
            try:
                take(index, frame)
            except ProtocolError as error:
                # A fault of what frames made together may stand beyond this one.
                offset = min(error.offset, len(frame))
                self.refuse(index, ProtocolError(error.kind, error.message, offset))
        return self.columns()

    def add(
        self,
        kind: Kind,
        origin: tuple[int, int, int],
        time: bytes,
        values: Sequence[float],
        flags: bytes,
    ) -> None:
        """Add a row.

        ``origin`` is its frame, its meter and its quality; ``time`` the wall time as digits, b""
        for that of the receipt; ``values`` and ``flags`` have one entry for each name of the shape,
        NaN and ``NO_FLAG`` where there is none.

        Raises:
            ProtocolError: the time is none.
        """
        self._times.append(check_digits(time) if time else b"")
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = _Group()
        group.rows.append(len(self._times) - 1)
        group.values += values
        group.flags += flags
        self._origins += origin

    def add_many(
        self,
        kind: Kind,
        origins: tuple[Sequence[int], Sequence[int], int],
        times: list[bytes],
        values: NDArray[np.float64],
        flags: NDArray[np.uint8],
    ) -> None:
        """Add n rows of one kind and quality.

        ``origins`` are their frames, their meters and the quality; ``times`` have 17 digits each,
        or are b""; ``values`` and ``flags`` have a row each, as for ``add``.
        """
        frames, meters, quality = origins
        group = self._groups.setdefault(kind, _Group())
        group.table_rows += range(len(self._times), len(self._times) + len(times))
        group.tables.append((values, flags))
        self._times += times
        self._origins += chain.from_iterable(zip(frames, meters, repeat(quality)))

    def add_present(
        self, origin: tuple[int, int, int], readings: Sequence[tuple[Measured, float]]
    ) -> None:
        """Add a row of readings that were taken when they were received, if any has a value."""
        if all(isnan(value) for _, value in readings):
            return
        shape = shape_of(tuple([measured for measured, _ in readings]))
        values = [value for _, value in readings]
        self.add((shape, "instant", ""), origin, b"", values, NO_FLAG * len(values))

    def columns(self) -> Columns:
        """Return everything that was added."""
        origins = np.array(self._origins, np.int64).reshape(-1, 3)
        timeless = np.array([not time for time in self._times], bool)
        at, good = self._moments(origins, timeless)
        for row in np.flatnonzero(~good).tolist():
            frame, text = int(origins[row, 0]), self._times[row].decode()
            offset = max(0, self._batch.frame(frame).find(self._time_mark))
            message = f"there is no such time as {text}"
            self._refused.append(Refused(frame, Refusal.DECODE, message, offset))
        origins[timeless, 2] |= int(Quality.NO_CLOCK)
        blocks: list[Block] = []
        factors: list[FactorBlock] = []
        for (shape, period, channel), group in self._groups.items():
            rows, values, flags = group.columns(len(shape))
            if not good[rows].all():
                kept = good[rows]
                rows, values, flags = rows[kept], values[kept], flags[kept]
            if not len(rows):
                continue
            frame, meter = origins[rows, 0].astype(np.int32), origins[rows, 1].astype(np.int32)
            place = _Place(frame, meter, period, at[rows], origins[rows, 2].astype(np.int16))
            factors += place.factors(shape, channel, values, flags)
            blocks += place.blocks(shape, values, flags, self._sound_flags)
        refused = sorted(self._refused, key=lambda entry: entry.frame)
        return Columns(tuple(self._meters), tuple(blocks), tuple(factors), tuple(refused))

    def _moments(
        self, origins: NDArray[np.int64], timeless: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the time of every row in UTC, and whether the calendar has it."""
        local, good = digits_us([time or _ANY_TIME for time in self._times])
        zones = [self._batch.profile_of(address).zone for address in self._meters]
        at = utc_us_each(local, origins[:, 1], dict(enumerate(zones)))
        at[timeless] = self._batch.received_at[origins[timeless, 0]]
        return at, good


@dataclass(frozen=True, slots=True)
class _Place:
    """Whence and when the rows of a block are."""

    frame: NDArray[np.int32]
    meter: NDArray[np.int32]
    period: str
    at: NDArray[np.int64]
    quality: NDArray[np.int16]

    def factors(
        self,
        shape: Shape,
        channel: str,
        values: NDArray[np.float64],
        flags: NDArray[np.uint8],
    ) -> list[FactorBlock]:
        count = len(shape.factors)
        if not count:
            return []
        return [
            FactorBlock(
                self.frame, self.meter, channel, self.period, self.at, self.quality,
                shape.factors, _single(values[:, :count]), flags[:, :count],
            )
        ]  # fmt: skip

    def blocks(
        self,
        shape: Shape,
        values: NDArray[np.float64],
        flags: NDArray[np.uint8],
        sound: NDArray[np.uint8],
    ) -> list[Block]:
        channels: dict[str, list[int]] = {}
        for place, measured in enumerate(shape.quantities):
            channels.setdefault(measured.channel, []).append(place)
        blocks = []
        for channel, places in channels.items():
            columns = [len(shape.factors) + place for place in places]
            doubtful = ~np.isin(flags[:, columns], sound).all(axis=1)
            quality = self.quality.copy()
            quality[doubtful] |= int(Quality.DOUBTFUL)
            quantities = _quantities(
                [shape.quantities[place] for place in places], values[:, columns]
            )
            blocks.append(
                Block(self.frame, self.meter, channel, self.period, self.at, quality, quantities)
            )
        return blocks


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Narrow to float32; what is no finite number there is NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
    narrow[~np.isfinite(narrow)] = np.nan
    return narrow


def _quantities(
    measured: Sequence[Measured], values: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for place, entry in enumerate(measured):
        with np.errstate(over="ignore", invalid="ignore"):
            column = values[:, place] * entry.scale
        column[~np.isfinite(column)] = np.nan
        if QUANTITIES[entry.quantity].exact:
            whole = np.abs(column) < _EXACT_BELOW  # False for NaN
            counts = np.full(len(column), MISSING, np.int64)
            counts[whole] = np.rint(column[whole])
            columns[entry.quantity] = counts
        else:
            columns[entry.quantity] = column
    return columns
