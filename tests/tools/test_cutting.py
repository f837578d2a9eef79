"""Whole inputs are cut into frames and into what is none, with nothing lost between."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.fakes import HEAD, OTHER, OTHER_HEAD, TINY, frame

from wattwarden.protocol.codec import Codec
from wattwarden.tools.cutting import Cutter, Piece, all_of, recognising

CODECS = (TINY, OTHER)
GOOD = frame("r", "A", 5)
OTHER_GOOD = frame("r", "B", 6, head=OTHER_HEAD)
BROKEN = GOOD[:-1] + b"\x00"


def cutter(*, refuse: bytes = b"") -> Cutter:
    return Cutter(CODECS, recognising(CODECS), lambda _codec, raw: raw != refuse)


def told(pieces: list[Piece]) -> list[tuple[bytes, str, bool]]:
    return [(p.raw, p.codec.name if p.codec else "", p.sound) for p in pieces]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(GOOD, [(GOOD, "tiny", True)], id="one frame"),
        pytest.param(GOOD * 2, [(GOOD, "tiny", True)] * 2, id="two glued"),
        pytest.param(
            GOOD + OTHER_GOOD, [(GOOD, "tiny", True), (OTHER_GOOD, "other", True)], id="two codecs"
        ),
        pytest.param(
            b"noise" + GOOD, [(b"noise", "", False), (GOOD, "tiny", True)], id="noise before"
        ),
        pytest.param(
            GOOD + b"noise", [(GOOD, "tiny", True), (b"noise", "", False)], id="noise after"
        ),
        pytest.param(
            BROKEN + GOOD, [(BROKEN, "tiny", False), (GOOD, "tiny", True)], id="broken before sound"
        ),
        pytest.param(
            BROKEN + OTHER_GOOD,
            [(BROKEN, "tiny", False), (OTHER_GOOD, "other", True)],
            id="broken before another codec's",
        ),
        pytest.param(
            BROKEN + BROKEN, [(BROKEN, "tiny", False), (BROKEN, "tiny", False)], id="two broken"
        ),
        pytest.param(GOOD[:4], [(GOOD[:4], "tiny", False)], id="cut short"),
        pytest.param(
            GOOD[:4] + OTHER_GOOD,
            [(GOOD[:4], "tiny", False), (OTHER_GOOD, "other", True)],
            id="cut short before another codec's",
        ),
        pytest.param(
            b"<>\x10" + GOOD, [(b"<>\x10", "tiny", False), (GOOD, "tiny", True)], id="swallowed"
        ),
        pytest.param(b"\n\n" + GOOD + b"\n", [(GOOD + b"\n", "tiny", True)], id="separators"),
        pytest.param(b"x\n", [(b"x\n", "", False)], id="separator inside noise"),
        pytest.param(GOOD + b"<", [(GOOD, "tiny", True), (b"<", "tiny", False)], id="half a head"),
    ],
)
def test_bytes_are_told_apart(data: bytes, expected: list[tuple[bytes, str, bool]]) -> None:
    assert told(cutter().cut(data)) == expected


def test_a_frame_that_is_not_proven_is_broken_and_searched_inside() -> None:
    outer = b"<>\x0e" + b"rA\x01" + GOOD
    outer += bytes([sum(outer) & 0xFF])
    assert told(cutter().cut(outer)) == [(outer, "tiny", True)]
    assert told(cutter(refuse=outer).cut(outer)) == [
        (outer[:6], "tiny", False),
        (GOOD, "tiny", True),
        (outer[-1:], "", False),
    ]


def test_one_codec_alone_takes_every_byte_for_its_own() -> None:
    alone = Cutter((TINY,), all_of(TINY), lambda _codec, _raw: True)
    assert told(alone.cut(b"noise" + GOOD)) == [(b"noise", "tiny", False), (GOOD, "tiny", True)]
    assert told(alone.cut(OTHER_GOOD)) == [(OTHER_GOOD, "tiny", False)]
    assert told(alone.cut(b"\n" + GOOD)) == [(GOOD, "tiny", True)]


PARTS = st.sampled_from([GOOD, OTHER_GOOD, BROKEN, GOOD[:3], b"<", b"<>", b"[]", b"x", b"\xff\x00"])


@given(st.lists(PARTS | st.binary(max_size=8), max_size=8))
def test_pieces_are_the_input_without_separators(parts: list[bytes]) -> None:
    data = b"".join(parts)
    pieces = cutter().cut(data)
    end = 0
    for piece in pieces:
        assert data[end : piece.offset].strip(b"\n") == b""
        assert data[piece.offset : piece.offset + len(piece.raw)] == piece.raw
        end = piece.offset + len(piece.raw)
    assert data[end:].strip(b"\n") == b""
    sound = [p for p in pieces if p.sound]
    assert all(p.codec is not None for p in sound)


@pytest.mark.parametrize(
    "nasty", [b"<", b"<>", b"<>\x10", b"[]\x07", b"x"], ids=["half", "head", "long", "other", "x"]
)
def test_work_grows_with_the_input_and_not_faster(nasty: bytes) -> None:
    def seconds(size: int) -> float:
        data = nasty * (size // len(nasty))
        started = time.process_time()
        cutter().cut(data)
        return time.process_time() - started

    small, large = (min(seconds(size) for _ in range(2)) for size in (2_000, 16_000))
    assert large < 24 * small + 0.05


def test_codecs_are_asked_only_where_a_head_stands() -> None:
    asked: list[int] = []

    def claimants(_data: bytes, start: int) -> tuple[Codec, ...]:
        asked.append(start)
        return ()

    Cutter((TINY,), claimants, lambda _codec, _raw: True).cut(b"x" * 50 + HEAD + b"y" * 50)
    assert asked == [0, 50]
