"""The confirmations (AFN 00) that terminals wait for, when they ask for one with CON."""

from typing import Final

from wattwarden.codecs.gdw376.frame import (
    CONFIRM,
    FIRST,
    FUNCTION,
    LAST,
    LINK_TEST,
    NUMBER,
    SEQ,
    Parts,
    meter_of,
    parts_of,
    seal,
)
from wattwarden.codecs.gdw376.kinds import CONFIRMATION, LINK
from wattwarden.codecs.gdw376.message import identifier
from wattwarden.codecs.gdw376.units import walk
from wattwarden.protocol.codec import Batch, ProfileOf

_LINK_REPLY: Final = 0x0B  # answers a link test, from the master station
_ACCEPTED: Final = 0x00
_ALL: Final = 1
_EACH: Final = 3
_SOUND: Final = b"\x00"


def wants_confirmation(parts: Parts) -> bool:
    """Whether a frame is the terminal's and to be confirmed."""
    return parts.is_up and bool(parts.seq & CONFIRM) and parts.afn != CONFIRMATION


def confirmation(parts: Parts, profile_of: ProfileOf) -> bytes:
    """Return the confirmation of a frame: of all (F1), or unit by unit (F3) by the profile."""
    each = profile_of(meter_of(parts) or "").options.get("confirm") == "F3"
    data = identifier(0, _EACH if each else _ALL)
    if each:
        data += bytes([parts.afn]) + _SOUND.join([*_identifiers(parts), b""])
    is_link_test = parts.control & FUNCTION == LINK_TEST
    control = _LINK_REPLY if is_link_test else _ACCEPTED
    seq = FIRST | LAST | parts.seq & NUMBER
    return seal(parts._replace(control=control, afn=CONFIRMATION, seq=seq, data=data))


def _identifiers(parts: Parts) -> list[bytes]:
    """Return DA and DT of every unit of a frame."""
    spans = [span for span in walk(parts).spans if span.slug == "identifier"]
    return [parts.data[span.offset : span.offset + span.size] for span in spans]


def is_awaited(frame: bytes) -> bool:
    """Whether the terminal may wait for what ``acknowledge`` gives: where CON says so."""
    return bool(frame[SEQ] & CONFIRM)


def acknowledge(batch: Batch) -> list[bytes]:
    """Return the confirmation of each stored frame that wants one, b"" for others.

    Login, heartbeat and logout have had theirs.
    """
    answers = []
    for frame in batch.frames():
        parts = parts_of(frame)
        is_due = wants_confirmation(parts) and parts.afn != LINK
        answers.append(confirmation(parts, batch.profile_of) if is_due else b"")
    return answers
