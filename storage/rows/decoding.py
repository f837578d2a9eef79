"""Decoding that nothing stops: columns are checked, and what a codec chokes on is singled out."""

# Decoding a first frame would import these, and GBK below, in a thread: a child that is forked
# meanwhile would wait for the import's lock.
import _strptime  # type: ignore[import-not-found]  # noqa: F401
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.ma
from numpy.typing import NDArray

from wattwarden.protocol.codec import (
    MAX_CHANNEL_BYTES,
    PERIODS,
    Batch,
    Block,
    Codec,
    Columns,
    FactorBlock,
)
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.storage.rows.gathering import Gathered
from wattwarden.storage.rows.outliving import ending_of

"".encode("gbk")

# The longest name in any protocol has 27 letters; the column holds 64.
MAX_ADDRESS_LETTERS: Final = 64
MAX_CODE_LETTERS: Final = 64
# What timestamps of Python and of PostgreSQL both carry: the years 1 to 9999, in microseconds.
MIN_AT_US: Final = -62_135_596_800_000_000
MAX_AT_US: Final = 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class Piece:
    """What a stretch of a batch means; its frames begin at ``start``."""

    start: int
    columns: Columns


@dataclass(frozen=True, slots=True)
class Poison:
    """A frame that the codec could not take, and how it failed; ``died`` with its process."""

    frame: int
    message: str
    died: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch decoded: in one piece, unless there was poison."""

    pieces: tuple[Piece, ...]
    poison: tuple[Poison, ...] = ()


def decode(codec: Codec, gathered: Gathered, *, apart: bool = False) -> Decoded:
    """Decode a batch; halve it where the codec fails until the failing frames stand alone.

    A codec fails when it raises anything, or gives columns that contradict its contract.  With
    ``apart`` everything is tried in a child process first: it fails, too, when that dies.

    Raises:
        StorageError: There is no room for a child process; retryable.
    """
    pieces: list[Piece] = []
    poison: list[Poison] = []
    # The halves still to do, the first of them last.
    waiting = [(0, len(gathered))]
    while waiting:
        start, stop = waiting.pop()
        found = _try(codec, gathered.part(start, stop), start, apart=apart)
        if isinstance(found, Columns):
            pieces.append(Piece(start, found))
        elif stop - start == 1:
            poison.append(found)
        else:
            middle = (start + stop) // 2
            waiting += [(middle, stop), (start, middle)]
    return Decoded(tuple(pieces), tuple(poison))


def _try(codec: Codec, batch: Batch, start: int, *, apart: bool) -> Columns | Poison:
    if apart and (ending := ending_of(partial(codec.decode, batch))):
        return Poison(start, f"the codec ended its process: {ending}", died=True)
    try:
        columns = codec.decode(batch)
        check(columns, batch)
    except Exception as error:  # noqa: BLE001  a codec's mistake must not stop other meters' frames
        return Poison(start, f"{type(error).__name__}: {error}")
    return columns


def check(columns: Columns, batch: Batch) -> None:
    """Hold columns against the codec's contract and what the store can take.

    Raises:
        ValueError: They contradict it; the message says where.
    """
    if not all(columns.meters) or not all(map(str.isprintable, columns.meters)):
        raise ValueError("an address is empty or not printable")
    if max(map(len, columns.meters), default=0) > MAX_ADDRESS_LETTERS:
        text = f"an address has more than {MAX_ADDRESS_LETTERS} letters"
        raise ValueError(text)
    for block in columns.blocks:
        _check_keys(block, len(columns.meters), len(batch))
        _check_quantities(block)
    for factors in columns.factors:
        _check_keys(factors, len(columns.meters), len(batch))
        _check_factors(factors)
    if any(not 0 <= refused.frame < len(batch) for refused in columns.refused):
        raise ValueError("a refused frame is not in the batch")


def _check_keys(block: Block | FactorBlock, meters: int, frames: int) -> None:
    count = len(block.frame)
    keys = (block.frame, block.meter, block.at, block.quality)
    if any(column.shape != (count,) or column.dtype.kind not in "iu" for column in keys):
        raise ValueError("columns of a block differ in length, or are no integers")
    if block.period not in PERIODS:
        text = f"no such period: {block.period[:80]!a}"
        raise ValueError(text)
    channel = block.channel
    if len(channel) > MAX_CHANNEL_BYTES or not (channel.isascii() and channel.isprintable()):
        text = f"a channel is {MAX_CHANNEL_BYTES} letters of ASCII at most, got {channel[:80]!a}"
        raise ValueError(text)
    if not count:
        return
    if not (_inside(block.frame, 0, frames - 1) and _inside(block.meter, 0, meters - 1)):
        raise ValueError("a row's frame or meter is not in the batch")
    if not _inside(block.at, MIN_AT_US, MAX_AT_US):
        raise ValueError("a row's time lies beyond the years 1 to 9999")


def _check_quantities(block: Block) -> None:
    for name, column in block.values.items():
        quantity = QUANTITIES.get(name)
        if quantity is None:
            text = f"no such quantity: {name[:80]!a}"
            raise ValueError(text)
        kinds = "iu" if quantity.exact else "fiu"
        if column.shape != block.frame.shape or column.dtype.kind not in kinds:
            text = f"column {name} is {column.dtype}{column.shape}"
            raise ValueError(text)


def _check_factors(block: FactorBlock) -> None:
    shape = (len(block.frame), len(block.layout))
    if not block.layout or block.values.shape != shape or block.flags.shape != shape:
        raise ValueError("factors and their layout differ in shape")
    if block.values.dtype.kind != "f" or block.flags.dtype != np.uint8:
        raise ValueError("factors are float32, their flags uint8")
    for code in block.layout:
        if not 0 < len(code) <= MAX_CODE_LETTERS or not code.isprintable():
            text = f"a code is 1 to {MAX_CODE_LETTERS} printable letters, got {code[:80]!a}"
            raise ValueError(text)
    if not ((block.flags == 0) | ((block.flags > 0x20) & (block.flags < 0x7F))).all():
        raise ValueError("a flag is a letter of ASCII")


def _inside(column: NDArray[Any], low: int, high: int) -> bool:
    return low <= int(column.min()) and int(column.max()) <= high
