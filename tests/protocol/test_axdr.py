"""A-XDR: what is read is what was written, and hostile bytes cost no more than they are."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattwarden.protocol.axdr import (
    MOST_DEPTH,
    Choice,
    ExhaustedError,
    Listed,
    Maybe,
    Nothing,
    Record,
    Tagged,
    Trace,
    build,
    length_bytes,
    parse,
)
from wattwarden.protocol.axdr_values import OCTETS, U8, U16, Bits, Boolean, Float, Hex, Number, Text
from wattwarden.protocol.errors import ProtocolError

DATA = Tagged(lambda: TYPES)
TYPES: dict[int, tuple[str, Any]] = {
    0: ("null", Nothing()),
    1: ("array", Listed(DATA)),
    3: ("bool", Boolean()),
    9: ("octets", OCTETS),
    17: ("number", U8),
}
FRAME = Record("id" / U16, "items" / Listed(DATA), "more" / Maybe(Choice({4: ("name", U8)})))


@pytest.mark.parametrize(
    ("length", "raw"),
    [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (70_000, "83011170")],
)
def test_a_length_takes_as_few_bytes_as_hold_it(length: int, raw: str) -> None:
    assert length_bytes(length).hex() == raw


def test_a_length_of_more_bytes_than_it_needs_is_read_alike() -> None:
    assert parse(OCTETS, bytes.fromhex("83000002abcd")) == ("abcd", 6)


@pytest.mark.parametrize("raw", ["80", "85", "84ffffffff", "05abcd", "8201"])
def test_a_length_that_leads_nowhere_is_refused(raw: str) -> None:
    with pytest.raises(ProtocolError):
        parse(OCTETS, bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("piece", "raw", "value"),
    [
        pytest.param(Number("i"), "fffffffe", -2, id="integer"),
        pytest.param(Hex(3), "0a0b0c", "0A0B0C", id="hex"),
        pytest.param(Text("ascii"), "026869", "hi", id="text"),
        pytest.param(Text("ascii"), "0268ff", {"raw": "68ff"}, id="text that is none"),
        pytest.param(Text("utf-8"), "03e794b5", "电", id="UTF-8"),
        pytest.param(Text("utf-8"), "0107", {"raw": "07"}, id="a bell"),
        pytest.param(Bits(), "0cabc0", "101010111100", id="bits"),
        pytest.param(Bits(8), "81", "10000001", id="so many bits"),
        pytest.param(Float("f"), "435c199a", 220.1, id="float"),
        pytest.param(Float("f"), "7f800000", {"raw": "7f800000"}, id="infinity"),
        pytest.param(Float("d"), "7ff8000000000001", {"raw": "7ff8000000000001"}, id="no number"),
        pytest.param(Maybe(U8), "00", None, id="absent"),
        pytest.param(Maybe(U8), "0107", 7, id="present"),
        pytest.param(Choice({4: ("name", U8)}), "0407", {"name": 7}, id="choice"),
        pytest.param(DATA, "0102000301", {"array": [None, {"bool": True}]}, id="tagged"),
    ],
)
def test_a_value_is_read_and_written_as_the_same_bytes(piece: Any, raw: str, value: Any) -> None:
    assert parse(piece, bytes.fromhex(raw)) == (value, len(raw) // 2)
    assert build(piece, value).hex() == raw


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_given_with_as_few_digits_as_tell_it(number: float) -> None:
    raw = build(Float("f"), number)
    value, _ = parse(Float("f"), raw)
    assert build(Float("f"), value) == raw
    assert len(repr(value)) <= len(repr(number))


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.1 + 0.2)
def test_a_double_is_told_from_its_neighbours(number: float) -> None:
    raw = build(Float("d"), number)
    value, _ = parse(Float("d"), raw)
    assert build(Float("d"), value) == raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("07", id="no such tag"),
        pytest.param("0105", id="elements that do not come"),
        pytest.param("0182ffff00", id="more elements than bytes"),
        pytest.param("11", id="a tag alone"),
    ],
)
def test_data_that_are_none_are_refused_where_they_end(raw: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        parse(DATA, bytes(3) + bytes.fromhex(raw), 3)
    assert 3 < refusal.value.offset <= 3 + len(raw) // 2


@pytest.mark.parametrize("raw", ["02", "0105"])
def test_a_byte_that_chooses_nothing_is_refused(raw: str) -> None:
    with pytest.raises(ProtocolError):
        parse(Maybe(Choice({4: ("name", U8)})), bytes.fromhex(raw))


def test_nesting_ends_where_it_would_cost_the_stack() -> None:
    deepest = b"\x01\x01" * MOST_DEPTH + b"\0"
    assert parse(DATA, deepest)[1] == len(deepest)
    with pytest.raises(ProtocolError, match="deep"):
        parse(DATA, b"\x01\x01" + deepest)


def test_nesting_beside_one_another_does_not_add_up() -> None:
    beside = b"\x01\x20" + b"\x01\x01\x00" * 32
    assert parse(DATA, beside)[1] == len(beside)


def test_no_more_values_are_read_than_wanted() -> None:
    raw = b"\x01\x09" + b"\0" * 9
    assert parse(DATA, raw, most_values=10)[1] == len(raw)
    with pytest.raises(ExhaustedError):
        parse(DATA, raw, most_values=9)


def test_the_trace_has_every_byte_once_with_its_name() -> None:
    raw = bytes.fromhex("0007031105010103010902abcd010409")
    trace = Trace()
    value, end = parse(FRAME, raw, trace=trace)
    assert end == len(raw)
    assert value["more"] == {"name": 9}
    at = 0
    for step in trace.steps:
        assert step.begin == at
        at = step.end
    assert at == len(raw)
    assert [(step.name, step.value) for step in trace.steps][:3] == [
        ("id", "7"), ("count of items", "3"), ("items", "number 5"),
    ]  # fmt: skip


def test_a_field_that_is_not_given_is_zero() -> None:
    assert build(FRAME, {"items": []}) == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        pytest.param(U8, 256, id="too large"),
        pytest.param(U8, "x", id="no number"),
        pytest.param(OCTETS, "xy", id="no hex"),
        pytest.param(Hex(2), "00", id="too short"),
        pytest.param(Bits(), "012", id="no bits"),
        pytest.param(Bits(8), "01", id="too few bits"),
        pytest.param(DATA, {"no type": 1}, id="no type"),
        pytest.param(DATA, {"number": 1, "bool": True}, id="two types"),
        pytest.param(FRAME, {"items": None}, id="no list"),
    ],
)
def test_what_a_piece_cannot_hold_is_not_written(piece: Any, value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says what it found
        build(piece, value)
