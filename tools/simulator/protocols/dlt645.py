"""Meters of DL/T 645 that answer when asked, by the standard of 2007 or that of 1997."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import takewhile
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlt645 import CODEC
from wattwarden.codecs.dlt645.items import Item, find_item, members_of
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.tools.simulator.protocols.measured import Measured, Steps, measure

ITEMS_2007: Final = ("0201FF00", "0202FF00", "0203FF00", "0206FF00", "0001FF00", "00020000")
ITEMS_1997: Final = ("B61F", "B62F", "B63F", "B65F", "901F")
# No such item here (bit 1 of the error word).
UNKNOWN_ITEM: Final = "02"
REFUSED: Final = {"read": "D1", "read_1997": "C1"}


class Answer(NamedTuple):
    """What a meter says, and what that means; nothing measured for a refusal."""

    frame: bytes
    measured: Measured


@cache
def _items(di: str) -> tuple[Item, ...]:
    """Return the items that an identifier asks for, as far as they are quantities of ours."""
    item = find_item(di)
    asked = members_of(di) if item is None else (item,)
    return tuple(takewhile(lambda one: bool(one.quantity), asked))


def _steps(items: tuple[Item, ...]) -> Iterator[tuple[str, Decimal]]:
    for item in items:
        yield item.quantity, Decimal(item.scale).scaleb(-item.parts[0].piece.decimals)


@cache
def steps_of(di: str) -> Steps:
    """Return the quantities of an item or block, and how finely it carries them."""
    return dict(_steps(_items(di)))


def read(seed: int, address: str, di: str, turn: int) -> Answer:
    """Return what a meter answers to the question for an item that it has."""
    measured = measure(seed, address, turn, steps_of(di))
    rows = [
        {"di": item.di, "value": measured[item.quantity] / Decimal(item.scale)}
        for item in _items(di)
    ]
    kind = "read_1997_reply" if len(di) == len(ITEMS_1997[0]) else "read_reply"
    frame = CODEC.encode(Message(kind, address, None, {"di": di, "items": rows}))
    return Answer(frame, measured)


def answer(seed: int, address: str, request: bytes, turn: int) -> Answer | None:
    """Return what a meter says to a frame on its line, None to one that asks another, or nothing.

    Raises:
        ProtocolError: it is no sound frame.
    """
    asked = CODEC.read(request, default_profile)
    if asked.meter != address or asked.kind not in REFUSED:
        return None
    di = str(asked.fields["di"])
    if _items(di):
        return read(seed, address, di, turn)
    fields: dict[str, Any] = {"control": REFUSED[asked.kind], "err": UNKNOWN_ITEM}
    return Answer(CODEC.encode(Message(asked.kind, address, None, fields)), {})
