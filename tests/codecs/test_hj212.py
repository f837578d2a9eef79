"""HJ 212 frame by frame: framing, reading, writing, explaining, answering."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.hj212_frames import (
    KEY,
    MN,
    NOW,
    batch,
    crc,
    frame,
    upload,
    with_key,
)
from tests.codecs.mischief import Vector, vectors_of

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.answer import acknowledge
from wattwarden.codecs.hj212.cipher import decrypt, encrypt
from wattwarden.codecs.hj212.dialogue import Hj212Dialogue
from wattwarden.codecs.hj212.explanation import explain
from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES, OUTLINE, recognise
from wattwarden.codecs.hj212.message import encode, read
from wattwarden.codecs.hj212.proof import confirm
from wattwarden.codecs.hj212.uploads import decode
from wattwarden.protocol.codec import (
    Block,
    Claim,
    FactorBlock,
    Message,
    Profile,
    default_profile,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import FRAME, MORE, NOISE

VECTORS = vectors_of("hj212")
GOOD = [vector for vector in VECTORS if vector.accepted]
TIME = "DataTime=20261122105900"
SECRET = upload(TIME, flag="Flag=9;").replace(TIME.encode(), encrypt(TIME.encode(), KEY))

every_good = pytest.mark.parametrize("vector", GOOD, ids=str)


def fields_of(raw: bytes) -> dict[str, object]:
    return dict(read(raw, default_profile).fields)


# ── framing ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("head", "claim"),
    [
        (b"", Claim.MORE), (b"#", Claim.MORE), (b"##", Claim.MORE), (b"##010", Claim.MORE),
        (b"##0101", Claim.YES), (b"##0101QN=", Claim.YES), (b"##4096", Claim.YES),
        (b"##4097", Claim.NO), (b"##9999", Claim.NO), (b"##01x", Claim.NO), (b"###", Claim.NO),
        (b"#a", Claim.NO), (b"{{", Claim.NO), (b"GET / HTTP/1.1", Claim.NO),
    ],
)  # fmt: skip
def test_a_connection_is_known_by_two_hashes_and_a_length(head: bytes, claim: Claim) -> None:
    assert recognise(head) is claim


FORGETFUL = SECRET[:-15] + SECRET[-8:-2]


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(b"\r\n", id="nothing"),
        pytest.param(b"\r\n" + upload(TIME), id="a neighbour"),
        pytest.param(b"\r&&ABCD\r\n", id="what looks like its end"),
    ],
)
def test_ciphertext_ends_where_its_tail_was_forgotten_whatever_follows(
    behind: bytes, size: int
) -> None:
    stream = FORGETFUL + behind
    assert len(SECRET.rstrip()) - len(FORGETFUL) == len(TIME) % 16 == 7
    framer = Framer(OUTLINE)
    drips = [stream[at : at + size] for at in range(0, len(stream), size)]
    frames = [raw.rstrip() for drip in drips for raw in framer.feed(drip)]
    assert frames[0] == FORGETFUL


def test_a_length_beyond_the_bound_waits_for_nothing() -> None:
    framer = Framer(OUTLINE)
    assert framer.feed(b"##9999QN=2026") == []
    assert framer.pending_bytes == 0


def test_the_longest_segment_is_taken() -> None:
    room = MAX_SEGMENT_BYTES - len(upload("")) + 12
    raw = upload("x" * room)
    assert raw[2:6] == b"4096"
    assert Framer(OUTLINE).feed(raw) == [raw.rstrip()]


@pytest.mark.parametrize("tail", [b"", b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("case", [bytes.upper, bytes.lower], ids=["upper", "lower"])
def test_the_end_of_line_and_the_case_of_the_checksum_are_free(tail: bytes, case: object) -> None:
    whole = upload(TIME).rstrip()
    crc_text = whole[-4:].lower() if case is bytes.lower else whole[-4:].upper()
    raw = whole[:-4] + crc_text + tail
    assert Framer(OUTLINE).feed(raw * 3) == [raw] * 3
    assert confirm(batch(raw)).tolist() == [True]
    assert read(raw, default_profile).meter == MN


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        pytest.param(upload(TIME), FRAME, id="text"),
        pytest.param(upload(TIME).replace(b"2026", b"2027"), NOISE, id="changed text"),
        pytest.param(SECRET, FRAME, id="ciphertext"),
        pytest.param(SECRET.replace(b"Flag=9", b"Flag=5"), NOISE, id="ciphertext before 2025"),
        pytest.param(upload(TIME)[:-8], MORE, id="cut short"),
        pytest.param(frame("CN=2011;MN=1"), NOISE, id="no CP"),
    ],
)
def test_strict_cutting_leaves_no_checksum_open_but_that_of_ciphertext(
    raw: bytes, verdict: object
) -> None:
    assert OUTLINE.cut_strictly(raw, 0)[0] is verdict


@every_good
def test_damaged_text_never_passes_for_ciphertext(vector: Vector) -> None:
    if "key" in vector.record:
        return
    for place in range(6, len(vector.raw.rstrip()) - 4):
        broken = bytearray(vector.raw)
        broken[place] ^= 0x80
        assert OUTLINE.cut_strictly(bytes(broken), 0)[0] is NOISE


def test_confirming_many_frames_finds_the_broken_ones() -> None:
    raw = upload(TIME)
    broken = [
        raw.replace(b"2026", b"2027"), raw[:-8], b"", b"##", b"##00x1", raw[:-6] + b"00G0\r\n",
        raw + b"x", raw[1:], b"##4000" + raw[6:], b"##0000FFFE", raw.replace(b"##", b"#x"),
    ]  # fmt: skip
    frames = [raw, *broken, raw.rstrip(), SECRET]
    one = batch(*frames, profile_of=with_key())
    assert confirm(one).tolist() == [True, *[False] * len(broken), True, True]
    for index, found in enumerate(frames):
        alone = confirm(batch(found, profile_of=with_key()))
        assert alone.tolist() == [confirm(one)[index]]


# ── reading and writing ────────────────────────────────────────────────────────


@every_good
def test_a_frame_read_and_written_is_the_same(vector: Vector) -> None:
    written = encode(read(vector.raw, vector.profile_of))
    whole = vector.raw.rstrip()
    assert written == whole[:-4] + whole[-4:].upper() + b"\r\n"


@every_good
def test_every_value_of_a_frame_is_kept_as_it_is(vector: Vector) -> None:
    tree = read(vector.raw, vector.profile_of).fields["CP"]
    found = []
    for name, value in tree.items():
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for statistic, entry in entries:
            called = f"{name}-{statistic}" if statistic else name
            found += [[called, one] for one in (entry if isinstance(entry, list) else [entry])]
    assert sorted(found) == sorted(vector.record["items"])


def test_the_header_is_kept_under_its_own_names() -> None:
    raw = upload("", more="PNUM=2;PNO=1;RF=1;Vendor=x;")
    assert fields_of(raw) == {
        "QN": "20261122110000001", "ST": "31", "CN": "2011", "PW": "123456", "MN": MN,
        "Flag": "5", "PNUM": "2", "PNO": "1", "RF": "1", "Vendor": "x", "CP": {},
    }  # fmt: skip


def test_repeated_names_lose_no_value() -> None:
    raw = upload("a21-Rtd=0.00;a21-Rtd=1.00;PolId=x;PolId=y;a21=z;lost")
    fields = fields_of(raw)
    tree = {"a21": {"Rtd": ["0.00", "1.00"], "": "z"}, "PolId": ["x", "y"], "": ["lost"]}
    assert fields["CP"] == tree
    assert fields["CP=text"] == "a21-Rtd=0.00;a21-Rtd=1.00;PolId=x;PolId=y;a21=z;lost"
    assert encode(read(raw, default_profile)) == raw


@pytest.mark.parametrize(
    "text", ["i11001-Info=//清洗;管路,=//", "i11001-Info=//清洗管路//;b-Rtd=1", "；＝"]
)
@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_chinese_texts_are_read_in_both_charsets(text: str, charset: str) -> None:
    raw = frame(f"ST=22;CN=3020;MN=1;CP=&&{text}&&".encode(charset))
    message = read(raw, default_profile)
    assert message.fields.get("CP=charset", "utf-8") == charset
    assert encode(message) == raw
    assert "清洗" not in text or "清洗" in str(message.fields["CP"]["i11001"]["Info"])


def test_bytes_that_are_no_text_are_kept() -> None:
    raw = frame(b"ST=22;CN=3020;MN=1;CP=&&x-Info=\xff\xff\x81&&")
    assert encode(read(raw, default_profile)) == raw


def test_commas_between_header_fields_are_understood() -> None:
    raw = frame(f"QN=20160801085857534,ST=32;CN=2011;PW=1;MN={MN};Flag=5;CP=&&&&")
    assert fields_of(raw)["QN"] == "20160801085857534"
    assert fields_of(raw)["ST"] == "32"


def test_a_part_says_which_of_how_many_it_is() -> None:
    assert read(upload("", more="PNO=0002;PNUM=0003;"), default_profile).part == (2, 3)
    assert read(upload("", more="PNO=4;PNUM=3;"), default_profile).part is None
    assert read(upload("", more="PNUM=3;"), default_profile).part is None


@pytest.mark.parametrize(
    "name", ["CP", "CPText", "Cipher", "Charset", "CP text", "CP=text", "CP=cipher", "CP=charset"]
)
def test_a_header_may_use_any_name_without_becoming_the_data(name: str) -> None:
    raw = upload("a01-Rtd=1", more=f"{name}=00;")
    message = read(raw, default_profile)
    assert message.fields["CP"] == {"a01": {"Rtd": "1"}}
    assert "00" in str([value for key, value in message.fields.items() if key != "CP"])
    assert encode(message) == raw


def test_ciphertext_is_shown_as_it_is_and_as_text() -> None:
    message = read(SECRET, with_key())
    assert message.fields["CP=text"] == TIME
    assert bytes.fromhex(message.fields["CP=cipher"]) == encrypt(TIME.encode(), KEY)
    assert message.at == datetime(2026, 11, 22, 2, 59, tzinfo=UTC)
    assert encode(message) == SECRET


def test_the_tail_of_encrypted_data_stays_plain() -> None:
    for size in (0, 1, 15, 16, 17, 47):
        text = b"x" * size
        assert encrypt(text, KEY)[size // 16 * 16 :] == text[size // 16 * 16 :]
        assert decrypt(encrypt(text, KEY), KEY) == text


@pytest.mark.parametrize(
    ("raw", "kind", "offset"),
    [
        pytest.param(b"{{0101", Refusal.UNKNOWN, 0, id="another protocol"),
        pytest.param(b"##01", Refusal.LENGTH, 2, id="no whole length"),
        pytest.param(b"##9999" + b"x" * 40, Refusal.LENGTH, 2, id="a length of 9999"),
        pytest.param(upload(TIME)[:-9], Refusal.LENGTH, 2, id="cut short"),
        pytest.param(upload(TIME)[:-6] + b"G000\r\n", Refusal.CHECKSUM, None, id="no hex"),
        pytest.param(upload(TIME)[:-6] + b"0000\r\n", Refusal.CHECKSUM, None, id="wrong"),
        pytest.param(frame("CN=2011;MN=1"), Refusal.DECODE, 6, id="no CP"),
        pytest.param(frame("MN=1;CP=&&&&"), Refusal.DECODE, 6, id="no CN"),
        pytest.param(upload("DataTime=20261322105900"), Refusal.DECODE, 91, id="month 13"),
        pytest.param(upload("DataTime=2026"), Refusal.DECODE, 91, id="half a time"),
        pytest.param(upload("", mn="x" * 33), Refusal.DECODE, None, id="an MN too long"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(
    raw: bytes, kind: Refusal, offset: int | None
) -> None:
    with pytest.raises(ProtocolError) as refusal:
        read(raw, default_profile)
    assert refusal.value.kind == kind
    assert offset is None or refusal.value.offset == offset


def test_an_unknown_command_is_read_and_named_other() -> None:
    message = read(upload("", cn="7777"), default_profile)
    assert (message.kind, message.fields["CN"]) == ("other", "7777")


def test_a_message_made_by_hand_is_completed_in_the_order_of_the_standard() -> None:
    fields = {
        "QN": "20261122110000001",
        "ST": "32",
        "PW": "1",
        "Flag": "7",
        "CP": {"a": {"Rtd": "1"}},
    }
    raw = encode(Message("realtime", "M1", fields=fields, part=(1, 2)))
    body = "QN=20261122110000001;ST=32;CN=2011;PW=1;MN=M1;Flag=7;PNUM=2;PNO=1;CP=&&a-Rtd=1&&"
    assert raw == frame(body)


def test_a_message_may_carry_its_data_as_a_text() -> None:
    raw = encode(Message("set_rtd_interval", "M1", fields={"CP": "RtdInterval=30"}))
    assert raw == frame("CN=1062;MN=M1;CP=&&RtdInterval=30&&")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message("other"), id="no CN"),
        pytest.param(Message("realtime", fields={"CP": "x" * MAX_SEGMENT_BYTES}), id="too long"),
        pytest.param(Message("realtime", fields={"CP=charset": "none"}), id="no such charset"),
        pytest.param(Message("realtime", fields={"CP=cipher": "zz"}), id="no hex"),
        pytest.param(Message("realtime", fields={"CP=cipher": 5}), id="no text"),
        pytest.param(Message("realtime", fields={"CP=cipher": "00"}), id="cipher without its text"),
        pytest.param(Message("realtime", fields={"PW": "CP=&&"}), id="a second CP"),
        pytest.param(
            Message("realtime", fields={"CP": "表", "CP=charset": "ascii"}), id="no ascii"
        ),
    ],
)
def test_what_no_frame_can_carry_is_the_fault_of_the_caller(message: Message) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(message)


# ── explaining ─────────────────────────────────────────────────────────────────


def test_an_explanation_names_codes_flags_and_units() -> None:
    raw = upload(f"{TIME};d10001-Rtd=1.5,d10001-Flag=D;a99999-Avg=3", flag="Flag=11;", st="44")
    shown = {field.name.split()[0]: field for field in explain(raw, None)}
    assert "总有功功率 total active power" in shown["d10001-Rtd"].name
    assert (shown["d10001-Rtd"].value, shown["d10001-Rtd"].unit) == ("1.5", "kW")
    assert "故障 fault" in shown["d10001-Flag"].value
    assert shown["a99999-Avg"].unit == ""
    assert "设施用电监控" in shown["ST"].value
    assert "实时数据" in shown["CN"].value
    assert shown["Flag"].value == "11 2025, answer wanted, split packet"
    assert shown["校验"].value == "fits"
    assert shown["长度"].value == str(len(raw) - 12)


@pytest.mark.parametrize(
    ("raw", "name", "words"),
    [
        pytest.param(upload(TIME)[:-6] + b"0000\r\n", "校验", "! computed", id="checksum"),
        pytest.param(b"##0009" + upload(TIME)[6:], "长度", "9", id="length"),
        pytest.param(b"##0999" + upload(TIME)[6:], "长度", "! says 999", id="too long"),
        pytest.param(b"##xxxx" + upload(TIME)[6:], "长度", "! four digits", id="no length"),
        pytest.param(upload(TIME)[:-6] + b"00x0\r\n", "校验", "! four hex", id="no hex"),
        pytest.param(SECRET, "密文", "encrypted, 23 bytes", id="ciphertext"),
    ],
)
def test_a_broken_frame_is_explained_as_far_as_it_goes(raw: bytes, name: str, words: str) -> None:
    assert any(field.name.startswith(name) and words in field.value for field in explain(raw, None))


# ── answering ──────────────────────────────────────────────────────────────────


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


# ── whatever a peer sends ──────────────────────────────────────────────────────

PIECES = st.sampled_from(
    [
        b"&&", b";", b",", b"=", b"CP=&&", b"MN=M;", b"PNUM=2;PNO=1;", b"Flag=11;", b"Flag=9;",
        b"RF=1;", b"CN=2011;", b"CN=2051;", b"CN=1013;", b"CN=9021;", b"CN=3020;", b"ST=44;",
        b"DataTime=20261122105900;", b"DataTime=00010101000000;", b"DataTime=99991231235959999;",
        b"DataTime=20260230000000;", b"-Rtd=", b"d10001-Rtd=1e308,d10001-Flag=D;", b"1_0", b"nan",
        b"i33201-Info=99999999999999999999;", b"g10201-Avg=3;", b"//", b"=//", b"\xff", b"\0", b"a",
    ]
)  # fmt: skip
SEGMENTS = st.lists(PIECES | st.binary(max_size=4), max_size=24).map(b"".join)
WRAPPED = (SEGMENTS | SEGMENTS.map(lambda raw: b"CN=2011;MN=M;CP=&&" + raw + b"&&")).map(frame)
MUTATED = st.builds(
    lambda vector, place, piece, drop: frame(
        vector.raw[6 : 6 + place] + piece + vector.raw[6 + place + drop : -6]
    ),
    st.sampled_from(GOOD), st.integers(0, 300), PIECES, st.integers(0, 20),
)  # fmt: skip
ANYTHING = (
    WRAPPED | MUTATED | st.binary(max_size=60) | MUTATED.map(lambda raw: raw[: len(raw) // 2])
)
KEYS = st.sampled_from([None, KEY, b"short"])


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(ANYTHING, max_size=4), key=KEYS)
def test_whatever_a_peer_sends_many_frames_are_taken_or_refused(
    frames: list[bytes], key: bytes | None
) -> None:
    one = batch(*frames, identity="me", profile_of=with_key(key))
    columns = decode(one)
    assert len(acknowledge(one)) == len(frames)
    assert [entry.frame for entry in columns.refused] == sorted(
        entry.frame for entry in columns.refused
    )
    sound = confirm(one)
    found: tuple[Block | FactorBlock, ...] = (*columns.blocks, *columns.factors)
    for block in found:
        assert all(sound[block.frame])
        assert len(block.at) == len(block.frame) == len(block.quality) == len(block.meter)
    Hj212Dialogue(with_key(key)).receive(frames, NOW)


def attempt(raw: bytes, key: bytes | None) -> Message | ProtocolError:
    try:
        return read(raw, with_key(key))
    except ProtocolError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(raw=ANYTHING, key=KEYS)
def test_whatever_a_peer_sends_one_frame_is_read_or_refused(raw: bytes, key: bytes | None) -> None:
    recognise(raw)
    assert b"".join(field.raw for field in explain(raw, None)) == raw
    sound = bool(confirm(batch(raw, profile_of=with_key(key)))[0])
    outcome = attempt(raw, key)
    if isinstance(outcome, Message):
        assert sound
        assert outcome.kind in CODEC.kinds
    else:
        assert (outcome.kind == Refusal.DECODE) is sound
        assert 0 <= outcome.offset <= max(len(raw), 2)
