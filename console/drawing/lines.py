"""Small curves without axes: the path of a series in a picture of its own size."""

from collections.abc import Sequence


def path_of(values: Sequence[float], width: float, height: float, most: float) -> str:
    """Return the path of values at even distances, 0 at the bottom and ``most`` at the top.

    >>> path_of([0, 5, 10], 100, 20, 10)
    'M0 20L50 10L100 0'
    """
    if len(values) < 2 or most <= 0:
        return ""
    step = width / (len(values) - 1)
    points = (
        f"{place * step:.1f}".removesuffix(".0")
        + " "
        + f"{height * (1 - value / most):.1f}".removesuffix(".0")
        for place, value in enumerate(values)
    )
    return "M" + "L".join(points)


def bars_of(values: Sequence[float], width: float, height: float, most: float) -> str:
    """Return upright strokes for values at even distances."""
    if not values or most <= 0:
        return ""
    step = width / len(values)
    return "".join(
        f"M{(place + 0.5) * step:.1f} {height:g}v-{height * value / most:.1f}"
        for place, value in enumerate(values)
        if value
    )


def rounded_up(value: float) -> int:
    """Return the next number above that is easy to read: 1, 2, 5 times a power of ten, or 4, 8.

    >>> [rounded_up(one) for one in (0, 3, 9, 61, 640)]
    [2, 4, 10, 80, 800]
    """
    scale = 1
    while True:
        for step in (2, 4, 5, 8, 10):
            if step * scale >= value:
                return step * scale
        scale *= 10
