"""One framer for all: the same frames however the bytes arrive, in bounded memory and time."""

import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from fuzz.work import Work
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocol.fakes import (
    anything_seems,
    brace_outline,
    braced,
    braced_fits,
    braced_plausible,
    counted,
    counted_fits,
    counted_size,
    hash_outline,
)

from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import Delimited, LengthPrefixed, Outline

MOST = 32

braced_stretches = st.one_of(
    st.binary(max_size=12).map(braced),
    st.sampled_from(
        [
            braced(b"D1"),
            braced(b"D}}}}2"),
            braced(b"D" + braced(b"L")),
            braced(b"D{{L"),
            braced(b"D" * (MOST - 6)),
            braced(b"D" * (MOST - 5)),
            braced(b"X1")[:-1],
            braced(b"X1")[:-3] + b"0}}",
            b"{{D",
            b"}}",
            b"{",
            b"{{L}}" * 3,
        ]
    ),
    st.text("{}LD.", max_size=20).map(str.encode),
)
counted_stretches = st.one_of(
    st.binary(max_size=12).map(counted),
    st.sampled_from(
        [
            counted(b"D1"),
            counted(b"D" + counted(b"L")),
            counted(b"D" * (MOST - 8)),
            counted(b"D" * (MOST - 7)),
            counted(b"D1")[:-1],
            counted(b"D1")[:-1] + b"!",
            b"##",
            b"##0009",
            b"##9999",
            b"#",
        ]
    ),
    st.text("#019.", max_size=20).map(str.encode),
)


def braced_frames(data: bytes) -> list[bytes]:
    """The frame that ends first and, of those, begins first; then the next behind it."""
    frames: list[bytes] = []
    start = 0
    for end in range(len(data) + 1):
        if not data.endswith(b"}}", start, end):
            continue
        for begin in range(max(start, end - MOST), end - 6):
            if (
                data.startswith(b"{{", begin)
                and braced_plausible(data, begin)
                and braced_fits(data, begin, end)
            ):
                frames.append(data[begin:end])
                start = end
                break
    return frames


def counted_frames(data: bytes) -> list[bytes]:
    """Heads in order; a frame that may still become whole holds up all behind it."""
    frames: list[bytes] = []
    start = 0
    while (start := data.find(b"##", start)) >= 0:
        size = counted_size(data, start)
        end = start + size
        if 0 <= size <= MOST and (size == 0 or end > len(data)):
            break
        if 0 < size <= MOST and counted_fits(data, start, end):
            frames.append(data[start:end])
            start = end
        else:
            start += 1
    return frames


def cut(outline: Outline, data: bytes, places: Iterable[int]) -> list[bytes]:
    """Feed ``data`` in pieces; every byte must come out as frame or noise, or be pending."""
    framer = Framer(outline)
    frames: list[bytes] = []
    noise_bytes = 0
    for begin, end in pairwise([0, *sorted(places), len(data)]):
        frames += framer.feed(data[begin:end])
        noise_bytes += len(framer.take_noise())
        assert framer.pending_bytes < outline.most_bytes
    assert sum(map(len, frames)) + noise_bytes + framer.pending_bytes == len(data)
    assert all(len(frame) <= outline.most_bytes for frame in frames)
    return frames


@settings(max_examples=150)
@given(st.lists(braced_stretches, max_size=8).map(b"".join), st.data())
def test_delimited_frames_are_the_same_however_they_arrive(data: bytes, draw: Any) -> None:
    outline = brace_outline(MOST)
    expected = braced_frames(data)
    assert cut(outline, data, []) == expected
    assert cut(outline, data, range(len(data))) == expected
    places = draw.draw(st.lists(st.integers(0, len(data)), max_size=6))
    assert cut(outline, data, places) == expected


@settings(max_examples=150)
@given(st.lists(counted_stretches, max_size=8).map(b"".join), st.data())
def test_length_prefixed_frames_are_the_same_however_they_arrive(data: bytes, draw: Any) -> None:
    outline = hash_outline(MOST)
    expected = counted_frames(data)
    assert cut(outline, data, []) == expected
    assert cut(outline, data, range(len(data))) == expected
    places = draw.draw(st.lists(st.integers(0, len(data)), max_size=6))
    assert cut(outline, data, places) == expected


OUTLINES = [
    pytest.param(hash_outline(), counted(b"D12"), id="length-prefixed"),
    pytest.param(brace_outline(), braced(b"D}}12"), id="delimited"),
]


@pytest.mark.parametrize("count", [1, 2, 7, 500])
@pytest.mark.parametrize(("outline", "frame"), OUTLINES)
def test_as_many_frames_come_out_as_were_glued_together(
    outline: Outline, frame: bytes, count: int
) -> None:
    assert cut(outline, frame * count, []) == [frame] * count


@pytest.mark.parametrize("noise", [b"\0\xff noise ", b"{{z}}}}", b"##", b"{{", b"##98"])
@pytest.mark.parametrize(("outline", "frame"), OUTLINES)
def test_frames_are_found_behind_noise_and_between_neighbours(
    outline: Outline, frame: bytes, noise: bytes
) -> None:
    framer = Framer(outline)
    frames = framer.feed(noise + frame + frame + noise.replace(b"##98", b"##zz") + frame)
    assert frames == [frame] * 3


def test_separators_belong_to_the_frame_they_arrive_with_and_are_dropped_when_they_are_late() -> (
    None
):
    frame = counted(b"D12")
    framer = Framer(hash_outline())
    assert framer.feed(frame + b"\r\n" + frame) == [frame + b"\r\n", frame]
    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n\r\n" + frame) == [frame]
    assert framer.take_noise() == b""


def test_a_broken_frame_holds_back_its_neighbour_for_not_one_byte() -> None:
    broken = braced(b"D1")[:-3] + b"0}}"
    sound = braced(b"D2")
    framer = Framer(brace_outline())
    assert framer.feed(broken) == []
    assert all(framer.feed(sound[at : at + 1]) == [] for at in range(len(sound) - 1))
    assert framer.feed(sound[-1:]) == [sound]
    assert framer.take_noise() == broken


def test_noise_is_handed_over_once() -> None:
    framer = Framer(hash_outline())
    framer.feed(b"ab")
    framer.feed(b"c")
    assert framer.take_noise() == b"abc"
    assert framer.take_noise() == b""


def test_a_framer_is_clean_when_all_it_got_were_frames() -> None:
    def is_clean_after(data: bytes) -> bool:
        framer = Framer(hash_outline())
        framer.feed(data)
        return framer.is_clean

    assert is_clean_after(b"")
    assert is_clean_after(counted(b"D1"))
    assert not is_clean_after(b"ab")
    assert not is_clean_after(b"##00")


@pytest.mark.parametrize(
    ("outline", "pending", "frames", "noise", "kept"),
    [
        pytest.param(
            hash_outline(),
            b"##0050" + counted(b"D1") + counted(b"D2") + b"##00",
            [counted(b"D1"), counted(b"D2")],
            b"##0050",
            b"##00",
            id="frames inside",
        ),
        pytest.param(
            hash_outline(),
            b"##0050##0040ab" + counted(b"D1") + b"ab",
            [counted(b"D1")],
            b"##0050##0040abab",
            b"",
            id="a frame behind another broken head",
        ),
        pytest.param(hash_outline(), b"##0050##0040ab", [], b"##0050", b"##0040ab", id="none"),
        pytest.param(hash_outline(), b"##0050", [], b"##0050", b"", id="nothing"),
        pytest.param(
            hash_outline(seems=anything_seems),
            b"##0050" + counted(b"D1")[:-1] + b"!" + counted(b"D2") + b"...",
            [counted(b"D2")],
            b"##0050" + counted(b"D1")[:-1] + b"!...",
            b"",
            id="open checksums do not do",
        ),
        pytest.param(brace_outline(), b"{{D{{L1", [], b"{{D", b"{{L1", id="delimited"),
        pytest.param(brace_outline(), b"", [], b"", b"", id="with nothing pending"),
    ],
)
def test_a_frame_whose_rest_does_not_come_is_searched_for_others(
    outline: Outline, pending: bytes, frames: list[bytes], noise: bytes, kept: bytes
) -> None:
    framer = Framer(outline)
    assert framer.feed(pending) == []
    assert framer.resynchronise() == frames
    assert (framer.take_noise(), framer.pending) == (noise, kept)


def test_a_frame_may_go_on_after_its_broken_forerunner_was_given_up() -> None:
    framer = Framer(hash_outline())
    sound = counted(b"D1")
    framer.feed(b"##0050" + sound[:5])
    assert framer.resynchronise() == []
    assert framer.feed(sound[5:]) == [sound]


def test_a_frame_that_failed_afterwards_is_searched_from_its_second_byte() -> None:
    inner = counted(b"D1")
    framer = Framer(hash_outline(seems=anything_seems))
    frame = b"##0030ab" + inner + b"cd" + counted(b"D2")[:-1] + b"!"
    assert framer.recut(frame) == [inner]
    assert framer.take_noise() == frame.replace(inner, b"")
    assert framer.pending == b""


def test_a_sound_frame_is_not_found_again_when_it_is_cut_anew() -> None:
    framer = Framer(hash_outline())
    frame = counted(b"D1")
    assert framer.recut(frame) == []
    assert framer.take_noise() == frame


GARBAGE = {
    "heads": b"{{D",
    "half heads": b"{",
    "heads of nothing known": b"{{z",
    "tails": b"}}",
    "half tails": b"{{D" + b"}x" * 20,
    "heads and tails": b"{{D}}",
    "a head and tails": b"{{D" + b"}" * 40,
    "half frames": braced(b"D" * 50)[:-3],
    "broken frames": braced(b"D" * 50)[:-3] + b"0}}",
    "zeros": bytes(8),
    "hash heads": b"##",
    "hash headers": b"##0900",
    "hash half headers": b"##09",
    "long hash headers": b"##9999",
    "broken hash frames": counted(b"D" * 50)[:-1] + b"!",
    "separators": b"\r\n",
    "separators and halves": b"\r#",
}


def work_against(kind: str, most_bytes: int = 1024) -> Work:
    return Work(outline_against(kind, most_bytes))


def garbage(kind: str, size: int) -> bytes:
    unit = GARBAGE[kind]
    return (unit * (size // len(unit) + 1))[:size]


def outline_against(kind: str, most_bytes: int) -> Delimited | LengthPrefixed:
    unit = GARBAGE[kind]
    return hash_outline(most_bytes) if unit[:1] in b"#\r" else brace_outline(most_bytes)


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_takes_a_bounded_number_of_operations(kind: str) -> None:
    assert_work_is_bounded(kind, 1 << 16)


@pytest.mark.parametrize("kind", ["heads", "half frames", "zeros", "half heads"])
def test_heads_too_far_from_any_tail_are_given_up_together(kind: str) -> None:
    work = work_against(kind)
    Framer(work).feed(garbage(kind, 1 << 16))
    assert work.cuts <= 3 * (1 << 16) // work.most_bytes


@pytest.mark.parametrize("kind", ["heads", "half heads", "broken frames"])
def test_so_does_a_megabyte_of_it(kind: str) -> None:
    assert_work_is_bounded(kind, 1 << 20)


def assert_work_is_bounded(kind: str, size: int) -> None:
    work = work_against(kind)
    framer = Framer(work)
    data = garbage(kind, size)
    segment = size // 4
    for at in range(0, size, segment):
        framer.feed(data[at : at + segment])
        framer.take_noise()
        assert framer.pending_bytes < work.most_bytes
    assert work.cuts <= size + 4
    assert work.looked_at_bytes <= 200 * size


@pytest.mark.parametrize("kind", GARBAGE)
def test_the_time_that_garbage_takes_grows_with_its_size_and_no_faster(kind: str) -> None:
    def seconds(size: int) -> float:
        data = garbage(kind, size)
        spent = []
        for _ in range(3):
            begin = time.process_time()
            Framer(outline_against(kind, 1024)).feed(data)
            spent.append(time.process_time() - begin)
        return min(spent)

    size = 1 << 13
    # Beyond 32 MiB glibc maps memory anew each time: pages cost more than the work.
    while (single := seconds(size)) < 0.003 and size < 1 << 21:
        size *= 2
    # Quadratic work would take 16 times as long, each time that it is looked at.
    assert any(seconds(4 * size) < 9 * seconds(size) for _ in range(3)), single


@pytest.mark.parametrize("kind", ["heads and tails", "broken frames", "hash headers"])
def test_garbage_in_drips_takes_no_more_than_a_window_a_byte(kind: str) -> None:
    work = work_against(kind)
    framer = Framer(work)
    data = garbage(kind, 2500)
    for at in range(len(data)):
        framer.feed(data[at : at + 1])
        assert framer.pending_bytes < work.most_bytes
    assert work.cuts <= 3 * len(data)
    assert work.looked_at_bytes <= 1024 * len(data)


def test_giving_up_a_window_full_of_heads_and_tails_takes_one_search() -> None:
    work = work_against("heads and tails", 4096)
    framer = Framer(work)
    framer.feed(garbage("heads and tails", 4090))
    before = work.looked_at_bytes
    framer.resynchronise()
    assert work.looked_at_bytes - before <= 8 * 4096


@pytest.mark.parametrize("size", [61, 62])
def test_a_frame_is_found_whose_end_a_head_before_it_cannot_reach(size: int) -> None:
    frame = braced(b"D" * (size - 6))
    framer = Framer(brace_outline(most_bytes=64))
    assert framer.feed(b"{{L" + frame) == [frame]
    assert framer.take_noise() == b"{{L"
