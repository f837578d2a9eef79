"""A command that is answered in fragments: what all of them say together is what it says."""

from datetime import UTC, datetime

import pytest
from tests.codecs.mischief import NOW

from wattwarden.codecs.dlt698 import CODEC
from wattwarden.codecs.dlt698.commands import ITEMS
from wattwarden.codecs.dlt698.frame import (
    FIRST,
    FRAGMENTED,
    LAST,
    MIDDLE,
    PLACE_SHIFT,
    seal,
    take_apart,
)
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.command import Command, Ending, Outcome, Peer, Verb
from wattwarden.protocol.events import SessionLimits
from wattwarden.protocol.session import Session
from wattwarden.tools.simulator.protocols.dialect import Meter
from wattwarden.tools.simulator.protocols.dlt698 import GridMeter

METER = GridMeter(Meter("610000000001", 0, 3))
CLOCK = datetime(2026, 11, 22, 3, tzinfo=UTC)
ALL = tuple(ITEMS)


def fragments(frame: bytes, size: int = 30) -> list[bytes]:
    """The same answer, as a meter sends it that announced a small window."""
    link = take_apart(frame)
    pieces = [link.apdu[at : at + size] for at in range(0, len(link.apdu), size)]
    places = [FIRST, *[MIDDLE] * (len(pieces) - 2), LAST]
    return [
        seal(link._replace(control=link.control | FRAGMENTED, apdu=piece, fragment=word))
        for number, (piece, place) in enumerate(zip(pieces, places, strict=True))
        for word in [number | place << PLACE_SHIFT]
    ]


def asked(items: tuple[str, ...]) -> tuple[Session, bytes]:
    """A session whose meter is asked for items, and its answer in one frame."""
    session = Session((CODEC,), default_profile, SessionLimits(), NOW)
    session.receive_data(METER.opening(CLOCK), NOW)
    session.data_to_send()
    peer = Peer(METER.address, METER.address, Profile(), NOW)
    session.order(7, Command(Verb.ASK, items), peer)
    return session, METER.hear(session.data_to_send(), [], CLOCK).reply


def outcome(session: Session, frames: list[bytes]) -> list[Outcome]:
    for number, frame in enumerate(frames):
        session.receive_data(frame, NOW + number)
    return session.outcomes()


def test_an_answer_in_fragments_shows_all_its_values() -> None:
    session, whole = asked(ALL)
    [at_once] = outcome(session, [whole])
    session, whole = asked(ALL)
    frames = fragments(whole)
    assert len(frames) > 3
    assert outcome(session, frames[:-1]) == []
    [told] = outcome(session, frames[-1:])
    assert told.values == at_once.values
    assert (told.ending, told.heard) == (at_once.ending, len(frames))
    assert sum("20000200" in name for name in told.values) == 1


def test_a_fragment_that_comes_again_changes_nothing() -> None:
    session, whole = asked(ALL)
    first, second, *rest = fragments(whole)
    [told] = outcome(session, [first, second, second, *rest])
    session, whole = asked(ALL)
    [at_once] = outcome(session, [whole])
    assert told.values == at_once.values


def test_an_item_that_is_refused_in_a_fragment_is_named() -> None:
    session, whole = asked(("voltage", "current", "00200200"))
    [told] = outcome(session, fragments(whole))
    assert told.ending is Ending.REFUSED
    assert told.message is not None
    assert all("00200200" in text for text in told.message)
    assert any("20000200" in name for name in told.values)


@pytest.mark.parametrize(
    "kept", [slice(1, None), slice(-1, None)], ids=["no first one", "the last alone"]
)
def test_what_lacks_its_beginning_is_said_to_be_in_fragments(kept: slice) -> None:
    session, whole = asked(("voltage", "current", "power"))
    [told] = outcome(session, fragments(whole)[kept])
    assert (told.ending, told.values) == (
        Ending.ANSWERED, {"voltage, current, power": "in fragments"},
    )  # fmt: skip


def test_the_answer_to_another_question_is_none() -> None:
    session, whole = asked(("voltage", "current", "power"))
    link = take_apart(whole)
    # The PIID stands behind tag and variant.
    other = seal(link._replace(apdu=link.apdu[:2] + bytes([link.apdu[2] ^ 1]) + link.apdu[3:]))
    assert outcome(session, fragments(other)) == []
    [told] = outcome(session, fragments(whole))
    assert (told.ending, len(told.values)) == (Ending.ANSWERED, 3)
    assert any("20000200" in name for name in told.values)
