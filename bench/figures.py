"""Figures with their bars, and their Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over the rounds of a run; its median counts, its ends show the spread."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{rounded(self.median)} ({rounded(low)}–{rounded(high)})"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A bar from below."""

    value: float

    def is_held_by(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value >= self.value

    def __str__(self) -> str:
        return f"≥ {rounded(self.value)}"


@dataclass(frozen=True, slots=True)
class AtMost:
    """A bar from above."""

    value: float

    def is_held_by(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value <= self.value

    def __str__(self) -> str:
        return f"≤ {rounded(self.value)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured quantity and the bar that its median has to hold.

    Attributes:
        key: Names it in the records of all runs; never changed, for runs are compared by it.
        what: The same in words.
        measured: One value a round.
        wanted: The bar.
        beside: Ours and the limit in absolute figures, as text.
    """

    key: str
    what: str
    measured: Series
    wanted: AtLeast | AtMost
    beside: str = ""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.wanted.is_held_by(self.measured.median)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under a heading of as many."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        ruler = tuple("---" for _ in self.heading)
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.heading, ruler, *self.rows))


@dataclass(frozen=True, slots=True)
class Section:
    """What one measurement found: figures against bars, and the numbers behind them.

    ``facts`` are numbers by name that other pages are computed from.
    """

    figures: tuple[Figure, ...]
    details: tuple[Table, ...] = ()
    facts: Mapping[str, Series] = field(default_factory=dict)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Series:
    """Round by round: both sides of a quotient saw the same minutes of the machine."""
    return Series(tuple(a / b for a, b in zip(numerators, denominators, strict=True)))


def rounded(value: float) -> str:
    """Three digits that count, thousands grouped."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def series(values: Iterable[float]) -> Series:
    """Make a series of any values."""
    return Series(tuple(values))


def beside(ours: Sequence[float], limit: Sequence[float], unit: str) -> str:
    """Both sides of a quotient in absolute figures."""
    return f"{rounded(statistics.median(ours))}, limit {rounded(statistics.median(limit))} {unit}"


def joined(sections: Sequence[Section]) -> Section:
    """Put parts of one measurement together."""
    return Section(
        tuple(figure for part in sections for figure in part.figures),
        tuple(table for part in sections for table in part.details),
        {name: found for part in sections for name, found in part.facts.items()},
    )
