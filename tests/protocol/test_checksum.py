"""Each checksum against its check value, and against a slow and obvious way to compute it."""

from collections.abc import Callable
from itertools import pairwise

import crcmod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattwarden.protocol.checksum import (
    MAX_WINDOW_BYTES,
    WindowScan,
    hj212,
    hj212_many,
    modbus,
    sum8,
    x25,
    xor8,
)

crcmod_modbus = crcmod.predefined.mkCrcFun("modbus")
crcmod_x25 = crcmod.predefined.mkCrcFun("x-25")

DIGITS = b"123456789"
# HJ 212-2017 annex A; the prose there misprints the value as 1C08.
ANNEX_A = (
    b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&"
)


def hj212_bit_by_bit(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


@pytest.mark.parametrize(
    ("checksum", "data", "value"),
    [
        pytest.param(modbus, DIGITS, 0x4B37, id="modbus"),
        pytest.param(x25, DIGITS, 0x906E, id="x25"),
        pytest.param(sum8, DIGITS, 0xDD, id="sum8"),
        pytest.param(xor8, DIGITS, 0x31, id="xor8"),
        pytest.param(hj212, DIGITS, 0x2F80, id="hj212"),
        pytest.param(hj212, ANNEX_A, 0x1C80, id="hj212 annex A"),
        pytest.param(hj212, b"", 0xFFFF, id="hj212 of nothing"),
        pytest.param(hj212, b"\0", 0x4040, id="hj212 of zero"),
        pytest.param(xor8, b"", 0, id="xor8 of nothing"),
    ],
)
def test_checksums_have_their_check_values(
    checksum: Callable[[bytes], int], data: bytes, value: int
) -> None:
    assert checksum(data) == value


@given(st.binary(max_size=600))
def test_checksums_equal_their_slow_forms(data: bytes) -> None:
    folded = 0
    for byte in data:
        folded ^= byte
    assert xor8(data) == folded
    assert sum8(data) == sum(data) % 256
    assert modbus(data) == crcmod_modbus(data)
    assert x25(data) == crcmod_x25(data)
    assert hj212(data) == hj212_bit_by_bit(data)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_modbus_goes_on_from_a_running_value(first: bytes, second: bytes) -> None:
    assert modbus(second, modbus(first)) == modbus(first + second)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=12))
def test_hj212_of_many_segments_equals_each_alone(data: bytes, places: list[int]) -> None:
    bounds = [(begin, end) for begin, end in pairwise(sorted(min(p, len(data)) for p in places))]
    got = hj212_many(
        np.frombuffer(data, np.uint8),
        np.array([begin for begin, _ in bounds], np.int64),
        np.array([end for _, end in bounds], np.int64),
    )
    assert got.tolist() == [hj212_bit_by_bit(data[begin:end]) for begin, end in bounds]


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([b"{{", b"}}", b"{", b"a", b"\0\0", b"{{a\x7f\x7f}}"]), max_size=30),
    st.integers(0, 12),
    st.integers(0, 40),
)
def test_a_window_scan_finds_what_trying_every_pair_finds(
    parts: list[bytes], least: int, most: int
) -> None:
    body = b"".join(parts)
    sound = b"{{" + body + modbus(body).to_bytes(2, "little") + b"}}"
    window = b"".join(parts) + sound + body
    heads = [at for at in range(len(window)) if window.startswith(b"{{", at)]
    ends = [at + 2 for at in range(len(window)) if window.startswith(b"}}", at)]
    least = max(least, 4)
    most = max(most, len(sound) if most % 2 else 0)
    expected = [
        next(
            (
                begin
                for begin in heads
                if least <= end - begin <= most and modbus(window[begin + 2 : end - 2]) == 0
            ),
            -1,
        )
        for end in ends
    ]
    scan = WindowScan(len(window), head_bytes=2, tail_bytes=2)
    got = scan.beginnings(
        window, np.array(heads, np.int64), np.array(ends, np.int64), (least, most)
    )
    assert got.tolist() == expected


def test_a_window_scan_finds_a_frame_at_the_far_end_of_the_largest_window() -> None:
    body = bytes(range(256))
    frame = b"{{" + body + modbus(body).to_bytes(2, "little") + b"}}"
    window = b"{{".ljust(MAX_WINDOW_BYTES - len(frame), b"\xa5") + frame
    heads = np.array([0, len(window) - len(frame)], np.int64)
    ends = np.array([len(window)], np.int64)
    got = WindowScan(MAX_WINDOW_BYTES, 2, 2).beginnings(window, heads, ends, (7, 4096))
    assert got.tolist() == [len(window) - len(frame)]


def test_a_window_beyond_the_cycle_of_the_register_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 32767 bytes, got 32768"):
        WindowScan(MAX_WINDOW_BYTES + 1, 2, 2)
