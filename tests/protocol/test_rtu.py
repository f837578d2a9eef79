"""Modbus RTU frames inside other protocols say what they carry, as far as that is proved."""

from typing import Any

import pytest

from wattwarden.protocol.rtu import counted_end, is_sound, read, reply, seal

REPLY = reply(b"\x01\x02\xff\xff")


def test_a_reply_is_sealed_over_its_count_and_registers() -> None:
    assert REPLY[:-2] == bytes.fromhex("01 03 04 01 02 FF FF")
    assert is_sound(REPLY)
    assert not is_sound(REPLY[:-1] + b"\0")


@pytest.mark.parametrize(
    ("rtu", "said"),
    [
        # The worked example of MODBUS over Serial Line: registers 0x006B to 0x006D of slave 17.
        pytest.param(
            "11 03 00 6B 00 03 76 87",
            {"slave": 17, "fc": 3, "start": "006b", "count": 3},
            id="a request",
        ),
        pytest.param(REPLY.hex(), {"slave": 1, "fc": 3, "values": [0x0102, 0xFFFF]}, id="a reply"),
        pytest.param(
            seal(bytes.fromhex("02 10 00 14 00 02 04 00 05 00 06")).hex(),
            {"slave": 2, "fc": 16, "start": "0014", "count": 2, "values": [5, 6]},
            id="registers written",
        ),
        pytest.param(
            seal(bytes.fromhex("02 10 00 14 00 02")).hex(),
            {"slave": 2, "fc": 16},
            id="that they were written",
        ),
        pytest.param(
            seal(bytes.fromhex("02 03 06 00 01")).hex(), {"slave": 2, "fc": 3}, id="a wrong count"
        ),
        pytest.param(seal(b"\x02\x83\x02").hex(), {"slave": 2, "fc": 0x83}, id="an exception"),
        pytest.param("11 03 00 6B 00 03 76 88", {}, id="a CRC that does not fit"),
        pytest.param("FF FF", {}, id="an empty frame with its CRC"),
    ],
)
def test_a_frame_says_as_much_as_its_own_bytes_prove(rtu: str, said: dict[str, Any]) -> None:
    raw = bytes.fromhex(rtu)
    assert read(raw) == {"rtu": raw.hex(), **said}


@pytest.mark.parametrize(
    ("buffer", "begin", "end"),
    [
        pytest.param(b"((" + REPLY + b"))", 2, 2 + len(REPLY), id="among others"),
        pytest.param(REPLY.replace(b"\x03", b"\x04", 1), 0, len(REPLY), id="of input registers"),
        pytest.param(REPLY.replace(b"\x03", b"\x06", 1), 0, None, id="not of registers"),
        pytest.param(REPLY[:4], 0, None, id="cut short"),
    ],
)
def test_a_reply_counts_its_own_bytes(buffer: bytes, begin: int, end: int | None) -> None:
    assert counted_end(buffer, begin, len(buffer)) == end
