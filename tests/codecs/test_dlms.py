"""What the vectors of DLMS do not show."""

import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fuzz.grammar import draw
from fuzz.work import Work
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs.dlms import CODEC, request
from wattwarden.codecs.dlms.data import TYPES, CompactArray
from wattwarden.codecs.dlms.frame import LLC_RESPONSE, seal, take_apart
from wattwarden.codecs.dlms.services import OBIS, PUSH_TIME, SERVICES, Service
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.codec import Batch, Claim, Columns, Message, default_profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, Unit

TIME = "2026-11-22 11:00:00 dow=0 hundredths=255 deviation=-32768 status=0"
AT = NOW
SPECIAL = {
    id(OBIS): lambda rng: f"1.0.{rng.randrange(99)}.7.0.255",
    id(PUSH_TIME): lambda rng: rng.choice((None, TIME, {"octet-string": TIME}, {"present": TIME})),
    **{
        id(piece): lambda _rng: {"type": "unsigned", "elements": [{"unsigned": 7}]}
        for _, piece in TYPES.values()
        if isinstance(piece, CompactArray)
    },
}


def framed(name: str) -> bytes:
    [vector] = [one for one in vectors_of("dlms") if str(one) == f"dlms-{name}"]
    return vector.raw


def pushed(body: Any, time: Any = None, **link: Any) -> bytes:
    fields = {"long_invoke_id_and_priority": "00000001", "date_time": time, "body": body, **link}
    return CODEC.encode(Message("data_notification", fields=fields))


def decoded(frame: bytes, identity: str | None = "m") -> Columns:
    return CODEC.decode(Batch.of([frame], NOW, identity=identity))


def values_of(columns: Columns) -> dict[str, float]:
    return {
        name: values.tolist()[0]
        for block in columns.blocks
        for name, values in block.values.items()
    }


def register(obis: str, value: Any, scaler: int, unit: int) -> Any:
    name = {"octet-string": bytes(map(int, obis.split("."))).hex()}
    return {"structure": [name, value, {"structure": [{"integer": scaler}, {"enum": unit}]}]}


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.kind)
def test_what_is_written_of_a_service_says_it_again(service: Service) -> None:
    rng = Random(service.kind)
    for number in range(12):
        fields = draw(service.fields, rng, SPECIAL)
        if number % 2:
            fields |= {"source_port": 1, "destination_port": 16}
        frame = CODEC.encode(Message(service.kind, fields=fields))
        message = CODEC.read(frame, default_profile)
        assert message.kind == service.kind
        assert CODEC.encode(message) == frame
        assert b"".join(field.raw for field in CODEC.explain(frame, None)) == frame


# --- framing --------------------------------------------------------------------------------------

PUSH = framed("push-of-registers-hdlc")
WRAPPED = framed("push-of-registers")


def test_one_flag_may_end_a_frame_and_begin_the_next() -> None:
    framer = Framer(CODEC.outline)
    frames = framer.feed(PUSH + PUSH[1:] + PUSH[1:])
    assert frames == [PUSH, PUSH[1:], PUSH[1:]]
    assert framer.is_clean
    said = [CODEC.read(frame, default_profile) for frame in frames]
    assert said[0] == said[1] == said[2]


def test_flags_that_fill_the_line_are_no_noise() -> None:
    framer = Framer(CODEC.outline)
    assert framer.feed(b"\x7e\x7e\x7e" + PUSH + b"\x7e\x7e" + PUSH) == [PUSH, PUSH]
    assert framer.is_clean


def test_a_wrapper_and_hdlc_on_one_line_are_told_apart() -> None:
    framer = Framer(CODEC.outline)
    assert framer.feed(WRAPPED + PUSH + WRAPPED) == [WRAPPED, PUSH, WRAPPED]


@pytest.mark.parametrize(
    ("head", "claim"),
    [
        pytest.param(b"", Claim.MORE, id="nothing"),
        pytest.param(b"\x7e", Claim.MORE, id="a flag"),
        pytest.param(b"\x7e\x7e\x7e", Claim.MORE, id="flags"),
        pytest.param(b"\x7e\x7e" + PUSH, Claim.YES, id="flags before a frame"),
        pytest.param(PUSH[:6], Claim.MORE, id="half a header"),
        pytest.param(PUSH[:-1], Claim.MORE, id="all but the closing flag"),
        pytest.param(b"\x7e\xa0\x08\x02\x22\x21\x93\xbd\x65\x7e", Claim.NO, id="a wrong FCS"),
        pytest.param(b"\x7e\xb0\x08", Claim.NO, id="another type of format"),
        pytest.param(b"\x00", Claim.MORE, id="half a version"),
        pytest.param(bytes.fromhex("000100000006010300000001"), Claim.NO, id="Modbus TCP"),
        pytest.param(WRAPPED[:-1], Claim.MORE, id="a wrapper without its end"),
        pytest.param(b"\x00\x01\x00\x01\x00\x10\x00\x02\x0f\x00", Claim.NO, id="half an APDU"),
        pytest.param(b"\x00\x01\x00\x01\x00\x10\x00\x02\x77\x00", Claim.NO, id="no APDU"),
        pytest.param(b"\x68" + PUSH, Claim.NO, id="something before"),
    ],
)  # fmt: skip
def test_frames_are_known_by_what_proves_them(head: bytes, claim: Claim) -> None:
    assert CODEC.recognise(head) is claim


def test_a_frame_longer_than_what_is_looked_at_is_known_by_its_header() -> None:
    body = {"array": [{"octet-string": "00" * 100}] * 6}
    assert CODEC.recognise(pushed(body)[:512]) is Claim.YES
    assert CODEC.recognise(pushed(body, source_port=1, destination_port=1)[:512]) is Claim.YES


def test_a_push_of_many_values_in_the_wrapper_is_a_frame() -> None:
    frame = pushed({"array": [{"unsigned": 1}] * 900}, source_port=1, destination_port=1)
    assert Framer(CODEC.outline).feed(frame) == [frame]


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x7e\xa0\x20\x03\x03\x13", id="headers of HDLC"),
        pytest.param(b"\x00\x01\x00\x01\x00\x01\x0c\x09\x0f", id="headers of the wrapper"),
        pytest.param(b"\xa0\x07\x03\x03\x11\x00\x00\x7e", id="short frames"),
    ],
)
def test_twice_the_heads_that_lead_nowhere_take_twice_the_time(garbage: bytes) -> None:
    spent = []
    for count in (1000, 2000):
        work = Work(CODEC.outline)
        Framer(work).feed(garbage * count)
        spent.append(work.cuts + work.looked_at_bytes)
    assert spent[1] <= 2.5 * spent[0]  # what waits at the end costs less


def test_a_frame_of_more_bytes_than_its_length_can_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="at most"):
        pushed({"octet-string": "00" * 2048})


# --- segments -------------------------------------------------------------------------------------


def test_a_push_in_segments_says_what_the_whole_says_with_its_last() -> None:
    link = take_apart(PUSH)
    pieces = [
        seal(link._replace(segmented=True, information=link.information[:30])),
        seal(link._replace(segmented=True, information=link.information[30:50])),
        seal(link._replace(information=link.information[50:])),
    ]
    dialogue = CODEC.dialogue(default_profile)
    asked: dict[int, bytes] = {}
    for index, piece in enumerate(pieces):
        dialogue.receive([piece], NOW)
        if dialogue.asked:
            asked[index] = dialogue.asked[0]
    assert dialogue.identity == "20260001"
    columns = CODEC.decode(Batch.of(pieces, NOW, identity="m", asked=asked))
    assert values_of(columns) == values_of(decoded(PUSH)) != {}
    assert columns.meters == ("20260001",)
    assert columns.refused == ()


def test_a_new_push_does_not_continue_segments_that_never_ended() -> None:
    link = take_apart(PUSH)
    dialogue = CODEC.dialogue(default_profile)
    dialogue.receive([seal(link._replace(segmented=True)), PUSH], NOW)
    assert dict(dialogue.asked) == {}


# --- lists ----------------------------------------------------------------------------------------


def test_a_meter_that_no_list_has_named_is_nobodys() -> None:
    body = {"array": [register("1.0.32.7.0.255", {"long-unsigned": 2300}, -1, 35)]}
    columns = decoded(pushed(body), None)
    assert [entry.kind for entry in columns.refused] == ["unknown"]


def test_what_is_exported_lessens_what_is_imported_and_a_net_value_beats_both() -> None:
    imported = register("1.0.1.7.0.255", {"double-long-unsigned": 100}, 0, 27)
    exported = register("1.0.2.7.0.255", {"double-long-unsigned": 350}, 0, 27)
    net = register("1.0.16.7.0.255", {"double-long": -249}, 0, 27)
    both = decoded(pushed({"array": [imported, exported]}))
    assert values_of(both) == {"power_total": -250.0}
    assert values_of(decoded(pushed({"array": [net, imported]}))) == {"power_total": -249.0}


@pytest.mark.parametrize(
    ("value", "scaler", "volts"),
    [
        ({"long-unsigned": 2301}, -1, 230.1),
        ({"float32": 230.5}, 0, 230.5),
        ({"long": 23}, 1, 230.0),
    ],
    ids=["counted", "float", "tens"],
)
def test_a_scaler_says_what_a_count_is(value: Any, scaler: int, volts: float) -> None:
    body = {"array": [register("1.0.32.7.0.255", value, scaler, 35)]}
    assert values_of(decoded(pushed(body))) == {"voltage_a": pytest.approx(volts)}


@pytest.mark.parametrize("scaler", [-128, 127])
def test_a_scaler_beyond_reason_makes_no_reading(scaler: int) -> None:
    body = {"array": [register("1.0.32.7.0.255", {"long-unsigned": 2301}, scaler, 35)]}
    assert decoded(pushed(body)).blocks == ()


def test_a_maker_that_sends_no_scalers_is_known_by_its_lists_id() -> None:
    def body(maker: str) -> Any:
        name = {"octet-string": "0100200700ff"}
        return {"structure": [{"visible-string": maker}, name, {"long-unsigned": 2301}]}

    assert values_of(decoded(pushed(body("KFM_001")))) == {"voltage_a": pytest.approx(230.1)}
    assert values_of(decoded(pushed(body("Kamstrup_V0001")))) == {"voltage_a": 2301.0}
    assert values_of(decoded(pushed(body("Somebody")))) == {}


@pytest.mark.parametrize(
    ("time", "at"),
    [
        pytest.param(TIME, AT, id="wall time of the meter's zone"),
        pytest.param(TIME.replace("-32768", "-60"), AT + 7 * 3_600_000_000, id="stated deviation"),
        pytest.param({"octet-string": TIME}, AT, id="behind a tag"),
        pytest.param({"optional": TIME}, AT, id="behind a flag and its length"),
        pytest.param({"date-time": TIME}, AT, id="behind the tag of a date-time"),
        pytest.param({"present": TIME}, AT, id="behind a flag"),
    ],
)
def test_a_push_is_of_the_time_that_it_states(time: Any, at: int) -> None:
    body = {"array": [register("1.0.32.7.0.255", {"long-unsigned": 2300}, -1, 35)]}
    frame = pushed(body, time)
    [block] = decoded(frame).blocks
    assert (block.at.tolist(), block.quality.tolist()) == ([at], [0])
    stated = CODEC.read(frame, default_profile).at
    assert stated is not None
    assert stated.timestamp() * 1_000_000 == at


def test_a_time_that_is_not_set_is_none() -> None:
    body = {"array": [register("1.0.32.7.0.255", {"long-unsigned": 2300}, -1, 35)]}
    [block] = decoded(pushed(body, "ff" * 12)).blocks
    assert (block.at.tolist(), block.quality.tolist()) == ([NOW], [Quality.NO_CLOCK])


def test_compact_arrays_hold_a_list_as_well() -> None:
    kind = {"structure": ["octet-string", "long-unsigned"]}
    row = {"structure": [{"octet-string": "0100200700ff"}, {"long-unsigned": 2300}]}
    body = {"compact-array": {"type": kind, "elements": [row]}}
    said = CODEC.read(pushed(body), default_profile)
    assert said.fields["values"] == [
        {"obis": "1.0.32.7.0.255", "name": "A相电压 phase A voltage", "raw": 2300}
    ]


def test_a_type_that_holds_itself_too_often_is_refused() -> None:
    information = LLC_RESPONSE + bytes.fromhex("0f000000010013") + b"\x02\x01" * 40 + b"\x11\x00"
    frame = seal(take_apart(PUSH)._replace(information=information))
    with pytest.raises(ProtocolError, match="deep"):
        CODEC.read(frame, default_profile)


# --- requests and tables --------------------------------------------------------------------------


def test_a_request_asks_for_one_register_or_for_several_attributes() -> None:
    one = CODEC.read(request("1", ["1.0.32.7.0.255"]), default_profile)
    assert one.kind == "get_request"
    assert (one.fields["class"], one.fields["attribute"]) == (3, 2)
    two = CODEC.read(request("1", ["1.0.32.7.0.255", "0.0.1.0.0.255:8"]), default_profile)
    assert [item["class"] for item in two.fields["items"]] == [3, 8]
    with pytest.raises(ValueError, match="six parts"):
        request("1", ["1.0.32"])


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message("no such kind"), id="kind"),
        pytest.param(Message("data_notification", fields={"body": {"no": 1}}), id="body"),
        pytest.param(Message("get_request", fields={"source_port": 1}), id="ports"),
        pytest.param(Message("receive_ready", fields={"control": "zz"}), id="control"),
    ],
)
def test_what_no_frame_can_carry_is_not_written(message: Message) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says what it found
        CODEC.encode(message)


NAMES = read_table("dlms_obis")
UNITS = {unit.value: unit for unit in Unit} | {"": Unit.ONE}


def test_every_logical_name_has_names_in_both_languages_once() -> None:
    assert [row for row in NAMES if not (row["name_zh"] and row["name_en"])] == []
    assert len({tuple(row[part] for part in "acde") for row in NAMES}) == len(NAMES)


@pytest.mark.parametrize("row", [row for row in NAMES if row["quantity"]], ids=lambda row: row["c"])
def test_a_name_of_electricity_has_the_unit_of_its_quantity(row: dict[str, str]) -> None:
    assert QUANTITIES[row["quantity"].removeprefix("net_")].unit == UNITS[row["unit"]]
    assert row["sign"] in {"1", "-1"}
