"""A picture of all figures: each as a multiple of its bar, on a logarithmic scale.

Right of the line the bar is held.  A bar is the median, the thin line its spread, the ring the run
before.  Written as SVG by hand: a library for one picture would outweigh all others.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from bench.page import Standing, ratio_to_bar

ROW: Final = 26
TOP: Final = 44
LABELS: Final = 520  # width of the texts
CHART: Final = 460
RIGHT: Final = 80
# What lies further out is drawn at the edge.
FIRST, LAST = 0.25, 8.0
TICKS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST: Final = 78  # letters of a text
HELD, BROKEN, MUTED = "#2a7f62", "#b3402a", "#8a8f98"


def draw(standing: Sequence[Standing]) -> str:
    """Return the picture as SVG."""
    shown = [one for one in standing if ratio_to_bar(one.figure, one.figure.measured.median)]
    height = TOP + ROW * len(shown) + 16
    width = LABELS + CHART + RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_scale(height),
    ]
    for place, one in enumerate(shown):
        lines += _row(TOP + ROW * place, one)
    return "\n".join((*lines, "</svg>")) + "\n"


def _scale(height: int) -> Iterator[str]:
    yield (
        f'<text x="{_x(1.0):.1f}" y="16" text-anchor="middle" fill="#1d2129">'
        "multiple of the bar: right of the line it is held</text>"
    )
    for tick in TICKS:
        x, color = f"{_x(tick):.1f}", "#1d2129" if tick == 1 else "#dfe2e6"
        line = f'y1="{TOP - 6}" y2="{height - 12}" stroke="{color}"'
        yield f'<line x1="{x}" x2="{x}" {line}/>'
        anchor = 'text-anchor="middle" fill="#4e5560"'
        yield f'<text x="{x}" y="{TOP - 12}" {anchor}>{tick:g}</text>'


def _row(y: int, one: Standing) -> Iterator[str]:
    figure = one.figure
    ratios = [ratio_to_bar(figure, value) or FIRST for value in figure.values]
    median = ratio_to_bar(figure, figure.measured.median) or FIRST
    middle, color = y + ROW / 2, HELD if figure.holds else BROKEN
    begin, end = sorted((_x(1.0), _x(median)))
    what = figure.what if len(figure.what) <= LONGEST else f"{figure.what[: LONGEST - 1]}…"
    yield (
        f'<text x="{LABELS - 10}" y="{middle + 4:.1f}" text-anchor="end" fill="#1d2129">'
        f"{escape(what)}</text>"
    )
    yield (
        f'<rect x="{begin:.1f}" y="{y + 6}" width="{max(end - begin, 1):.1f}" height="{ROW - 12}"'
        f' fill="{color}"/>'
    )
    yield (
        f'<line x1="{_x(min(ratios)):.1f}" y1="{middle}" x2="{_x(max(ratios)):.1f}" y2="{middle}"'
        ' stroke="#1d2129"/>'
    )
    if one.before is not None and (old := ratio_to_bar(figure, one.before.measured.median)):
        yield f'<circle cx="{_x(old):.1f}" cy="{middle}" r="4" fill="none" stroke="{MUTED}"/>'
    yield f'<text x="{LABELS + CHART + 8}" y="{middle + 4:.1f}" fill="{color}">{median:.2f}</text>'


def _x(ratio: float) -> float:
    within = min(max(ratio, FIRST), LAST)
    return LABELS + CHART * math.log(within / FIRST) / math.log(LAST / FIRST)
