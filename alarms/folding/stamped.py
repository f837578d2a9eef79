"""Rows of steps on their way into the folds: as they come, with fold times, as they are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.episodes.findings import Finding
from wattwarden.alarms.folding import rowset
from wattwarden.alarms.folding.foldtime import Arrivals, Watch
from wattwarden.alarms.folding.rowset import Columns
from wattwarden.alarms.silence.arrivals import Heard


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """All that is remembered of an enterprise; equal memories are equal bytes."""

    watch: Watch
    fold: bytes
    readings: bytes
    factors: bytes
    arrivals: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of steps: columns of the store, and what their quality says of their time.

    ``marked``: the meter's own later repetition; ``stands``: ``at`` counts as it is, by policy.
    """

    readings: Columns
    factors: Columns

    @classmethod
    def joined(cls, parts: "Sequence[Rows]") -> "Rows":
        """Return the rows of several, at least one."""
        return cls(
            rowset.joined([part.readings for part in parts]),
            rowset.joined([part.factors for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class LateRow:
    """A row whose slot was folded before its step; it counts at ``fold_at`` (ms)."""

    enterprise: str
    fold_at: int
    step: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """Rows with their fold times, what they make of the enterprises' time, and the late ones."""

    readings: Columns
    factors: Columns
    watches: Mapping[int, Watch]
    late: tuple[LateRow, ...]
    # What the listener of each group heard.
    heard: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold found, and the states at the beginning of the days that it reached."""

    findings: tuple[Finding, ...]
    days: Mapping[tuple[str, date], bytes]


def by_firm(firm: NDArray[np.int64]) -> list[tuple[int, NDArray[np.intp]]]:
    """Return the rows of each enterprise that has some."""
    order = np.argsort(firm, kind="stable")
    found, starts = np.unique(firm[order], return_index=True)
    return list(zip(found.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else []


def arrivals(columns: Columns, chosen: NDArray[np.intp]) -> Arrivals:
    """Return rows as the fold time sees them."""
    return Arrivals(
        columns["step"][chosen].astype(np.int64),
        columns["place"][chosen],
        columns["at"][chosen] // 1_000,
        columns["received_at"][chosen] // 1_000,
        columns["marked"][chosen],
        columns["stands"][chosen],
    )
