"""Tables of the standards, as data: codes with their names, units and quantities.

    hj212_factors.csv    what HJ 212 codes measure; # stands for a digit of a machine's number
    hj212_commands.csv   its commands: kind, how they are answered, which period their data have
    hj212_terms.csv      names of its header fields, systems, statistics, parameters and flags
    dlt645_2007.csv      data items of DL/T 645-2007: format, unit, quantity (codecs.dlt645.items)
    dlt645_1997.csv      those of DL/T 645-1997
    gdw376_units.csv     what AFN and Fn of Q/GDW 376.1 carry (codecs.gdw376.layouts)
    gdw376_events.csv    names of its events

``basis`` of a factor says where its line comes from; ``unverified`` ones have no second source.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

CHANNEL_IS_CODE: Final = "code"
# Beside this file: asking importlib.resources for it takes a tenth of a start.
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Factor:
    """What a code measures.

    ``quantity`` names one of ours, "" for what is no electricity; ``scale`` brings the meter's unit
    to that quantity's.  ``own_channel`` says that several such codes stand side by side in a frame,
    so that each is a channel.
    """

    code: str
    name_zh: str
    name_en: str
    unit: str
    quantity: str
    scale: float
    own_channel: bool
    basis: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a protocol.

    ``kind`` is its slug, ``reply`` how it is answered ("" for not), ``period`` that of its data (""
    when it carries none), ``name`` Chinese and English.
    """

    kind: str
    reply: str
    period: str
    name: str


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the lines of a table by column name.  Do not change them: they are shared."""
    text = (_FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def read_factors(name: str) -> dict[str, Factor]:
    """Return the factors of a table by code, patterns among them."""
    return {
        row["code"]: Factor(
            row["code"], row["name_zh"], row["name_en"], row["unit"], row["quantity"],
            float(row["scale"] or 1), row["channel"] == CHANNEL_IS_CODE, row["basis"],
        )
        for row in read_table(name)
    }  # fmt: skip


@cache
def read_commands(name: str) -> dict[bytes, Command]:
    """Return the commands of a table by the code that stands in a frame."""
    return {
        row["cn"].encode(): Command(
            row["kind"], row["reply"], row["period"], f"{row['name_zh']} {row['name_en']}"
        )
        for row in read_table(name)
    }


@cache
def read_terms(name: str) -> dict[tuple[str, str], str]:
    """Return Chinese and English names by (group, code)."""
    return {
        (row["group"], row["code"]): f"{row['name_zh']} {row['name_en']}"
        for row in read_table(name)
    }


def find_factor(factors: dict[str, Factor], code: str) -> Factor | None:
    """Return the factor of a code, whose last one or two digits may be a machine's number."""
    exact = factors.get(code)
    if exact is not None:
        return exact
    for digits in (2, 1):
        stem, number = code[:-digits], code[-digits:]
        if stem and number.isdecimal() and number.isascii():
            for pattern in ("##", "#"):
                found = factors.get(stem + pattern)
                if found is not None and digits <= len(pattern):
                    return found
    return None
