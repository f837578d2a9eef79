"""Stretches of time: disjoint, in order, each from a moment up to but without another."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

Span: TypeAlias = tuple[datetime, datetime]
Spans: TypeAlias = tuple[Span, ...]


def merged(spans: Iterable[Span]) -> Spans:
    """Return stretches that may overlap as disjoint ones, in order; empty ones vanish."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def common(one: Spans, other: Spans) -> Spans:
    """Return where both are."""
    found: list[Span] = []
    left, right = 0, 0
    while left < len(one) and right < len(other):
        start = max(one[left][0], other[right][0])
        end = min(one[left][1], other[right][1])
        if start < end:
            found.append((start, end))
        if one[left][1] <= other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(found)


def length(spans: Spans) -> timedelta:
    """Return how long they are together."""
    return sum((end - start for start, end in spans), timedelta())


def within(spans: Spans, start: datetime, end: datetime) -> Spans:
    """Return the part of them that lies between two moments."""
    return common(spans, ((start, end),)) if start < end else ()
