"""What people are shown of a frame: every byte once, and what cannot be read said so."""

import construct as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.codec import Field
from wattwarden.protocol.explain import explain_struct
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import Bcd, BinaryClock, FixedText, Scaled

REPORT = cs.Struct(
    "voltage" / Scaled(cs.Int16ub, "0.1", Unit.VOLT) * "measured",
    cs.Padding(1),
    "clock" / BinaryClock("yMdhms"),
    "serial" / FixedText(2),
    "total" / Bcd(2),
    "flags" / cs.Bytes(2),
    "count" / cs.Int8ub,
)
RAW = bytes.fromhex("0901 ff 18021d170102 6162 1234 0a0b 05")


def test_every_field_is_shown_with_its_place_value_and_unit() -> None:
    assert explain_struct(REPORT, RAW, offset=3) == (
        Field(3, RAW[:2], "voltage", "230.5", "V"),
        Field(5, RAW[2:3], "reserved"),
        Field(6, RAW[3:9], "clock", "2024-02-29 23:01:02"),
        Field(12, RAW[9:11], "serial", "ab"),
        Field(14, RAW[11:13], "total", "1234"),
        Field(16, RAW[13:15], "flags", "0a 0b"),
        Field(18, RAW[15:], "count", "5"),
    )


def test_a_part_that_cannot_be_read_does_not_hide_the_others() -> None:
    broken = RAW[:4] + b"\x0d" + RAW[5:11] + b"\xaa" + RAW[12:]
    fields = {field.name: field.value for field in explain_struct(REPORT, broken, 0)}
    assert fields["clock"].startswith("! no such time 2024-13-29")
    assert fields["total"] == "! BCD digits are 0 to 9, got aa 34"
    assert (fields["voltage"], fields["count"]) == ("230.5", "5")


def test_a_frame_cut_short_shows_where() -> None:
    values = [field.value for field in explain_struct(REPORT, RAW[:4], 0)]
    assert values == ["230.5", "", *["! cut short"] * 5]


def test_what_is_left_over_is_shown_as_the_rest() -> None:
    assert explain_struct(REPORT, RAW + b"\x01\x02", 0)[-1] == Field(16, b"\x01\x02", "rest")


@pytest.mark.parametrize(
    ("scale", "shown"),
    [
        ("0.1", "1234567.8"),
        ("0.001", "12345.678"),
        ("100", "1234567800"),
        ("1/7", "1763668.28571429"),
    ],
)
def test_numbers_are_shown_as_they_were_sent(scale: str, shown: str) -> None:
    struct = cs.Struct("energy" / Scaled(cs.Int32ub, scale, Unit.WATT_HOUR))
    raw = (12_345_678).to_bytes(4, "big")
    assert explain_struct(struct, raw, 0)[0].value == shown


@given(st.binary(max_size=30))
def test_every_byte_is_shown_once_whatever_they_are(raw: bytes) -> None:
    fields = explain_struct(REPORT, raw, 0)
    assert b"".join(field.raw for field in fields) == raw
    assert all(field.offset >= 0 for field in fields)
