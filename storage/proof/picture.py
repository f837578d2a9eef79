"""The curve of an alarm as a picture: the power that each meter reported, and the episode.

SVG made of the readings alone, with whole numbers, so that the same readings give the same bytes.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.folding.foldtime import DAY_MS
from wattwarden.storage.moments import moment_of
from wattwarden.storage.proof.said import Said

WIDTH: Final = 1_200
LEFT: Final = 150
HEIGHT: Final = 120
GAP: Final = 30
TOP: Final = 60
# As many as a picture of this width can show.
MAX_POINTS: Final = 2_400

_US_PER_MS: Final = 1_000


def drawn(
    said: Mapping[str, Said], title: str, window: tuple[int, int], episode: tuple[int, int]
) -> bytes:
    """Return the picture of what meters said within a window; the episode is shaded (all in ms)."""
    since, until = window
    height = TOP + len(said) * (HEIGHT + GAP) + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="20" font-size="16">{escape(title)}</text>',
        f'<text x="8" y="40">{_told(since)} … {_told(until)} UTC</text>',
    ]
    begin, end = (_across(np.array([moment]), window)[0] for moment in episode)
    shade = max(end - begin, 1)
    lines.append(
        f'<rect x="{begin}" y="{TOP}" width="{shade}" height="{height - TOP}" fill="#fde2e1"/>'
    )
    for place, (meter, one) in enumerate(sorted(said.items())):
        lines += _curve(meter, one, window, TOP + place * (HEIGHT + GAP))
    lines += _days(window, height)
    return "\n".join([*lines, "</svg>", ""]).encode()


def _curve(meter: str, said: Said, window: tuple[int, int], top: int) -> Sequence[str]:
    at = said.readings["at"] // _US_PER_MS
    watts = _power(said)
    chosen = np.flatnonzero(~np.isnan(watts) & (at >= window[0]) & (at < window[1]))
    chosen = chosen[:: 1 + len(chosen) // MAX_POINTS]
    bottom = top + HEIGHT
    most = float(watts[chosen].max(initial=0.0))
    lines = [
        f'<path d="M{LEFT} {bottom}H{WIDTH}" stroke="#999" fill="none"/>',
        f'<text x="8" y="{top + 20}">{escape(meter)}</text>',
        f'<text x="8" y="{top + 40}">0 … {most / 1000:.2f} kW</text>',
    ]
    if len(chosen) and most > 0:
        across = _across(at[chosen], window)
        down = np.rint(bottom - np.maximum(watts[chosen], 0) / most * HEIGHT).astype(np.int64)
        points = " ".join(f"{x},{y}" for x, y in zip(across.tolist(), down.tolist(), strict=True))
        lines.append(f'<polyline points="{points}" stroke="#1769aa" fill="none"/>')
    return lines


def _power(said: Said) -> NDArray[Any]:
    """The total power, else the sum of the phases."""
    columns = said.readings
    total = columns["power_total"].astype(np.float64)
    phases = np.array([columns[f"power_{phase}"] for phase in "abc"], np.float64)
    summed = np.where(np.isnan(phases).all(axis=0), np.nan, np.nansum(phases, axis=0))
    return np.where(np.isnan(total), summed, total)


def _days(window: tuple[int, int], height: int) -> Sequence[str]:
    """A mark at each midnight in UTC."""
    first = -(-window[0] // DAY_MS)
    marks = range(first, -(-window[1] // DAY_MS))
    lines = []
    for day in marks:
        x = int(_across(np.array([day * DAY_MS]), window)[0])
        lines.append(f'<path d="M{x} {TOP}V{height}" stroke="#ddd" fill="none"/>')
        if len(marks) <= 15 or not (day - first) % 7:
            text = moment_of(day * DAY_MS * _US_PER_MS).strftime("%m-%d")
            lines.append(f'<text x="{x + 2}" y="{TOP - 4}" fill="#666">{text}</text>')
    return lines


def _across(at: NDArray[Any], window: tuple[int, int]) -> NDArray[Any]:
    since, until = window
    share = (at - since) / max(until - since, 1)
    across: NDArray[Any] = np.rint(LEFT + share.clip(0, 1) * (WIDTH - LEFT)).astype(np.int64)
    return across


def _told(ms: int) -> str:
    return moment_of(ms * _US_PER_MS).strftime("%Y-%m-%d %H:%M:%S")
