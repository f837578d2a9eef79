"""Where the readings stand among names and values: planned once for each list of names.

DataTime=…;a34004-Rtd=14,a34004-Flag=N;… ─ names ─► Plan;  values ─ Plan ─► numbers and flags
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final

import numpy as np

from wattwarden.codecs.tables import find_factor, read_factors
from wattwarden.protocol.codec import MAX_CHANNEL_BYTES
from wattwarden.protocol.rows import NO_FLAG, Measured, Shape

MAX_CODE_BYTES: Final = 32  # "a34004-NightData" has 16
# Statistics whose value is a text, and those whose value is the reading itself.
TEXTS: Final = frozenset({"Flag", "EFlag", "SampleTime", "CompleteTime", "SN"})
VALUES: Final = frozenset({"Rtd", "Avg", "Info"})

_LETTERS: Final = NO_FLAG + bytes(range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where readings are in a list name, value, name, value, …, to which ``NO_FLAG`` is appended.

    ``time`` and ``pollutant`` are indices of values, -1 for none.
    """

    skeleton: bytes
    time: int
    pollutant: int
    values: Callable[[list[bytes]], tuple[bytes, ...]]
    flags: Callable[[list[bytes]], tuple[bytes, ...]]
    shape: Shape
    refused: str


def _picker(places: Sequence[int]) -> Callable[[list[bytes]], tuple[bytes, ...]]:
    """Return what picks the values at ``places``, at -1 the last one."""
    indices = [2 * place + 1 if place >= 0 else -1 for place in places]
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda texts: tuple(texts[index] for index in indices)


@lru_cache(maxsize=512)
def _shape(factors: tuple[str, ...], quantities: tuple[Measured, ...]) -> Shape:
    return Shape(factors, quantities)


# Meters send the same names day after day; a fleet knows a few hundred lists of them.
@lru_cache(maxsize=512)
def plan_of(names: tuple[bytes, ...]) -> Plan:
    """Find the readings in a list of names."""
    place: dict[bytes, int] = {}
    for index, name in enumerate(names):
        place.setdefault(name, index)
    factors: dict[str, int] = {}
    quantities: dict[tuple[str, str], tuple[int, float]] = {}
    refused = ""
    for name, index in place.items():
        text = name.decode("latin-1")
        code, dash, statistic = text.rpartition("-")
        if not dash or statistic in TEXTS:
            continue
        if not code or len(name) > MAX_CODE_BYTES or not (text.isascii() and text.isprintable()):
            refused = f"a code is at most {MAX_CODE_BYTES} printable characters, got {text[:40]!r}"
            continue
        factor = find_factor(read_factors("hj212_factors"), code)
        if factor is not None and factor.quantity and statistic in VALUES:
            key = (code if factor.own_channel else "", factor.quantity)
            if key not in quantities and len(key[0]) <= MAX_CHANNEL_BYTES:
                quantities[key] = (index, factor.scale)
                continue
        factors[code if statistic == "Rtd" else text] = index
    values = (*factors.values(), *(index for index, _ in quantities.values()))
    flags = (names[index].rpartition(b"-")[0] + b"-Flag" for index in values)
    measured = tuple(Measured(*key, scale) for key, (_, scale) in quantities.items())
    return Plan(
        skeleton=(b"=;" * len(names))[:-1],
        time=2 * place[b"DataTime"] + 1 if b"DataTime" in place else -1,
        pollutant=2 * place[b"PolId"] + 1 if b"PolId" in place else -1,
        values=_picker(values),
        flags=_picker([place.get(flag, -1) for flag in flags]),
        shape=_shape(tuple(factors), measured),
        refused=refused,
    )


def _number(text: bytes) -> float:
    """Read a decimal number; NaN for any other text."""
    try:
        return float(text) if b"_" not in text else np.nan
    except ValueError:
        return np.nan


def _flag_letter(text: bytes) -> bytes:
    letter = text[:1]
    return (b"?" if letter.translate(None, _LETTERS) else letter) or NO_FLAG


def readings_of(plan: Plan, texts: list[bytes]) -> tuple[list[float], bytes]:
    """Return the numbers of a row and the flag of each."""
    picked = plan.values(texts)
    try:
        values = list(map(float, picked))
    except ValueError:
        values = list(map(_number, picked))
    flags = b"".join(plan.flags(texts))
    are_letters = flags.isalpha() or not flags.translate(None, _LETTERS)
    if len(flags) != len(values) or not are_letters:
        flags = b"".join(map(_flag_letter, plan.flags(texts)))
    return values, flags
