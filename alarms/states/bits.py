"""Recurrences along time, computed for a whole block at once; rows are slots, columns anything.

Each gives the same whether a stretch of slots is given whole or in parts, if what it returns in its
last row goes in as ``before`` of the next part.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.plant.table import I32, Bools

T = TypeVar("T", bound=np.generic)


def latch(enter: Bools, leave: Bools, before: Bools) -> Bools:
    """Hold a bit: set by ``enter``, cleared by ``leave``, else what it was."""
    rows = np.arange(2, 2 * len(enter) + 2, 2, dtype=np.int16)[:, None]
    code = np.where(leave, rows, np.int16(0))
    np.copyto(code, rows + np.int16(1), where=enter)
    np.maximum(code[:1], before, out=code[:1])
    np.maximum.accumulate(code, axis=0, out=code)
    code &= 1
    return code.astype(np.bool_)


def run_length(true: Bools, before: I32) -> I32:
    """Count how many slots in a row it has been true, this one included."""
    rows = np.arange(1, len(true) + 1, dtype=np.int32)[:, None]
    last_false = np.maximum.accumulate(np.where(true, np.int32(0), rows), axis=0)
    return np.where(last_false == 0, rows + before, rows - last_false)


def count_since(steps: Bools, reset: Bools, before: I32) -> I32:
    """Count ``steps`` since the last ``reset``; a reset itself counts nothing."""
    counted = np.cumsum(steps & ~reset, axis=0, dtype=np.int32)
    counted += before
    # What had been counted at the last reset; counts never fall, so the greatest is the last.
    base = np.maximum.accumulate(np.where(reset, counted, np.int32(0)), axis=0)
    return counted - base


class Holder:
    """Holds the last value of each column over slots in which nothing was said."""

    def __init__(self, said: Bools) -> None:
        """Take where something was said."""
        self._source: NDArray[np.intp] | None = None
        if not said.all():
            rows = np.arange(1, len(said) + 1, dtype=np.intp)[:, None]
            self._source = np.maximum.accumulate(np.where(said, rows, 0), axis=0)

    def now(self, values: NDArray[T], before: NDArray[T]) -> NDArray[T]:
        """Return what holds in each slot."""
        if self._source is None:
            return values
        rows: NDArray[T] = np.concatenate([before[None], values])
        return np.take_along_axis(rows, self._source, axis=0)

    def last(self, values: NDArray[T], before: NDArray[T]) -> NDArray[T]:
        """Return what holds after the last slot."""
        if self._source is None:
            return np.array(values[-1])
        source = self._source[-1]
        columns = np.arange(values.shape[1])
        told: NDArray[T] = np.where(source == 0, before, values[source - 1, columns])
        return told

    def previous(self, values: NDArray[T], before: NDArray[T]) -> NDArray[T]:
        """Return what held before each slot."""
        return shifted(self.now(values, before), before)


def shifted(values: NDArray[T], before: NDArray[T]) -> NDArray[T]:
    """Return what each row's predecessor was."""
    return np.concatenate([before[None], values[:-1]])
