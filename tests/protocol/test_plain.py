"""Values of a Struct go to JSON and come back as the same bytes."""

import json
from typing import Any

import pytest
from construct import Bytes, Int16ub, Padding, Struct
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.plain import build, parse, plain
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import BinaryClock, FixedText, Scaled

REPORT = Struct(
    "name" / FixedText(4),
    "voltage_a" / Scaled(Int16ub, "0.1", Unit.VOLT),
    Padding(1),
    "raw" / Bytes(2),
    "clock" / BinaryClock("yMdwhms"),
)
RAW = b"ab\0\0" + b"\x08\x98" + b"\0" + b"\xca\xfe" + bytes([26, 11, 22, 0, 11, 4, 5])
PLAIN = {"name": "ab", "voltage_a": 220.0, "raw": "cafe", "clock": "2026-11-22 11:04:05 dow=0"}


def test_parsed_values_are_as_json_can_carry_them() -> None:
    values = plain(parse(REPORT, RAW, 0))
    assert values == PLAIN
    assert json.loads(json.dumps(values)) == values


def test_built_of_them_the_bytes_are_the_same() -> None:
    assert build(REPORT, PLAIN) == RAW


def test_a_wall_time_may_be_given_as_such_or_without_weekday() -> None:
    clock = LocalTime(2026, 11, 22, 11, 4, 5, 0)
    assert build(REPORT, {**PLAIN, "clock": clock}) == RAW
    assert build(REPORT, {**PLAIN, "clock": "2026-11-22 11:04:05"}) == RAW


def test_what_is_not_given_is_zero() -> None:
    assert build(REPORT, {"clock": PLAIN["clock"]}) == bytes(9) + RAW[9:]


@given(st.integers(0, 2**16 - 1), st.binary(min_size=2, max_size=2))
def test_any_values_come_back(count: int, raw: bytes) -> None:
    whole = RAW[:4] + count.to_bytes(2, "big") + b"\0" + raw + RAW[9:]
    assert build(REPORT, plain(parse(REPORT, whole, 0))) == whole


def test_too_few_bytes_are_refused_where_they_begin() -> None:
    with pytest.raises(ProtocolError, match="16 bytes are needed, got 15") as refusal:
        parse(REPORT, RAW[:-1], 23)
    assert (refusal.value.kind, refusal.value.offset) == (Refusal.LENGTH, 23)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"voltage_a": 1e9}, id="beyond its register"),
        pytest.param({"voltage_a": float("inf")}, id="no number"),
        pytest.param({"voltage_a": {}}, id="of another kind"),
        pytest.param({"voltage_a": "high"}, id="a word"),
        pytest.param({"name": "abcde"}, id="too long a text"),
        pytest.param({"name": 5}, id="a number for a text"),
        pytest.param({"raw": "cafebabe"}, id="too many bytes"),
        pytest.param({"raw": "no"}, id="no hex"),
        pytest.param({"clock": "yesterday"}, id="no time"),
    ],
)
def test_a_value_that_its_part_cannot_hold_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build(REPORT, {**PLAIN, **values})
