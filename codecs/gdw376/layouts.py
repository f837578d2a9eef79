"""What the units of Q/GDW 376.1 carry, read from the table: AFN, Fn, direction → names and layout.

A layout is a list of parts, ``name:format`` or ``name:format:unit``, and groups of them in round
brackets.  ``*`` repeats a part: for the total and each tariff once ``tariffs`` was read, else as
often as there are data; ``#`` for each point of a curve.  ``~`` stands for bytes of which no
layout is known, ``!`` for events, the format N for as many bytes as ``length`` says.  Without a
layout a unit carries nothing: the next one follows at once.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from wattwarden.codecs.gdw376.formats import format_piece
from wattwarden.codecs.gdw376.kinds import CLASS_1, CLASS_2
from wattwarden.codecs.tables import read_table

ONCE: Final = ""
EACH_TARIFF: Final = "*"
EACH_POINT: Final = "#"
REST: Final = "~"
EVENTS: Final = "!"
COUNTED: Final = "N"

# What stands in front of frozen data and curves (数据时标 Td).
_TIME_STAMPS: Final = {
    "day": "Td:A20",
    "month": "Td:A21",
    "curve": "Td:A15 density:B1 points:B1",
    "hour": "hour:H1 density:B1",
    "": "",
}
_TOKEN: Final = re.compile(r"\(([^)]*)\)([*#]?)|(\S+?)([*#]?)(?=\s|\Z)")


@dataclass(frozen=True, slots=True)
class Part:
    """One value: its name in the unit, how it is read, its size and unit."""

    slug: str
    piece: Any
    size: int
    unit: str


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that stand together, and how often: ONCE, EACH_TARIFF, EACH_POINT.

    REST, EVENTS and COUNTED are groups whose bytes are read in their own way.  ``size`` counts the
    bytes of one repetition.
    """

    parts: tuple[Part, ...]
    repeat: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """One unit.  ``stamp`` is how its time is written, ``period`` what its rows stand for."""

    afn: int
    fn: int
    name: str
    stamp: str
    period: str
    groups: tuple[Group, ...]


@cache
def find_layout(afn: int, fn: int, *, up: bool) -> Layout | None:
    """Return the layout of a unit, None for one of no table.

    Whoever asks for data of class 1 and 2 sends no more than the time of those of class 2.
    """
    row = _table().get((f"{afn:02X}", str(fn), "up" if up else "down"))
    if row is None:
        row = _table().get((f"{afn:02X}", str(fn), ""))
    asked = row is None and not up
    if asked:
        row = _table().get((f"{afn:02X}", str(fn), "up"))
    elif row is None:
        row = _table().get((f"{afn:02X}", str(fn), "down"))
    if row is None:
        return None
    asked = asked or (afn == CLASS_2 and not up)
    stamp = "" if asked and afn == CLASS_1 else _TIME_STAMPS[row["td"]]
    known = (row["way"] in ("", "up" if up else "down")) and not asked
    text = f"{stamp} {row['layout'] if known else ''}"
    return Layout(
        afn, fn, f"{row['zh']} {row['en']}", row["td"], row["period"] if up else "", _groups(text)
    )


@cache
def _table() -> dict[tuple[str, str, str], dict[str, str]]:
    return {(row["afn"], row["fn"], row["way"]): row for row in read_table("gdw376_units")}


@cache
def event_name(erc: int) -> str:
    """Return Chinese and English of an event code, "" for one of no table."""
    names = {row["erc"]: f"{row['zh']} {row['en']}" for row in read_table("gdw376_events")}
    return names.get(str(erc), "")


def _groups(text: str) -> tuple[Group, ...]:
    groups = []
    for bracketed, how, single, often in _TOKEN.findall(text):
        if single in (REST, EVENTS):
            groups.append(Group((), single))
        elif single.endswith(f":{COUNTED}"):
            groups.append(Group((Part(single.partition(":")[0], None, 0, ""),), COUNTED))
        else:
            parts = tuple(_part(one) for one in (bracketed or single).split())
            groups.append(Group(parts, how or often, sum(part.size for part in parts)))
    return tuple(groups)


def _part(text: str) -> Part:
    slug, name, unit = (*text.split(":"), "")[:3]
    piece = format_piece(name)
    return Part(slug, piece, int(piece.sizeof()), unit)
