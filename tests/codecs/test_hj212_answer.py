"""HJ 212: what is answered, when, and as whom."""

from datetime import timedelta, timezone

import pytest
from tests.codecs.hj212_frames import KEY, MN, NOW, batch, crc, frame, upload, with_key
from tests.codecs.hj212_vectors import SECRET, TIME, fields_of

from wattwarden.codecs.hj212.answer import acknowledge
from wattwarden.codecs.hj212.dialogue import Hj212Dialogue
from wattwarden.codecs.hj212.frame import OUTLINE
from wattwarden.codecs.hj212.message import read
from wattwarden.protocol.codec import Profile, default_profile
from wattwarden.protocol.framer import Framer


def answer_of(raw: bytes, **profile: object) -> bytes:
    settings_ = Profile(**profile)  # type: ignore[arg-type]  # the keywords of a profile, by name
    return acknowledge(batch(raw, profile_of=lambda _mn: settings_))[0]


@pytest.mark.parametrize(
    ("flag", "answered"),
    [
        ("Flag=1;", "Flag=0"), ("Flag=5;", "Flag=4"), ("Flag=7;", "Flag=4"), ("Flag=9;", "Flag=8"),
        ("Flag=11;", "Flag=8"), ("Flag=0;", ""), ("Flag=4;", ""), ("Flag=8;", ""), ("", ""),
        ("Flag=x;", ""), ("Flag=999999;", ""),
    ],
)  # fmt: skip
def test_an_upload_is_answered_only_if_it_asks_for_it(flag: str, answered: str) -> None:
    want = f"QN=20261122110000001;ST=91;CN=9014;PW=123456;MN={MN};{answered};CP=&&&&"
    assert answer_of(upload(TIME, flag=flag)) == (frame(want) if answered else b"")


@pytest.mark.parametrize(
    "cn", ["9011", "9012", "9013", "9014", "9015", "9021", "1013", "1062", "7777"]
)
def test_what_is_no_upload_is_not_acknowledged(cn: str) -> None:
    assert answer_of(upload("", cn=cn)) == b""


def test_an_upload_without_qn_or_password_is_answered_without_them() -> None:
    raw = frame("ST=32;CN=2011;MN=M1;Flag=1;CP=&&&&")
    assert answer_of(raw) == frame("ST=91;CN=9014;MN=M1;Flag=0;CP=&&&&")


def test_a_qn_of_another_length_is_repeated_as_it_is() -> None:
    raw = frame("QN=2026;ST=32;CN=2011;MN=M1;Flag=5;CP=&&&&")
    assert answer_of(raw) == frame("QN=2026;ST=91;CN=9014;MN=M1;Flag=4;CP=&&&&")


def test_the_data_of_an_answer_are_an_option_of_the_meter() -> None:
    answer = answer_of(upload(TIME), options={"ack_cp": "QnRtn=1;ExeRtn=1"})
    assert answer.endswith(frame("x")[-2:])
    assert b"CP=&&QnRtn=1;ExeRtn=1&&" in answer
    assert int(answer[-6:-2], 16) == crc(answer[6:-6])


def test_the_answer_to_a_meter_with_a_key_is_encrypted() -> None:
    options = {"ack_cp": "QnRtn=1;ExeRtn=1"}
    answer = answer_of(upload(TIME, flag="Flag=9;"), options=options, key=KEY)
    assert b"ExeRtn" not in answer
    assert read(answer, with_key()).fields["CP"] == {"QnRtn": "1", "ExeRtn": "1"}
    older = answer_of(upload(TIME, flag="Flag=5;"), options=options, key=KEY)
    assert b"ExeRtn" in older
    assert answer_of(upload(TIME, flag="Flag=9;"), options=options, key=b"short") == b""


def test_each_part_is_answered_under_its_own_number() -> None:
    parts = [
        frame(f"QN={number};ST=31;CN=2051;MN=M;Flag=7;PNUM=2;PNO={number};CP=&&{TIME}&&")
        for number in (1, 2)
    ]
    numbers = [fields_of(answer)["QN"] for answer in acknowledge(batch(*parts))]
    assert numbers == ["1", "2"]


def test_many_answers_at_once_are_those_of_each_alone() -> None:
    frames = [upload(TIME, mn=f"M{number}", flag=f"Flag={number % 12};") for number in range(60)]
    assert acknowledge(batch(*frames)) == [acknowledge(batch(raw))[0] for raw in frames]


@pytest.mark.parametrize(
    ("flag", "answered"), [("Flag=9;", "8"), ("Flag=5;", "4"), ("", "0"), ("Flag=8;", None)]
)
def test_a_heartbeat_is_answered_at_once_if_it_wants_to(flag: str, answered: str | None) -> None:
    said = Hj212Dialogue(default_profile).receive([upload("", cn="9015", flag=flag)], NOW)
    want = f"QN=20261122110000001;ST=91;CN=9013;PW=123456;MN={MN};Flag={answered};CP=&&&&"
    assert said == (b"" if answered is None else frame(want))


def test_a_login_is_answered_with_its_number_among_the_data() -> None:
    said = Hj212Dialogue(default_profile).receive([upload("", cn="9021", flag="Flag=1;")], NOW)
    data = "QN=20261122110000001;Logon=1"
    assert said == frame(f"ST=91;CN=9022;PW=123456;MN={MN};Flag=0;CP=&&{data}&&")


@pytest.mark.parametrize("flag", [5, 4])
def test_a_request_for_the_time_is_answered_with_the_time_of_the_meters_zone(flag: int) -> None:
    east = Profile(zone=timezone(timedelta(hours=9)))
    raw = upload("PolId=w01018", cn="1013", flag=f"Flag={flag};")
    said = Hj212Dialogue(lambda _mn: east).receive([raw], NOW)
    notice = frame(f"QN=20261122110000001;ST=91;CN=9013;PW=123456;MN={MN};Flag=4;CP=&&&&")
    setting = frame(
        f"QN=20261122120000123;ST=31;CN=1012;PW=123456;MN={MN};Flag=5;"
        "CP=&&PolId=w01018;SystemTime=20261122120000&&"
    )
    assert said == (notice + setting if flag == 5 else setting)


def test_the_time_for_a_whole_station_names_no_factor() -> None:
    said = Hj212Dialogue(default_profile).receive([upload("", cn="1013")], NOW)
    assert b"CP=&&SystemTime=20261122110000&&" in said


def test_the_time_is_encrypted_for_a_meter_with_a_key() -> None:
    said = Hj212Dialogue(with_key()).receive([upload("", cn="1013", flag="Flag=9;")], NOW)
    messages = [read(raw, with_key()) for raw in Framer(OUTLINE).feed(said)]
    assert [message.kind for message in messages] == ["notify_ack", "clock_set"]
    assert b"SystemTime" not in said
    assert messages[1].fields["CP"] == {"SystemTime": "20261122110000"}


def test_what_was_answered_at_once_is_not_answered_again() -> None:
    for cn in ("9015", "9021", "1013"):
        assert answer_of(upload("", cn=cn, flag="Flag=9;")) == b""


def test_a_damaged_heartbeat_is_not_answered() -> None:
    damaged = upload("", cn="9015").replace(b"123456", b"123457")
    dialogue = Hj212Dialogue(default_profile)
    assert dialogue.receive([damaged], NOW) == b""
    assert dialogue.identity is None


def test_the_meter_is_who_the_first_sound_frame_says() -> None:
    damaged = upload(TIME, mn="wrong").replace(b"123456", b"123457")
    dialogue = Hj212Dialogue(default_profile)
    dialogue.receive([damaged, upload(TIME, mn="first"), upload(TIME, mn="second")], NOW)
    assert dialogue.identity == "first"


@pytest.mark.parametrize(
    ("key", "identity"), [(KEY, MN), (None, MN), (b"1" * 16, None), (b"short", None)]
)
def test_ciphertext_tells_its_meter_unless_the_key_says_otherwise(
    key: bytes | None, identity: str | None
) -> None:
    dialogue = Hj212Dialogue(with_key(key))
    dialogue.receive([SECRET], NOW)
    assert dialogue.identity == identity


@pytest.mark.parametrize(
    ("cycle_s", "limit_s"), [(None, 10_800), (3600, 10_800), (600, 1800), (60, 600), (30, 600)]
)
def test_a_meter_may_be_silent_for_three_of_its_cycles(cycle_s: int | None, limit_s: int) -> None:
    dialogue = Hj212Dialogue(lambda _mn: Profile(cycle_s=cycle_s))
    assert dialogue.idle_limit_s == 10_800
    dialogue.receive([upload("", cn="9015")], NOW)
    assert dialogue.idle_limit_s == limit_s
    assert dialogue.next_deadline() is None
    assert dialogue.tick(NOW) == b""
