"""Frames that may end at several places: the end that is proven is theirs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.candidates import UNTOLD, Candidates
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import FRAME, MORE, NOISE


def ends(buffer: bytes, start: int) -> list[int]:
    """``(``, then either four bytes in all, or as many as the second byte says."""
    if not buffer.startswith(b"(", start):
        return []
    counted = start + buffer[start + 1] if start + 1 < len(buffer) else UNTOLD
    return [start + 4, counted] if counted == UNTOLD or counted > start + 1 else [start + 4]


def fits(buffer: bytes, start: int, end: int) -> bool:
    return end - start > 2 and buffer[end - 1] == ord(")")


OUTLINE = Candidates(most_bytes=12, ends=ends, fits=fits, begin=re.compile(rb"\("))


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        pytest.param(b"(xy)", (FRAME, 4), id="the fixed end"),
        pytest.param(b"(\x06abc)", (FRAME, 6), id="the counted end"),
        pytest.param(b"(\x03)abc)", (FRAME, 3), id="the only one of two that fits"),
        pytest.param(b"(\x03))", (FRAME, 4), id="of two that fit, the one that leaves nothing"),
        pytest.param(b"(\x03))(\x03)x", (FRAME, 4), id="the one before a proven frame"),
        pytest.param(b"(\x03))x", (FRAME, 3), id="before noise, the nearer"),
        pytest.param(b"(", (MORE, 0), id="what tells has not come"),
        pytest.param(b"(\x06abc", (MORE, 6), id="one end is left"),
        pytest.param(b"(\x06abcd", (NOISE, 6), id="no end fits"),
        pytest.param(b"(\x02ab(", (NOISE, 4), id="up to where the next may begin"),
        pytest.param(b"(\xff" + bytes(10), (NOISE, 12), id="longer than any"),
        pytest.param(b"ab(", (NOISE, 2), id="no head"),
    ],
)
def test_a_stretch_is_judged(data: bytes, verdict: tuple[object, int]) -> None:
    assert OUTLINE.cut(data, 0, 0) == verdict
    assert OUTLINE.cut_strictly(data, 0) == verdict


def test_what_is_awaited_is_not_looked_at_again_before_it_has_come() -> None:
    looked = []

    def counted(buffer: bytes, start: int) -> list[int]:
        looked.append(len(buffer))
        return ends(buffer, start)

    framer = Framer(Candidates(most_bytes=12, ends=counted, fits=fits, begin=re.compile(rb"\(")))
    frames = [frame for byte in b"(\x0aabcdefg)" for frame in framer.feed(bytes([byte]))]
    assert frames == [b"(\x0aabcdefg)"]
    assert looked == [1, 2, 4, 10]


@given(st.lists(st.sampled_from([b"(xy)", b"(\x06abc)", b"z", b"((", b"(\x09"]), max_size=8))
def test_drips_and_the_whole_mean_the_same(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    whole, drips = Framer(OUTLINE), Framer(OUTLINE)
    frames = whole.feed(data)
    assert [f for at in range(len(data)) for f in drips.feed(data[at : at + 1])] == frames
    assert drips.pending == whole.pending
