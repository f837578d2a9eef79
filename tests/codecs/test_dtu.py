"""DTUs: who registers, what the meters behind them are asked, and which reply answers what."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.codecs.mischief import NOW

from wattwarden.codecs import port_codecs
from wattwarden.codecs.dlt645 import CODEC as DLT645
from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dtu import CODEC, knowing
from wattwarden.codecs.dtu.packets import MOST_PACKET_BYTES, NONE, UNTOLD, Packets
from wattwarden.codecs.modbus import answer, find_type, registers, requests
from wattwarden.protocol import rtu
from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    Batch,
    Claim,
    Codec,
    Message,
    Profile,
    default_profile,
)
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.session import Session

SECOND = 1_000_000
IMEI = b"861234561239875"
NAME = IMEI.decode()
BEAT = b"www.usr.cn"
METER_645 = "170516665384"
VOLTAGE = "02010100"
MAC = bytes.fromhex("D8B04CBDD147")


def profile(**options: Any) -> Profile:
    return Profile(options=options, version=1)


DDS = {"slave": 1, "type": "dds238", "period_s": 60}
TWO = profile(meters=[DDS, {"address": METER_645, "items": [VOLTAGE]}])


def held(values: Mapping[str, float] | None = None) -> dict[int, int]:
    kind = find_type("dds238")
    assert kind is not None
    return registers(kind, values or {"voltage_a": 230.1, "energy_forward": 123_450})


def reply_645(volts: float) -> bytes:
    fields = {"di": VOLTAGE, "value": volts}
    return DLT645.encode(Message("read_reply", METER_645, None, fields))


def reply_to(request: bytes) -> bytes:
    if request.startswith(b"\xfe"):
        return reply_645(221.6)
    said = answer(request, request[0], held())
    assert said
    return said


class Talk:
    """A dialogue with a clock."""

    def __init__(self, configured: Profile, codec: Codec = CODEC) -> None:
        self.profile = configured
        self.dialogue = codec.dialogue(lambda _: self.profile)
        self.now = NOW

    def hear(self, *frames: bytes) -> bytes:
        return self.dialogue.receive(list(frames), self.now)

    def until_asked(self) -> bytes:
        for _ in range(200):
            deadline = self.dialogue.next_deadline()
            assert deadline is not None
            self.now = max(self.now, deadline)
            said = self.dialogue.tick(self.now)
            if said:
                return said
        raise AssertionError("nothing is asked")

    @property
    def asked(self) -> dict[int, bytes]:
        return dict(self.dialogue.asked)


def cut(codec: Codec, stream: bytes) -> list[bytes]:
    return Framer(codec.outline).feed(stream)


# --- who it is


@pytest.mark.parametrize(
    ("packet", "options", "identity"),
    [
        pytest.param(IMEI, None, NAME, id="IMEI"),
        pytest.param(b"SITE-0042", {}, None, id="its address"),
        pytest.param(b"reg:7\r\n", {"registration": "reg:7\r\n"}, None, id="another text"),
        pytest.param(b"\x01\x02\xfe\xff", {"registration": "hex:0102feff"}, None, id="hex"),
        pytest.param(b"\xaa\x55#\xaa", {"registration": "hex:aa5523aa"}, None, id="# in hex"),
        pytest.param(b"TT000042", {"registration": "TT######"}, "TT000042", id="a template"),
        pytest.param(b"###", {"registration": "###"}, "", id="too short"),
        pytest.param(b"x" * 65, {"registration": "x" * 65}, "", id="too long"),
        pytest.param(b"\x01\x02\x03", {"registration": "hex:zz"}, "", id="no hex"),
    ],
)
def test_a_registration_tells_who_it_is(
    packet: bytes, options: dict[str, Any] | None, identity: str | None
) -> None:
    address = "SITE-0042"
    codec = CODEC if options is None else knowing({address: profile(**options)})
    want = address if identity is None else identity
    frames = cut(codec, packet)
    if not want:
        assert frames == []
        return
    assert frames == [packet]
    assert codec.recognise(packet) is Claim.YES
    talk = Talk(profile(), codec)
    talk.hear(packet)
    assert talk.dialogue.identity == want
    assert codec.read(packet, default_profile).meter == want


def test_a_prefix_names_its_dtu_and_stands_before_every_frame() -> None:
    own = profile(prefix="hex:" + MAC.hex(), meters=[DDS])
    codec = knowing({"MAC-1": own})
    (request,) = requests(1, find_type("dds238"))
    framed = MAC + reply_to(request)
    assert cut(codec, framed * 2) == [framed, framed]
    assert codec.recognise(framed) is Claim.YES
    assert codec.recognise(framed[:9]) is Claim.MORE
    assert codec.recognise(framed[:-1] + b"\0") is Claim.NO
    talk = Talk(own, codec)
    talk.hear(framed)
    assert talk.dialogue.identity == "MAC-1"
    request = talk.until_asked()
    talk.hear(MAC + reply_to(request))
    assert talk.asked == {0: request}
    batch = Batch.of(
        [MAC + reply_to(request)], NOW, identity="MAC-1", profile_of=lambda _: own,
        asked={0: request},
    )  # fmt: skip
    assert codec.decode(batch).blocks[0].values["voltage_a"].tolist() == pytest.approx([230.1])
    message = codec.read(framed, default_profile)
    assert (message.kind, message.fields["prefix"]) == ("modbus", MAC.hex())
    assert codec.explain(framed, None)[0].value == "MAC-1"


def test_of_two_registrations_the_longer_is_meant() -> None:
    codec = knowing({"DTU1": profile(), "DTU10": profile()})
    assert cut(codec, b"DTU10") == [b"DTU10"]
    assert cut(codec, b"DTU1") == [b"DTU1"]


def test_the_same_configuration_is_the_same_codec() -> None:
    assert knowing({"SITE": profile()}) is knowing({"SITE": profile(meters=[])})
    assert knowing({}) is CODEC
    known = port_codecs({("dtu", "SITE"): profile(), ("acrel", "SITE-2"): profile()})
    assert knowing({"SITE": profile()}) in known
    assert CODEC in port_codecs()


def test_a_frame_alone_is_no_dtu() -> None:
    assert CODEC.recognise(reply_645(220.0)) is Claim.NO
    assert CODEC.recognise(rtu.seal(b"\x01\x03\x02\x00\x01")) is Claim.NO
    assert CODEC.recognise(b"8612345") is Claim.MORE
    assert CODEC.recognise(b"8712345") is Claim.NO


# --- framing


def test_a_heartbeat_glued_to_a_reply_is_told_from_it() -> None:
    replies = [reply_to(request_645(METER_645, VOLTAGE)), rtu.seal(b"\x01\x03\x02\x08\xfd")]
    stream = IMEI + BEAT + replies[0] + BEAT + replies[1] + BEAT * 2 + b"\xfe\xfe" + replies[0]
    want = [IMEI, BEAT, replies[0], BEAT, replies[1], BEAT, BEAT, b"\xfe\xfe" + replies[0]]
    assert cut(CODEC, stream) == want
    framer = Framer(CODEC.outline)
    assert [f for at in range(len(stream)) for f in framer.feed(stream[at : at + 1])] == want


def test_a_reply_whose_crc_fits_a_byte_too_early_is_whole() -> None:
    # Two registers, 46C1 6F00: without their last byte, the CRC of what is left is 00B1.
    reply = bytes.fromhex("03040446c16f00b100")
    assert rtu.seal(reply[:-2]) == reply
    assert rtu.seal(reply[:6]) == reply[:-1]
    assert cut(CODEC, reply) == [reply]
    assert cut(CODEC, reply + BEAT + reply) == [reply, BEAT, reply]


def test_what_is_no_packet_and_no_frame_is_noise() -> None:
    reply = rtu.seal(b"\x01\x03\x02\x08\xfd")
    framer = Framer(CODEC.outline)
    assert framer.feed(b"+CSQ: 21\r\n" + reply) == [reply]
    assert framer.take_noise() == b"+CSQ: 21\r\n"


def test_configured_heartbeats_say_nothing() -> None:
    own = profile(heartbeats=["PING", "hex:AA55AA55", "x", 7])
    codec = knowing({"SITE": own})
    assert cut(codec, b"SITEPING\xaa\x55\xaa\x55PING") == [
        b"SITE", b"PING", b"\xaa\x55\xaa\x55", b"PING",
    ]  # fmt: skip
    assert codec.read(b"PING", default_profile).kind == "heartbeat"
    talk = Talk(own, codec)
    talk.hear(b"PING")
    assert talk.dialogue.identity is None


# --- asking


def test_a_dtu_nobody_configured_is_asked_nothing() -> None:
    talk = Talk(DEFAULT_PROFILE)
    assert talk.hear(IMEI) == b""
    assert talk.dialogue.identity == NAME
    for _ in range(5):
        talk.now = talk.dialogue.next_deadline() or 0
        assert talk.dialogue.tick(talk.now) == b""
    assert talk.hear(reply_645(220.0)) == b""
    assert talk.asked == {}


def test_meters_are_asked_in_turn_one_at_a_time() -> None:
    talk = Talk(TWO)
    assert talk.hear(IMEI) == b""
    first = talk.until_asked()
    assert talk.dialogue.tick(talk.now) == b""
    second = talk.hear(reply_to(first)) or talk.until_asked()
    talk.hear(reply_to(second))
    assert talk.asked == {0: second}
    assert {first, second} == {
        *requests(1, find_type("dds238")),
        request_645(METER_645, VOLTAGE),
    }


def test_a_reply_is_journalled_with_its_request_whatever_it_is_glued_to() -> None:
    talk = Talk(TWO)
    talk.hear(IMEI)
    request = talk.until_asked()
    talk.hear(BEAT, reply_to(request), BEAT)
    assert talk.asked == {1: request}
    talk.hear(BEAT)
    assert talk.asked == {}


def test_a_refusal_is_an_answer() -> None:
    talk = Talk(profile(meters=[DDS]))
    talk.hear(IMEI)
    request = talk.until_asked()
    talk.hear(rtu.seal(b"\x01\x83\x02"))
    assert talk.asked == {0: request}


def test_a_refusal_of_645_is_an_answer() -> None:
    talk = Talk(profile(meters=[{"address": METER_645, "items": [VOLTAGE]}]))
    talk.hear(IMEI)
    request = talk.until_asked()
    talk.hear(DLT645.encode(Message("error", METER_645, None, {"control": "D1", "err": "02"})))
    assert talk.asked == {0: request}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(rtu.seal(b"\x02\x03\x02\x00\x01"), id="another slave"),
        pytest.param(rtu.seal(b"\x01\x04" + bytes([36]) + bytes(36)), id="another function"),
        pytest.param(rtu.seal(b"\x01\x03\x02\x00\x01"), id="another count"),
        pytest.param(reply_645(220.0), id="another protocol"),
    ],
)
def test_what_answers_something_else_answers_nothing(other: bytes) -> None:
    talk = Talk(profile(meters=[DDS]))
    talk.hear(IMEI)
    request = talk.until_asked()
    assert talk.hear(other) == b""
    assert talk.asked == {}
    talk.hear(reply_to(request))
    assert talk.asked == {0: request}


def test_a_late_reply_that_could_answer_another_question_answers_none() -> None:
    kind = find_type("iem3000")
    assert kind is not None
    first, second = requests(1, kind)[:2]
    assert first[4:6] == second[4:6], "their replies do not look alike"
    reply = answer(first, 1, registers(kind, {"current_a": 7})) or b""
    talk = Talk(profile(meters=[{"slave": 1, "type": "iem3000"}]))
    talk.hear(IMEI)
    assert talk.until_asked() == first
    assert talk.until_asked() == first  # not answered in time, it is asked again
    assert talk.hear(reply) == second
    assert talk.asked == {0: first}
    assert talk.hear(reply) == b""  # the other answer to the first
    assert talk.asked == {}
    third = talk.hear(answer(second, 1, registers(kind, {})) or b"")
    assert talk.asked == {0: second}
    assert third not in (b"", first, second)


def test_a_profile_that_comes_later_is_asked_for_within_a_minute() -> None:
    talk = Talk(DEFAULT_PROFILE)
    talk.hear(IMEI)
    talk.profile = TWO
    assert talk.until_asked()
    assert talk.now - NOW <= 70 * SECOND


def test_a_changed_profile_changes_what_is_asked() -> None:
    talk = Talk(profile(meters=[DDS]))
    talk.hear(IMEI)
    assert talk.until_asked()[0] == 1
    talk.profile = Profile(options={"meters": [DDS | {"slave": 9}]}, version=2)
    for _ in range(100):
        if talk.until_asked()[0] == 9:
            break
    assert talk.now - NOW <= 90 * SECOND


def test_whoever_registers_meanwhile_waits_for_the_answer_to_what_was_asked() -> None:
    talk = Talk(profile(meters=[DDS]))
    talk.hear(IMEI)
    talk.until_asked()
    asked_at = talk.now
    assert talk.hear(b"867365041239871", IMEI) == b""
    talk.until_asked()
    assert talk.now - asked_at >= 3 * SECOND


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"meters": "all"}, id="no list"),
        pytest.param({"meters": [7]}, id="no entry"),
        pytest.param({"meters": [{"slave": 0, "type": "dds238"}]}, id="everybody"),
        pytest.param({"meters": [{"slave": "1", "type": "dds238"}]}, id="no number"),
        pytest.param({"meters": [{"slave": 1, "type": "what"}]}, id="no type"),
        pytest.param({"meters": [{"address": "12"}]}, id="no address"),
        pytest.param({"meters": [{"address": METER_645, "items": ["xx"]}]}, id="no item"),
        pytest.param({"meters": [{"address": METER_645, "items": 7}]}, id="no items"),
    ],
)
def test_what_cannot_be_used_is_not_asked(options: dict[str, Any]) -> None:
    talk = Talk(profile(**options))
    talk.hear(IMEI)
    talk.now += 100 * SECOND
    assert talk.dialogue.tick(talk.now) == b""


def test_periods_time_outs_and_retries_are_bounded() -> None:
    absurd = profile(
        meters=[DDS | {"period_s": -5}, DDS | {"slave": 2, "period_s": float("nan")}],
        timeout_ms=10**12,
        retries=True,
    )
    talk = Talk(absurd)
    talk.hear(IMEI)
    talk.until_asked()
    deadline = talk.dialogue.next_deadline()
    assert deadline is not None
    assert deadline <= talk.now + 60 * SECOND


# --- meaning


def test_rows_have_the_dtu_and_the_slave_or_the_meters_own_address() -> None:
    request = requests(1, find_type("dds238"))[0]
    frames = [IMEI, reply_to(request), reply_645(221.6), BEAT]
    columns = CODEC.decode(
        Batch.of(
            frames, NOW, identity=NAME, profile_of=lambda _: TWO,
            asked={1: request, 2: request_645(METER_645, VOLTAGE)},
        )
    )  # fmt: skip
    assert columns.refused == ()
    found = {
        (columns.meters[block.meter[0]], block.channel, int(block.frame[0])): block.values
        for block in columns.blocks
    }
    assert set(found) == {(NAME, "1", 1), (METER_645, "", 2)}
    assert found[NAME, "1", 1]["energy_forward"].tolist() == [123_450]
    assert found[METER_645, "", 2]["voltage_a"].tolist() == [221.6]


def test_a_packet_announces_the_dtu_of_its_session() -> None:
    batch = Batch.of([IMEI, BEAT], NOW, identity=NAME)
    assert CODEC.decode(batch).announced == {NAME: 0}
    assert CODEC.decode(Batch.of([BEAT], NOW)).announced == {}


def test_digits_that_are_none_are_refused() -> None:
    frame = bytes.fromhex("688453661605176891063334343549")
    broken = bytearray(frame + b"\x3e")  # 0BH beneath the mask of 33H
    broken += bytes([sum(broken) & 0xFF, 0x16])
    columns = CODEC.decode(Batch.of([bytes(broken)], NOW, identity=NAME))
    assert [entry.kind.value for entry in columns.refused] == ["decode"]
    assert columns.blocks == ()


def test_a_frame_is_read_and_explained_as_its_own_codec_does() -> None:
    frame = reply_645(221.6)
    message = CODEC.read(frame, default_profile)
    assert (message.kind, message.meter) == ("dlt645", METER_645)
    assert (message.fields["carried"], message.fields["value"]) == ("read_reply", 221.6)
    assert CODEC.explain(frame, None) == DLT645.explain(frame, None)
    assert CODEC.encode(message) == frame
    without = {name: value for name, value in message.fields.items() if name != "raw"}
    assert CODEC.encode(Message("dlt645", METER_645, None, without)) == frame
    assert CODEC.encode(Message("registration", fields={"text": NAME})) == IMEI
    with pytest.raises(ValueError, match="cannot be built"):
        CODEC.encode(Message("modbus", fields={}))


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        pytest.param(b"", "unknown", id="nothing"),
        pytest.param(b"86123", "length", id="half an IMEI"),
        pytest.param(b"861234561239870", "unknown", id="another check digit"),
        pytest.param(b"hello", "unknown", id="a word"),
    ],
)
def test_what_is_nothing_is_refused(frame: bytes, kind: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        CODEC.read(frame, default_profile)
    assert refusal.value.kind == kind
    assert b"".join(field.raw for field in CODEC.explain(frame, None)) == frame


def test_on_the_port_a_whole_conversation_makes_rows() -> None:
    session = Session(port_codecs(), lambda _: TWO, SessionLimits(), NOW)
    session.receive_data(IMEI + BEAT, NOW)
    assert session.identity == NAME
    now = NOW
    answered: list[tuple[bytes, bytes]] = []
    while len(answered) < 2:
        now = max(now, session.next_deadline())
        session.tick(now)
        request = session.data_to_send()
        while request:
            now += SECOND // 5
            session.receive_data(BEAT + reply_to(request), now)
            request = session.data_to_send()
        while (event := session.next_event()) is not None:
            if isinstance(event, Received):
                assert event.codec is CODEC
                answered += [(event.frames[at], asked) for at, asked in event.asked.items()]
    assert all(frame == reply_to(request) for frame, request in answered)


def test_framing_stays_linear_however_many_registrations_there_are() -> None:
    codec = knowing({f"SITE-{number:05}": profile() for number in range(3000)})
    assert cut(codec, b"SITE-02999" + BEAT) == [b"SITE-02999", BEAT]
    assert cut(codec, b"SITE-9") == []
    assert codec.outline.most_bytes > MOST_PACKET_BYTES


@given(
    st.lists(st.binary(min_size=4, max_size=8), max_size=6, unique=True),
    st.binary(max_size=12),
    st.integers(0, 3),
)
def test_a_prefix_is_found_among_any_number_of_them(
    texts: list[bytes], noise: bytes, start: int
) -> None:
    packets = Packets({}, prefixes={text: text.hex() for text in texts})
    for buffer in (noise, *(noise[:start] + text + noise for text in texts)):
        rest = buffer[start:]
        whole = [len(text) for text in texts if rest.startswith(text)]
        begun = any(text.startswith(rest) for text in texts)
        expected = start + max(whole) if whole else UNTOLD if begun else NONE
        assert packets.prefix_end(buffer, start) == expected
