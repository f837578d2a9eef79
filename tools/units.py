"""Units of factors, from the tables of the standards."""

from functools import cache
from typing import Final

from wattwarden.codecs.tables import Factor, find_factor, read_factors

# An average has the unit of what is averaged; a total over the period (-Cou) has not.
SAME_UNIT: Final = frozenset({"", "Avg", "Min", "Max", "Rtd", "ZsAvg", "ZsMin", "ZsMax", "ZsRtd"})


@cache
def unit_of(codec: str, code: str) -> str:
    """Return the unit of a factor's value, such as ``a34004-Avg``; "" where no table says it."""
    stem, _, statistic = code.partition("-")
    if statistic not in SAME_UNIT:
        return ""
    factor = find_factor(_factors(codec), stem)
    return "" if factor is None else factor.unit


@cache
def _factors(codec: str) -> dict[str, Factor]:
    try:
        return read_factors(f"{codec}_factors")
    except FileNotFoundError:
        return {}
