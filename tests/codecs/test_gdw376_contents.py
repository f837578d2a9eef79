"""Q/GDW 376.1: contents of frames that the vectors do not have, read and written."""

from typing import Any

import pytest

from wattwarden.codecs.dlt645.frame import seal as seal_645
from wattwarden.codecs.gdw376 import CODEC
from wattwarden.protocol import ft12
from wattwarden.protocol.codec import Batch, Message, default_profile

TERMINAL = "320112345"


def frame(afn: int, data: str, control: int = 0x88, seq: int = 0x60) -> bytes:
    body = bytes([control]) + bytes.fromhex("0132393000") + bytes([afn, seq])
    return ft12.seal(body + bytes.fromhex(data), 2)


def fields_of(raw: bytes) -> dict[str, Any]:
    return dict(CODEC.read(raw, default_profile).fields)


def written(kind: str, **fields: Any) -> bytes:
    return CODEC.encode(Message(kind, TERMINAL, None, fields))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"A1": "12", "A2": 1}, id="a region of two digits"),
        pytest.param({"A1": "320112", "A2": 1}, id="a region of six digits"),
        pytest.param(
            {"Tp": {"sent_at": "22 11:30:00", "delay_min": 256}}, id="a delay beyond its byte"
        ),
        pytest.param({"EC": {"EC1": 256, "EC2": 0}}, id="a counter beyond its byte"),
        pytest.param({"Tp": {"delay_min": 1}}, id="a time stamp without a time"),
    ],
)
def test_what_no_frame_can_hold_is_not_written(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="class1 cannot be built"):
        written("class1", **fields)


def test_counters_of_events_follow_the_units() -> None:
    counters = {"EC1": 7, "EC2": 200}
    raw = written("class1", EC=counters, units=[{"Fn": 2, "values": {}}])
    assert (fields_of(raw)["EC"], fields_of(raw)["C"]) == (counters, "A8")
    assert raw[-4:-2] == bytes([7, 200])


@pytest.mark.parametrize(
    ("pn", "hex_bytes"),
    [
        pytest.param("all", "ff000400", id="all points"),
        pytest.param(0, "00000400", id="the terminal"),
        pytest.param(9, "01020400", id="a point"),
    ],
)
def test_a_unit_is_of_a_point_or_of_all(pn: int | str, hex_bytes: str) -> None:
    raw = written("query_parameters", C="4B", units=[{"Pn": pn, "Fn": 3}])
    assert raw[14:-2].hex() == hex_bytes
    (unit,) = fields_of(raw)["units"]
    assert (unit["Pn"], unit["Fn"]) == (pn, 3)


@pytest.mark.parametrize("rest", ["4100150002", ""])
def test_data_of_no_known_layout_are_written_as_they_are(rest: str) -> None:
    raw = written(
        "set_parameters", C="4A", PW="12" * 16,
        units=[{"Pn": 3, "Fn": 66, "values": {"rest": rest, "name": "x"}}],
    )  # fmt: skip
    assert raw[14:-2].hex() == "04010208" + rest + "12" * 16
    (unit,) = fields_of(raw)["units"]
    assert unit.get("values", {}).get("rest", "") == rest
    assert fields_of(raw)["PW"] == "12" * 16


@pytest.mark.parametrize(
    ("head", "values"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("02", {"EC1": 2}, id="one counter"),
        pytest.param("020001", {"EC1": 2, "EC2": 0, "from": 1}, id="no end"),
        pytest.param("02000102", {"EC1": 2, "EC2": 0, "from": 1, "until": 2}, id="no event"),
    ],
)
def test_events_cut_short_in_their_head_say_what_is_there(
    head: str, values: dict[str, int]
) -> None:
    fields = fields_of(frame(0x0E, "00000100" + head))
    (unit,) = fields["units"]
    assert unit.get("values", {}) == values
    assert "rest" not in fields


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(seal_645("201611223344", 0xD1, b"\x02"), id="a refusal"),
        pytest.param(seal_645("201611223344", 0x94, b""), id="a write that was done"),
        pytest.param(b"\x01\x03\x02\x00\x07\xf9\x86", id="another protocol's"),
    ],
)
def test_a_meter_behind_that_says_no_value_gives_no_row(inner: bytes) -> None:
    size = len(inner).to_bytes(2, "little").hex()
    raw = frame(0x10, f"0000010002{size}{inner.hex()}")
    columns = CODEC.decode(Batch.of([raw], 7))
    assert (columns.blocks, columns.meters) == ((), ())
    assert fields_of(raw)["units"][0]["values"]["frame"] == inner.hex()


def test_the_last_points_of_the_last_year_are_dated() -> None:
    raw = frame(0x0D, "0101010b" + "0023311299" + "0304" + "0122" * 4)
    (block,) = CODEC.decode(Batch.of([raw], 7)).blocks
    hour = 3_600_000_000
    start = 4_102_412_400_000_000  # 2099-12-31 15:00 UTC
    assert block.at.tolist() == [start + hour * point for point in range(4)]
    moment = CODEC.read(raw, default_profile).at
    assert moment is not None
    assert moment.isoformat() == "2099-12-31T15:00:00+00:00"
