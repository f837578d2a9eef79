"""What each codec makes of a command: the request's bytes, and what is understood of the answer."""

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

import pytest

from wattwarden.codecs import load_codecs, port_codecs
from wattwarden.codecs.acrel import CODEC as ACREL
from wattwarden.codecs.acrel.frame import seal as seal_acrel
from wattwarden.codecs.dlt645 import CODEC as DLT645
from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dlt645.frame import seal as seal_645
from wattwarden.codecs.dlt698 import CODEC as DLT698
from wattwarden.codecs.dlt698 import request as request_698
from wattwarden.codecs.dlt698.frame import seal as seal_698
from wattwarden.codecs.dlt698.frame import take_apart
from wattwarden.codecs.dtu import CODEC as DTU
from wattwarden.codecs.gdw376 import CODEC as GDW376
from wattwarden.codecs.gdw376 import ask as ask_376
from wattwarden.codecs.gdw376 import forward
from wattwarden.codecs.gdw376.frame import parts_of as parts_376
from wattwarden.codecs.gdw376.frame import seal as seal_376
from wattwarden.codecs.hj212 import CODEC as HJ212
from wattwarden.codecs.modbus import answer, find_type, registers
from wattwarden.protocol import rtu
from wattwarden.protocol.both import Both
from wattwarden.protocol.codec import Codec, Message, Profile, default_profile
from wattwarden.protocol.command import (
    Answer,
    CannotAskError,
    Command,
    Ending,
    Outcome,
    Peer,
    Question,
    Verb,
    check,
)
from wattwarden.protocol.events import SessionLimits
from wattwarden.protocol.session import Session

SECOND: Final = 1_000_000
NOW: Final = 1_795_320_000 * SECOND  # 2026-11-22 12:00:00 in Shanghai
MN: Final = "88888880000001"
SERIAL: Final = "02121031700227"
METER: Final = "170516665384"
TERMINAL: Final = "330100088"
IMEI: Final = "861234561239875"
SITE: Final = Profile(
    options={
        "meters": [
            {"slave": 1, "type": "dds238", "channel": "1-1", "period_s": 86_400},
            {"address": METER, "items": [], "port": 2},
        ],
        "type": "dds238",
        "password_645": "02000000",
    },
    version=1,
)


def want(verb: Verb, *items: str, **values: str) -> Command:
    return Command(verb, items, values)


def settings(values: Mapping[str, str]) -> Command:
    return Command(Verb.SET, values=dict(values))


def peer(identity: str, address: str = "", channel: str = "", number: int = 3) -> Peer:
    return Peer(address or identity, identity, SITE, NOW, number, channel)


def ask(codec: Codec, command: Command, whom: Peer) -> tuple[Question, ...]:
    assert codec.ask is not None
    return codec.ask(command, whom)


def sent(codec: Codec, command: Command, whom: Peer) -> list[bytes]:
    return [question.request for question in ask(codec, command, whom)]


def segment(cn: str, data: str, number: str = "20261122120000000") -> bytes:
    fields = {"QN": number, "ST": "91", "CN": cn, "MN": MN, "Flag": "5", "CP": data}
    return HJ212.encode(Message("", fields=fields))


# --- requests


@pytest.mark.parametrize(
    ("command", "cn", "data"),
    [
        pytest.param(want(Verb.ASK, "time"), "1011", "", id="time"),
        pytest.param(want(Verb.ASK, "interval"), "1061", "", id="interval"),
        pytest.param(want(Verb.ASK, "min-interval"), "1063", "", id="minute interval"),
        pytest.param(want(Verb.ASK, "sampling:w01018"), "3017", "PolId=w01018", id="sampling"),
        pytest.param(
            want(Verb.ASK, "w01018.i13004"), "3020", "PolId=w01018;InfoId=i13004", id="parameter"
        ),
        pytest.param(settings({"time": "now"}), "1012", "SystemTime=20261122120000", id="clock"),
        pytest.param(settings({"interval": "60"}), "1062", "RtdInterval=60", id="set interval"),
        pytest.param(settings({"min-interval": "5"}), "1064", "MinInterval=5", id="set minutes"),
        pytest.param(
            settings({"timeout": "5", "retries": "3"}), "1000", "OverTime=5;ReCount=3", id="1000"
        ),
        pytest.param(
            settings({"w01018.i13004": "168.0"}), "3021",
            "PolId=w01018;InfoId=i13004;i13004-Info=168.0", id="set parameter",
        ),
        pytest.param(
            Command(Verb.RECALL, ("minute",), since=NOW - 3600 * SECOND, until=NOW), "2051",
            "BeginTime=20261122110000;EndTime=20261122115959", id="minutes of the past",
        ),
        pytest.param(
            Command(Verb.RECALL, ("day",), since=NOW - 3600 * SECOND, until=NOW), "2031",
            "BeginTime=20261122110000;EndTime=20261122115959", id="days of the past",
        ),
    ],
)  # fmt: skip
def test_a_logger_of_hj212_is_asked_by_its_command(command: Command, cn: str, data: str) -> None:
    assert sent(HJ212, command, peer(MN)) == [segment(cn, data)]


MODBUS: Final = bytes.fromhex("0103000c0001")


@pytest.mark.parametrize(
    ("codec", "command", "whom", "requests"),
    [
        pytest.param(
            ACREL, want(Verb.ASK, "0x0014:3"), peer(SERIAL),
            [ACREL.encode(Message("pass_through", fields={
                "rtu": rtu.seal(bytes.fromhex("010300140003")).hex()}))],
            id="acrel: registers passed through",
        ),
        pytest.param(
            ACREL, settings({"interval": "300"}), peer(SERIAL),
            [ACREL.encode(Message("pass_through", fields={
                "rtu": rtu.seal(bytes.fromhex("011010010001020500")).hex()}))],
            id="acrel: interval, minutes with bytes swapped",
        ),
        pytest.param(
            DTU, want(Verb.ASK, "voltage_a", "i:0x34:2"), peer(IMEI, channel="1-1"),
            [rtu.seal(MODBUS), rtu.seal(bytes.fromhex("010400340002"))],
            id="dtu: a quantity, and input registers",
        ),
        pytest.param(
            DTU, settings({"0x57": "1,0"}), peer(IMEI, channel="7"),
            [rtu.seal(bytes.fromhex("0710005700020400010000"))],
            id="dtu: registers of a slave nobody configured",
        ),
        pytest.param(
            DTU, want(Verb.ASK, "02010100", "9010"), peer(IMEI, METER),
            [request_645(METER, "02010100"), request_645(METER, "9010")],
            id="dtu: data items of a 645 meter",
        ),
        pytest.param(
            DTU, settings({"time": "now", "04000102": "123456"}), peer(IMEI, METER),
            [
                b"\xfe" * 4 + DLT645.encode(
                    Message("set_clock", "9" * 12, None, {"clock": "2026-11-22 12:00:00"})),
                b"\xfe" * 4 + DLT645.encode(Message("write", METER, None, {
                    "di": "04000102", "password": "02000000", "operator": "00000000",
                    "value": "123456"})),
            ],
            id="dtu: clock by broadcast, and a write",
        ),
        pytest.param(
            GDW376, want(Verb.ASK, "now", "0A.3"), peer(TERMINAL, channel="p2"),
            [ask_376(TERMINAL, (0x0C, 25, 2), 3), ask_376(TERMINAL, (0x0A, 3, 2), 4)],
            id="gdw376: class 1 and a parameter of a point",
        ),
        pytest.param(
            GDW376, want(Verb.ASK, "0201FF00"), peer(TERMINAL, METER),
            [forward(TERMINAL, request_645(METER, "0201FF00"), 3)],
            id="gdw376: a meter behind it",
        ),
        pytest.param(
            GDW376, settings({"time": "now"}), peer(TERMINAL),
            [GDW376.encode(Message("control", TERMINAL, None, {
                "A3": 2, "number": 3, "CON": 1, "PW": "00" * 16,
                "units": [{"Fn": 31, "values": {"clock": "2026-11-22 12:00:00 dow=7"}}]}))],
            id="gdw376: clock",
        ),
        pytest.param(
            GDW376,
            Command(Verb.RECALL, ("day", "0D.81.1"), since=NOW - 86_400 * SECOND, until=NOW),
            peer(TERMINAL),
            [
                ask_376(TERMINAL, (0x0D, 1, 1), 3, {"Td": "2026-11-21"}),
                ask_376(TERMINAL, (0x0D, 81, 1), 4,
                        {"Td": "2026-11-21 00:00", "density": 1, "points": 96}),
                ask_376(TERMINAL, (0x0D, 1, 1), 5, {"Td": "2026-11-22"}),
                ask_376(TERMINAL, (0x0D, 81, 1), 6,
                        {"Td": "2026-11-22 00:00", "density": 1, "points": 96}),
            ],
            id="gdw376: days of the past",
        ),
        pytest.param(
            DLT698, want(Verb.ASK, "voltage", "20010200"), peer(METER),
            [request_698(METER, ["20000200", "20010200"], 3)],
            id="dlt698: objects",
        ),
        pytest.param(
            DLT698, settings({"time": "now"}), peer(METER),
            [DLT698.encode(Message("set_request", None, None, {
                "SA": METER, "CA": 16, "piid": 3, "oad": "40000200",
                "data": {"date_time_s": "2026-11-22 12:00:00"}}))],
            id="dlt698: clock",
        ),
        pytest.param(
            DLT698,
            Command(Verb.RECALL, ("minute:20000200",), since=NOW - 3600 * SECOND, until=NOW),
            peer(METER),
            [DLT698.encode(Message("get_request_record", None, None, {
                "SA": METER, "CA": 16, "piid": 3, "oad": "50020200",
                "rsd": {"between": {"oad": "20210200",
                        "begin": {"date_time_s": "2026-11-22 11:00:00"},
                        "end": {"date_time_s": "2026-11-22 12:00:00"}, "interval": None}},
                "rcsd": [{"oad": "20210200"}, {"oad": "20000200"}]}))],
            id="dlt698: frozen minutes",
        ),
    ],
)  # fmt: skip
def test_a_command_becomes_these_requests(
    codec: Codec, command: Command, whom: Peer, requests: list[bytes]
) -> None:
    assert sent(codec, command, whom) == requests


PAST: Final = Command(Verb.RECALL, ("minute",), since=NOW - SECOND, until=NOW)


@pytest.mark.parametrize(
    ("codec", "command", "whom", "why"),
    [
        pytest.param(HJ212, want(Verb.ASK, "nonsense"), peer(MN), "no item", id="hj212: no item"),
        pytest.param(HJ212, settings({"interval": "5"}), peer(MN), "30 to 3600", id="too often"),
        pytest.param(HJ212, settings({"min-interval": "7"}), peer(MN), "7 min", id="7 min"),
        pytest.param(HJ212, settings({"timeout": "7"}), peer(MN), "together", id="half of 1000"),
        pytest.param(
            HJ212, settings({"w1.i1": "1;PW=2"}), peer(MN), "cannot be set", id="smuggled field"
        ),
        pytest.param(ACREL, want(Verb.ASK, "time"), peer(SERIAL), "by itself", id="acrel: clock"),
        pytest.param(ACREL, settings({"interval": "90"}), peer(SERIAL), "90", id="half a minute"),
        pytest.param(ACREL, PAST, peer(SERIAL), "no history", id="acrel: past"),
        pytest.param(DTU, want(Verb.ASK, "1"), peer(IMEI, channel="x"), "which meter", id="dtu"),
        pytest.param(
            DTU, want(Verb.ASK, "0x10000"), peer(IMEI), "not within", id="no such register"
        ),
        pytest.param(
            DTU, want(Verb.ASK, "zz"), peer(IMEI, METER), "no item", id="no such data item"
        ),
        pytest.param(GDW376, want(Verb.ASK, "05.1"), peer(TERMINAL), "AFN 05", id="376: control"),
        pytest.param(
            GDW376, settings({"0C.25.1": "00"}), peer(TERMINAL), "cannot be set", id="376: class 1"
        ),
        pytest.param(GDW376, settings({"04.1": "x"}), peer(TERMINAL), "no hex", id="376: no hex"),
        pytest.param(
            GDW376,
            Command(Verb.RECALL, ("day",), since=NOW - 40 * 86_400 * SECOND, until=NOW),
            peer(TERMINAL), "40|41", id="376: too many days",
        ),
        pytest.param(DLT698, want(Verb.ASK, "U"), peer(METER), "no item", id="698: no OAD"),
        pytest.param(
            DLT698, settings({"20000200": "5"}), peer(METER), "cannot be set", id="698: no type"
        ),
        pytest.param(DLT698, want(Verb.ASK, "time"), peer(METER, "1"), "behind", id="698: behind"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_a_cure(
    codec: Codec, command: Command, whom: Peer, why: str
) -> None:
    with pytest.raises(CannotAskError, match=why) as refusal:
        ask(codec, command, whom)
    check_both_languages(refusal.value)


def check_both_languages(error: CannotAskError) -> None:
    for text in (error.message, error.cure, error.whole):
        check_both(text)


def check_both(text: Both) -> None:
    assert re.search("[\u4e00-\u9fff]", text.zh), f"no Chinese in {text.zh}"
    assert re.search("[a-z]{3}", text.en), f"no English in {text.en}"
    # Whoever reads one language gets that one alone.
    assert not re.search("[\u3000-\u9fff\uff00-\uffef]", text.en), f"Chinese in {text.en}"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Command(Verb.ASK), id="nothing to ask"),
        pytest.param(Command(Verb.SET), id="nothing to set"),
        pytest.param(Command(Verb.RECALL, ("minute",)), id="no span"),
        pytest.param(Command(Verb.RECALL, ("minute",), since=2, until=2), id="an empty span"),
        pytest.param(Command(Verb.ASK, ("x",) * 33), id="too much"),
        pytest.param(Command(Verb.ASK, ("x" * 257,)), id="too long"),
        pytest.param(Command(Verb.SET, values={"a": "\n"}), id="unprintable"),
    ],
)
def test_a_command_without_sense_is_refused_whatever_the_codec(command: Command) -> None:
    with pytest.raises(CannotAskError) as refusal:
        check(command)
    check_both_languages(refusal.value)


def test_only_codecs_that_push_cannot_be_asked() -> None:
    silent = {name for name, codec in load_codecs().items() if codec.ask is None}
    assert {"dlms", "ctwing", "onenet", "acrel_gateway"} <= silent
    assert silent.isdisjoint({"hj212", "acrel", "dtu", "gdw376", "dlt698"})


# --- conversations


class Talk:
    """A meter that dialled in, over a whole session."""

    def __init__(self, first: bytes, profile: Profile = SITE) -> None:
        self.now = NOW
        self.profile = profile
        self.session = Session(port_codecs(), lambda _: profile, SessionLimits(), NOW)
        self.session.receive_data(first, NOW)
        self.session.data_to_send()

    def order(self, command: Command, whom: Peer) -> bytes:
        self.session.order(whom.number, command, whom)
        return self.session.data_to_send()

    def hear(self, *frames: bytes) -> bytes:
        self.now += SECOND
        self.session.receive_data(b"".join(frames), self.now)
        return self.session.data_to_send()

    def until_asked(self) -> bytes:
        for _ in range(20):
            self.now = max(self.now, self.session.next_deadline())
            self.session.tick(self.now)
            request = self.session.data_to_send()
            if request:
                return request
        raise AssertionError("nothing is asked")

    def ended(self) -> Outcome:
        (outcome,) = self.session.outcomes()
        return outcome


UPLOAD: Final = HJ212.encode(
    Message("", fields={
        "QN": "20261122115959001", "ST": "32", "CN": "2011", "PW": "123456", "MN": MN, "Flag": "4",
        "CP": "DataTime=20261122115959;i33103-Rtd=220.5,i33103-Flag=N",
    })
)  # fmt: skip


def test_a_logger_answers_in_three_frames_whatever_it_sends_between() -> None:
    talk = Talk(UPLOAD)
    request = talk.order(want(Verb.ASK, "time"), peer(MN))
    asked = HJ212.read(request, default_profile).fields
    # As it says them itself: system and password.
    assert (asked["ST"], asked["PW"], asked["CN"], asked["QN"]) == (
        "32", "123456", "1011", "20261122120000000",
    )  # fmt: skip
    assert talk.session.routine_codec is None
    talk.hear(segment("9011", "QnRtn=1"), UPLOAD, segment("9012", "ExeRtn=1", "20261122110000000"))
    assert talk.session.outcomes() == []
    talk.hear(segment("1011", "SystemTime=20261122120003"), segment("9012", "ExeRtn=1"))
    outcome = talk.ended()
    assert (outcome.number, outcome.ending) == (3, Ending.ANSWERED)
    assert outcome.values["SystemTime"] == "20261122120003"
    assert (outcome.requests, outcome.heard) == ((request,), 3)
    talk.hear(UPLOAD)
    assert talk.session.routine_codec is HJ212


@pytest.mark.parametrize(
    ("frames", "ending", "said"),
    [
        pytest.param([segment("9011", "QnRtn=3")], Ending.REFUSED, "wrong PW", id="QnRtn 3"),
        pytest.param(
            [segment("9011", "QnRtn=1"), segment("9012", "ExeRtn=5")], Ending.REFUSED, "busy",
            id="ExeRtn 5",
        ),
        pytest.param([segment("9012", "ExeRtn=100")], Ending.ANSWERED, "", id="no data"),
    ],
)  # fmt: skip
def test_a_logger_says_why_not(frames: list[bytes], ending: Ending, said: str) -> None:
    talk = Talk(UPLOAD)
    talk.order(want(Verb.ASK, "time"), peer(MN))
    talk.hear(*frames)
    outcome = talk.ended()
    assert outcome.ending is ending
    if outcome.message is not None:
        check_both(outcome.message)
    assert said in (outcome.message or Both("", "")).en


def test_history_streams_until_the_logger_says_it_was_all() -> None:
    talk = Talk(UPLOAD)
    command = Command(Verb.RECALL, ("minute",), since=NOW - 3600 * SECOND, until=NOW)
    talk.order(command, peer(MN))
    data = [
        segment("2051", f"DataTime=202611221100{n:02};g1-Avg=1", f"2026112212000{n}000")
        for n in range(5)
    ]
    talk.hear(segment("9011", "QnRtn=1"), *data)
    assert talk.session.outcomes() == []
    talk.hear(segment("9012", "ExeRtn=1"))
    assert (talk.ended().heard, talk.session.outcomes()) == (7, [])


def through_acrel(rtu_frame: bytes) -> bytes:
    return ACREL.encode(Message("pass_through", fields={"serial": SERIAL, "rtu": rtu_frame.hex()}))


def of_terminal(kind: str, number: int, fn: int, values: Mapping[str, Any], pn: int = 0) -> bytes:
    unit = {"Fn": fn, "Pn": pn, "values": values}
    return GDW376.encode(
        Message(kind, TERMINAL, None, {"A3": 2, "number": number, "CON": 0, "C": "88",
                                       "units": [unit]})
    )  # fmt: skip


def of_meter(kind: str, **fields: Any) -> bytes:
    return DLT698.encode(Message(kind, METER, None, {"piid": 3, **fields}))


def volts(request: bytes) -> bytes:
    kind = find_type("dds238")
    assert kind is not None
    return answer(request, 1, registers(kind, {"voltage_a": 230.1})) or b""


DATA_376: Final = of_terminal("class1", 0, 2, {"clock": "2026-11-22 12:00:00 dow=7"})
READ_645: Final = DLT645.encode(
    Message("read_reply", METER, None, {"di": "02010100", "value": 221.6})
)
REFUSED_645: Final = DLT645.encode(Message("error", METER, None, {"control": "D1", "err": "02"}))
ANSWER_698: Final = of_meter(
    "get_response", oad="20000200", result={"data": {"array": [{"long-unsigned": 2216}]}}
)


@pytest.mark.parametrize(
    ("first", "command", "whom", "replies", "ending", "values"),
    [
        pytest.param(
            through_acrel(b""), want(Verb.ASK, "voltage_a"), peer(SERIAL),
            lambda request: [through_acrel(volts(request[3:-4]))],
            Ending.ANSWERED, {"voltage_a": pytest.approx(230.1)}, id="acrel: a quantity",
        ),
        pytest.param(
            through_acrel(b""), settings({"0x1001": "5"}), peer(SERIAL),
            lambda _: [through_acrel(rtu.seal(bytes.fromhex("011010010001")))],
            Ending.ANSWERED, {"0x1001": "set"}, id="acrel: set",
        ),
        pytest.param(
            IMEI.encode(), want(Verb.ASK, "0x000C"), peer(IMEI, channel="1-1"),
            lambda request: [b"www.usr.cn" + volts(request)],
            Ending.ANSWERED, {"0x000C": [2301]}, id="dtu: registers behind a heartbeat",
        ),
        pytest.param(
            IMEI.encode(), want(Verb.ASK, "0x000C"), peer(IMEI),
            lambda _: [rtu.seal(b"\x01\x83\x02")],
            Ending.REFUSED, {}, id="dtu: an exception",
        ),
        pytest.param(
            IMEI.encode(), want(Verb.ASK, "02010100"), peer(IMEI, METER),
            lambda _: [READ_645], Ending.ANSWERED, {"02010100": 221.6}, id="dtu: 645",
        ),
        pytest.param(
            IMEI.encode(), want(Verb.ASK, "02010100"), peer(IMEI, METER),
            lambda _: [REFUSED_645], Ending.REFUSED, {}, id="dtu: 645 refuses",
        ),
        pytest.param(
            IMEI.encode(), settings({"04000102": "123456"}), peer(IMEI, METER),
            lambda _: [DLT645.encode(Message("write_reply", METER, None, {}))],
            Ending.ANSWERED, {"04000102": "set"}, id="dtu: 645 is written to",
        ),
        pytest.param(
            DATA_376, want(Verb.ASK, "time"), peer(TERMINAL),
            lambda _: [
                of_terminal("class1", 9, 2, {"clock": "2026-11-22 11:00:00 dow=7"}),
                of_terminal("class1", 3, 2, {"clock": "2026-11-22 12:00:00 dow=7"}),
            ],
            Ending.ANSWERED, {"time": {"clock": "2026-11-22 12:00:00 dow=7"}}, id="376: clock",
        ),
        pytest.param(
            DATA_376, settings({"time": "now"}), peer(TERMINAL),
            lambda _: [of_terminal("confirm", 3, 1, {})],
            Ending.ANSWERED, {"time": "done"}, id="376: confirmed",
        ),
        pytest.param(
            DATA_376, settings({"time": "now"}), peer(TERMINAL),
            lambda _: [of_terminal("confirm", 3, 2, {})],
            Ending.REFUSED, {}, id="376: denied",
        ),
        pytest.param(
            DATA_376, want(Verb.ASK, "02010100"), peer(TERMINAL, METER),
            lambda _: [of_terminal("forward_reply", 3, 1, {
                "port": 2, "length": len(READ_645), "frame": READ_645.hex()})],
            Ending.ANSWERED, {"02010100": 221.6}, id="376: 645 behind it",
        ),
        pytest.param(
            ANSWER_698, want(Verb.ASK, "voltage"), peer(METER), lambda _: [ANSWER_698],
            Ending.ANSWERED, {"20000200 电压 voltage": [221.6]}, id="698: voltage",
        ),
        pytest.param(
            ANSWER_698, settings({"time": "now"}), peer(METER),
            lambda _: [of_meter("set_response", oad="40000200", dar=3)],
            Ending.REFUSED, {}, id="698: denied",
        ),
        pytest.param(
            ANSWER_698, settings({"time": "now"}), peer(METER),
            lambda _: [of_meter("set_response", oad="40000200", dar=0)],
            Ending.ANSWERED, {"time": "done"}, id="698: set",
        ),
    ],
)  # fmt: skip
def test_an_answer_is_understood(
    first: bytes,
    command: Command,
    whom: Peer,
    replies: Callable[[bytes], list[bytes]],
    ending: Ending,
    values: Mapping[str, Any],
) -> None:
    talk = Talk(first)
    assert talk.session.identity == whom.identity
    request = talk.order(command, whom)
    assert request
    talk.hear(*replies(request))
    outcome = talk.ended()
    assert (outcome.ending, dict(outcome.values)) == (ending, values)
    assert (outcome.message is not None) == (ending is Ending.REFUSED)
    if outcome.message is not None:
        check_both(outcome.message)


# --- plans


@pytest.mark.parametrize(
    ("first", "options", "requests", "reply"),
    [
        pytest.param(
            DATA_376,
            {"polls": [{"item": "0C.25.1", "period_s": 60}, {"item": "nonsense"}]},
            [ask_376(TERMINAL, (0x0C, 25, 1), 0)],
            of_terminal("class1", 0, 25, {}, pn=1),
            id="376: class 1",
        ),
        pytest.param(
            DATA_376,
            {"meters": [{"address": METER, "items": ["02010100"]}, {"address": "x"}]},
            [forward(TERMINAL, request_645(METER, "02010100"), 0)],
            of_terminal("forward_reply", 0, 1, {
                "port": 2, "length": len(READ_645), "frame": READ_645.hex()}),
            id="376: 645 behind it",
        ),
        pytest.param(
            ANSWER_698,
            {"polls": [{"items": ["voltage"]}, {"items": ["nonsense"]}, {"items": 7}]},
            [request_698(METER, ["20000200"], 0)],
            DLT698.encode(Message("get_response", METER, None, {
                "piid": 0, "oad": "20000200",
                "result": {"data": {"array": [{"long-unsigned": 2216}]}}})),
            id="698",
        ),
    ],
)  # fmt: skip
def test_what_is_configured_is_asked_again_and_again(
    first: bytes, options: dict[str, Any], requests: list[bytes], reply: bytes
) -> None:
    talk = Talk(first, Profile(options=options, version=1))
    found = []
    for _ in range(2):
        found.append(talk.until_asked())
        talk.hear(reply)
    assert found == requests * 2
    line = talk.session.line
    assert line is not None
    assert (line.counters.asked, line.counters.answered, line.counters.timed_out) == (2, 2, 0)


def test_a_command_waits_for_the_answer_to_a_poll_and_goes_before_the_next() -> None:
    options = {"meters": [{"slave": 1, "type": "dds238", "period_s": 1}]}
    talk = Talk(IMEI.encode(), Profile(options=options, version=1))
    polled = talk.until_asked()
    whom = Peer(IMEI, IMEI, talk.profile, talk.now, 1)
    assert talk.order(want(Verb.ASK, "0x000C"), whom) == b""
    assert talk.hear(volts(polled)) == rtu.seal(MODBUS)
    talk.hear(volts(rtu.seal(MODBUS)))
    assert talk.ended().values == {"0x000C": [2301]}


def test_silence_ends_a_command_and_nothing_is_asked_again() -> None:
    talk = Talk(UPLOAD)
    assert talk.order(want(Verb.ASK, "time", "interval"), peer(MN))
    talk.now = talk.session.next_deadline()
    talk.session.tick(talk.now)
    outcome = talk.ended()
    assert (outcome.ending, len(outcome.requests)) == (Ending.SILENT, 1)
    assert outcome.message == ("15 秒内无应答", "no answer within 15 s")
    assert talk.session.data_to_send() == b""
    assert talk.session.next_deadline() > talk.now + 60 * SECOND


def test_a_meter_that_only_pushes_says_so() -> None:
    session = Session(port_codecs(), lambda _: SITE, SessionLimits(), NOW)
    with pytest.raises(CannotAskError, match="only reports by itself"):
        session.order(1, want(Verb.ASK, "time"), peer(MN))


# --- hostile answers


def _sound(codec: Codec, rng: Random) -> bytes:
    """A frame whose checksum fits, and whose data may be anything."""
    data = rng.randbytes(rng.choice((0, 1, 2, 4, 5, 9, 14, 40)))
    if codec is GDW376:
        parts = parts_376(DATA_376)._replace(
            afn=rng.choice((0, 0x0A, 0x0C, 0x10, 5)), seq=0x60 | 3,
            data=rng.choice((b"", bytes.fromhex("00000100"), bytes.fromhex("00000400"))) + data,
        )  # fmt: skip
        return seal_376(parts)
    if codec is DLT698:
        tag = rng.choice((b"\x85\x01", b"\x85\x02", b"\x85\x03", b"\x86\x01", b"\xee"))
        return seal_698(take_apart(ANSWER_698)._replace(apdu=tag + b"\x03" + data))
    if codec is ACREL:
        return seal_acrel(
            0x90, rng.choice((b"", SERIAL.encode().ljust(20, b"\0"))) + rtu.seal(data)
        )
    if codec is HJ212:
        cn = rng.choice(("9011", "9012", "1011"))
        text = rng.choice(("QnRtn=", "ExeRtn=", "=;,=", "")) + data.hex()
        return segment(cn, text)
    control = rng.choice((0x91, 0xD1, 0xB1, 0x94))
    return seal_645(METER, control, rng.choice((b"", bytes.fromhex("00010102"))) + data)


@pytest.mark.parametrize(
    ("codec", "whom"),
    [
        (HJ212, peer(MN)), (ACREL, peer(SERIAL)), (GDW376, peer(TERMINAL)),
        (GDW376, peer(TERMINAL, METER)), (DLT698, peer(METER)), (DTU, peer(IMEI, METER)),
    ],
    ids=["hj212", "acrel", "gdw376", "gdw376, forwarded", "dlt698", "dtu"],
)  # fmt: skip
def test_whatever_a_meter_answers_is_an_answer_or_none(codec: Codec, whom: Peer) -> None:
    items = {HJ212: "time", ACREL: "0x14:2", DLT698: "voltage"}.get(codec, "time")
    (question, *_) = ask(codec, want(Verb.ASK, items), whom)
    rng = Random(7)
    for _ in range(300):
        answer_ = question.hear(_sound(codec, rng))
        assert answer_ is None or isinstance(answer_, Answer)
