"""What the vectors of Acrel meters do not show."""

from typing import Any

import numpy as np
import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.codecs.acrel import CODEC, LAYOUTS, STRUCTS, decode, encode
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Batch, Message, default_profile
from wattwarden.protocol.errors import ProtocolError, Refusal

CLOCK = "2026-11-22 11:04:05 dow=0"


def section(channel: str, **values: Any) -> dict[str, Any]:
    return {"channel": channel, "layout": "prepaid_0x60", "values": {"clock": CLOCK, **values}}


def raw_section(channel: str, data: bytes) -> dict[str, Any]:
    payload = bytes([1, 3, len(data)]) + data
    payload += modbus(payload).to_bytes(2, "little")
    return {"channel": channel, "payload": payload.hex()}


def upload(*sections: dict[str, Any]) -> bytes:
    return encode(Message("upload", fields={"serial": "7", "sections": list(sections)}))


def test_each_block_of_a_frame_is_a_reading_of_its_own_channel() -> None:
    frame = upload(section("1-1", voltage_a=220.1), section("1-2", voltage_a=230.2))
    columns = decode(Batch.of([frame] * 3, 1))
    found = {block.channel: block.values["voltage_a"].tolist() for block in columns.blocks}
    assert found == {"1-1": [220.1] * 3, "1-2": [230.2] * 3}
    assert columns.refused == ()


def test_a_block_of_unknown_size_is_refused_where_nothing_else_is_there() -> None:
    columns = decode(Batch.of([upload(raw_section("1-1", bytes(50)))], 1))
    [refused] = columns.refused
    assert (refused.frame, refused.kind) == (0, Refusal.DECODE)
    assert columns.blocks == ()


def test_a_block_of_unknown_size_beside_a_reading_hides_nothing_of_it() -> None:
    columns = decode(Batch.of([upload(section("1-1"), raw_section("1-2", bytes(6)))], 1))
    assert [block.channel for block in columns.blocks] == ["1-1"]
    assert columns.refused == ()


def test_a_clock_before_2000_is_told_with_two_digits() -> None:
    dialogue = CODEC.dialogue(default_profile)
    answer = dialogue.receive([encode(Message("time_request"))], 0)
    assert answer[3] == 70


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_columns_equal_construct_on_any_bytes(name: str, data: st.DataObject) -> None:
    struct, layout = STRUCTS[name], LAYOUTS[name]
    size = layout.size
    rows = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5))
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), size)
    columns, good = layout.decode(matrix)
    for index, row in enumerate(rows):
        try:
            wanted = struct.parse(row)
        except (ConstructError, ProtocolError):
            assert not good[index]
            continue
        assert good[index]
        for field, column in columns.items():
            assert same(column[index], wanted[field]), field


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, LocalTime):
        return int(found) == wanted.to_us()
    if isinstance(wanted, bytes):
        return bytes(found) == wanted
    return bool(found == wanted)
