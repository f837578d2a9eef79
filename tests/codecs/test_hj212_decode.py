"""What the frames of HJ 212 become in columns."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from tests.codecs.hj212_frames import KEY, MN, NOW, batch, crc, frame, upload, with_key

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.cipher import encrypt
from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES, recognise
from wattwarden.codecs.hj212.message import read
from wattwarden.codecs.hj212.plan import MAX_CODE_BYTES
from wattwarden.codecs.hj212.proof import confirm
from wattwarden.codecs.hj212.uploads import decode
from wattwarden.protocol.codec import Batch, Block, Claim, Columns, FactorBlock, Profile
from wattwarden.protocol.errors import Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING

TIME = "DataTime=20261122105900"
AT = datetime(2026, 11, 22, 2, 59, tzinfo=UTC)


def us(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1000


def the_factors(columns: Columns) -> FactorBlock:
    assert columns.refused == ()
    assert columns.blocks == ()
    (block,) = columns.factors
    return block


def the_block(columns: Columns) -> Block:
    assert columns.refused == ()
    assert columns.factors == ()
    (block,) = columns.blocks
    return block


def test_factors_become_one_row_a_frame_with_the_flags_of_the_meter() -> None:
    block = the_factors(
        decode(batch(upload(f"{TIME};a34004-Rtd=14.5,a34004-Flag=N;a01001-Rtd=-3")))
    )
    assert block.layout == ("a34004", "a01001")
    assert block.values.dtype == np.float32
    assert block.values.tolist() == [[14.5, -3.0]]
    assert block.flags.tolist() == [[ord("N"), 0]]
    assert block.at.tolist() == [us(AT)]
    assert block.quality.tolist() == [Quality.GOOD]
    assert (block.period, block.channel) == ("instant", "")
    assert block.frame.dtype == block.meter.dtype == np.int32
    assert (block.frame.tolist(), block.meter.tolist()) == ([0], [0])


def test_frames_with_the_same_names_share_a_block() -> None:
    first, second = (f"{TIME};a34004-Rtd={value}" for value in (1, 2))
    other = upload(f"{TIME};w01001-Rtd=7", mn="other")
    columns = decode(batch(upload(first), other, upload(second)))
    assert [block.layout for block in columns.factors] == [("a34004",), ("w01001",)]
    assert columns.factors[0].frame.tolist() == [0, 2]
    assert columns.factors[0].values.tolist() == [[1.0], [2.0]]
    assert columns.meters == (MN, "other")
    assert columns.factors[1].meter.tolist() == [1]


def test_statistics_are_named_behind_their_code() -> None:
    data = f"{TIME};a01-Min=1,a01-Avg=2,a01-Max=3,a01-Cou=4,a01-ZsAvg=5,a01-Flag=M;Leq-Data=50"
    block = the_factors(decode(batch(upload(data, cn="2051"))))
    assert block.layout == ("a01-Min", "a01-Avg", "a01-Max", "a01-Cou", "a01-ZsAvg", "Leq-Data")
    assert block.flags.tolist() == [[ord("M")] * 5 + [0]]


@pytest.mark.parametrize(
    ("cn", "period"),
    [
        ("2011", "instant"), ("2021", "instant"), ("2051", "minute"), ("2061", "hour"),
        ("2031", "day"), ("2041", "runtime"), ("2111", "minute"), ("2013", "instant"),
    ],
)  # fmt: skip
def test_the_command_says_what_span_the_data_stand_for(cn: str, period: str) -> None:
    assert the_factors(decode(batch(upload(f"{TIME};SB1-RS=1", cn=cn)))).period == period


def test_electricity_of_2025_becomes_quantities_in_our_units() -> None:
    data = f"{TIME};d10001-Rtd=1.5,d10001-Flag=N;d10004-Rtd=229.8,d10004-Flag=N;d10010-Rtd=.93"
    block = the_block(decode(batch(upload(data, flag="Flag=9;", st="44"))))
    assert (block.channel, block.period) == ("", "instant")
    values = {name: column.tolist() for name, column in block.values.items()}
    assert values == {
        "power_total": [1500.0],
        "voltage_a": [229.8],
        "power_factor_total": [0.93],
    }
    assert block.quality.tolist() == [Quality.GOOD]


def test_a_flag_other_than_normal_makes_electricity_doubtful() -> None:
    frames = [upload(f"{TIME};d10004-Rtd=229.8,d10004-Flag={flag}") for flag in ("N", "D", "")]
    block = the_block(decode(batch(*frames)))
    assert block.quality.tolist() == [Quality.GOOD, Quality.DOUBTFUL, Quality.GOOD]


def test_extremes_of_electricity_stay_factors() -> None:
    data = f"{TIME};d10001-Min=1,d10001-Avg=2,d10001-Max=3"
    columns = decode(batch(upload(data, cn="2051")))
    assert columns.factors[0].layout == ("d10001-Min", "d10001-Max")
    assert columns.blocks[0].values["power_total"].tolist() == [2000.0]
    assert columns.blocks[0].period == "minute"


def test_of_two_statistics_of_a_quantity_the_first_is_it() -> None:
    columns = decode(batch(upload(f"{TIME};d10001-Rtd=1;d10001-Avg=2")))
    assert columns.blocks[0].values["power_total"].tolist() == [1000.0]
    assert columns.factors[0].layout == ("d10001-Avg",)


def test_currents_of_several_machines_are_a_channel_each() -> None:
    data = f"{TIME};g10201-Rtd=31.5;g10202-Rtd=30.25;g10101-Rtd=1;e30101-Rtd=7"
    columns = decode(batch(upload(data, st="51")))
    currents = {block.channel: block.values["current_a"].tolist() for block in columns.blocks}
    assert currents == {"g10201": [31.5], "g10202": [30.25], "e30101": [7.0]}
    assert columns.factors[0].layout == ("g10101",)


def test_an_energy_register_is_exact_in_watt_hours() -> None:
    values = ("1234567890.123", "0.001", "", "1e30")
    frames = [upload(f"{TIME};i33201-Info={value}", cn="3020") for value in values[:2]]
    block = the_block(decode(batch(*frames)))
    assert block.values["energy_forward"].dtype == np.int64
    assert block.values["energy_forward"].tolist() == [1234567890123, 1]
    broken = [
        upload(f"{TIME};i33201-Info={value};i33200-Info=1", cn="3020") for value in values[2:]
    ]
    blocks = {block.channel: block for block in decode(batch(*broken)).blocks}
    assert blocks["i33201"].values["energy_forward"].tolist() == [MISSING, MISSING]


def test_information_is_kept_by_the_factor_that_its_instrument_measures() -> None:
    frames = [
        upload(f"{TIME};PolId={pol};i12001-Info=1", cn="3020") for pol in ("w01018", "w21003")
    ]
    columns = decode(batch(*frames))
    assert [block.channel for block in columns.factors] == ["w01018", "w21003"]
    assert [block.layout for block in columns.factors] == [("i12001-Info",)] * 2


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        pytest.param("20261122105900", AT, id="to the second"),
        pytest.param("20261122105900250", AT + timedelta(milliseconds=250), id="with milliseconds"),
        pytest.param("20240229000000", datetime(2024, 2, 28, 16, tzinfo=UTC), id="a leap day"),
    ],
)
def test_the_time_is_that_of_the_data_in_the_zone_of_the_meter(time: str, moment: datetime) -> None:
    block = the_factors(decode(batch(upload(f"DataTime={time};a01-Rtd=1"))))
    assert block.at.tolist() == [us(moment)]


def test_each_meter_has_its_own_zone() -> None:
    zones = {MN: UTC, "east": timezone(timedelta(hours=9))}
    frames = [upload(f"{TIME};a01-Rtd=1", mn=mn) for mn in (MN, "east", MN)]
    block = the_factors(decode(batch(*frames, profile_of=lambda mn: Profile(zone=zones[mn]))))
    utc = AT + timedelta(hours=8)
    assert block.at.tolist() == [us(utc), us(utc - timedelta(hours=9)), us(utc)]


def test_without_a_time_the_receipt_counts() -> None:
    block = the_factors(decode(batch(upload(f"{TIME};a01-Rtd=1"), upload("a01-Rtd=1"))))
    assert block.at.tolist() == [us(AT), NOW]
    assert block.quality.tolist() == [Quality.GOOD, Quality.NO_CLOCK]


@pytest.mark.parametrize(
    "time", ["20261322105900", "20260230000000", "20261122250000", "2026112210", "yesterday"]
)
def test_an_impossible_time_is_refused_and_shown(time: str) -> None:
    columns = decode(batch(upload(f"{TIME};a01-Rtd=1"), upload(f"DataTime={time};a01-Rtd=1")))
    (refused,) = columns.refused
    assert (refused.frame, refused.kind) == (1, Refusal.DECODE)
    assert time in refused.message
    assert columns.factors[0].frame.tolist() == [0]


def test_an_impossible_time_is_shown_where_it_stands() -> None:
    raw = upload("DataTime=20261322105900;a01-Rtd=1")
    (refused,) = decode(batch(raw)).refused
    assert raw[refused.offset :].startswith(b"DataTime=20261322105900")


def test_what_the_meter_repeats_later_is_marked() -> None:
    block = the_factors(decode(batch(upload(f"{TIME};a01-Rtd=1", flag="Flag=9;", more="RF=1;"))))
    assert block.quality.tolist() == [Quality.BACKFILL]


def test_the_answer_to_a_request_for_history_is_marked() -> None:
    one = batch(upload(f"{TIME};a01-Rtd=1"), upload(f"{TIME};a01-Rtd=2"))
    asked = Batch(
        one.data, one.offsets, one.received_at, one.session, one.identities,
        np.array([-1, 1], np.int32), (b"", upload("BeginTime=1;EndTime=2", cn="2051")),
    )  # fmt: skip
    assert the_factors(decode(asked)).quality.tolist() == [Quality.GOOD, Quality.BACKFILL]


@pytest.mark.parametrize("text", ["", "--", "1_000", "//", "nan", "inf", "1e99", "无"])
def test_what_is_no_number_is_missing_and_keeps_its_flag(text: str) -> None:
    data = f"{TIME};a01-Rtd={text},a01-Flag=D;b02-Rtd=2"
    block = the_factors(decode(batch(upload(data))))
    assert np.isnan(block.values[0, 0])
    assert block.values[0, 1] == 2.0
    assert block.flags.tolist() == [[ord("D"), 0]]


@pytest.mark.parametrize(
    ("text", "value"),
    [("-0.5", -0.5), (".5", 0.5), ("+7", 7.0), ("1e3", 1000.0), ("007", 7.0), ("3.", 3.0)],
)
def test_numbers_are_read_liberally(text: str, value: float) -> None:
    assert the_factors(decode(batch(upload(f"{TIME};a01-Rtd={text}")))).values.tolist() == [[value]]


def test_flags_longer_than_a_letter_or_not_ascii_are_kept_as_one() -> None:
    data = f"{TIME};a-Rtd=1,a-Flag=NN;b-Rtd=2,b-Flag=正;c-Rtd=3,c-Flag="
    assert the_factors(decode(batch(upload(data)))).flags.tolist() == [[ord("N"), ord("?"), 0]]


def test_the_first_value_of_a_repeated_code_counts() -> None:
    block = the_factors(decode(batch(upload(f"{TIME};a01-Rtd=1;a01-Rtd=2;b02-Rtd=3"))))
    assert block.layout == ("a01", "b02")
    assert block.values.tolist() == [[1.0, 3.0]]


@pytest.mark.parametrize("tail", [";", ",", ";;", ",;"])
def test_separators_at_the_end_mean_nothing(tail: str) -> None:
    assert the_factors(decode(batch(upload(f"{TIME};a01-Rtd=1{tail}")))).values.tolist() == [[1.0]]


def test_an_item_without_a_value_is_refused_and_the_others_stay() -> None:
    columns = decode(batch(upload(f"{TIME};a01-Rt;b02-Rtd=2")))
    assert [entry.kind for entry in columns.refused] == [Refusal.DECODE]
    assert columns.factors[0].layout == ("b02",)


def test_misplaced_separators_do_not_shift_values_to_other_codes() -> None:
    columns = decode(batch(upload(f"{TIME};a01-Rtd;7=b02-Rtd=9")))
    assert columns.factors == ()
    assert columns.refused != ()


def test_a_code_that_is_too_long_is_refused_and_the_others_stay() -> None:
    long = "a" * MAX_CODE_BYTES
    columns = decode(batch(upload(f"{TIME};{long}-Rtd=1;b02-Rtd=2")))
    assert [entry.kind for entry in columns.refused] == [Refusal.DECODE]
    assert columns.factors[0].layout == ("b02",)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(upload(""), id="an empty request"),
        pytest.param(upload("BeginTime=20261122000000;EndTime=20261122000000"), id="for history"),
        pytest.param(upload(f"{TIME};RestartTime=20261122000000", cn="2081"), id="a restart"),
        pytest.param(upload("a01-Rtd=1", cn="9014"), id="an answer"),
        pytest.param(upload("a01-Rtd=1", cn="7777"), id="an unknown command"),
        pytest.param(upload(f"{TIME};i11001-Info=//a;b,c=d//", cn="3020"), id="a log"),
        pytest.param(
            upload(f"{TIME};w01018-SN=010000A8900016F000169DC1", cn="3019"), id="a number"
        ),
    ],
)
def test_frames_without_readings_give_none_and_are_no_fault(raw: bytes) -> None:
    columns = decode(batch(raw))
    assert (columns.blocks, columns.factors, columns.refused) == ((), (), ())


def test_a_log_beside_numbers_is_not_taken_apart() -> None:
    data = f"{TIME};i11001-Info=//a;b-Rtd=1,c//;i13004-Info=168"
    block = the_factors(decode(batch(upload(data, cn="3020"))))
    assert block.layout == ("i11001-Info", "i13004-Info")
    assert block.values[0, 1] == 168.0


def test_a_frame_without_mn_belongs_to_its_session() -> None:
    raw = frame(f"ST=32;CN=2011;CP=&&{TIME};a01-Rtd=1&&")
    assert decode(batch(raw, identity="me")).meters == ("me",)
    (refused,) = decode(batch(raw)).refused
    assert refused.kind == Refusal.UNKNOWN


@pytest.mark.parametrize("mn", ["x" * 33, "a b", "表", "a\x07"])
def test_an_mn_that_is_no_address_is_refused(mn: str) -> None:
    (refused,) = decode(batch(upload(f"{TIME};a01-Rtd=1", mn=mn), identity="me")).refused
    assert refused.kind == Refusal.DECODE


def test_a_frame_whose_checksum_does_not_fit_gives_nothing() -> None:
    raw = upload(f"{TIME};a01-Rtd=1")
    columns = decode(batch(raw.replace(b"Rtd=1", b"Rtd=2"), raw))
    assert [(entry.frame, entry.kind) for entry in columns.refused] == [(0, Refusal.CHECKSUM)]
    assert columns.factors[0].frame.tolist() == [1]


def test_an_empty_batch_is_an_empty_answer() -> None:
    assert decode(batch()) == Columns(())
    assert CODEC.confirm is not None
    assert CODEC.confirm(batch()).tolist() == []
    assert CODEC.acknowledge(batch()) == []


# ── ciphertext ─────────────────────────────────────────────────────────────────


def sealed(data: str, flag: int = 9, cn: str = "2051") -> bytes:
    plain = upload(data, cn=cn, flag=f"Flag={flag};")
    return plain.replace(data.encode(), encrypt(data.encode(), KEY))


SECRET = sealed(f"{TIME};a01011-Rtd=1.35,a01011-Flag=N")


def test_ciphertext_is_read_with_the_key_of_its_meter() -> None:
    block = the_factors(decode(batch(SECRET, profile_of=with_key())))
    assert block.values.tolist() == [[np.float32(1.35)]]
    assert block.at.tolist() == [us(AT)]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param(b"1" * 16, "neither", id="another key"),
        pytest.param(b"short", "5", id="a key of the wrong size"),
    ],
)
def test_ciphertext_that_its_key_does_not_open_is_not_confirmed(key: bytes, words: str) -> None:
    one = batch(SECRET, profile_of=with_key(key))
    (refused,) = decode(one).refused
    assert refused.kind == Refusal.CHECKSUM
    assert words in refused.message
    assert confirm(one).tolist() == [False]


def test_ciphertext_whose_key_is_not_known_is_kept_unanswered_until_it_is() -> None:
    one = batch(SECRET)
    assert confirm(one).tolist() == [True]
    assert CODEC.acknowledge(one) == [b""]
    assert CODEC.dialogue(with_key(None)).receive([SECRET], NOW) == b""
    (refused,) = decode(one).refused
    assert refused.kind == Refusal.DECODE
    assert f"the key of {MN} is not known; set it with" in refused.message
    assert decode(batch(SECRET, profile_of=with_key())).refused == ()


@pytest.mark.parametrize("cn", ["1013", "9015", "9021"])
def test_ciphertext_that_nobody_can_check_is_not_answered_at_once(cn: str) -> None:
    secret = sealed(f"{TIME};PolId=w01018;a01-Info=1", cn=cn)
    assert CODEC.dialogue(with_key()).receive([secret], NOW) != b""
    assert CODEC.dialogue(with_key(None)).receive([secret], NOW) == b""


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(SECRET.replace(b"CN=2051", b"CN=2\xff51"), id="a byte of the header"),
        pytest.param(SECRET.replace(b"CN=2051", b"CN=20x1"), id="no command"),
        pytest.param(SECRET.replace(b"MN=", b"MM="), id="nobody's"),
        pytest.param(
            SECRET.replace(MN.encode(), b" " + MN[1:].encode()[:-1] + b"\x07"), id="no MN"
        ),
        pytest.param(SECRET.replace(b"Flag=9", b"Flag=5"), id="a version before encryption"),
        pytest.param(SECRET[:-8] + b"x" + SECRET[-7:], id="no end of the data"),
        pytest.param(SECRET[:-4] + b"G" + SECRET[-3:], id="no checksum"),
        pytest.param(SECRET[:40] + SECRET[41:], id="a byte lost"),
        pytest.param(SECRET + b"x", id="a byte too many"),
        pytest.param(
            upload(TIME, flag="Flag=9;").replace(b"1122", b"11\xff2"), id="a text with one odd byte"
        ),
    ],
)
def test_what_only_seems_encrypted_is_not_kept(raw: bytes) -> None:
    assert confirm(batch(raw)).tolist() == [False]


def test_no_more_is_kept_undeciphered_than_a_segment_holds() -> None:
    room = MAX_SEGMENT_BYTES - len(sealed("")) + 12
    data = ";".join(f"a{code:05}-Avg=1" for code in range(7, 999))
    most, over = (sealed(data[:size]) for size in (room, room + 1))
    assert (most[2:6], over[2:6]) == (b"4096", b"4097")
    assert confirm(batch(most, over)).tolist() == [True, False]
    assert recognise(over) is Claim.NO


def test_plain_text_of_a_meter_with_a_key_is_read_too() -> None:
    raw = upload(f"{TIME};a01-Rtd=1", flag="Flag=9;")
    assert the_factors(decode(batch(raw, profile_of=with_key()))).values.tolist() == [[1.0]]


def test_wrong_keys_do_not_open_ciphertext_by_chance() -> None:
    keys = [number.to_bytes(16, "big") for number in range(1000)]
    opened = [key for key in keys if confirm(batch(SECRET, profile_of=with_key(key)))[0]]
    assert opened == []


def test_ciphertext_that_happens_to_fit_the_checksum_is_no_text() -> None:
    texts = (f"{TIME};a01011-Rtd={number}.5,a01011-Flag=N" for number in range(10_000))
    frames = (sealed(text) for text in texts)
    raw = next(raw for raw in frames if crc(raw[6:-6]) == int(raw[-6:-2], 16))
    number = float(read(raw, with_key()).fields["CP"]["a01011"]["Rtd"])
    kept = decode(batch(raw, SECRET, profile_of=with_key()))
    assert the_factors(kept).values[0].tolist() == [number]
    assert "neither" in decode(batch(raw, profile_of=with_key(b"1" * 16))).refused[0].message
    assert confirm(batch(raw)).tolist() == [True]
    assert CODEC.acknowledge(batch(raw)) == [b""]
    assert "is not known" in decode(batch(raw)).refused[0].message
    assert CODEC.dialogue(with_key(None)).receive([raw], NOW) == b""


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_a_chinese_text_of_2025_is_no_ciphertext(charset: str) -> None:
    segment = f"QN=1;ST=22;CN=3020;MN={MN};Flag=9;CP=&&设施用电监控系统=1;{TIME};i1-Info=2&&"
    one = batch(frame(segment.encode(charset)))
    assert confirm(one).tolist() == [True]
    assert CODEC.acknowledge(one) != [b""]
    assert the_factors(decode(one)).values.tolist() == [[2.0]]


def without_tail(data: str) -> bytes:
    """Leave out what stands plain behind the ciphertext; length and checksum still count it."""
    whole = sealed(data)
    lost = len(data) % 16
    assert lost
    return whole[: -8 - lost] + whole[-8:]


def test_a_forgotten_tail_is_restored_from_an_item_before() -> None:
    raw = without_tail(f"{TIME};a01011-Rtd=1.35,a01011-Flag=N;a01012-Rtd=20.5,a01012-Flag=N")
    block = the_factors(decode(batch(raw, profile_of=with_key())))
    assert block.layout == ("a01011", "a01012")
    assert block.flags.tolist() == [[ord("N"), ord("N")]]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            f"{TIME};a01011-Rtd=1.35,a01011-Flag=N;a01012-Rtd=2.5,a01012-Flag=D", id="flag"
        ),
        pytest.param(f"{TIME};a01011-Rtd=1.35,a01012-Rtd=2,a01012-Flag=N;b-Cou=12345", id="number"),
        pytest.param(f"{TIME};RestartTime=20261122105857", id="no statistic"),
    ],
)
def test_a_forgotten_tail_that_nothing_proves_is_refused(data: str) -> None:
    (refused,) = decode(batch(without_tail(data), profile_of=with_key())).refused
    assert refused.kind == Refusal.CHECKSUM


def test_a_text_that_ends_early_is_no_forgotten_tail() -> None:
    raw = upload(f"{TIME};a01011-Rtd=1.35,a01011-Flag=N", flag="Flag=9;")
    (refused,) = decode(batch(raw[:-11] + raw[-8:], profile_of=with_key())).refused
    assert refused.kind == Refusal.LENGTH
