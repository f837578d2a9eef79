"""Split packets of HJ 212: however they are cut, whenever parts come, they say the same."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.hj212_frames import KEY, MN, NOW, batch, frame, upload, with_key

from wattwarden.codecs import port_codecs
from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.cipher import encrypt
from wattwarden.codecs.hj212.dialogue import Hj212Dialogue
from wattwarden.codecs.hj212.parts import MAX_JOINED_BYTES, MAX_OPEN_PACKETS
from wattwarden.codecs.hj212.uploads import decode
from wattwarden.protocol.codec import Batch, Columns, ProfileOf, default_profile
from wattwarden.protocol.errors import Refusal
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.session import Session

TIME = "DataTime=20261122105900"
LATER = "DataTime=20261122110000"
AT = datetime(2026, 11, 22, 2, 59, tzinfo=UTC)

Reading = tuple[str, str, str, int, str, float, str]
"""Meter, channel, period, at, code, value, flag."""


def us(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1000


def part(
    number: int, count: int, data: str, flag: int = 7, cn: str = "2051", mn: str = MN
) -> bytes:
    numbers = f"PNUM={count};PNO={number};"
    return upload(data, cn=cn, flag=f"Flag={flag};", more=numbers, mn=mn)


def parts_of(*pieces: str, cn: str = "2051") -> list[bytes]:
    return [part(number, len(pieces), piece, cn=cn) for number, piece in enumerate(pieces, 1)]


def heard(*frames: bytes, profile_of: ProfileOf = default_profile) -> Batch:
    """Put frames into a batch as a connection does that brings them in this order."""
    dialogue = Hj212Dialogue(profile_of)
    dialogue.receive(list(frames), NOW)
    identity = dialogue.identity
    return Batch.of(frames, NOW, identity=identity, profile_of=profile_of, asked=dialogue.asked)


def alone(whole: Batch, index: int) -> Batch:
    """Take one frame out of a batch, as if it came in another round."""
    number = int(whole.request[index])
    asked = {0: whole.requests[number]} if number >= 0 else {}
    return Batch.of(
        [whole.frame(index)],
        NOW,
        identity=whole.identities[0],
        profile_of=whole.profile_of,
        asked=asked,
    )


def readings_of(columns: Columns) -> list[Reading]:
    return sorted(
        (columns.meters[meter], block.channel, block.period, at, code, value, chr(flag))
        for block in columns.factors
        for meter, at, values, flags in zip(
            block.meter.tolist(), block.at.tolist(), block.values, block.flags, strict=True
        )
        for code, value, flag in zip(block.layout, values.tolist(), flags.tolist(), strict=True)
        if not isnan(value)  # a log: a text, whose place in a row depends on its company
    )


def one_by_one(whole: Batch) -> list[Columns]:
    return [decode(alone(whole, index)) for index in range(len(whole))]


def whole_of(data: str) -> list[Reading]:
    columns = decode(batch(upload(data, cn="2051")))
    assert columns.refused == ()
    return readings_of(columns)


def test_each_part_of_a_split_packet_gives_its_rows() -> None:
    columns = decode(heard(*parts_of(f"{TIME};a01-Avg=1;", f"{TIME};b02-Avg=2")))
    assert [block.layout for block in columns.factors] == [("a01-Avg",), ("b02-Avg",)]
    assert [block.frame.tolist() for block in columns.factors] == [[0], [1]]
    assert columns.refused == ()


# ── wherever it is cut ─────────────────────────────────────────────────────────

DATA = f"{TIME};a01-Min=1.5,a01-Avg=12.5,a01-Flag=N;b02-Avg=3.25,b02-Flag=M;c03-Cou=7"
FORMS = {
    "usual": DATA,
    "commas alone": DATA.replace(";", ","),
    "separators at the end": f"{DATA};",
    "no flags": f"{TIME};a01-Min=1.5,a01-Avg=12.5;b02-Avg=3.25",
    "a log inside": f"{TIME};i11001-Info=//a;b-Rtd=1,c/d//;a01-Avg=12.5,a01-Flag=N",
    "a log at the end": f"{TIME};a01-Avg=12.5,a01-Flag=N;i11001-Info=//a;b-Rtd=1,c//",
}
TIME_LAST = f"a01-Avg=12.5,a01-Flag=N;{TIME}"


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS.keys())
def test_wherever_a_packet_is_cut_its_values_flags_and_time_stay(data: str) -> None:
    want = whole_of(data)
    for cut in range(len(data) + 1):
        columns = decode(heard(*parts_of(data[:cut], data[cut:])))
        assert columns.refused == (), data[:cut]
        assert readings_of(columns) == want, data[:cut]


@pytest.mark.parametrize("data", [*FORMS.values(), TIME_LAST], ids=[*FORMS, "the time last"])
def test_parts_of_two_rounds_give_the_rows_of_one(data: str) -> None:
    for cut in range(len(data) + 1):
        whole = heard(*parts_of(data[:cut], data[cut:]))
        together, apart = decode(whole), one_by_one(whole)
        rows = sorted(reading for columns in apart for reading in readings_of(columns))
        assert rows == readings_of(together)
        refused = [index for index, columns in enumerate(apart) for _ in columns.refused]
        assert [entry.frame for entry in together.refused] == refused


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(list(FORMS.values())),
    cuts=st.lists(st.integers(0, 120), min_size=1, max_size=6),
)
def test_however_many_parts_there_are_they_say_what_the_whole_says(
    data: str, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    apart = one_by_one(heard(*parts_of(*pieces)))
    assert [columns.refused for columns in apart] == [()] * len(pieces)
    assert sorted(row for columns in apart for row in readings_of(columns)) == whole_of(data)


@pytest.mark.parametrize("separator", ["", ";", ","])
def test_a_separator_that_a_cut_swallowed_is_not_missed(separator: str) -> None:
    pieces = (f"{TIME};a01-Avg=12.5{separator}", "b02-Avg=3.25")
    columns = decode(heard(*parts_of(*pieces)))
    assert columns.refused == ()
    assert readings_of(columns) == whole_of(f"{TIME};a01-Avg=12.5;b02-Avg=3.25")


def test_a_number_that_may_go_on_waits_for_the_next_part() -> None:
    first, second = one_by_one(heard(*parts_of(f"{TIME};a01-Avg=1", "2.5,a01-Flag=D")))
    assert (readings_of(first), first.refused) == ([], ())
    assert [row[4:] for row in readings_of(second)] == [("a01-Avg", 12.5, "D")]


def test_what_ends_in_a_flag_does_not_wait() -> None:
    first, _ = one_by_one(heard(*parts_of(f"{TIME};a01-Avg=1,a01-Flag=N", "b02-Avg=2")))
    assert [row[4:] for row in readings_of(first)] == [("a01-Avg", 1.0, "N")]


def test_the_rest_of_a_part_keeps_its_time_when_the_next_has_another() -> None:
    columns = decode(heard(*parts_of(f"{TIME};a01-Avg=1", f"{LATER};a01-Avg=2")))
    found = [(row[3], row[5]) for row in readings_of(columns)]
    assert found == [(us(AT), 1.0), (us(AT + timedelta(minutes=1)), 2.0)]


def test_what_an_instrument_measures_holds_for_each_part() -> None:
    pieces = (f"{TIME};PolId=w01018;i12001-Info=1;", "i12002-Info=2;", "i12003-Info=3")
    columns = decode(heard(*parts_of(*pieces, cn="3020")))
    assert [(row[1], row[4]) for row in readings_of(columns)] == [
        ("w01018", f"i1200{number}-Info") for number in (1, 2, 3)
    ]


def test_no_more_is_joined_than_may_be() -> None:
    rest = "a01-Info=" + "9" * 3000
    whole = heard(*parts_of(f"{TIME};{rest}", rest[9:], rest[9:], ";b02-Avg=2"))
    assert len(whole.requests[int(whole.request[1])]) > len(rest)
    assert max(map(len, whole.requests)) < MAX_JOINED_BYTES + 100
    assert "b02-Avg" in [row[4] for row in readings_of(decode(whole))]


# ── in whichever order parts come ──────────────────────────────────────────────


def test_a_part_without_a_time_takes_that_of_its_packet() -> None:
    columns = decode(heard(*parts_of(f"{TIME};a01-Avg=1;", "b02-Avg=2")))
    assert [block.at.tolist() for block in columns.factors] == [[us(AT)]] * 2
    assert all(block.quality.tolist() == [Quality.GOOD] for block in columns.factors)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(parts_of(f"{TIME};a01-Avg=1;", "b02-Avg=2")[::-1], id="out of order"),
        pytest.param([part(2, 2, "b02-Avg=2")], id="the first of a connection"),
        pytest.param([part(1, 3, f"{TIME};"), part(3, 3, "b02-Avg=2")], id="one is lost"),
        pytest.param([part(1, 3, f"{TIME};"), part(2, 2, "b02-Avg=2")], id="another packet's"),
        pytest.param([part(1, 2, f"{TIME};"), part(2, 2, "b02-Avg=2", mn="x")], id="another meter"),
        pytest.param(
            [part(1, 2, f"{TIME};"), part(2, 2, "b02-Avg=2", cn="2061")], id="another command"
        ),
    ],
)
def test_a_part_that_lacks_what_came_before_is_refused_rather_than_misdated(
    frames: list[bytes],
) -> None:
    columns = decode(heard(*frames))
    assert "b02-Avg" not in [row[4] for row in readings_of(columns)]
    (refused,) = columns.refused
    assert frames[refused.frame] == next(raw for raw in frames if b"b02" in raw)
    assert (refused.kind, "DataTime" in refused.message) == (Refusal.DECODE, True)


def test_a_context_is_not_taken_from_neighbours_in_the_batch() -> None:
    frames = parts_of(f"{TIME};a01-Avg=1;", "b02-Avg=2")
    (refused,) = decode(batch(*frames)).refused
    assert refused.frame == 1


def test_a_part_that_is_sent_again_says_the_same_again() -> None:
    first, second, third = parts_of(f"{TIME};a01-Avg=1", "2.5;b02-Avg", "=3.25")
    rows = [
        [row[4:6] for row in readings_of(columns)]
        for columns in one_by_one(heard(first, second, second, third, third))
    ]
    joined, ended = [("a01-Avg", 12.5)], [("b02-Avg", 3.25)]
    assert rows == [[], joined, joined, ended, ended]


def test_two_packets_in_a_row_are_not_mixed() -> None:
    frames = [
        *parts_of(f"{TIME};a01-Avg=1;", "b02-Avg=2"),
        *parts_of(f"{LATER};a01-Avg=3;", "b02-Avg=4"),
    ]
    minute = us(AT + timedelta(minutes=1))
    columns = decode(heard(*frames))
    assert [block.at.tolist() for block in columns.factors] == [[us(AT), minute]] * 2


def test_packets_of_several_meters_may_be_sent_in_turns() -> None:
    meters = [f"M{number}" for number in range(MAX_OPEN_PACKETS)]
    frames = [part(1, 2, f"{TIME};a01-Avg=1", mn=mn) for mn in meters]
    frames += [part(2, 2, f"{number}", mn=mn) for number, mn in enumerate(meters)]
    columns = decode(heard(*frames))
    assert columns.refused == ()
    assert [(row[0], row[5]) for row in readings_of(columns)] == [
        (mn, 10.0 + number) for number, mn in enumerate(meters)
    ]


def test_of_more_packets_at_once_the_oldest_is_forgotten() -> None:
    meters = [f"M{number}" for number in range(MAX_OPEN_PACKETS + 1)]
    frames = [part(1, 2, f"{TIME};a01-Avg=1", mn=mn) for mn in meters]
    frames += [part(2, 2, "2;b02-Avg=3", mn=mn) for mn in meters]
    columns = decode(heard(*frames))
    # What each part without its context puts out of mind is the next meter's.
    assert {entry.frame for entry in columns.refused} == set(range(len(meters), len(frames)))


def test_half_an_item_whose_other_half_is_not_there_is_refused() -> None:
    columns = decode(heard(part(2, 3, f".5,a01-Flag=N;b02-Avg=3.25;{TIME};")))
    assert [entry.kind for entry in columns.refused] == [Refusal.DECODE]
    assert columns.factors[0].layout == ("b02-Avg",)


def test_a_part_whose_time_is_no_time_is_refused_alone() -> None:
    columns = decode(heard(*parts_of("DataTime=now;a01-Avg=1;", f"{TIME};b02-Avg=2")))
    assert [(entry.frame, entry.kind) for entry in columns.refused] == [(0, Refusal.DECODE)]
    assert columns.factors[0].layout == ("b02-Avg",)


def test_a_packet_of_one_part_is_an_ordinary_frame() -> None:
    columns = decode(heard(part(1, 1, f"{TIME};a01-Avg=1")))
    assert [row[3:6] for row in readings_of(columns)] == [(us(AT), "a01-Avg", 1.0)]


def test_part_numbers_may_be_padded_and_in_another_order() -> None:
    frames = [
        upload(data, cn="2051", flag="Flag=7;", more=f"PNO=000{number};PNUM=0002;")
        for number, data in ((1, DATA[:40]), (2, DATA[40:]))
    ]
    assert readings_of(decode(heard(*frames))) == whole_of(DATA)


def test_requests_are_no_contexts_and_parts_of_requests_need_none() -> None:
    raw = part(2, 2, f"{TIME};a01-Avg=1")
    request = upload("BeginTime=1;EndTime=2", cn="2051")
    asked = Batch.of([raw], NOW, asked={0: request})
    (block,) = decode(asked).factors
    assert block.quality.tolist() == [Quality.BACKFILL]
    assert heard(*parts_of("BeginTime=1", "2", cn="9014")).requests == ()


def test_a_rest_that_mentions_a_request_for_history_is_none() -> None:
    columns = decode(heard(*parts_of(f"{TIME};BeginTime=1", ",a01-Avg=2")))
    assert columns.factors[0].quality.tolist() == [Quality.GOOD]


# ── what the dialogue looks at ─────────────────────────────────────────────────


def test_a_damaged_part_is_no_context() -> None:
    first, second = parts_of(f"{TIME};a01-Avg=1;", "b02-Avg=2")
    dialogue = Hj212Dialogue(default_profile)
    dialogue.receive([first.replace(b"105900", b"105901"), second], NOW)
    assert dialogue.asked == {}


def test_contexts_are_those_of_the_frames_received_last() -> None:
    first, second = parts_of(f"{TIME};a01-Avg=1", "b02-Avg=2")
    dialogue = Hj212Dialogue(default_profile)
    dialogue.receive([first], NOW)
    assert dialogue.asked == {}
    dialogue.receive([upload(TIME), second], NOW)
    assert dialogue.asked == {1: b"CP=&&DataTime=20261122105900&&a01-Avg=1"}
    dialogue.receive([upload(TIME)], NOW)
    assert dialogue.asked == {}


@pytest.mark.parametrize("size", [1, 7, 150, 10_000])
def test_a_session_says_with_its_frames_what_they_continue(size: int) -> None:
    parts = parts_of(f"{TIME};a01-Avg=1", "2.5,a01-Flag=N;b", "02-Avg=3")
    stream = b"".join([upload(TIME), *parts, upload(TIME)])
    session = Session(port_codecs(), default_profile, SessionLimits(), NOW)
    told: dict[bytes, bytes] = {}
    for at in range(0, len(stream), size):
        session.receive_data(stream[at : at + size], NOW)
        while (event := session.next_event()) is not None:
            if isinstance(event, Received):
                told |= {event.frames[index].rstrip(): text for index, text in event.asked.items()}
    assert [number for number in (1, 2, 3) for raw in told if b"PNO=%d;" % number in raw] == [2, 3]
    assert list(told.values()) == [
        b"CP=&&DataTime=20261122105900&&a01-Avg=1",
        b"CP=&&DataTime=20261122105900&&b",
    ]


def sealed_parts(*pieces: str) -> list[bytes]:
    plain = [part(number, len(pieces), piece, flag=11) for number, piece in enumerate(pieces, 1)]
    secrets = [encrypt(piece.encode(), KEY) for piece in pieces]
    return [
        raw.replace(piece.encode(), secret)
        for raw, piece, secret in zip(plain, pieces, secrets, strict=True)
    ]


def test_encrypted_parts_are_joined_once_they_are_plain() -> None:
    frames = sealed_parts(DATA[:50], DATA[50:])
    assert readings_of(decode(heard(*frames, profile_of=with_key()))) == whole_of(DATA)


def test_encrypted_parts_without_a_key_have_no_context() -> None:
    whole = heard(*sealed_parts(DATA[:50], DATA[50:]), profile_of=with_key(None))
    assert whole.requests == ()
    assert [entry.kind for entry in decode(whole).refused] == [Refusal.DECODE] * 2


def test_parts_of_a_meter_that_the_frames_do_not_name_are_its_sessions() -> None:
    numbers = [f"PNUM=2;PNO={number};" for number in (1, 2)]
    frames = [upload(TIME, cn="9015")] + [
        frame(f"ST=31;CN=2051;Flag=7;{number}CP=&&{data}&&")
        for number, data in zip(numbers, (DATA[:40], DATA[40:]), strict=True)
    ]
    columns = decode(heard(*frames))
    assert readings_of(columns) == whole_of(DATA)
    assert columns.meters == (MN,)


def test_each_part_is_answered_by_itself() -> None:
    frames = parts_of(f"{TIME};a01-Avg=1", "2.5")
    answers = CODEC.acknowledge(heard(*frames))
    assert all(b"CN=9014" in answer for answer in answers)
