"""Modbus: frames that are sound and say less than their function would."""

from typing import Any

import pytest

from wattwarden.codecs.modbus import CODEC, dialogue, find_type, requests
from wattwarden.codecs.modbus.dialogue import ask, plan_of
from wattwarden.codecs.modbus.frame import MOST_BYTES, MOST_RTU_BYTES, seal
from wattwarden.codecs.modbus.maps import TYPES
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import Message, Profile, default_profile
from wattwarden.protocol.command import Command, Peer, Question, Verb


def explained(frame: bytes, request: bytes | None = None) -> list[tuple[str, str]]:
    fields = CODEC.explain(frame, request)
    assert b"".join(field.raw for field in fields) == frame
    return [(field.name, field.raw.hex()) for field in fields]


@pytest.mark.parametrize(
    ("pdu", "kind", "parts"),
    [
        pytest.param("5a", "other", [], id="a function of no table, alone"),
        pytest.param("5a01", "other", [("数据 data", "01")], id="with data"),
        pytest.param("03", "other", [], id="a function alone"),
        pytest.param("0600", "other", [("数据 data", "00")], id="half a register's number"),
        pytest.param(
            "030001", "other", [("起始地址 start", "0001")], id="a number without a count"
        ),
        pytest.param("83", "exception", [], id="a refusal without its reason"),
    ],
)  # fmt: skip
def test_a_frame_whose_crc_fits_is_shown_as_far_as_it_goes(
    pdu: str, kind: str, parts: list[tuple[str, str]]
) -> None:
    frame = rtu.seal(bytes.fromhex("01" + pdu))
    message = CODEC.read(frame, default_profile)
    assert message.kind == kind
    assert message.fields.get("data", "") == pdu[2:]
    (_, slave), (_, function), *shown, (_, crc) = explained(frame)
    assert (slave, function, crc) == ("01", pdu[:2], frame[-2:].hex())
    assert shown == parts


def test_a_request_that_is_no_frame_explains_nothing_more() -> None:
    frame = rtu.seal(bytes.fromhex("010302002a"))
    assert explained(frame, b"no frame") == explained(frame)
    names = [name for name, _ in explained(frame, rtu.seal(bytes.fromhex("010300070001")))]
    assert "寄存器 register 0007H" in names


def test_a_function_alone_is_written_as_it_is_read() -> None:
    frame = CODEC.encode(Message("other", fields={"slave": 9, "fc": 0x5A}))
    assert frame == rtu.seal(b"\x09\x5a")
    assert CODEC.read(frame, default_profile).fields["fc"] == 0x5A


@pytest.mark.parametrize(
    ("transaction", "most"),
    [pytest.param(None, MOST_RTU_BYTES, id="rtu"), pytest.param(1, MOST_BYTES, id="tcp")],
)
def test_a_frame_has_a_function_and_an_end(transaction: int | None, most: int) -> None:
    around = len(seal(transaction, 1, b"\x03")) - 1
    assert len(seal(transaction, 1, bytes(most - around))) == most
    for pdu in (b"", bytes(most - around + 1)):
        with pytest.raises(ValueError, match=f"a function and up to {most} bytes"):
            seal(transaction, 1, pdu)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("u32r", "5678 1234", 0x12345678),
        ("s32r", "fffe ffff", -2),
        ("f32r", "0000 435c", 220.0),
    ],
)
def test_words_come_low_one_first_where_a_map_says_so(kind: str, raw: str, value: float) -> None:
    assert TYPES[kind].parse(bytes.fromhex(raw)) == value
    assert TYPES[kind].build(value) == bytes.fromhex(raw)


# --- plans and commands


def test_no_more_is_polled_than_a_plan_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    meters: list[dict[str, Any]] = [{"slave": n, "type": "iem3000"} for n in (1, 2)]
    profile = Profile(options={"meters": meters, "framing": "rtu"})
    kind = find_type("iem3000")
    assert kind is not None
    whole = [*requests(1, kind), *requests(2, kind)]
    assert [one.request for one, _ in plan_of("site", profile).questions] == whole
    monkeypatch.setattr(dialogue, "MOST_POLLS", len(whole) - 2)
    assert [one.request for one, _ in plan_of("site", profile).questions] == whole[:-2]


def commanded(profile: Profile) -> Question:
    (question,) = ask(Command(Verb.ASK, ("0x14",)), Peer("site", "site", profile, 0, 3, "7"))
    return question


@pytest.mark.parametrize("framing", [{}, {"framing": "rtu"}], ids=["tcp", "rtu"])
@pytest.mark.parametrize("frame", [b"", b"www.usr.cn", b"\x07\x03\x02\x00\x2a\x00\x00"])
def test_what_is_no_frame_is_no_answer(framing: dict[str, str], frame: bytes) -> None:
    options = {"meters": [{"slave": 7, "type": "dds238"}], **framing}
    profile = Profile(options=options)
    assert commanded(profile).hear(frame) is None
    (polled, _), *_ = plan_of("site", profile).questions
    assert polled.hear(frame) is None
