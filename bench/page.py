"""The pages that runs write: all figures beside their bars and the last run, then the numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.figures import Series, Table
from bench.records import KeptFigure, Record, earlier, latest

BEGIN: Final = "<!-- figures: written by run.py -->\n"
END: Final = "<!-- end of figures -->\n"
# A change smaller than this is none, even of figures whose rounds all agree.
LEAST_CHANGE: Final = 0.02
BAR: Final = re.compile(r"(?P<side>[≤≥]) (?P<value>[\d.,]+)")


@dataclass(frozen=True, slots=True)
class Standing:
    """A figure as it stands now, from which run, and as it was before that."""

    figure: KeptFigure
    record: Record
    before: KeptFigure | None


def standings(records: Sequence[Record], order: Sequence[str]) -> list[Standing]:
    """Return every figure by its latest run, in the order of measurements."""
    found = latest(records)
    return [
        Standing(figure, found[name][0], earlier(records, figure.key, found[name][0].began))
        for name in order
        if name in found
        for figure in found[name][1].figures
    ]


def figures_table(standing: Sequence[Standing], now: datetime) -> Table:
    """The table that is read first: each bar, whether it holds, and what has changed."""
    rows = tuple(
        (
            one.figure.what,
            str(one.figure.measured),
            one.figure.wanted,
            "yes" if one.figure.holds else "**no**",
            one.figure.beside,
            change(one.figure, one.before),
            "" if one.record.began == now else f"{one.record.began:%Y-%m-%d}",
        )
        for one in standing
    )
    heading = ("figure", "measured (spread)", "wanted", "holds", "ours", "since the run before")
    return Table((*heading, "of"), rows)


def change(figure: KeptFigure, before: KeptFigure | None) -> str:
    """Say how a figure has moved: ↑ better, ↓ worse, ≈ within the spread of both runs."""
    if before is None:
        return ""
    new, old = figure.measured.median, before.measured.median
    if new == old:
        return "≈"
    if old == 0:
        return f"from 0 to {new:.3g}"
    percent = 100 * (new / old - 1)
    if abs(percent) < 100 * LEAST_CHANGE or _overlap(figure.measured, before.measured):
        return f"≈ ({percent:+.0f} %)"
    is_better = (new > old) == figure.wanted.startswith("≥")
    return f"{'↑ better' if is_better else '↓ worse'} ({percent:+.0f} %)"


def ratio_to_bar(figure: KeptFigure, value: float) -> float | None:
    """Return a value as a multiple of its bar, 1 and more where it is held; None without one."""
    found = BAR.fullmatch(figure.wanted)
    bar = float(found["value"].replace(",", "")) if found else 0.0
    if found is None or bar == 0 or value == 0:
        return None
    return value / bar if found["side"] == "≥" else bar / value


def render(records: Sequence[Record], order: Sequence[str], plot: str) -> str:
    """The whole page of figures and the numbers behind them; ``plot`` is where the picture is."""
    now = max(record.began for record in records)
    found = latest(records)
    tables = [
        _dated(Table(table.heading, table.rows), found[name][0], now)
        for name in order
        if name in found
        for table in found[name][1].details
    ]
    return "\n\n".join((summary(records, order, plot), *tables)) + "\n"


def summary(records: Sequence[Record], order: Sequence[str], plot: str) -> str:
    """The figures alone, with their picture."""
    now = max(record.began for record in records)
    standing = standings(records, order)
    return "\n\n".join((
        _heading(records),
        f"![Each figure as a multiple of its bar, the run before beside it]({plot})",
        str(figures_table(standing, now)),
    ))  # fmt: skip


def replace_between(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{text.rstrip()}\n\n{END}{after}", encoding="utf-8")


def _heading(records: Sequence[Record]) -> str:
    record = max(records, key=lambda one: one.began)
    return (
        f"{record.began:%Y-%m-%d %H:%M} UTC, {record.machine}. Load generator, references, gateway,"
        f" journal, writer and database share these cores; load average before it: {record.load}."
    )


def _dated(table: Table, record: Record, now: datetime) -> str:
    return f"{table}" if record.began == now else f"Of {record.began:%Y-%m-%d}:\n\n{table}"


def _overlap(one: Series, other: Series) -> bool:
    return min(one.values) <= max(other.values) and min(other.values) <= max(one.values)
