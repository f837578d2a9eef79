"""Decimal digits, lowest pair first: numbers, wall times, hex and text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.digits import (
    Digits,
    Hex,
    Reversed,
    ReversedText,
    WallTime,
    digits_of,
    is_fill,
    pairs_of,
)
from wattwarden.protocol.errors import ProtocolError, Refusal


@pytest.mark.parametrize(
    ("piece", "raw", "value"),
    [
        pytest.param(Digits(3, 4, signed=True), "460280", -0.0246, id="the sign is the top bit"),
        pytest.param(Digits(3, 4), "460280", 80.0246, id="without sign the top bit is a digit"),
        pytest.param(Digits(4, 2), "56341200", 1234.56, id="two decimals"),
        pytest.param(Digits(2), "2002", 220, id="a whole number"),
        pytest.param(Digits(4, 2), "ffffffff", None, id="FF is no data"),
        pytest.param(Digits(4, 2), "eeeeeeee", None, id="EE is no data"),
        pytest.param(Digits(5, 4, fill=0xEE), "00eeeeeeee", None, id="EE widened by a zero"),
        pytest.param(WallTime("mhdMy"), "3011221126", "2026-11-22 11:30", id="a moment"),
        pytest.param(WallTime("wdMy"), "00221126", "2026-11-22 dow=0", id="a date with weekday"),
        pytest.param(WallTime("smhdWy"), "553010128315", "2015-03-12 10:30:55 dow=4", id="A.1"),
        pytest.param(WallTime("mh"), "3011", "11:30", id="a time of day"),
        pytest.param(WallTime("hd"), "1122", "22 11", id="day and hour"),
        pytest.param(WallTime("mhdMy"), "0000000000", "2000-00-00 00:00", id="never"),
        pytest.param(WallTime("mhdMy"), "ffffffffff", None, id="no time"),
        pytest.param(Reversed(2), "0c00", "000C", id="hex"),
        pytest.param(Hex(4), "02123456", "02123456", id="hex in its own order"),
        pytest.param(ReversedText(6), "565630323200", "220VV", id="text"),
        pytest.param(ReversedText(2), "ffff", None, id="no text"),
    ],
)
def test_bytes_say_a_value_and_the_value_those_bytes(piece: Any, raw: str, value: Any) -> None:
    assert piece.parse(bytes.fromhex(raw)) == value
    built = piece.build(value)
    assert piece.parse(built) == value
    if value is not None:
        assert built.hex() == raw or isinstance(piece, ReversedText)


@pytest.mark.parametrize(
    ("piece", "raw"),
    [(Digits(2, 1), "1a22"), (Digits(2, 1, signed=True), "22fa"), (WallTime("mh"), "3b11")],
)
def test_digits_above_nine_are_refused(piece: Any, raw: str) -> None:
    with pytest.raises(ProtocolError, match="0 to 9") as refusal:
        piece.parse(bytes.fromhex(raw))
    assert refusal.value.kind is Refusal.DECODE


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        pytest.param(Digits(2, 1), 1000, id="too large"),
        pytest.param(Digits(2, 1), -1, id="a sign where there is none"),
        pytest.param(Digits(2, 1, signed=True), 800, id="no room for the sign"),
        pytest.param(Digits(2, 1, signed=True), -800, id="nor below zero"),
        pytest.param(Digits(2), 9999.6, id="too large when rounded"),
        pytest.param(WallTime("mhdMy"), "2026-11-22 11:30:05", id="more than a time"),
        pytest.param(WallTime("mhdMy"), "11:30", id="half a time"),
        pytest.param(Reversed(2), "0C", id="half of the bytes"),
        pytest.param(ReversedText(2), "220V", id="a long text"),
    ],
)
def test_a_value_without_room_is_refused(piece: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"hold|needed"):
        piece.build(value)


@given(st.integers(1, 6), st.integers(0, 6), st.data())
def test_any_number_is_written_as_it_was_read(size: int, decimals: int, data: Any) -> None:
    pairs = data.draw(st.lists(st.integers(0, 79), min_size=size, max_size=size))
    raw = bytes.fromhex("".join(f"{pair:02}" for pair in pairs))
    for signed in (False, True):
        piece = Digits(size, decimals, signed=signed)
        assert piece.build(piece.parse(raw)) == raw
    assert pairs_of(digits_of(raw)) == raw


def test_text_that_cannot_be_printed_is_shown_as_a_literal() -> None:
    assert ReversedText(2).parse(b"\x01A") == "A\\x01"


@pytest.mark.parametrize(
    ("raw", "is_none"), [(b"\xff\xff", True), (b"\xee", True), (b"\xff\xee", False), (b"", False)]
)
def test_fill_is_one_byte_throughout(raw: bytes, is_none: bool) -> None:  # noqa: FBT001  # a case
    assert is_fill(raw) is is_none


@pytest.mark.parametrize(
    ("piece", "value", "raw"),
    [
        (Digits(2, 1), 999.9, "9999"),
        (Digits(2, 1), 0, "0000"),
        (Digits(2, 1, signed=True), 799.9, "9979"),
        (Digits(2, 1, signed=True), -799.9, "99f9"),
        (Digits(2, 1, signed=True), -0.1, "0180"),
        (Digits(2, fill=0xEE), None, "eeee"),
        (WallTime("mh", fill=0xEE), None, "eeee"),
        (WallTime("wdMy"), "2026-11-22", "00221126"),
        (Reversed(2), None, "0000"),
        (Hex(2), None, "0000"),
        (ReversedText(3), "ab", "006261"),
        (ReversedText(2), None, "ffff"),
    ],
    ids=str,
)
def test_the_last_values_that_bytes_can_hold_are_written(piece: Any, value: Any, raw: str) -> None:
    assert piece.build(value).hex() == raw


def test_one_byte_of_ee_is_no_data_only_where_terminals_write_it() -> None:
    with pytest.raises(ProtocolError):
        Digits(2).parse(b"\x00\xee")
    with pytest.raises(ProtocolError):
        WallTime("mh").parse(b"\x00\xee")
    assert WallTime("mh", fill=0xEE).parse(b"\x00\xee") is None


def test_bytes_that_are_no_digits_are_shown_up_to_a_limit() -> None:
    with pytest.raises(ProtocolError) as refusal:
        digits_of(bytes([0xAA]) * 40)
    assert str(refusal.value).endswith("got " + " ".join(["aa"] * 32))
