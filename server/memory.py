"""What a warden knows of the slices that it folds, and counts of what it did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.folding import rowset
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.late import LateDay, Span
from wattwarden.alarms.folding.stamped import Rows
from wattwarden.alarms.silence.silence import PlatformState
from wattwarden.protocol.quality import Quality
from wattwarden.storage.warden.copyout import Columns
from wattwarden.storage.warden.steps import StepRows

_BLANK: Final = 32
_LAST_ASCII: Final = 127


class SliceLostError(Exception):
    """A slice is no longer ours: what we know of it is thrown away."""


@dataclass(slots=True)
class WardenCounters:
    """What was done since the process started."""

    passes: int = 0
    steps: int = 0
    rows: int = 0
    late_rows: int = 0
    rows_too_old: int = 0
    raised: int = 0
    days_again: int = 0
    days_put_off: int = 0
    corrections: int = 0
    states_kept: int = 0
    rebuilt: int = 0
    lost: int = 0
    failures: int = 0


@dataclass(slots=True)
class Memory:
    """What a warden knows of slices at the same step."""

    city: City
    slices: tuple[int, ...]
    step: int
    waiting: dict[LateDay, Span]
    # Of the slice that the platform itself is in; None for the others.
    platform: PlatformState | None = None
    # The step of each enterprise's kept state.
    kept_at: dict[str, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    factors: Sequence[tuple[int, str, str]] = ()


def rows_of(rows: StepRows, wanted: Sequence[tuple[int, str, str]]) -> Rows:
    """Rows as the city takes them."""
    factors = dict(rows.factors)
    chosen = factors["wanted"]
    codes = np.array([code for _, _, code in wanted] or [""]).astype(np.bytes_)
    channels = np.array([channel for _, channel, _ in wanted] or [""]).astype(np.bytes_)
    flag = factors["flag"]
    factors |= {
        "code": codes[chosen].astype(rowset.FACTOR_KINDS["code"]),
        "channel": channels[chosen].astype(rowset.FACTOR_KINDS["channel"]),
        "value": factors["amount"],
        "flag": np.where((flag == _BLANK) | (flag > _LAST_ASCII), 0, flag).astype(np.int8),
    }
    return Rows(_marked(rows.readings), _marked(factors))


def _marked(columns: Columns) -> dict[str, NDArray[Any]]:
    quality = columns["quality"]
    return {
        **columns,
        "marked": (quality & Quality.BACKFILL) != 0,
        "stands": (quality & (Quality.CLOCK_SERVER | Quality.CLOCK_TRUSTED)) != 0,
    }
