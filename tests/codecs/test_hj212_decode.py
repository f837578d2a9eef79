"""What the frames of HJ 212 become in columns."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from tests.codecs.hj212_frames import KEY, MN, NOW, batch, frame, upload, with_key

from wattwarden.codecs.hj212 import CODEC, MAX_CODE_BYTES, decode, encrypt
from wattwarden.protocol.codec import Batch, Block, Columns, FactorBlock, Profile
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


# ── split packets ──────────────────────────────────────────────────────────────


def part(number: int, count: int, data: str, flag: int = 7, **more: str) -> bytes:
    numbers = f"PNUM={count};PNO={number};"
    return upload(data, cn="2051", flag=f"Flag={flag};", more=numbers, **more)


def test_each_part_of_a_split_packet_gives_its_rows() -> None:
    columns = decode(batch(part(1, 2, f"{TIME};a01-Avg=1"), part(2, 2, f"{TIME};b02-Avg=2")))
    assert [block.layout for block in columns.factors] == [("a01-Avg",), ("b02-Avg",)]
    assert [block.frame.tolist() for block in columns.factors] == [[0], [1]]
    assert columns.refused == ()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "out of order"])
def test_a_part_without_a_time_takes_that_of_its_packet(order: tuple[int, int]) -> None:
    parts = [part(1, 2, f"{TIME};a01-Avg=1"), part(2, 2, "b02-Avg=2")]
    columns = decode(batch(*(parts[index] for index in order)))
    assert [block.at.tolist() for block in columns.factors] == [[us(AT)]] * 2
    assert all(block.quality.tolist() == [Quality.GOOD] for block in columns.factors)


def test_a_part_whose_packet_has_no_time_is_refused_rather_than_misdated() -> None:
    columns = decode(batch(part(2, 2, "b02-Avg=2"), part(1, 2, f"{TIME};a01-Avg=1", mn="other")))
    assert [block.layout for block in columns.factors] == [("a01-Avg",)]
    assert [(entry.frame, entry.kind) for entry in columns.refused] == [(0, Refusal.DECODE)]


DATA = f"{TIME};a01-Avg=12.5,a01-Flag=N;b02-Avg=3.25,b02-Flag=M"


@pytest.mark.parametrize("cut", range(len(TIME) + 1, len(DATA)))
def test_wherever_a_packet_is_cut_its_values_stay(cut: int) -> None:
    columns = decode(batch(part(1, 2, DATA[:cut]), part(2, 2, DATA[cut:])))
    assert columns.refused == ()
    found = {
        (name, value, chr(flag))
        for block in columns.factors
        for name, value, flag in zip(block.layout, block.values[0], block.flags[0], strict=True)
    }
    # A flag behind the cut is of no use to a value before it.
    flags = {(name, value, "\0") for name, value in (("a01-Avg", 12.5), ("b02-Avg", 3.25))}
    assert found <= {("a01-Avg", 12.5, "N"), ("b02-Avg", 3.25, "M")} | flags
    assert {name for name, _, _ in found} == {"a01-Avg", "b02-Avg"}
    assert all(block.at.tolist() == [us(AT)] for block in columns.factors)


def test_an_item_cut_over_three_parts_is_joined() -> None:
    pieces = [DATA[:40], DATA[40:44], DATA[44:]]
    columns = decode(batch(*(part(place + 1, 3, piece) for place, piece in enumerate(pieces))))
    (block,) = columns.factors
    assert columns.refused == ()
    assert block.values.tolist() == [[12.5, 3.25]]


def test_half_an_item_whose_other_half_is_not_there_is_refused() -> None:
    columns = decode(batch(part(2, 3, f".5,a01-Flag=N;b02-Avg=3.25;{TIME}")))
    assert [entry.kind for entry in columns.refused] == [Refusal.DECODE]
    assert columns.factors[0].layout == ("b02-Avg",)


def test_a_part_whose_time_is_no_time_is_refused_alone() -> None:
    columns = decode(batch(part(1, 2, "DataTime=now;a01-Avg=1"), part(2, 2, f"{TIME};b02-Avg=2")))
    assert [(entry.frame, entry.kind) for entry in columns.refused] == [(0, Refusal.DECODE)]
    assert columns.factors[0].layout == ("b02-Avg",)


def test_two_packets_in_a_row_are_not_mixed() -> None:
    later = TIME.replace("105900", "110000")
    frames = [
        part(1, 2, f"{TIME};a01-Avg=1"), part(2, 2, "b02-Avg=2"),
        part(1, 2, f"{later};a01-Avg=3"), part(2, 2, "b02-Avg=4"),
    ]  # fmt: skip
    columns = decode(batch(*frames))
    minute = us(AT + timedelta(minutes=1))
    assert [block.at.tolist() for block in columns.factors] == [[us(AT), minute]] * 2


def test_a_packet_of_one_part_is_an_ordinary_frame() -> None:
    assert the_factors(decode(batch(part(1, 1, f"{TIME};a01-Avg=1")))).at.tolist() == [us(AT)]


def test_part_numbers_may_be_padded_and_in_another_order() -> None:
    frames = [
        upload(data, cn="2051", flag="Flag=7;", more=f"PNO=000{number};PNUM=0002;")
        for number, data in ((1, DATA[:40]), (2, DATA[40:]))
    ]
    assert decode(batch(*frames)).factors[0].values.tolist() == [[12.5, 3.25]]


# ── ciphertext ─────────────────────────────────────────────────────────────────


def sealed(data: str, flag: int = 9) -> bytes:
    plain = upload(data, flag=f"Flag={flag};")
    return plain.replace(data.encode(), encrypt(data.encode(), KEY))


SECRET = sealed(f"{TIME};a01011-Rtd=1.35,a01011-Flag=N")


def test_ciphertext_is_read_with_the_key_of_its_meter() -> None:
    block = the_factors(decode(batch(SECRET, profile_of=with_key())))
    assert block.values.tolist() == [[np.float32(1.35)]]
    assert block.at.tolist() == [us(AT)]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param(None, "encrypted, no key", id="no key"),
        pytest.param(b"1" * 16, "neither", id="another key"),
        pytest.param(b"short", "5", id="a key of the wrong size"),
    ],
)
def test_ciphertext_without_its_key_is_refused_and_not_answered(
    key: bytes | None, words: str
) -> None:
    one = batch(SECRET, profile_of=with_key(key))
    (refused,) = decode(one).refused
    assert refused.kind == Refusal.CHECKSUM
    assert words in refused.message
    assert CODEC.confirm is not None
    assert CODEC.confirm(one).tolist() == [False]


def test_plain_text_of_a_meter_with_a_key_is_read_too() -> None:
    raw = upload(f"{TIME};a01-Rtd=1", flag="Flag=9;")
    assert the_factors(decode(batch(raw, profile_of=with_key()))).values.tolist() == [[1.0]]


def test_wrong_keys_do_not_open_ciphertext_by_chance() -> None:
    keys = [number.to_bytes(16, "big") for number in range(1000)]
    assert CODEC.confirm is not None
    opened = [key for key in keys if CODEC.confirm(batch(SECRET, profile_of=with_key(key)))[0]]
    assert opened == []


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
