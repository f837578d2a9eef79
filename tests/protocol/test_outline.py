"""What an outline says about bytes: frame, more, noise or separator, and up to where."""

import dataclasses

import numpy as np
import pytest
from tests.protocol.fakes import (
    anything_seems,
    brace_outline,
    braced,
    braced_fits,
    counted,
    hash_outline,
)

from wattwarden.protocol.delimited import occurrences
from wattwarden.protocol.outline import (
    FRAME,
    MORE,
    NOISE,
    SKIP,
    Verdict,
    next_head,
)

FRAME_BYTES = counted(b"D1")
LONG = counted(b"D" * 56)  # exactly the 64 bytes that are allowed


@pytest.mark.parametrize(
    ("buffer", "start", "verdict", "end"),
    [
        pytest.param(FRAME_BYTES, 0, FRAME, 10, id="a frame"),
        pytest.param(b"ab" + FRAME_BYTES, 2, FRAME, 12, id="a frame further on"),
        pytest.param(FRAME_BYTES + b"\r\n##", 0, FRAME, 12, id="with its separators"),
        pytest.param(FRAME_BYTES + b"\r\n\r\n", 0, FRAME, 12, id="with no more than one of each"),
        pytest.param(LONG, 0, FRAME, 64, id="the longest"),
        pytest.param(LONG + b"\r\n", 0, FRAME, 64, id="no separators beyond the longest"),
        pytest.param(b"\r\n\r\n##", 0, SKIP, 4, id="separators alone"),
        pytest.param(b"#", 0, MORE, 0, id="half a head"),
        pytest.param(b"##00", 0, MORE, 0, id="half a header"),
        pytest.param(FRAME_BYTES[:-1], 0, MORE, 0, id="all but a byte"),
        pytest.param(b"a#b##", 0, NOISE, 3, id="noise up to a head"),
        pytest.param(b"abc#", 0, NOISE, 3, id="noise up to half a head"),
        pytest.param(b"abc", 0, NOISE, 3, id="noise to the end"),
        pytest.param(counted(b"D" * 57), 0, NOISE, 65, id="longer than allowed"),
        pytest.param(b"##9999", 0, NOISE, 6, id="a length that is not allowed"),
        pytest.param(b"##00x1##", 0, NOISE, 6, id="no length"),
        pytest.param(FRAME_BYTES[:-1] + b"!##", 0, NOISE, 10, id="a wrong sum"),
    ],
)
def test_a_length_prefixed_outline_judges(
    buffer: bytes, start: int, verdict: Verdict, end: int
) -> None:
    assert hash_outline().cut(buffer, start, start) == (verdict, end)


def test_a_header_that_never_ends_is_given_up_at_the_longest_frame() -> None:
    endless = dataclasses.replace(hash_outline(), measure=lambda _buffer, _start: 0)
    assert endless.cut(b"##".ljust(63, b"0"), 0, 0) == (MORE, 0)
    assert endless.cut(b"##".ljust(64, b"0"), 0, 0) == (NOISE, 64)


def test_a_checksum_left_open_is_not_looked_at_until_asked_strictly() -> None:
    broken = FRAME_BYTES[:-1] + b"!"
    outline = hash_outline(seems=anything_seems)
    assert outline.cut(broken, 0, 0) == (FRAME, 10)
    assert outline.cut_strictly(broken, 0) == (NOISE, 10)
    assert outline.cut_strictly(FRAME_BYTES, 0) == (FRAME, 10)


def test_what_does_not_even_seem_to_fit_is_checked_in_full() -> None:
    outline = hash_outline(seems=lambda _buffer, _start, _end: False)
    assert outline.cut(FRAME_BYTES, 0, 0) == (FRAME, 10)
    assert outline.cut(FRAME_BYTES[:-1] + b"!", 0, 0) == (NOISE, 10)


BRACED = braced(b"D1")
INNER_TAIL = braced(b"D}}}}1")
NESTED = b"{{D{{D00}}"  # two heads, and a tail that ends neither
BROKEN = BRACED[:3] + b"0" + BRACED[4:]


@pytest.mark.parametrize(
    ("buffer", "start", "searched", "verdict", "end"),
    [
        pytest.param(BRACED, 0, 0, FRAME, 8, id="a frame"),
        pytest.param(b"ab" + BRACED, 2, 2, FRAME, 10, id="a frame further on"),
        pytest.param(INNER_TAIL, 0, 0, FRAME, 12, id="tails inside"),
        pytest.param(BROKEN + BRACED, 0, 0, NOISE, 8, id="broken, up to its sound neighbour"),
        pytest.param(b"{{D" + BRACED, 0, 0, NOISE, 3, id="half, up to its sound neighbour"),
        pytest.param(BROKEN, 0, 0, MORE, 7, id="broken, its end may come"),
        pytest.param(BROKEN + b"}", 0, 7, MORE, 8, id="searched to the last byte but one"),
        pytest.param(BRACED, 0, 7, MORE, 7, id="not searched twice"),
        pytest.param(b"{{D", 0, 0, MORE, 2, id="half a frame"),
        pytest.param(b"{{", 0, 0, MORE, 1, id="a head"),
        pytest.param(b"{", 0, 0, MORE, 0, id="half a head"),
        pytest.param(b"a{b{{D", 0, 0, NOISE, 3, id="noise up to a head"),
        pytest.param(b"a{{zzz{", 0, 0, NOISE, 6, id="noise beyond a head of nothing known"),
        pytest.param(b"{{z}}{{", 0, 0, NOISE, 5, id="a head of nothing known"),
        pytest.param(b"abc", 0, 0, NOISE, 3, id="noise to the end"),
        pytest.param(b"{{D".ljust(63, b"."), 0, 0, MORE, 62, id="the end may just come"),
        pytest.param(b"{{D".ljust(64, b"."), 0, 0, NOISE, 64, id="the end is overdue"),
        pytest.param(b"{{D".ljust(63, b".") + b"}}", 0, 0, NOISE, 65, id="the end is too late"),
        pytest.param(
            b"{{D{{D".ljust(64, b".") + b"}}", 0, 0, NOISE, 3, id="not too late for the next head"
        ),
        pytest.param(
            BROKEN.ljust(64, b".") + b"{{L", 0, 0, NOISE, 64, id="broken, its end is overdue"
        ),
        pytest.param(
            NESTED.ljust(37, b".") + b"{{L".ljust(63, b"."), 0, 0, NOISE, 37, id="in time for one"
        ),
        pytest.param(
            NESTED.ljust(36, b".") + b"{{L".ljust(64, b"."), 0, 0, NOISE, 100, id="late for both"
        ),
    ],
)
def test_a_delimited_outline_judges(
    buffer: bytes, start: int, searched: int, verdict: Verdict, end: int
) -> None:
    assert brace_outline().cut(buffer, start, searched) == (verdict, end)
    assert brace_outline().cut_strictly(buffer, start, searched) == (verdict, end)


@pytest.mark.parametrize("body_bytes", [57, 58, 59])
def test_a_delimited_frame_has_at_most_the_bytes_that_are_allowed(body_bytes: int) -> None:
    frame = braced(b"D" * body_bytes)
    verdict, _ = brace_outline(most_bytes=64).cut(frame, 0, 0)
    assert verdict is (FRAME if len(frame) <= 64 else NOISE)


@pytest.mark.parametrize("distance", [16, 240, 248, 249, 250, 256, 2040, 2041, 2042, 2048, 3000])
@pytest.mark.parametrize("broken", [BROKEN, NESTED], ids=["one head", "two heads"])
def test_a_sound_neighbour_is_found_however_far_behind_a_broken_frame(
    broken: bytes, distance: int
) -> None:
    outline = brace_outline(most_bytes=4096)
    buffer = broken.ljust(distance, b".") + BRACED
    assert outline.cut(buffer, 0, 0) == (NOISE, distance)
    assert outline.cut(buffer, distance, 0) == (FRAME, len(buffer))


def test_the_check_of_a_frame_has_the_last_word_over_the_scan() -> None:
    refused = braced(b"D0")

    def fits(buffer: bytes, start: int, end: int) -> bool:
        return braced_fits(buffer, start, end) and buffer[start:end] != refused

    outline = brace_outline(fits=fits)
    assert outline.cut(BROKEN + refused + BRACED, 0, 0) == (NOISE, 16)
    assert outline.cut(BROKEN + refused, 0, 0) == (MORE, 15)


def test_of_two_sound_frames_the_one_that_ends_first_wins() -> None:
    inner = braced(b"L1")
    outer = braced(b"D" + inner + b"2")
    assert outer.index(inner) == 3
    assert brace_outline().cut(outer, 0, 0) == (NOISE, 3)


@pytest.mark.parametrize(
    ("buffer", "start", "at"),
    [
        (b"##a##", 0, 3),
        (b"##", 0, 1),
        (b"###", 0, 1),
        (b"ab#", 0, 2),
        (b"ab#", 2, 3),
        (b"abc", 0, 3),
        (b"", 0, 0),
    ],
)
def test_the_next_head_lies_behind_the_start(buffer: bytes, start: int, at: int) -> None:
    assert next_head(b"##", buffer, start) == at


@pytest.mark.parametrize(
    ("buffer", "start", "places"),
    [
        (b"}}}a}}", 0, [0, 1, 4]),
        (b"}}}a}}", 1, [1, 4]),
        (b"}", 0, []),
        (b"", 0, []),
        (b"}}", 2, []),
        (b"}}", 5, []),
    ],
)
def test_occurrences_may_overlap(buffer: bytes, start: int, places: list[int]) -> None:
    found = occurrences(buffer, b"}}", start)
    assert found.dtype == np.int64
    assert found.tolist() == places


@pytest.mark.parametrize(
    ("buffer", "start", "frames", "end"),
    [
        pytest.param(BRACED * 3, 0, [BRACED] * 3, 24, id="to the end"),
        pytest.param(b"ab" + BRACED, 2, [BRACED], 10, id="from where it is told"),
        pytest.param(BRACED + BRACED[:-1], 0, [BRACED], 8, id="up to half a frame"),
        pytest.param(BRACED + b"ab" + BRACED, 0, [BRACED], 8, id="up to noise"),
        pytest.param(BRACED + BROKEN + BRACED, 0, [BRACED], 8, id="up to a broken frame"),
        pytest.param(BRACED + b"{{z}}{{D1", 0, [BRACED], 8, id="up to a head of nothing known"),
        pytest.param(BRACED + braced(b"D" * 59), 0, [BRACED], 8, id="up to one too long"),
        pytest.param(b"", 0, [], 0, id="of nothing"),
        pytest.param(b"{{", 0, [], 0, id="of a head"),
    ],
)
def test_a_run_of_frames_goes_as_far_as_they_are_sound(
    buffer: bytes, start: int, frames: list[bytes], end: int
) -> None:
    found: list[bytes] = []
    assert brace_outline().run(buffer, start, found) == end
    assert found == frames
