"""Frames that carry the same names are read together, and mean what each means alone."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.hj212_frames import batch, frame, upload

from wattwarden.codecs.hj212.alike import LEAST_ALIKE, Span, take_alike
from wattwarden.codecs.hj212.frame import CRC_BYTES, CRLF
from wattwarden.codecs.hj212.header import HEAD_BYTES
from wattwarden.codecs.hj212.uploads import SOUND_FLAGS, decode
from wattwarden.protocol.access import Access
from wattwarden.protocol.codec import Batch, Columns, Profile
from wattwarden.protocol.rows import Rows

SHAPES = (
    ("a34004-Rtd={},a34004-Flag=N;a01001-Rtd={},a01001-Flag=D", 2),
    ("a34004-Rtd={},a34004-Flag=N;a01002-Rtd={},a01002-Flag=N", 2),
    ("w01018-Min={};w01018-Avg={};w01018-Max={};w01018-Flag=T", 3),
    ("a34004-Rtd={}", 1),
    ("Ua-Rtd={};Ia-Rtd={};P-Rtd={}", 3),
)
NUMBERS = st.sampled_from(
    ["1", "-2.50", "0", "7e3", "13.", "nan", "", "1_0", "x", " 4", "inf", "-0"]
)
USUAL = st.sampled_from(["1", "-2.50", "0", "88.125", "-0", "-0.0", "007"])
TIMES = st.sampled_from(
    ["DataTime=20261122105900;"] * 4
    + ["DataTime=20261122105900123;", "DataTime=20261322105900;", "DataTime=2026;", ""]
)
ENDS = st.sampled_from(["", "", "", ";", ",;", ";PolId=a01", ";loose", ";a34004-Flag=NN", ";b=1=2"])


@st.composite
def frames(draw: st.DrawFn, numbers: st.SearchStrategy[str] = NUMBERS) -> bytes:
    """An upload of a logger, with an oddity now and then."""
    shape, count = draw(st.sampled_from(SHAPES))
    data = shape.format(*(draw(numbers) for _ in range(count)))
    return upload(
        draw(TIMES) + data + draw(ENDS),
        cn=draw(st.sampled_from(["2011", "2011", "2011", "2051", "9014"])),
        flag=draw(st.sampled_from(["Flag=5;", "Flag=9;", "Flag=7;PNUM=2;PNO=1;", ""])),
        more=draw(st.sampled_from(["", "", "", "RF=1;"])),
        mn=draw(st.sampled_from(["m1", "m2", "m3", "m 4", ""])),
    )


def said(columns: Columns, shift: int = 0) -> list[str]:
    """All that columns say, a line each, in an order of its own."""
    lines = [f"refused {one.frame + shift} {one.message}" for one in columns.refused]
    for factors in columns.factors:
        lines += [
            f"{factors.frame[row] + shift} {columns.meters[factors.meter[row]]} {factors.channel}"
            f" {factors.period} {factors.at[row]} {factors.quality[row]} {factors.layout}"
            f" {factors.values[row].tolist()} {factors.flags[row].tolist()}"
            for row in range(len(factors.frame))
        ]
    for block in columns.blocks:
        lines += [
            f"{block.frame[row] + shift} {columns.meters[block.meter[row]]} {block.channel}"
            f" {block.period} {block.at[row]} {block.quality[row]}"
            f" { {name: column[row].item() for name, column in sorted(block.values.items())} }"
            for row in range(len(block.frame))
        ]
    return sorted(lines)


def each_alone(sent: Sequence[bytes]) -> list[str]:
    return sorted(
        line
        for index, one in enumerate(sent)
        for line in said(decode(batch(one, identity="session")), index)
    )


@settings(max_examples=40)
@given(st.lists(frames(), min_size=LEAST_ALIKE, max_size=16))
def test_frames_read_together_say_what_each_says_alone(sent: list[bytes]) -> None:
    assert said(decode(batch(*sent, identity="session"))) == each_alone(sent)


@settings(max_examples=40)
@given(st.lists(frames(USUAL), min_size=LEAST_ALIKE, max_size=16), st.data())
def test_one_odd_frame_changes_no_neighbour(sent: list[bytes], data: st.DataObject) -> None:
    odd = data.draw(frames())
    place = data.draw(st.integers(0, len(sent)))
    mixed = [*sent[:place], odd, *sent[place:]]
    assert said(decode(batch(*mixed, identity="session"))) == each_alone(mixed)


def spans_of(whole: Batch) -> list[Span]:
    bounds = pairwise(whole.offsets.tolist())
    tail = CRC_BYTES + len(CRLF)
    return [(index, begin + HEAD_BYTES, end - tail) for index, (begin, end) in enumerate(bounds)]


TIME = "DataTime=20261122105900"
PLAIN = partial(upload, f"{TIME};a34004-Rtd=1,a34004-Flag=N")


def left_of(sent: Sequence[bytes], whole: Batch | None = None) -> list[int]:
    whole = whole or batch(*sent)
    rows = Rows(whole, SOUND_FLAGS, b"DataTime=")
    return take_alike(whole, spans_of(whole), frozenset(), rows)


def test_what_loggers_send_all_day_is_left_to_nobody() -> None:
    other = [upload(f"{TIME};w01018-Rtd={n}.5;w01018-Flag=N", mn=f"m{n}") for n in range(9)]
    later = [PLAIN(more="RF=1;", mn=f"m{n}") for n in range(5)]
    assert left_of([PLAIN(mn="a"), *other, PLAIN(mn="b"), *later, PLAIN(), PLAIN()]) == []


@pytest.mark.parametrize(
    "odd",
    [
        PLAIN(flag="Flag=7;PNUM=2;PNO=2;"),
        PLAIN(mn=""),
        PLAIN(cn="9014"),
        upload(f"{TIME};a34004-Rtd=,a34004-Flag=N"),
        upload(f"{TIME};a34004-Rtd=1,a34004-Flag=NN"),
        upload(f"{TIME};a34004-Rtd=1_0,a34004-Flag=N"),
        upload(f"{TIME};a34004-Rtd=nan,a34004-Flag=N"),
        upload("DataTime=2026112210590;a34004-Rtd=1,a34004-Flag=N"),
        upload("DataTime=2026112210590x;a34004-Rtd=1,a34004-Flag=N"),
        frame(f"QN=1;CN=2011;PW=1;MN=m;Flag=5;CP=&&{TIME};a34004-Rtd=1,a34004-Flag=N"),
    ],
    ids=[
        "a second part", "no MN", "no upload", "no number", "two letters", "an underline",
        "no value", "a short time", "a time of letters", "no end",
    ],
)  # fmt: skip
def test_what_is_odd_is_left_and_its_neighbours_are_not(odd: bytes) -> None:
    sent = [PLAIN(mn=f"m{n}") for n in range(2 * LEAST_ALIKE)]
    left = left_of([*sent, odd, *sent])
    assert len(sent) in left
    assert len(left) <= LEAST_ALIKE


def test_times_of_another_length_are_left_by_all_who_send_them() -> None:
    sent = [
        upload(f"DataTime=2026112210590;a34004-Rtd={n},a34004-Flag=N") for n in range(LEAST_ALIKE)
    ]
    assert left_of(sent) == list(range(LEAST_ALIKE))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["1]", "[2", "3", "4"], id="a list that ends early"),
        pytest.param(["[1]", "2", "3", "4"], id="a list in a list"),
        pytest.param(["null", "2", "3", "4"], id="no number"),
        pytest.param(['"1"', "2", "3", "4"], id="a text"),
        pytest.param(["1", " 2", "+3", "4."], id="numbers that JSON has not"),
    ],
)
def test_values_that_are_more_or_less_than_numbers_mean_what_they_mean_alone(
    values: list[str],
) -> None:
    sent = [
        upload(f"{TIME};a34004-Rtd={value},a34004-Flag=N;a01001-Rtd=5", mn=f"m{n}")
        for n, value in enumerate(values)
    ]
    assert said(decode(batch(*sent, identity="session"))) == each_alone(sent)


def test_a_meter_that_has_to_show_something_is_left() -> None:
    guarded = Profile(access=Access(password=b"654321"))
    sent = [PLAIN(mn=mn) for mn in ("m1", "guarded", "m2", "m3", "m4")]
    whole = batch(*sent, profile_of=lambda mn: guarded if mn == "guarded" else Profile())
    assert left_of(sent, whole) == [1]


def test_values_keep_their_rows() -> None:
    sent = [
        upload(f"{TIME};a34004-Rtd={n},a34004-Flag=N;a01001-Rtd=-{n}", mn=f"m{n % 7}")
        for n in range(50)
    ]
    (block,) = decode(batch(*sent)).factors
    assert np.array_equal(block.values, [[n, -n] for n in range(50)])
    assert block.frame.tolist() == list(range(50))
