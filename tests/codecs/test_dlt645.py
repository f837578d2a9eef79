"""What the vectors of DL/T 645 do not show."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.codecs.dlt645 import (
    CODEC,
    Answer,
    answer_of,
    request,
    request_address,
    request_next,
)
from wattwarden.codecs.dlt645.frame import seal
from wattwarden.codecs.dlt645.items import find_item, parts_of
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.codec import Batch, Claim, Message, Profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, Unit

METER = "201611223344"
SCALES = {
    "V": (Unit.VOLT, 1), "A": (Unit.AMPERE, 1), "kW": (Unit.WATT, 1000), "": (Unit.ONE, 1),
    "kvar": (Unit.VAR, 1000), "kVA": (Unit.VOLT_AMPERE, 1000), "kWh": (Unit.WATT_HOUR, 1000),
    "kvarh": (Unit.VAR_HOUR, 1000), "Hz": (Unit.HERTZ, 1), "%": (Unit.ONE, 0.01),
}  # fmt: skip
ROWS = [(digits, row) for year, digits in (("2007", 8), ("1997", 4))
        for row in read_table(f"dlt645_{year}")]  # fmt: skip
# A member of each line of the tables: the first tariff, phase, order, settlement.
MEMBERS = [re.sub(r"([a-z])\1*", lambda found: f"{1:0{len(found[0])}X}", row["di"])
           for _, row in ROWS if row["format"]]  # fmt: skip


def profile(_address: str) -> Profile:
    return Profile()


def reply(di: str, data: str) -> bytes:
    control = 0x91 if len(di) == 8 else 0x81
    return seal(METER, control, bytes.fromhex(di)[::-1] + bytes.fromhex(data))


@pytest.mark.parametrize("digits", [8, 4])
def test_lines_of_the_tables_are_named_in_both_languages_and_stand_once(digits: int) -> None:
    rows = [row for count, row in ROWS if count == digits]
    assert all(row["zh"] and row["en"] and len(row["di"]) == digits for row in rows)
    assert len({row["di"] for row in rows}) == len(rows)


@pytest.mark.parametrize("di", [row["di"] for _, row in ROWS if row["quantity"]])
def test_an_item_of_electricity_is_scaled_to_a_quantity_of_ours(di: str) -> None:
    item = find_item(re.sub("n", "0", re.sub(r"([a-mo-z])\1*", lambda m: "1".zfill(len(m[0])), di)))
    assert item is not None
    if "t" not in di or item.quantity:
        assert (QUANTITIES[item.quantity].unit, item.scale) == SCALES[item.unit]


@given(st.sampled_from(MEMBERS), st.data())
def test_what_a_value_says_is_written_as_it_was_read(di: str, data: st.DataObject) -> None:
    item = find_item(di)
    assert item is not None
    pairs = st.integers(0, 79).map(lambda number: f"{number:02}")
    digits = data.draw(st.lists(pairs, min_size=item.size, max_size=item.size))
    frame = reply(di, "".join(digits))
    message = CODEC.read(frame, profile)
    assert CODEC.encode(message) == frame
    values = {name: value for name, value in message.fields.items() if name != "data"}
    if all(part.slug.startswith("value") for part in item.parts) and not item.parts[0].is_text:
        assert CODEC.encode(Message(message.kind, METER, None, values)) == frame


@given(
    st.integers(0, 10**12 - 1).map("{:012}".format), st.integers(0, 0xFF), st.binary(max_size=255)
)
def test_any_frame_is_written_as_it_was_read(address: str, control: int, data: bytes) -> None:
    frame = seal(address, control, data)
    assert Framer(CODEC.outline).feed(b"\xfe" * 3 + frame) == [frame]
    try:
        message = CODEC.read(frame, profile)
    except ProtocolError:
        assert any(digit >> 4 > 9 or digit & 0xF > 9 for digit in data)
        return
    assert CODEC.encode(message) == frame


def test_answers_without_time_are_of_when_they_came() -> None:
    columns = CODEC.decode(Batch.of([reply("02010100", "0122")] * 2, 7))
    (block,) = columns.blocks
    assert columns.meters == (METER,)
    assert block.at.tolist() == [7, 7]
    assert block.quality.tolist() == [Quality.NO_CLOCK] * 2
    assert block.values["voltage_a"].tolist() == [220.1, 220.1]


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        pytest.param(reply("00010001", "56341200"), "of a settlement", id="settlement"),
        pytest.param(reply("05060101", "56341200"), "of a freeze", id="freeze"),
        pytest.param(seal(METER, 0x11, bytes.fromhex("00000100")), "asked", id="question"),
        pytest.param(reply("02010100", "ffff"), "no data", id="fill"),
        pytest.param(reply("00000000", "0000000003"), "a byte too long", id="longer"),
        pytest.param(reply("02010100", ""), "nothing", id="empty"),
    ],
)
def test_what_has_no_time_or_no_value_gives_no_row(frame: bytes, what: str) -> None:
    columns = CODEC.decode(Batch.of([frame], 7))
    assert (columns.blocks, columns.refused) == ((), ()), what


def test_any_number_of_fe_may_wake_the_line() -> None:
    frame = reply("02010100", "0122")
    assert CODEC.recognise(b"\xfe" * 100 + frame) is Claim.YES
    assert CODEC.recognise(b"\xfe" * 100) is Claim.MORE
    assert CODEC.read(b"\xfe" * 100 + frame, profile) == CODEC.read(frame, profile)


def test_a_frame_that_is_one_of_376_1_as_well_is_claimed_by_neither_twice() -> None:
    # 68 at both places, the length repeated, and a sum that fits for 376.1 alone.
    body = bytes.fromhex("c968") + bytes(6)
    begun = bytes.fromhex("682200220068") + body
    both = begun + bytes([sum8(body), 0x16])
    assert CODEC.recognise(both) is not Claim.YES


def test_a_question_is_answered_by_what_names_its_item() -> None:
    assert request(METER, "02010100").hex() == "fefefefe68443322111620681104333434359516"
    answer = Answer(METER, 0x11, "02010100", more=False, err="")
    assert answer_of(reply("02010100", "0122")) == answer
    assert answer_of(seal(METER, 0xD1, b"\x02")) == Answer(METER, 0x11, "", more=False, err="02")
    assert answer_of(request(METER, "9010")) is None
    assert answer_of(request_address()) is None


def test_what_follows_is_asked_for_by_its_number() -> None:
    message = CODEC.read(request_next(METER, "06010001", 2), profile)
    assert (message.kind, message.fields["sequence"]) == ("read_next", 2)
    assert CODEC.read(request_next(METER, "901F", 2), profile).kind == "read_next_1997"


@pytest.mark.parametrize(
    ("address", "item"), [("1234", "02010100"), (METER, "020101"), (METER, "bad"), (METER, "")]
)
def test_a_question_to_nobody_or_for_nothing_is_refused(address: str, item: str) -> None:
    with pytest.raises(ValueError, match=r"bytes of address|hex"):
        request(address, item)


def test_who_answers_first_is_known_by_its_address() -> None:
    asked, dialogue = CODEC.dialogue(profile), CODEC.dialogue(profile)
    assert asked.receive([request(METER, "02010100")], 0) == b""
    assert asked.identity is None
    dialogue.receive([request(METER, "02010100"), b"\xfe" + reply("02010100", "0122")], 0)
    assert dialogue.identity == METER
    assert (dialogue.tick(1), dialogue.next_deadline()) == (b"", None)


def test_whoever_answers_later_changes_nothing() -> None:
    dialogue = CODEC.dialogue(profile)
    other = seal("000000000161", 0x91, bytes.fromhex("000101020122"))
    for frame in (reply("02010100", "0122"), other):
        assert dialogue.receive([frame], 0) == b""
    assert dialogue.identity == METER


@pytest.mark.parametrize(
    ("di", "data"),
    [
        pytest.param("0301FF01", "010203", id="records of no format"),
        pytest.param("0500FF01", "00000000", id="values as often as there are data"),
    ],
)
def test_a_block_whose_members_have_no_size_stays_as_bytes(di: str, data: str) -> None:
    fields = CODEC.read(reply(di, data), profile).fields
    assert (fields["di"], fields["rest"]) == (di, data)
    assert fields.keys().isdisjoint(("items", "value"))
    columns = CODEC.decode(Batch.of([reply(di, data)], 7))
    assert (columns.blocks, columns.refused) == ((), ())


@pytest.mark.parametrize(
    ("value", "data"),
    [
        pytest.param("220V", "56303232".rjust(12, "0"), id="shorter"),
        pytest.param("220.0V", "56302e303232", id="as long"),
        pytest.param("220.00V", "5630302e303232", id="longer"),
        pytest.param(None, "ff" * 6, id="none"),
    ],
)
def test_a_text_is_written_last_letter_first_and_as_long_as_it_is(
    value: str | None, data: str
) -> None:
    written = CODEC.encode(Message("read_reply", METER, None, {"di": "04000404", "value": value}))
    assert written == reply("04000404", data)
    assert CODEC.read(written, profile).fields["value"] == value


def test_what_follows_ends_with_its_number() -> None:
    fields = {"di": "06010001", "rest": "a0a1", "sequence": 2}
    frame = CODEC.encode(Message("read_next_reply", METER, None, fields))
    assert frame == seal(METER, 0x92, bytes.fromhex("01000106a0a102"))
    said = CODEC.read(frame, profile).fields
    assert {name: said[name] for name in fields} == fields


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"di": "0FFF0001", "value": 1}, id="an item of no table"),
        pytest.param({"di": "02010100", "value": 1000}, id="too large"),
        pytest.param({"di": "02010100", "value": "high"}, id="no number"),
        pytest.param({"di": "04000102", "value": "11:04"}, id="half a time"),
        pytest.param({"data": "00" * 256}, id="too long"),
    ],
)
def test_what_no_frame_can_hold_is_not_written(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="read_reply cannot be built"):
        CODEC.encode(Message("read_reply", METER, None, fields))


def test_a_kind_that_tells_no_control_code_is_not_written() -> None:
    with pytest.raises(ValueError, match="no control code"):
        CODEC.encode(Message("other", METER))


def test_parts_of_one_item_are_told_apart_by_number() -> None:
    slugs = [part.slug for part in parts_of("6 YYMMDDhhmm 6 hhmmss")]
    assert slugs == ["value", "time", "value_2", "time_2"]
