"""How the answers of terminals of Q/GDW 376.1 are known, and what they say.

frame ─ up, an answer, its number ─► the Fn that was asked for | the frame that was forwarded
                                  └► a confirmation (AFN 00): done, denied, or unit by unit
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from wattwarden.codecs.dlt645 import commands as dlt645
from wattwarden.codecs.gdw376.frame import BEGINS, LAST, NUMBER, Parts, check
from wattwarden.codecs.gdw376.kinds import CONFIRMATION, FORWARDING
from wattwarden.codecs.gdw376.units import describe, walk
from wattwarden.protocol.both import Both
from wattwarden.protocol.command import Answer
from wattwarden.protocol.errors import ProtocolError

_ALL_DONE: Final = 1
_ALL_DENIED: Final = 2
_EACH: Final = 3
_IDENTIFIER_BYTES: Final = 4


class Asked(NamedTuple):
    """What an answer is known by."""

    name: str
    afn: int
    fn: int
    pn: int
    number: int


def told(asked: Asked, frame: bytes) -> Answer | None:
    """Return what a frame answers: the number says what, if its Fn or a denial does not."""
    parts = _from_terminal(frame, asked.number)
    if parts is None:
        return None
    if parts.afn == CONFIRMATION:
        return _confirmed(asked.name, parts)
    if parts.afn != asked.afn:
        return None
    units = [one for one in walk(parts).units if (one.fn, one.pn) == (asked.fn, asked.pn)]
    if not units:
        return None
    return Answer({asked.name: describe(units[0])}, is_last=bool(parts.seq & LAST))


def told_inner(
    wanted: dlt645.Wanted,
    number: int,
    tell: Callable[[dlt645.Wanted, bytes], Answer | None],
    frame: bytes,
) -> Answer | None:
    """Return what a frame of a meter behind answers, as its terminal forwarded it.

    ``tell`` is whoever judges the meter's own frame: ``dlt645.told`` or ``dlt645.heard``.
    """
    parts = _from_terminal(frame, number)
    if parts is None:
        return None
    if parts.afn == CONFIRMATION:
        return _confirmed(wanted.name, parts)
    if parts.afn != FORWARDING:
        return None
    for unit in walk(parts).units:
        inner = describe(unit).get("frame")
        if inner:
            return tell(wanted, bytes.fromhex(inner))
    return _refused(wanted.name, "终端转发后表无应答", "the meter behind did not answer")


def _from_terminal(frame: bytes, number: int) -> Parts | None:
    try:
        parts = check(frame)
    except ProtocolError:
        return None
    return parts if parts.is_up and not parts.control & BEGINS and (
        parts.seq & NUMBER == number
    ) else None  # fmt: skip


def _confirmed(name: str, parts: Parts) -> Answer | None:
    """Return what a confirmation says: of all, of none, or of each unit."""
    found = parts.data[2] if len(parts.data) > 3 and not parts.data[3] else 0
    if found == 1 << _ALL_DONE - 1:
        return Answer({name: "done"})
    if found == 1 << _ALL_DENIED - 1:
        return _refused(name, "终端否认", "denied by the terminal")
    if found != 1 << _EACH - 1:
        return None
    # AFN, then DA, DT and the result of each.
    results = parts.data[_IDENTIFIER_BYTES + 1 + _IDENTIFIER_BYTES :: _IDENTIFIER_BYTES + 1]
    if results[:1] == b"\0":
        return Answer({name: "done"})
    code = results[:1].hex() or "?"
    return _refused(name, f"终端返回错误 {code}", f"error {code} of the terminal")


def _refused(name: str, zh: str, en: str) -> Answer:
    return Answer(refused=Both(f"{name}：{zh}", f"{name}: {en}"))
