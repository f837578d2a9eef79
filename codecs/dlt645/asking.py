"""Asking a meter of DL/T 645, and what an answer answers: for whoever polls.

request(address, item) → bytes → the line → bytes → answer_of → Answer(address, item, …)
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from wattwarden.codecs.dlt645.frame import PREAMBLE, check, seal
from wattwarden.codecs.dlt645.functions import (
    CODE,
    MORE_FOLLOWS,
    READ,
    READ_1997,
    READ_ADDRESS,
    READ_NEXT,
    READ_NEXT_1997,
    REFUSAL,
    REFUSED,
    REPLY,
    function_of,
)
from wattwarden.codecs.dlt645.items import IDENTIFIER_1997, IDENTIFIER_2007
from wattwarden.protocol.wire import parts_of

# Four of them wake every receiver that was met.
_WAKING: Final = PREAMBLE * 4
ANYBODY: Final = "aa" * 6


@dataclass(frozen=True, slots=True)
class Answer:
    """What a meter's frame answers.

    ``item`` is "" where it names none: a refusal, an address.  ``more`` says that ``request_next``
    brings the rest; ``err`` is the error word of a refusal in hex, "" for none.
    """

    address: str
    function: int
    item: str
    more: bool
    err: str


def request(address: str, item: str) -> bytes:
    """Return the question for a data item of 8 (2007) or 4 (1997) hex digits.

    Raises:
        ValueError: there is no such address or item.
    """
    raw = _identifier(item)
    return _WAKING + seal(address, READ_1997 if len(item) == IDENTIFIER_1997 else READ, raw)


def request_next(address: str, item: str, sequence: int) -> bytes:
    """Return the question for what follows; ``sequence`` counts from 1 and is 2007's alone.

    Raises:
        ValueError: there is no such address, item or number.
    """
    raw = _identifier(item)
    if len(item) == IDENTIFIER_1997:
        return _WAKING + seal(address, READ_NEXT_1997, raw)
    return _WAKING + seal(address, READ_NEXT, raw + bytes([sequence]))


def request_address() -> bytes:
    """Return the question for the address of the only meter on a line."""
    return _WAKING + seal(ANYBODY, READ_ADDRESS, b"")


def answer_of(frame: bytes) -> Answer | None:
    """Return what a frame answers, None for one that is no meter's.

    Raises:
        ProtocolError: it is no sound frame.
    """
    parts = check(frame)
    if not parts.control & REPLY:
        return None
    is_refused = parts.control & REFUSED
    named = _named_at(parts.control)
    name = ""
    if named is not None and named[1] <= len(parts.data):
        begin, end, piece = named
        name = str(piece.value(parts.data[begin:end]))
    return Answer(
        address=parts.address,
        function=parts.control & CODE,
        item="" if is_refused else name,
        more=bool(parts.control & MORE_FOLLOWS),
        err=name if is_refused else "",
    )


@cache
def _named_at(control: int) -> tuple[int, int, Any] | None:
    """Return where a reply names its item, or its error: the stretch of its data, and the piece.

    Whoever waits for an answer looks no further: its values are read once, when they are stored.
    """
    struct = REFUSAL if control & REFUSED else function_of(control).reply
    at = 0
    for name, piece in parts_of(struct):
        size = int(piece.sizeof())
        if name in ("di", "err"):
            return at, at + size, piece
        at += size
    return None


def _identifier(item: str) -> bytes:
    raw = bytes.fromhex(item)[::-1]
    if len(item) not in (IDENTIFIER_1997, IDENTIFIER_2007):
        message = f"a data item has {IDENTIFIER_2007} or {IDENTIFIER_1997} hex digits, got {item!r}"
        raise ValueError(message)
    return raw
