"""HJ 212 frame by frame: reading, writing, explaining."""

from datetime import UTC, datetime

import pytest
from tests.codecs.hj212_frames import KEY, MN, frame, upload, with_key
from tests.codecs.hj212_vectors import SECRET, TIME, every_good, fields_of
from tests.codecs.mischief import Vector

from wattwarden.codecs.hj212.cipher import decrypt, encrypt
from wattwarden.codecs.hj212.explanation import explain
from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES
from wattwarden.codecs.hj212.message import encode, read
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.errors import ProtocolError, Refusal


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
