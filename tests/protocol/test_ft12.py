"""Frames 68 L L 68 … CS 16."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol import ft12

LOGIN = bytes.fromhex("683200320068c97101220800027800000100e016")


def test_a_frame_is_as_long_as_it_says() -> None:
    assert ft12.measure(LOGIN, 0) == len(LOGIN) == ft12.sound_end(LOGIN, 0)
    assert ft12.seal(LOGIN[6:-2], 2) == LOGIN


@pytest.mark.parametrize("size", range(6))
def test_a_header_cut_short_may_become_a_frame(size: int) -> None:
    assert ft12.measure(LOGIN[:size], 0) == 0


@pytest.mark.parametrize(
    "head", ["683200ff", "68320032ff", "683200320069"], ids=["low", "high", "second 68"]
)
def test_a_header_that_does_not_repeat_its_length_begins_no_frame(head: str) -> None:
    assert ft12.measure(bytes.fromhex(head), 0) == -1


@pytest.mark.parametrize("at", [0, 1, 6, 18, 19])
def test_a_frame_with_a_byte_changed_is_not_sound(at: int) -> None:
    broken = LOGIN[:at] + bytes([LOGIN[at] ^ 0x10]) + LOGIN[at + 1 :]
    assert ft12.sound_end(broken, 0) == 0


@given(st.binary(max_size=600), st.integers(0, 3))
def test_whatever_is_sealed_is_sound(body: bytes, protocol: int) -> None:
    frame = ft12.seal(body, protocol)
    assert ft12.sound_end(b"\x68" + frame, 1) == len(frame) + 1
    assert frame[1] & 3 == protocol


def test_more_than_fourteen_bits_can_count_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="up to 16383"):
        ft12.seal(bytes(ft12.MOST_BODY_BYTES + 1), 2)
