"""What meters said as the fold takes it: columns of all, numbered as the fold numbers meters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.folding.rowset import FACTOR_KINDS, QUANTITIES
from wattwarden.alarms.folding.stamped import Rows
from wattwarden.protocol.codec import PERIODS
from wattwarden.protocol.quality import Quality
from wattwarden.storage.proof.said import Said

Factor = tuple[int, str, str]
"""A point that is a factor: its meter's number, channel and code."""

_FOLDED_PERIODS: Final = tuple(PERIODS[name].encode() for name in ("instant", "minute"))
_FACTOR_KINDS: Final = {"at": "i8", "received_at": "i8", "quality": "i4", **FACTOR_KINDS}
_FACTOR_NAMES: Final = (
    "meter", "channel", "code", "at", "received_at", "quality", "value", "flag",
)  # fmt: skip
_LAST_ASCII: Final = 127
_BLANK: Final = 32


def fold_rows(said: Mapping[str, Said], ids: Mapping[str, int], wanted: Sequence[Factor]) -> Rows:
    """Return what meters said; all in step 1, since a day that is folded again asks for none.

    Args:
        said: By meter.
        ids: Their numbers.
        wanted: The factors that points name.
    """
    parts = [_readings(said[meter], number) for meter, number in ids.items()]
    if not parts:
        raise ValueError("the enterprise has no meters")
    readings = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Rows(readings, _marked(_factors(said, ids, wanted)))


def _readings(said: Said, number: int) -> dict[str, NDArray[Any]]:
    columns = said.readings
    chosen = np.flatnonzero(np.isin(columns["period"], _FOLDED_PERIODS))
    chosen = chosen[np.lexsort([columns["at"][chosen], columns["channel"][chosen]])]
    rows = {
        name: columns[name][chosen]
        for name in ("at", "received_at", "quality", *QUANTITIES, "energy_forward")
    }
    rows["channel"] = np.char.ljust(columns["channel"][chosen], 8).astype("S8")
    rows["meter"] = np.full(len(rows["at"]), number, np.int32)
    rows["step"] = np.ones(len(rows["at"]), np.int32)
    return _marked(rows)


def _factors(
    said: Mapping[str, Said], ids: Mapping[str, int], wanted: Sequence[Factor]
) -> dict[str, NDArray[Any]]:
    names = {number: meter for meter, number in ids.items()}
    found = [row for factor in wanted for row in _of_factor(factor, said[names[factor[0]]])]
    cells: Sequence[Sequence[Any]] = list(zip(*found, strict=True)) or [()] * len(_FACTOR_NAMES)
    columns = {
        name: np.array(values).astype(_FACTOR_KINDS[name])
        for name, values in zip(_FACTOR_NAMES, cells, strict=True)
    }
    columns["step"] = np.ones(len(found), np.int32)
    return columns


def _of_factor(factor: Factor, said: Said) -> Iterator[tuple[Any, ...]]:
    number, channel, code = factor
    for row in said.factors:
        if row.channel == channel and row.period.encode() in _FOLDED_PERIODS and code in row.codes:
            place = row.codes.index(code)
            amount, letter = row.amounts[place], ord(row.flags[place])
            flag = 0 if letter == _BLANK or letter > _LAST_ASCII else letter
            value = np.nan if amount is None else amount
            yield number, channel, code, row.at, row.received_at, row.quality, value, flag


def _marked(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    quality = columns["quality"]
    columns["marked"] = (quality & Quality.BACKFILL) != 0
    columns["stands"] = (quality & (Quality.CLOCK_SERVER | Quality.CLOCK_TRUSTED)) != 0
    return columns
