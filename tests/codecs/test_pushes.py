"""Pushes of platforms: where a body ends, whose it is, and what is read of what it carries."""

import base64
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs import load_codecs, port_codecs
from wattwarden.codecs.onenet import MOST_MESSAGES
from wattwarden.codecs.onenet.resources import quantity_of
from wattwarden.codecs.onenet.signature import is_signed, sign
from wattwarden.codecs.pushes.json_body import (
    MOST_BYTES,
    MOST_DEPTH,
    BrokenError,
    load,
    measure,
    tokens,
)
from wattwarden.codecs.pushes.told import MOST_NUMBERS, address_of, moment_of, numbers_of
from wattwarden.protocol.codec import (
    Batch,
    Block,
    Claim,
    Codec,
    Columns,
    FactorBlock,
    Message,
    Profile,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality

CTWING, ONENET = load_codecs()["ctwing"], load_codecs()["onenet"]
BODIES = {v.record["id"]: v.raw for codec in ("ctwing", "onenet") for v in vectors_of(codec)}
ACREL = {vector.record["id"]: vector.raw for vector in vectors_of("acrel")}
HJ212 = {vector.record["id"]: vector.raw for vector in vectors_of("hj212")}
AT_MS = 1_650_554_828_842


def decoded(codec: Codec, body: bytes, profile: Profile | None = None) -> Columns:
    of = (lambda _address: profile) if profile is not None else (lambda _address: Profile())
    return codec.decode(Batch.of([body], NOW, profile_of=of))


def ctwing(payload: Any, **more: Any) -> bytes:
    body = {"messageType": "dataReport", "IMEI": "862592051651472", "timestamp": AT_MS}
    return orjson.dumps(body | {"payload": payload} | more)


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        pytest.param(b'{"a":1}x', 7, id="whole"),
        pytest.param(b'{"a":"}{\\"}"}', 13, id="braces in a text"),
        pytest.param(b'{ "a" : [ { } , [ ] , -1.5e3 , null ] }', 39, id="white space"),
        pytest.param(b'{"a":{"b":1}', 0, id="a brace is missing"),
        pytest.param(b'{"a', 0, id="in a text"),
        pytest.param(b'{"a\\', 0, id="behind a backslash"),
        pytest.param(b'{"a":tru', 0, id="in a word"),
        pytest.param(b"{", 0, id="a brace alone"),
        pytest.param(b'{"a" "b"}', -1, id="two texts"),
        pytest.param(b'{{"a":1}}', -1, id="two braces"),
        pytest.param(b'{"a":\x01', -1, id="a byte that none has"),
        pytest.param(b'{"a\n":1}', -1, id="a line that ends in a text"),
        pytest.param(b'{"a":' + b"[" * MOST_DEPTH, -1, id="too deep"),
        pytest.param(b"x", -1, id="no brace"),
    ],
)
def test_an_object_ends_where_its_braces_do(raw: bytes, size: int) -> None:
    assert measure(raw, 0) == size


PARTS = (b"{", b"}", b"[", b"]", b":", b",", b'"a"', b"1", b" ", b'"', b"\\", b'"b":"c",', b"tr")


def by_token(raw: bytes) -> int:
    """What ``measure`` says, each token looked at."""
    try:
        told = list(tokens(raw, 0))
    except BrokenError:
        return -1
    return told[-1][2] if told and not told[-1][3] else 0


@given(parts=st.lists(st.sampled_from(PARTS), max_size=14))
def test_runs_of_plain_members_say_what_their_tokens_say(parts: list[bytes]) -> None:
    raw = b"{" + b"".join(parts)
    assert measure(raw, 0) == by_token(raw)


def test_the_length_of_an_object_is_told_by_its_last_byte_alone() -> None:
    for raw in BODIES.values():
        size = measure(raw, 0)
        assert [measure(raw[:end], 0) for end in range(len(raw))] == [0] * len(raw) or not size


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(b'{"payload":1', Refusal.LENGTH, id="cut short"),
        pytest.param(b'{"payload":1}{}', Refusal.LENGTH, id="two objects"),
        pytest.param(b'{"payload":01}', Refusal.DECODE, id="no JSON"),
        pytest.param(b"[1]", Refusal.UNKNOWN, id="no object"),
        pytest.param(b"<a/>", Refusal.UNKNOWN, id="XML"),
        pytest.param(
            b'{"payload":' + b"[" * 99 + b"]" * 99 + b"}", Refusal.UNKNOWN, id="nested too deep"
        ),
        pytest.param(b'{"x":1}', Refusal.UNKNOWN, id="nobody's"),
        pytest.param(b'{"payload":"' + b"0" * MOST_BYTES + b'"}', Refusal.LENGTH, id="too long"),
    ],
)
def test_a_body_that_is_no_push_is_refused(raw: bytes, kind: Refusal) -> None:
    with pytest.raises(ProtocolError) as refusal:
        CTWING.read(raw, lambda _address: Profile())
    assert refusal.value.kind is kind
    (refused,) = decoded(CTWING, raw).refused
    assert refused.kind is kind


def test_pushes_are_never_claimed_at_the_meter_port() -> None:
    names = {codec.name for codec in port_codecs()}
    assert not names & {"ctwing", "onenet"}
    for raw in BODIES.values():
        assert {codec.recognise(raw[:512]) for codec in port_codecs()} == {Claim.NO}


@pytest.mark.parametrize("codec", [CTWING, ONENET], ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    ("head", "own"),
    [
        (b'{"msg"', {"ctwing": Claim.MORE, "onenet": Claim.MORE}),
        (b'{"msg":', {"ctwing": Claim.NO, "onenet": Claim.YES}),
        (b' {"x":{"msg":1},"payload":', {"ctwing": Claim.NO, "onenet": Claim.NO}),
        (b'{"x":{"msg":1},"payload":', {"ctwing": Claim.YES, "onenet": Claim.NO}),
        (b'{"x":1}', {"ctwing": Claim.NO, "onenet": Claim.NO}),
        (b" ", {"ctwing": Claim.MORE, "onenet": Claim.MORE}),
    ],
)
def test_a_platform_is_known_by_the_first_member_that_any_has(
    codec: Codec, head: bytes, own: dict[str, Claim]
) -> None:
    assert codec.recognise(head) is own[codec.name]


@pytest.mark.parametrize("text", [b"{", b'{"', b'{"a":', b'{"a":[', b'{"msg":{"', b'"},{"'])
def test_work_grows_with_the_bytes(text: bytes) -> None:
    """Each of these could make every brace look at all that follows."""
    looked = []
    for size in (8_192, 16_384):
        counted = _Counted(text * (size // len(text)))
        Framer(ONENET.outline).feed(counted)
        looked.append(_Counted.looked_at)
        _Counted.looked_at = 0
    assert looked[1] <= 2.5 * looked[0] + 1024


class _Counted(bytes):
    """Bytes that count how many of them are asked for singly, as tokens are."""

    looked_at = 0

    def __getitem__(self, key: Any) -> Any:
        _Counted.looked_at += 1
        return super().__getitem__(key)


def test_a_row_is_of_the_time_at_which_the_platform_heard_the_meter() -> None:
    columns = decoded(CTWING, BODIES["ctwing-acrel"])
    (block,) = columns.blocks
    assert columns.meters == ("12006130940002",)
    assert block.at.tolist() == [AT_MS * 1000]
    assert block.quality.tolist() == [0]


@pytest.mark.parametrize("ms", [None, 0, "soon", -1, 10**16, True, 1.5])
def test_a_push_without_a_sound_time_is_of_the_time_of_receipt(ms: Any) -> None:
    (block,) = decoded(
        CTWING, ctwing({"APPdata": ACREL["acrel-upload-2"].hex()}, timestamp=ms)
    ).blocks
    assert block.at.tolist() == [NOW]
    assert block.quality.tolist() == [Quality.NO_CLOCK]


def test_a_frame_that_says_its_time_keeps_it() -> None:
    body = ctwing({"APPdata": base64.b64encode(HJ212["hj212-realtime-8"]).decode()})
    columns = decoded(CTWING, body)
    assert columns.meters == ("010000A8900016F000169DC0",)
    assert columns.factors[0].at.tolist() == [1_696_742_580_000_000]


def test_a_frame_that_names_no_meter_is_that_of_the_push() -> None:
    upload = ACREL["acrel-upload-2"]
    acrel = load_codecs()["acrel"]
    sections = acrel.read(upload, lambda _address: Profile()).fields["sections"]
    nameless = acrel.encode(Message("upload", fields={"sections": sections}))
    columns = decoded(CTWING, ctwing({"APPdata": nameless.hex()}))
    assert columns.meters == ("862592051651472",)
    assert columns.refused == ()


def test_a_sound_frame_inside_that_gives_no_reading_is_refused_and_so_kept() -> None:
    acrel = load_codecs()["acrel"]
    sections = [{"channel": "1-1", "payload": "0102030405060708"}]
    odd = acrel.encode(Message("upload", fields={"serial": "1", "sections": sections}))
    (refused,) = decoded(CTWING, ctwing({"APPdata": odd.hex()})).refused
    assert refused.message.startswith("the frame inside: ")


def test_readings_of_nobody_are_refused() -> None:
    body = orjson.dumps({"messageType": "dataReport", "payload": {"serviceData": {"a": 1}}})
    (refused,) = decoded(CTWING, body).refused
    assert refused.kind is Refusal.UNKNOWN


def test_a_profile_makes_quantities_of_properties() -> None:
    options = {"properties": {"Ua": "voltage_a", "EPI": ["energy_forward", 1000], "x": ["y", "z"]}}
    body = ctwing({"serviceData": {"Ua": 220.5, "EPI": "2.5", "x": 3}})
    columns = decoded(CTWING, body, Profile(options=options))
    (block,) = columns.blocks
    assert {name: values.tolist() for name, values in block.values.items()} == {
        "voltage_a": [220.5],
        "energy_forward": [2500],
    }
    assert [one.layout for one in columns.factors] == [("x",)]


def test_a_name_beyond_ascii_is_no_factor_and_may_be_a_quantity() -> None:
    body = ctwing({"serviceData": {"电压": 220.5}})
    assert decoded(CTWING, body) == Columns(())
    (block,) = decoded(CTWING, body, Profile(options={"properties": {"电压": "voltage_a"}})).blocks
    assert block.values["voltage_a"].tolist() == [220.5]


@pytest.mark.parametrize(
    ("codec", "raw"),
    [(CTWING, b"\xd3]4\xdb~9"), (ONENET, b"\x01\x02\x03\x04")],
    ids=["ctwing", "onenet"],
)
def test_what_may_be_hex_or_base64_is_what_the_platform_sends(codec: Codec, raw: bytes) -> None:
    if codec is ONENET:
        body = orjson.dumps({"msg": {"type": 1, "value": "01020304"}})
    else:
        body = ctwing({"APPdata": base64.b64encode(raw).decode()})
    (payload,) = codec.read(body, lambda _address: Profile()).fields["payloads"]
    assert payload["hex"] == raw.hex()


def test_a_payload_that_is_a_text_alone_is_what_the_meter_sent_once() -> None:
    upload = ACREL["acrel-upload-2"]
    message = CTWING.read(ctwing(upload.hex()), lambda _address: Profile())
    assert [payload["hex"] for payload in message.fields["payloads"]] == [upload.hex()]
    assert len(decoded(CTWING, ctwing(upload.hex())).blocks) == 1


def test_messages_written_as_a_text_are_shown_as_what_they_say() -> None:
    fields = ONENET.read(BODIES["onenet-text"], lambda _address: Profile()).fields
    assert fields["messages"][0]["imei"] == "864162044318999"


def test_pushes_of_a_batch_mean_what_they_mean_alone() -> None:
    bodies = [BODIES[name] for name in ("ctwing-acrel", "ctwing-dlt645", "ctwing-profile")] * 2
    together = CTWING.decode(Batch.of(bodies, NOW))
    blocks: list[Block | FactorBlock] = [*together.blocks, *together.factors]
    frames = sorted(frame for block in blocks for frame in block.frame.tolist())
    assert frames == list(range(6))
    assert set(together.meters) == {"12006130940002", "000000000161", "862592051651472"}


def test_more_messages_than_a_body_holds_are_refused() -> None:
    body = orjson.dumps({"msg": [1] * (MOST_MESSAGES + 1)})
    (refused,) = decoded(ONENET, body).refused
    assert refused.kind is Refusal.LENGTH


@pytest.mark.parametrize(
    ("names", "address"),
    [
        (("864162044318999", "x"), "864162044318999"),
        (("undefined", "", "a b", "x" * 33, None, True, 17), "17"),
        ((None, {}, []), None),
    ],
)
def test_a_meter_is_named_by_the_first_name_that_can_be_an_address(
    names: tuple[Any, ...], address: str | None
) -> None:
    assert address_of(*names) == address


def test_times_are_milliseconds_of_this_century() -> None:
    assert moment_of(AT_MS) == moment_of(str(AT_MS)) == AT_MS * 1000
    none: tuple[Any, ...] = (AT_MS / 1, "1", AT_MS * 1000, [])
    assert [moment_of(ms) for ms in none] == [None] * 4


def test_an_identity_in_a_model_is_neither_the_meter_nor_a_number() -> None:
    model = {"serviceData": {"IMEI": "860374051096202", "EPI": "12.5"}}
    body = ctwing(model, IMEI=None, deviceId="40edca19b0124480864366de4621de99")
    message = CTWING.read(body, lambda _address: Profile())
    assert (message.meter, message.fields["payloads"]) == ("40edca19b0124480864366de4621de99", [])
    (factors,) = decoded(CTWING, body).factors
    assert factors.layout == ("EPI",)


def test_numbers_of_a_model_are_named_by_their_way_through_it() -> None:
    tree = {
        "a": 1,
        "b": {"c": "2.5", "d": {"value": 3, "time": 9}},
        "on": True,
        "no": None,
        "": 1,
        "x" * 49: 1,
    }
    assert numbers_of(tree) == {"a": 1.0, "b.c": 2.5, "b.d": 3.0}
    many = {str(number): number for number in range(2 * MOST_NUMBERS)}
    assert len(numbers_of(many)) == MOST_NUMBERS


@pytest.mark.parametrize(
    ("stream", "quantity", "channel"),
    [
        ("3316_0_5700", "voltage_a", ""),
        ("3305_2_5800", "power_total", "2"),
        ("3316_0_5701", None, ""),
        ("3316_123456789_5700", None, ""),
        ("3316__5700", None, ""),
        ("temperature", None, ""),
    ],
)
def test_resources_of_the_registry_are_quantities(
    stream: str, quantity: str | None, channel: str
) -> None:
    found = quantity_of(stream)
    assert (found and (found.quantity, found.channel)) == (quantity and (quantity, channel))


def test_a_signature_is_that_of_token_nonce_and_message() -> None:
    raw = b'{"msg": {"a" :1} ,"nonce":"n","signature":"%s"}' % sign("t", "n", b'{"a" :1}').encode()
    assert is_signed(raw, load(raw), "t")
    assert not is_signed(raw, load(raw), "T")
    assert not is_signed(raw.replace(b":1", b":2"), load(raw), "t")
    for cut in (b'"nonce":1', b'"nonce":"m"'):
        changed = raw.replace(b'"nonce":"n"', cut)
        assert not is_signed(changed, load(changed), "t")


def test_a_body_that_cannot_be_written_is_not_built() -> None:
    bodies: tuple[Any, ...] = (None, [], "x", {"a": 2**70}, {"a": "x" * MOST_BYTES})
    for body in bodies:
        with pytest.raises(ValueError, match=r"built|accepted"):
            CTWING.encode(Message("data_report", fields={"body": body}))


def test_bodies_one_behind_the_other_are_cut_apart() -> None:
    bodies = [raw for name, raw in BODIES.items() if name.startswith("onenet-p")]
    framer = Framer(ONENET.outline)
    assert framer.feed(b"\r\n".join(bodies)) == bodies
    assert framer.take_noise() == b""
    assert all(one != other for one, other in pairwise(bodies))
