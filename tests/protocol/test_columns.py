"""Columns equal construct, on random bytes and on those that construct refuses."""

import math
from typing import Any

import construct as cs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.columns import Layout
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import Bcd, BinaryClock, FixedText, Scaled

INTEGERS = [
    getattr(cs, f"Int{bits}{sign}{order}")
    for bits in (8, 16, 32, 64)
    for sign in "su"
    for order in "bln"
]
FLOATS = [cs.Float16b, cs.Float32l, cs.Float64n]
SCALES = ["0.1", "0.001", "2.5", "1/3", "-0.01"]
WHOLE_SCALES = [1, 10, 3600, -10]


def scaled(integer: Any, scale: str | int) -> Scaled:
    return Scaled(integer, scale, Unit.VOLT)


NUMBERS = [
    *INTEGERS,
    *FLOATS,
    *(scaled(integer, scale) for integer in INTEGERS for scale in SCALES),
    *(
        scaled(integer, scale)
        for integer in INTEGERS
        if integer.length < 8
        for scale in WHOLE_SCALES
    ),
    scaled(cs.Int64sb, 1),
    cs.Bytes(3),
]
PARTICULAR = {
    "big-endian digits": Bcd(3),
    "little-endian digits": Bcd(9, little=True),
    "one byte of digits": Bcd(1),
    "clock": BinaryClock("yMdhms"),
    "clock with weekday": BinaryClock("smhdMyw"),
    "text": FixedText(4),
    "one byte of text": FixedText(1),
}

bytes_of_people = st.sampled_from(bytes.fromhex("0001090a1217181c1d1f203b3c417e7f99 9aff"))
any_byte = st.one_of(st.integers(0, 255), bytes_of_people)


def rows_of(size: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    row = st.one_of(
        st.lists(any_byte, min_size=size, max_size=size),
        st.lists(bytes_of_people, min_size=size, max_size=size),
        st.lists(st.sampled_from(b"\0 A"), min_size=size, max_size=size),
        st.just([0] * size),
        st.just([255] * size),
    )
    return st.lists(row, max_size=12).map(
        lambda rows: np.array(rows, np.uint8).reshape(len(rows), size)
    )


def comparable(value: Any) -> Any:
    """Say in numbers and bytes what construct says in objects."""
    if isinstance(value, LocalTime):
        return value.to_us()
    if isinstance(value, str):
        return value.encode()
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def assert_equal_to_construct(struct: Any, rows: NDArray[np.uint8]) -> None:
    columns, good = Layout(struct).decode(rows)
    for index, row in enumerate(rows):
        try:
            expected = struct.parse(row.tobytes())
        except ProtocolError:
            assert not good[index]
            continue
        assert good[index]
        for name, column in columns.items():
            value = column[index].item()
            assert comparable(value) == comparable(expected[name]), (name, row.tobytes())
            assert type(comparable(value)) is type(comparable(expected[name]))


def test_a_column_of_every_number_equals_construct() -> None:
    struct = cs.Struct(*(f"field_{index}" / piece for index, piece in enumerate(NUMBERS)))
    size = struct.sizeof()
    corners = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF]
    random = np.random.default_rng(1)
    assert_equal_to_construct(
        struct,
        np.concatenate(
            [
                np.tile(np.array(corners, np.uint8)[:, None], (1, size)),
                random.choice(np.array(corners, np.uint8), (60, size)),
                random.integers(0, 256, (60, size), np.uint8),
            ]
        ),
    )


@pytest.mark.parametrize("piece", PARTICULAR.values(), ids=PARTICULAR.keys())
@settings(max_examples=25)
@given(st.data())
def test_a_column_of_a_particular_piece_equals_construct(piece: Any, data: st.DataObject) -> None:
    struct = cs.Struct("field" / piece)
    assert_equal_to_construct(struct, data.draw(rows_of(struct.sizeof())))


parts = st.one_of(
    st.sampled_from([*NUMBERS, *PARTICULAR.values()]),
    st.sampled_from([cs.Padding(3), cs.Bytes(2)]).map(lambda piece: ("reserved", piece)),
)


@settings(max_examples=25)
@given(st.lists(parts, max_size=8), st.data())
def test_a_layout_of_any_pieces_equals_construct(drawn: list[Any], data: st.DataObject) -> None:
    struct = cs.Struct(
        *(
            part[1] if isinstance(part, tuple) else f"field_{index}" / part * "for people"
            for index, part in enumerate(drawn)
        )
    )
    assert_equal_to_construct(struct, data.draw(rows_of(struct.sizeof())))


LAYOUT = Layout(
    cs.Struct(
        "voltage" / scaled(cs.Int16ub, "0.1"),
        cs.Padding(1),
        "clock" / BinaryClock("yMdhms"),
        "count" / cs.Int8ub,
    )
)
GOOD_ROW = bytes.fromhex("0902 00 180207 010203 05")
MONTH_13 = bytes.fromhex("0902 00 180d07 010203 05")


def rows(*raw: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(raw), np.uint8).reshape(len(raw), -1)


def test_a_layout_knows_its_size_and_where_its_fields_stand() -> None:
    assert LAYOUT.size == 10
    assert [(c.name, c.offset, c.size, c.may_fail) for c in LAYOUT.columns] == [
        ("voltage", 0, 2, False),
        ("clock", 3, 6, True),
        ("count", 9, 1, False),
    ]


def test_what_is_wanted_limits_what_is_returned_but_not_what_is_checked() -> None:
    columns, good = LAYOUT.decode(rows(GOOD_ROW, MONTH_13), frozenset({"voltage", "other"}))
    assert list(columns) == ["voltage"]
    assert columns["voltage"].tolist() == [230.6, 230.6]
    assert good.tolist() == [True, False]


def test_a_layout_reads_a_slice_of_larger_rows() -> None:
    wide = rows(b"ab" + GOOD_ROW + b"c", b"ab" + MONTH_13 + b"c")
    columns, good = LAYOUT.decode(wide[:, 2:12])
    assert columns["count"].tolist() == [5, 5]
    assert good.tolist() == [True, False]


@pytest.mark.parametrize("raw", [GOOD_ROW + b"1", GOOD_ROW[:-1]])
def test_rows_of_another_size_are_a_mistake_of_our_own(raw: bytes) -> None:
    with pytest.raises(ValueError, match="rows of this layout have 10 bytes"):
        LAYOUT.decode(rows(raw))


@pytest.mark.parametrize(
    ("piece", "complaint"),
    [
        pytest.param(cs.GreedyBytes, "parts of fixed size", id="no fixed size"),
        pytest.param(cs.Int24ub, "fixed size and meaning", id="no number that numpy knows"),
        pytest.param(scaled(cs.Int24ub, 1), "counts in integers", id="scaled three bytes"),
        pytest.param(scaled(cs.Float32b, 1), "counts in integers", id="a scaled float"),
        pytest.param(scaled(cs.Int64ub, 1), "may not fit", id="beyond int64"),
        pytest.param(scaled(cs.Int64sb, 10), "may not fit", id="ten times int64"),
        pytest.param(scaled(cs.Int64sb, -1), "may not fit", id="what the least of int64 becomes"),
        pytest.param(scaled(cs.Int32ub, 2**31 + 1), "may not fit", id="a large scale"),
        pytest.param(Bcd(10), "9 bytes of them, got 10", id="digits beyond int64"),
    ],
)
def test_a_piece_that_is_no_column_is_refused(piece: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        Layout(cs.Struct("field" / piece))


def test_a_part_without_a_name_is_padding() -> None:
    with pytest.raises(TypeError, match="a part without a name is padding"):
        Layout(cs.Struct(cs.Const(b"ab"), "field" / cs.Int8ub))
