"""What logical names (OBIS, IEC 62056-61) mean.

``A-B:C.D.E*F`` is written ``1.0.32.7.0.255``.  The table ``dlms_obis`` holds names by A, C, D and
E: B is a channel, F a billing period.
"""

from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from wattwarden.codecs.tables import read_table

# Meters push the same few dozen names; a hostile one may name each there is.
_REMEMBERED: Final = 4096
OBIS_DIGITS: Final = 12
_CURRENT_PERIOD: Final = "ff"

# The units of IEC 62056-6-2 that electricity needs, by their number.
UNITS: Final = {
    8: "°", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 34: "C",
    35: "V", 36: "V/m", 37: "F", 38: "Ω", 44: "Hz", 45: "1/Wh", 46: "1/varh", 47: "1/VAh",
    7: "s", 6: "min", 5: "h", 4: "d", 9: "℃", 13: "m³", 14: "m³", 56: "%", 57: "Ah", 70: "dB",
    255: "",
}  # fmt: skip


class Meaning(NamedTuple):
    """A logical name's names, its unit and our quantity; ``sign`` is -1 for what is exported."""

    name: str
    unit: str
    quantity: str
    sign: int


@cache
def _meanings() -> dict[tuple[int, ...], Meaning]:
    return {
        tuple(int(row[part]) for part in "acde"): Meaning(
            f"{row['name_zh']} {row['name_en']}",
            row["unit"],
            row["quantity"],
            int(row["sign"] or 1),
        )
        for row in read_table("dlms_obis")
    }


@lru_cache(_REMEMBERED)
def find(obis: str) -> Meaning | None:
    """Return the meaning of a logical name, None for one of no table."""
    a, _, c, d, e, _ = map(int, obis.split("."))
    table = _meanings()
    # Kamstrup writes the clock and the ids of electricity with the media of another group.
    for media in (a, 0, 1):
        found = table.get((media, c, d, e))
        if found is not None:
            return found
    return None


def describe(obis: str) -> str:
    """Name a logical name in Chinese and English, "" for one of no table."""
    found = find(obis)
    return "" if found is None else found.name


def obis_text(digits: str) -> str:
    """Write six bytes, given in hex, as a logical name."""
    return ".".join(str(byte) for byte in bytes.fromhex(digits))


def obis_hex(obis: str) -> str:
    """Write a logical name as hex.  Raises ValueError for what is none."""
    parts = list(map(int, obis.split(".")))
    if len(parts) * 2 != OBIS_DIGITS:
        message = f"a logical name has six parts, got {obis!r}"
        raise ValueError(message)
    return bytes(parts).hex()


def obis_of(data: Any) -> str | None:
    """Return the logical name that data are, None where they are something else."""
    text = data.get("octet-string") if isinstance(data, dict) else None
    if not isinstance(text, str) or len(text) != OBIS_DIGITS or not text.endswith(_CURRENT_PERIOD):
        return None
    return obis_text(text)
