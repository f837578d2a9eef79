"""What a meter port owes is foretold by its own session."""

from dataclasses import replace

import numpy as np
from tests.tools.fakes import NOW, OTHER, TINY, frame

from wattwarden.protocol.codec import Batch, default_profile
from wattwarden.tools.mirror import Mirror

CODECS = (TINY, OTHER)


def mirror() -> Mirror:
    return Mirror(CODECS, default_profile, NOW)


def test_replies_at_once_and_those_of_the_journal_are_foretold_frame_by_frame() -> None:
    one = mirror()
    assert one.foretell(frame("h", "A") + frame("r", "A", 3), NOW) == [
        frame("t", "A", NOW // 1_000_000 % 256),
        frame("k", "A", 3),
    ]
    assert one.foretell(frame("q", "A"), NOW) == []


def test_half_a_frame_owes_nothing_until_its_rest_is_sent() -> None:
    one = mirror()
    assert one.foretell(frame("r")[:4], NOW) == []
    assert one.foretell(frame("r")[4:], NOW) == [frame("k")]


def test_a_frame_whose_checksum_is_found_wrong_later_owes_nothing_but_what_it_hides_does() -> None:
    hidden = frame("r", "B", 7)
    outer = b"<>\x0e" + b"rA\x01" + hidden
    outer += bytes([sum(outer) & 0xFF])

    def confirm(batch: Batch) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        return np.array([one != outer for one in batch.frames()])

    one = Mirror((replace(TINY, confirm=confirm),), default_profile, NOW)
    assert one.foretell(outer, NOW) == [frame("k", "B", 7)]


def test_answers_are_cut_into_frames_and_named() -> None:
    one = mirror()
    one.foretell(frame("r"), NOW)
    assert one.hear(frame("k")[:3]) == []
    assert one.hear(frame("k")[3:] + frame("t")) == [frame("k"), frame("t")]
    assert one.kind(frame("t")) == "t"
    assert one.kind(b"noise") is None


def test_answers_before_anything_is_known_stay_whole_and_nameless() -> None:
    one = mirror()
    assert one.hear(b"welcome") == [b"welcome"]
    assert one.kind(b"welcome") is None


def test_a_connection_may_change_its_protocol() -> None:
    one = mirror()
    assert one.foretell(frame("r"), NOW) == [frame("k")]
    other = frame("r", "B", 2, head=b"[]")
    one.foretell(other, NOW)
    assert one.hear(b"[]" + frame("k")[2:-1] + b"\0") != [frame("k")]
