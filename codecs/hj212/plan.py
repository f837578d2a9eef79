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

LETTERS: Final = NO_FLAG + bytes(range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where readings are in a list name, value, name, value, …, to which ``NO_FLAG`` is appended.

    ``time``, ``pollutant`` and the places are indices into it, -1 for none; ``skeleton`` is what
    remains of the data when names and values are left out.
    """

    names: tuple[bytes, ...]
    skeleton: bytes
    time: int
    pollutant: int
    value_places: tuple[int, ...]
    flag_places: tuple[int, ...]
    values: Callable[[list[bytes]], tuple[bytes, ...]]
    flags: Callable[[list[bytes]], tuple[bytes, ...]]
    shape: Shape
    refused: str

    @property
    def is_usual(self) -> bool:
        """Whether the data are readings and nothing else is to be known of them."""
        return bool(self.value_places) and self.pollutant < 0 and not self.refused


def texts_of(data: bytes) -> list[bytes]:
    """Cut data into names and values."""
    return data.replace(b",", b";").replace(b"=", b";").split(b";")


def _picker(places: Sequence[int]) -> Callable[[list[bytes]], tuple[bytes, ...]]:
    """Return what picks the texts at ``places``."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda texts: tuple(texts[place] for place in places)


def _at(index: int) -> int:
    """Return where the value of a name stands, -1 for no name."""
    return 2 * index + 1 if index >= 0 else -1


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
    named = (*factors.values(), *(index for index, _ in quantities.values()))
    flags = (names[index].rpartition(b"-")[0] + b"-Flag" for index in named)
    values = tuple(map(_at, named))
    letters = tuple(_at(place.get(flag, -1)) for flag in flags)
    measured = tuple(Measured(*key, scale) for key, (_, scale) in quantities.items())
    return Plan(
        names=names,
        skeleton=(b"=;" * len(names))[:-1],
        time=_at(place.get(b"DataTime", -1)),
        pollutant=_at(place.get(b"PolId", -1)),
        value_places=values,
        flag_places=letters,
        values=_picker(values),
        flags=_picker(letters),
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
    return (b"?" if letter.translate(None, LETTERS) else letter) or NO_FLAG


def readings_of(plan: Plan, texts: list[bytes]) -> tuple[list[float], bytes]:
    """Return the numbers of a row and the flag of each."""
    picked = plan.values(texts)
    try:
        values = list(map(float, picked))
    except ValueError:
        values = list(map(_number, picked))
    flags = b"".join(plan.flags(texts))
    are_letters = flags.isalpha() or not flags.translate(None, LETTERS)
    if len(flags) != len(values) or not are_letters:
        flags = b"".join(map(_flag_letter, plan.flags(texts)))
    return values, flags
