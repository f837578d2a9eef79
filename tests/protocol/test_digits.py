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
