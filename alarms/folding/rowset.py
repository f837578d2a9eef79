"""Rows that wait for their slots: columns of one length by name, cut, joined and packed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]

QUANTITIES: Final = (
    "power_total", "power_a", "power_b", "power_c", "current_a", "current_b", "current_c",
    "voltage_a", "voltage_b", "voltage_c", "power_factor_total",
)  # fmt: skip
READING_KINDS: Final[dict[str, str]] = {
    "meter": "i4",
    "channel": "S8",
    "fold_at": "i8",
    **dict.fromkeys(QUANTITIES, "f4"),
    "energy_forward": "i8",
}
"""``meter`` is the store's number, ``fold_at`` ms; a missing value is NaN or less than 0."""
FACTOR_KINDS: Final[dict[str, str]] = {
    "meter": "i4",
    "channel": "S8",
    "code": "S32",
    "fold_at": "i8",
    "value": "f4",
    "flag": "i1",
}


def nothing(kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Return columns without rows."""
    return {name: np.empty(0, kind) for name, kind in kinds.items()}


def length(columns: Columns) -> int:
    """Return how many rows there are."""
    return len(next(iter(columns.values())))


def take(columns: Columns, chosen: Any) -> dict[str, NDArray[Any]]:
    """Return the chosen rows: by mask, by places or by slice."""
    return {name: values[chosen] for name, values in columns.items()}


def joined(parts: Sequence[Columns]) -> dict[str, NDArray[Any]]:
    """Return the rows of several, at least one, with the same columns."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pack(columns: Columns, kinds: Mapping[str, str]) -> bytes:
    """Write rows; the same rows give the same bytes, whatever their order."""
    order = np.lexsort([columns[name] for name in reversed(list(kinds))])
    arrays = [
        np.ascontiguousarray(columns[name][order].astype(f"<{kind}" if kind[0] != "S" else kind))
        for name, kind in kinds.items()
    ]
    return msgspec.msgpack.encode((len(order), [array.tobytes() for array in arrays]))


def unpack(data: bytes, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Read rows that ``pack`` wrote.

    Raises:
        ValueError: They are damaged.
    """
    count, parts = msgspec.msgpack.decode(data, type=tuple[int, list[bytes]])
    columns = {
        name: np.frombuffer(part, kind).copy()
        for (name, kind), part in zip(kinds.items(), parts, strict=True)
    }
    if any(len(values) != count for values in columns.values()):
        message = f"rows are damaged: columns differ from {count} rows"
        raise ValueError(message)
    return columns
