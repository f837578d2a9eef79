"""Numbers by their names in a form: a row of two fields each, and some rows more to fill.

{"SO2": 35} ─ pairs_of ─► rows of the form ─ pairs_in ─► what was typed ─ numbers_in ─► {"SO2": 35}
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

Pairs = tuple[tuple[str, str], ...]
# What is left blank is no number; whoever needs more rows saves, and gets as many again.
MORE_ROWS: Final = 3
_ROW: Final = re.compile(r"(.+)-name-([0-9]{1,4})")


def pairs_of(numbers: Mapping[str, float]) -> Pairs:
    """Return numbers as the rows of a form have them."""
    return tuple((name, number_text(number)) for name, number in numbers.items())


def pairs_in(form: Mapping[str, str], field: str) -> Pairs:
    """Return what was typed into the rows of a field, without those that were left blank."""
    found = (_ROW.fullmatch(name) for name in form)
    places = sorted(int(one[2]) for one in found if one is not None and one[1] == field)
    typed = (
        (form[f"{field}-name-{place}"].strip(), form.get(f"{field}-number-{place}", "").strip())
        for place in places
        if f"{field}-name-{place}" in form
    )
    return tuple(pair for pair in typed if any(pair))


def numbers_in(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return the numbers of rows.

    Raises:
        ValueError: A name or a number is missing, a name is there twice, or a number is none; the
            row is what the error says.
    """
    numbers: dict[str, float] = {}
    for name, text in pairs:
        row = f"{name} {text}".strip()
        if not name or name in numbers:
            raise ValueError(row)
        try:
            numbers[name] = number_in(text)
        except ValueError:
            raise ValueError(row) from None
    return numbers


def number_in(text: str) -> float:
    """Read a number.

    Raises:
        ValueError: It is none, or endless.
    """
    number = float(text)
    if not math.isfinite(number):
        message = "no number of a record is infinite"
        raise ValueError(message)
    return number


def number_text(number: float) -> str:
    """Write a number so that it reads back as itself, as people write it where that is so."""
    short = f"{number:.12g}"
    return short if float(short) == number else repr(number)
