"""Figures with their bars, and their Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
    """A measured quantity and the bar that its median has to hold."""

    what: str
    measured: Series
    wanted: AtLeast | AtMost

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
    """What one measurement found: figures against bars, and the numbers behind them."""

    figures: tuple[Figure, ...]
    details: tuple[Table, ...] = ()


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Series:
    """Round by round: both sides of a quotient saw the same minutes of the machine."""
    return Series(tuple(a / b for a, b in zip(numerators, denominators, strict=True)))


def rounded(value: float) -> str:
    """Three digits that count, thousands grouped."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def figures_table(figures: Iterable[Figure]) -> Table:
    """The table that is read first: each bar, and whether it holds."""
    rows = (
        (
            figure.what,
            str(figure.measured),
            str(figure.wanted),
            "yes" if figure.holds else "**no**",
        )
        for figure in figures
    )
    return Table(("figure", "measured (spread)", "wanted", "holds"), tuple(rows))
