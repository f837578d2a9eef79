"""Modbus: replies mean what their requests asked of a type of meter."""

import json
from collections.abc import Mapping
from itertools import pairwise
from math import isnan
from typing import Any

import pytest
from tests.codecs.mischief import NOW, VECTORS

from wattwarden.codecs.acrel import CODEC as ACREL
from wattwarden.codecs.modbus import CODEC, answer, find_type, registers, requests, type_names
from wattwarden.codecs.modbus.maps import MOST_GAP, MeterType
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import Batch, Columns, Message, Profile, default_profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quantity import MISSING, QUANTITIES, Unit
from wattwarden.tools.cutting import Cutter, recognising

SLAVE = 7
TYPES = pytest.mark.parametrize("name", type_names())


def type_of(name: str) -> MeterType:
    kind = find_type(name)
    assert kind is not None
    return kind


def meter(name: str, **more: Any) -> Profile:
    return Profile(options={"meters": [{"slave": SLAVE, "type": name, **more}]})


def decoded(profile: Profile, exchanges: list[tuple[bytes, bytes]]) -> Columns:
    asked = dict(enumerate(request for request, _ in exchanges))
    replies = [reply for _, reply in exchanges]
    return CODEC.decode(
        Batch.of(replies, NOW, identity="site", profile_of=lambda _: profile, asked=asked)
    )


def exchanges(name: str, values: Mapping[str, float]) -> list[tuple[bytes, bytes]]:
    kind = type_of(name)
    held = registers(kind, values)
    found = []
    for request in requests(SLAVE, kind):
        reply = answer(request, SLAVE, held)
        assert reply
        found.append((request, reply))
    return found


def truth(kind: MeterType) -> dict[str, float]:
    """A value for each quantity, all different, that its register can hold exactly enough."""
    names = [one.quantity for one in kind.registers if one.quantity]
    small = {Unit.VOLT: 220, Unit.AMPERE: 20, Unit.HERTZ: 40, Unit.ONE: 0.5}
    return {
        name: small.get(QUANTITIES[name].unit, 1000) + place * (0.001 if "factor" in name else 10)
        for place, name in enumerate(names)
    }


@TYPES
def test_what_a_meter_measures_comes_out_of_its_registers(name: str) -> None:
    kind = type_of(name)
    want = truth(kind)
    columns = decoded(meter(name), exchanges(name, want))
    assert columns.refused == ()
    assert columns.meters == ("site",)
    got: dict[str, float] = {}
    for block in columns.blocks:
        assert (block.channel, block.period) == (str(SLAVE), "instant")
        got |= {quantity: values.tolist()[0] for quantity, values in block.values.items()}
    assert got == pytest.approx(want, rel=1e-4, abs=0.006)


@TYPES
def test_a_map_is_sound(name: str) -> None:
    kind = type_of(name)
    assert kind.title
    assert kind.function in rtu.READINGS
    assert 0 < kind.most_registers <= 125
    named = [one.quantity for one in kind.registers if one.quantity]
    assert len(named) == len(set(named)) > 4
    assert set(named) <= set(QUANTITIES)
    for one, after in pairwise(kind.registers):
        assert one.end <= after.at, f"{one} reaches into {after}"
    for one in kind.registers:
        assert one.zh
        assert one.en
        assert one.scale > 0


@TYPES
def test_few_requests_ask_for_every_quantity(name: str) -> None:
    kind = type_of(name)
    blocks = kind.blocks
    for one in kind.registers:
        if one.quantity:
            assert any(start <= one.at and one.end <= start + count for start, count in blocks)
    for (start, count), (after, _) in pairwise(blocks):
        assert after - start - count > MOST_GAP or after - start > kind.most_registers - 8
    assert all(0 < count <= kind.most_registers for _, count in blocks)


def test_every_type_that_was_asked_for_is_known() -> None:
    assert {
        "adw300", "adl400", "dtsu666", "sdm630", "iem3000", "dds238", "dtsy1352",
    } <= set(type_names())  # fmt: skip
    assert find_type("../adl400") is None


def test_a_channel_is_the_slave_or_what_the_profile_calls_it() -> None:
    pairs = exchanges("dds238", {"voltage_a": 230.1})
    assert decoded(meter("dds238"), pairs).blocks[0].channel == "7"
    assert decoded(meter("dds238", channel="1-2"), pairs).blocks[0].channel == "1-2"


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(Profile(), id="no option"),
        pytest.param(Profile(options={"meters": [{"slave": 8, "type": "dds238"}]}), id="other"),
        pytest.param(Profile(options={"meters": [{"slave": 7, "type": "none"}]}), id="no type"),
        pytest.param(Profile(options={"meters": "dds238"}), id="no list"),
        pytest.param(Profile(options={"meters": ["dds238"]}), id="no entry"),
    ],
)
def test_a_slave_of_no_known_type_gives_no_reading(profile: Profile) -> None:
    columns = decoded(profile, exchanges("dds238", {"voltage_a": 230.1}))
    assert (columns.blocks, columns.refused) == ((), ())


def test_without_its_request_a_reply_gives_no_reading() -> None:
    (_, reply), *_ = exchanges("dds238", {"voltage_a": 230.1})
    columns = CODEC.decode(Batch.of([reply], NOW, identity="site"))
    assert (columns.blocks, columns.refused) == ((), ())


@pytest.mark.parametrize(
    ("request_pdu", "refused"),
    [
        pytest.param("0300000011", [Refusal.DECODE], id="one register less was asked for"),
        pytest.param("0400000012", [], id="another function was asked"),
        pytest.param("83020000", [], id="the request is none"),
    ],
)
def test_a_reply_to_another_question_gives_no_reading(
    request_pdu: str, refused: list[Refusal]
) -> None:
    (_, reply), *_ = exchanges("dds238", {"voltage_a": 230.1})
    other = rtu.seal(bytes([SLAVE]) + bytes.fromhex(request_pdu))
    columns = decoded(meter("dds238"), [(other, reply)])
    assert columns.blocks == ()
    assert [entry.kind for entry in columns.refused] == refused


def test_a_reply_of_another_slave_gives_no_reading() -> None:
    (request, reply), *_ = exchanges("dds238", {"voltage_a": 230.1})
    other = rtu.seal(bytes([SLAVE + 1]) + request[1:-2])
    assert decoded(meter("dds238"), [(other, reply)]).blocks == ()


def test_no_number_is_no_value() -> None:
    kind = type_of("dtsu666")
    held = registers(kind, {"voltage_b": 230.0}) | {0x2006: 0x7FC0, 0x2007: 0, 0x101E: 0xFF80}
    pairs = [(one, answer(one, SLAVE, held) or b"") for one in requests(SLAVE, kind)]
    blocks = decoded(meter("dtsu666"), pairs).blocks
    values = {name: block.values[name].tolist()[0] for block in blocks for name in block.values}
    assert isnan(values["voltage_a"])
    assert values["energy_forward"] == MISSING
    assert values["voltage_b"] == 230.0


def test_a_refusal_names_its_exception() -> None:
    frame = rtu.seal(bytes([SLAVE, 0x83, 11]))
    fields = CODEC.read(frame, default_profile).fields
    assert fields["exception"] == 11
    assert "gateway target did not respond" in fields["error"]
    asked = requests(SLAVE, type_of("dds238"))[0]
    columns = decoded(meter("dds238"), [(asked, frame)])
    assert (columns.blocks, columns.refused) == ((), ())


def test_an_explanation_names_registers_by_their_request() -> None:
    (request, reply), *_ = exchanges("dds238", {"voltage_a": 230.1})
    fields = {field.name: field.value for field in CODEC.explain(reply, request)}
    assert fields["寄存器 register 000CH"] == "2301"
    assert "寄存器 register 12" in {field.name for field in CODEC.explain(reply, None)}


def test_the_request_settles_what_eight_bytes_are() -> None:
    frame = rtu.seal(bytes.fromhex("0701030102ff"))  # start 0301H, 767 coils; or three bytes
    assert CODEC.read(frame, default_profile).kind == "read_coils"
    request = rtu.seal(bytes.fromhex("070100130013"))
    names = [field.name for field in CODEC.explain(frame, request)]
    assert "字节数 bytes" in names


@pytest.mark.parametrize(
    ("request_hex", "said"),
    [
        pytest.param("0603000000 12", "", id="another slave"),
        pytest.param("0706000000 12", "8601", id="another function"),
        pytest.param("07030000007d", "8302", id="registers that it has not"),
        pytest.param("07030000007e", "8303", id="more than a reply can bring"),
    ],
)
def test_a_simulated_meter_refuses_as_a_real_one(request_hex: str, said: str) -> None:
    held = registers(type_of("dds238"), {})
    got = answer(rtu.seal(bytes.fromhex(request_hex)), SLAVE, held)
    assert got == (rtu.seal(bytes([SLAVE]) + bytes.fromhex(said)) if said else b"")
    assert answer(b"\x07\x03", SLAVE, held) is None


def test_a_value_beyond_its_register_is_refused() -> None:
    with pytest.raises(ValueError, match="voltage_a"):
        registers(type_of("dds238"), {"voltage_a": 7000.0})


@pytest.mark.parametrize(
    ("kind", "fields", "hex_bytes"),
    [
        pytest.param("read_holding", {"slave": 17, "start": 124, "count": 2}, "1103007c0002",
                     id="request"),
        pytest.param("read_holding_reply", {"slave": 17, "registers": [141, 142]},
                     "110304008d008e", id="reply"),
        pytest.param("write_coils", {"start": 19, "count": 3, "coils": [1, 0, 1]},
                     "010f001300030105", id="coils"),
        pytest.param("write_registers", {"start": 1, "count": 1, "registers": [3]},
                     "0110000100010200 03", id="registers"),
        pytest.param("exception", {"slave": 2, "fc": 0x83, "exception": 2}, "028302", id="refusal"),
    ],
)  # fmt: skip
def test_a_frame_is_built_from_its_parts(kind: str, fields: dict[str, Any], hex_bytes: str) -> None:
    assert CODEC.encode(Message(kind, fields=fields)) == rtu.seal(bytes.fromhex(hex_bytes))


def test_a_transaction_makes_it_tcp() -> None:
    fields = {"tid": 9, "unit": 2, "start": 1798, "count": 115}
    built = CODEC.encode(Message("read_holding", fields=fields))
    assert built.hex() == "000900000006020307060073"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param("nothing", {}, id="no such kind"),
        pytest.param("read_holding", {"slave": 300, "start": 0, "count": 1}, id="no such slave"),
        pytest.param("read_holding", {"start": 70000, "count": 1}, id="no such register"),
        pytest.param("read_holding_reply", {"registers": [0] * 130}, id="too much"),
        pytest.param("read_holding", {"tid": 70000, "start": 0, "count": 1}, id="no transaction"),
    ],
)
def test_what_no_frame_can_say_is_not_built(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be built"):
        CODEC.encode(Message(kind, fields=fields))


def test_a_function_of_no_table_is_read_when_the_crc_fits() -> None:
    frame = rtu.seal(bytes.fromhex("015a0102"))
    message = CODEC.read(frame, default_profile)
    assert (message.kind, message.fields["fc"], message.fields["data"]) == ("other", 0x5A, "0102")
    assert CODEC.encode(message) == frame


def test_requests_and_replies_of_a_line_are_told_apart() -> None:
    pairs = exchanges("sdm630", {"voltage_a": 230.0})
    stream = b"".join(request + reply for request, reply in pairs)
    frames = Framer(CODEC.outline).feed(stream)
    assert frames == [frame for pair in pairs for frame in pair]
    kinds = [CODEC.read(frame, default_profile).kind for frame in frames]
    assert kinds == ["read_input", "read_input_reply"] * len(pairs)


def test_decode_looks_for_modbus_where_nothing_strange_went_before() -> None:
    request = rtu.seal(bytes.fromhex("1103007c0002"))
    cutter = Cutter([ACREL], recognising([ACREL]), lambda _codec, _raw: True, last=[CODEC])
    assert [piece.sound for piece in cutter.cut(request + request)] == [True, True]
    assert [piece.sound for piece in cutter.cut(b"\xff" + request)] == [False]


def test_a_published_frame_with_a_wrong_crc_is_refused() -> None:
    lines = (VECTORS / "modbus.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = next(row for row in map(json.loads, lines) if row["error"] == "checksum")
    with pytest.raises(ProtocolError, match="the CRC B683 does not fit, F672 would"):
        CODEC.read(bytes.fromhex(wrong["hex"]), default_profile)
