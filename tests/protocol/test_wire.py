"""The pieces of layouts, one value at a time: read, written, refused."""

from typing import Any

import construct as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import Bcd, BinaryClock, FixedText, Scaled

VOLTAGE = Scaled(cs.Int16ub, "0.1", Unit.VOLT)
CLOCK = BinaryClock("yMdwhms")


@pytest.mark.parametrize(
    ("piece", "raw", "value"),
    [
        pytest.param(VOLTAGE, "0901", 230.5, id="tenths"),
        pytest.param(Scaled(cs.Int16sl, 10, Unit.WATT), "fbff", -50, id="tens, low byte first"),
        pytest.param(Scaled(cs.Int8ub, "1/3", Unit.ONE), "01", 1 / 3, id="thirds"),
        pytest.param(Bcd(3), "123456", 123456, id="digits"),
        pytest.param(Bcd(3, little=True), "123456", 563412, id="digits, lowest pair first"),
        pytest.param(Bcd(2), "0000", 0, id="no digits but zeros"),
        pytest.param(CLOCK, "18021d04170102", LocalTime(2024, 2, 29, 23, 1, 2, 4), id="clock"),
        pytest.param(
            BinaryClock("smhdMy"), "0201171d0218", LocalTime(2024, 2, 29, 23, 1, 2), id="backwards"
        ),
        pytest.param(FixedText(4), "61622063", "ab c", id="text"),
        pytest.param(FixedText(4), "61000000", "a", id="text, padded"),
        pytest.param(FixedText(4), "00000000", "", id="no text"),
    ],
)
def test_a_piece_reads_what_it_writes(piece: Any, raw: str, value: Any) -> None:
    wire = bytes.fromhex(raw)
    assert piece.parse(wire) == value
    assert type(piece.parse(wire)) is type(value)
    assert piece.build(value) == wire


def test_text_padded_with_blanks_is_read_as_well() -> None:
    assert FixedText(4).parse(b"ab \0") == "ab"


def test_a_clock_without_a_weekday_is_written_with_zero_for_it() -> None:
    assert CLOCK.build(LocalTime(2024, 2, 29, 23, 1, 2)) == bytes.fromhex("18021d00170102")


@given(st.integers(0, 65535))
def test_every_count_survives_its_scale(count: int) -> None:
    wire = count.to_bytes(2, "big")
    assert VOLTAGE.build(VOLTAGE.parse(wire)) == wire


@pytest.mark.parametrize(
    ("piece", "raw", "complaint"),
    [
        (Bcd(2), "123a", "BCD digits are 0 to 9, got 12 3a"),
        (Bcd(2, little=True), "a312", "BCD digits are 0 to 9, got a3 12"),
        (CLOCK, "180d0104170102", "no such time 2024-13-01"),
        (CLOCK, "18021d04180102", "no such time 2024-02-29 24:01:02"),
        (FixedText(3), "610062", "text is printable ASCII, got 61 00 62"),
        (FixedText(3), "6107ff", "text is printable ASCII, got 61 07 ff"),
        (FixedText(2), "7f00", "text is printable ASCII, got 7f 00"),
    ],
)
def test_impossible_bytes_are_the_peers_fault(piece: Any, raw: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint) as caught:
        piece.parse(bytes.fromhex(raw))
    assert caught.value.kind is Refusal.DECODE


@pytest.mark.parametrize(
    ("piece", "value", "complaint"),
    [
        (Bcd(2), 10_000, "2 bytes of BCD hold up to 9999, got 10000"),
        (Bcd(2), -1, "got -1"),
        (FixedText(2), "abc", "the text holds 2 bytes, got 3"),
        (FixedText(2), "é", "ascii"),
    ],
)
def test_values_that_do_not_fit_are_our_own_fault(piece: Any, value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        piece.build(value)


@pytest.mark.parametrize("parts", ["yMdhm", "yMdhmsx", "yyMdhms", "yMdwwhms"])
def test_a_clock_has_every_part_once(parts: str) -> None:
    with pytest.raises(ValueError, match="a wall time has the parts"):
        BinaryClock(parts)


@pytest.mark.parametrize(("year", "digits"), [(1999, 99), (2000, 0), (2024, 24), (2099, 99)])
def test_a_clock_has_room_for_two_digits_of_the_year(year: int, digits: int) -> None:
    assert BinaryClock("yMdhms").build(LocalTime(year, 1, 1, 0, 0, 0))[0] == digits


def test_digits_are_written_up_to_the_last_that_fits() -> None:
    assert Bcd(2).build(9999) == bytes.fromhex("9999")
    assert Bcd(1).build(99) == b"\x99"
