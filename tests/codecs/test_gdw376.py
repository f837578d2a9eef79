"""What the vectors of Q/GDW 376.1 do not show."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.codecs import load_codecs
from wattwarden.codecs.dlt645 import request
from wattwarden.codecs.dlt645.frame import seal as seal_645
from wattwarden.codecs.gdw376 import CODEC, ask, forward
from wattwarden.codecs.gdw376.answers import confirmation
from wattwarden.codecs.gdw376.formats import format_piece
from wattwarden.codecs.gdw376.frame import parts_of
from wattwarden.codecs.gdw376.layouts import event_name, find_layout
from wattwarden.codecs.gdw376.units import MOST_UNITS
from wattwarden.codecs.tables import read_table
from wattwarden.protocol import ft12
from wattwarden.protocol.codec import Batch, Block, Claim, Message, Profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.line import LOOK_AGAIN_US
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES

METER = "320112345"
ROWS = read_table("gdw376_units")
UNITS = {"", "V", "A", "kW", "kvar", "kVA", "kWh", "kvarh", "%", "°", "min", "h"}


def profile(_address: str) -> Profile:
    return Profile()


def frame(afn: int, data: str, control: int = 0x88, seq: int = 0x60) -> bytes:
    body = bytes([control]) + bytes.fromhex("0132393000") + bytes([afn, seq])
    return ft12.seal(body + bytes.fromhex(data), 2)


def blocks(raw: bytes) -> tuple[Block, ...]:
    columns = CODEC.decode(Batch.of([raw], 7))
    assert columns.refused == ()
    return columns.blocks


def test_each_line_of_the_table_is_a_layout_of_known_units_named_in_both_languages() -> None:
    for row in ROWS:
        layout = find_layout(int(row["afn"], 16), int(row["fn"]), up=row["way"] != "down")
        assert layout is not None, row
        assert layout.name == f"{row['zh']} {row['en']}", row
        assert row["zh"], row
        assert row["en"], row
        units = {part.unit for group in layout.groups for part in group.parts}
        assert units <= UNITS, row


def test_confirmations_resets_links_and_controls_alone_carry_nothing() -> None:
    assert {row["afn"] for row in ROWS if not row["layout"]} == {"00", "01", "02", "05"}


def test_a_unit_with_rows_has_quantities_of_ours_and_a_time() -> None:
    with_rows = [row for row in ROWS if row["period"]]
    assert len(with_rows) > 40
    for row in with_rows:
        layout = find_layout(int(row["afn"], 16), int(row["fn"]), up=True)
        assert layout is not None, row
        slugs = {part.slug for group in layout.groups for part in group.parts}
        assert slugs & set(QUANTITIES), row
        assert slugs & {"clock", "Td"}, row


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        pytest.param("A2", "2381", 123.0, id="A.2, units"),
        pytest.param("A2", "2301", 1_230_000.0, id="A.2, ten thousands"),
        pytest.param("A2", "45f9", -0.945, id="A.2, thousandths with sign"),
        pytest.param("A2", "eeee", None, id="A.2, no data"),
        pytest.param("A3", "34120000", 1234, id="A.3, kWh"),
        pytest.param("A3", "99999949", 9_999_999_000, id="A.3, MWh"),
        pytest.param("A3", "34120010", -1234, id="A.3, with sign"),
        pytest.param("A3", "eeeeeeee", None, id="A.3, no data"),
        pytest.param("A5", "0010", 100.0, id="A.5"),
        pytest.param("A5", "5089", -95.0, id="A.5, with sign"),
        pytest.param("A9", "563492", -12.3456, id="A.9, with sign"),
        pytest.param("A14", "0050341200", 1234.5, id="A.14"),
        pytest.param("A25", "345692", -125.634, id="A.25, with sign"),
        pytest.param("A26", "8509", 0.985, id="A.26"),
        pytest.param("B2", "2823", 9000, id="binary"),
        pytest.param("I4", "c0a8010a", "192.168.1.10", id="address"),
        pytest.param("T5", "434d4e4554", "CMNET", id="text"),
    ],
)
def test_a_format_is_read_as_it_is_written(name: str, raw: str, value: Any) -> None:
    piece = format_piece(name)
    assert piece.parse(bytes.fromhex(raw)) == value
    assert piece.parse(piece.build(value)) == value


@given(st.integers(-999, 999), st.integers(-3, 4))
def test_a_power_of_ten_of_three_digits_is_written_as_it_was_read(count: int, power: int) -> None:
    value = float(count * 10**power) if power >= 0 else count / 10**-power
    piece = format_piece("A2")
    assert piece.parse(piece.build(value)) == value


@pytest.mark.parametrize(("name", "value"), [("A2", 1e8), ("A3", 1e11), ("T2", "CMNET")])
def test_a_value_without_room_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"format|holds"):
        format_piece(name).build(value)


@given(
    st.binary(min_size=6, max_size=6), st.sampled_from([0, 2, 4, 5, 9, 12, 13, 14, 16]),
    st.integers(0, 0xFF), st.binary(max_size=120), st.integers(0, 3),
)  # fmt: skip
def test_any_frame_is_written_as_it_was_read(
    head: bytes, afn: int, seq: int, data: bytes, protocol: int
) -> None:
    raw = ft12.seal(head + bytes([afn, seq]) + data, protocol)
    assert CODEC.encode(CODEC.read(raw, profile)) == raw


@pytest.mark.parametrize(
    ("fn", "values"),
    [
        pytest.param(25, {"clock": "2026-11-22 11:30", "voltage_a": 220.1, "current_b": -0.1,
                          "power_total": 12.3456}, id="F25"),
        pytest.param(33, {"clock": "2026-11-22 11:30", "tariffs": 1,
                          "energy_forward": [1234.5, 0.1], "reactive_energy_forward": [1.0, 2.0],
                          "quadrant_1": [None, 3.0], "quadrant_4": [0.0, 0.01]}, id="F33"),
        pytest.param(2, {"clock": "2026-11-22 11:04:05 dow=0"}, id="F2"),
        pytest.param(145, {"clock": "2026-11-22 11:30", "tariffs": 1, "demand": [5.1234, 0.5],
                           "demand_at": ["11-21 14:30", None]}, id="F145"),
    ],
)  # fmt: skip
def test_what_values_say_is_read_again(fn: int, values: dict[str, Any]) -> None:
    fields = {"units": [{"Pn": 3, "Fn": fn, "values": values}], "Tp": {"sent_at": "22 11:30:00"}}
    message = CODEC.read(CODEC.encode(Message("class1", METER, None, fields)), profile)
    assert (message.kind, message.meter) == ("class1", METER)
    (unit,) = message.fields["units"]
    assert (unit["Pn"], unit["Fn"]) == (3, fn)
    assert {name: unit["values"][name] for name in values} == values
    assert message.fields["Tp"]["sent_at"] == "22 11:30:00"


def test_a_login_is_built_from_its_kind_alone() -> None:
    raw = CODEC.encode(Message("login", METER))
    assert raw.hex() == "683200320068c90132393000027000000100d816"
    answer = CODEC.dialogue(profile).receive([raw], 0)
    assert CODEC.read(answer, profile).kind == "confirm"


@pytest.mark.parametrize(
    ("kind", "meter", "fields"),
    [
        pytest.param("meal", METER, {}, id="no such kind"),
        pytest.param("login", "12", {}, id="no such terminal"),
        pytest.param("login", "3201123456", {}, id="a terminal too long"),
        pytest.param("login", None, {"A1": "1", "A2": 1}, id="no such region"),
        pytest.param("class1", METER, {"units": [{"Fn": 25, "values": {"voltage_a": "high"}}]},
                     id="no number"),
        pytest.param("class1", METER, {"units": [{"Fn": 25, "values": {"voltage_a": 1e4}}]},
                     id="no room"),
        pytest.param("events", METER, {"units": [{"Fn": 1, "values": {"EC1": 1}}]}, id="events"),
        pytest.param("class1", METER, {"data": "00" * 20000}, id="too long"),
    ],
)  # fmt: skip
def test_what_no_frame_can_hold_is_not_written(
    kind: str, meter: str | None, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"{kind} cannot be built"):
        CODEC.encode(Message(kind, meter, None, fields))


def test_a_terminal_that_wants_its_unit_back_gets_it() -> None:
    def each(_address: str) -> Profile:
        return Profile(options={"confirm": "F3"})

    heartbeat = frame(2, "00000400", 0xC9, 0x71)
    answer = confirmation(parts_of(heartbeat), each)
    assert answer.hex().startswith("684a004a00680b0132393000006100000400" + "02" + "0000040000")
    assert CODEC.dialogue(each).receive([heartbeat], 0) == answer


@pytest.mark.parametrize(
    ("raw", "at_once", "stored"),
    [
        pytest.param(frame(2, "00000100", 0xC9, 0x71), True, False, id="login"),
        pytest.param(frame(2, "00000100", 0xC9, 0x61), False, False, id="login without CON"),
        pytest.param(frame(0x0C, "0000020000390717 4315", 0x88, 0x71), False, True, id="data"),
        pytest.param(frame(0x0C, "00000200003907174315", 0x88, 0x61), False, False,
                     id="data without CON"),
        pytest.param(frame(0, "00000100", 0x80, 0x71), False, False, id="a confirmation"),
        pytest.param(frame(5, "00004003", 0x4A, 0x71), False, False, id="the master's own"),
    ],
)  # fmt: skip
def test_what_asks_for_it_is_confirmed_at_once_or_when_it_is_stored(
    raw: bytes,
    at_once: bool,  # noqa: FBT001  # what is expected
    stored: bool,  # noqa: FBT001  # likewise
) -> None:
    assert bool(CODEC.dialogue(profile).receive([raw], 0)) is at_once
    assert bool(CODEC.acknowledge(Batch.of([raw], 0))[0]) is stored


def test_who_speaks_first_is_known_by_its_address() -> None:
    asked, dialogue = CODEC.dialogue(profile), CODEC.dialogue(profile)
    asked.receive([ask(METER, (0x0C, 25, 1), 1)], 0)
    assert asked.identity is None
    dialogue.receive([frame(0x0C, "00000200003907174315")], 0)
    assert dialogue.identity == METER
    assert (dialogue.tick(1), dialogue.next_deadline()) == (b"", LOOK_AGAIN_US)


CLOCK = "3011221126"
ENERGY = "0050341200"


def test_units_of_one_time_and_point_are_one_row() -> None:
    data = f"01010510{CLOCK}00{ENERGY}{CLOCK}000060341200"
    (block,) = blocks(frame(0x0C, data))
    assert (block.channel, block.period) == ("p1", "instant")
    assert {name: values.tolist() for name, values in block.values.items()} == {
        "energy_forward": [1_234_500], "energy_reverse": [1_234_600],
    }  # fmt: skip


def test_points_of_a_curve_are_rows_of_their_own_times() -> None:
    (block,) = blocks(frame(0x0D, "0101010b" + "0010221126" + "0103" + "0122" + "eeee" + "0222"))
    start = 1_795_312_800_000_000  # 2026-11-22 02:00 UTC
    assert block.at.tolist() == [start, start + 30 * 60_000_000]
    assert block.values["voltage_a"].tolist() == [220.1, 220.2]
    assert block.quality.tolist() == [Quality.BACKFILL] * 2


@pytest.mark.parametrize(
    ("afn", "data"),
    [
        pytest.param(0x0D, "0101010b" + "0010221126" + "0002" + "0122" + "0222", id="density 0"),
        pytest.param(0x0D, "0101010b" + "eeeeeeeeee" + "0102" + "0122" + "0222", id="no start"),
        pytest.param(0x0D, "01010114" + "eeeeee" + CLOCK + "00" + ENERGY, id="no day"),
        pytest.param(0x0D, "01010116" + "1026" + "eeeeeeeeee" + "00" + ENERGY, id="no month end"),
        pytest.param(0x0D, "01010114" + "321326" + CLOCK + "00" + ENERGY, id="a day of no month"),
        pytest.param(0x0C, "01010118" + CLOCK + "00" + ENERGY, id="an Fn of the settlement"),
        pytest.param(0x0C, "01010110" + CLOCK + "00" + "eeeeeeeeee", id="no data"),
    ],
)
def test_what_nobody_can_date_gives_no_row(afn: int, data: str) -> None:
    assert blocks(frame(afn, data)) == ()


def test_without_a_clock_the_time_is_that_of_receipt() -> None:
    (block,) = blocks(frame(0x0C, "01010110" + "0000000000" + "00" + ENERGY))
    assert block.at.tolist() == [7]
    assert block.quality.tolist() == [Quality.NO_CLOCK]


def test_a_value_that_is_no_digits_is_refused_and_the_others_stay() -> None:
    raw = frame(0x0C, "01010510" + CLOCK + "00" + ENERGY + CLOCK + "00" + "0060a41200")
    columns = CODEC.decode(Batch.of([raw], 7))
    (refused,) = columns.refused
    assert (refused.kind, raw[refused.offset : refused.offset + 5].hex()) == (
        Refusal.DECODE, "0060a41200",
    )  # fmt: skip
    assert [name for block in columns.blocks for name in block.values] == [
        "energy_forward", "energy_reverse",
    ]  # fmt: skip
    units = CODEC.read(raw, profile).fields["units"]
    assert units[1]["values"]["energy_reverse"] == [None]
    assert "0 to 9" in units[1]["values"]["invalid"]["energy_reverse"]


@pytest.mark.parametrize("cut", [1, 4, 9, 30])
def test_a_unit_cut_short_says_what_is_there(cut: int) -> None:
    whole = "01010103" + CLOCK + "563412" + "785681" + "000004" + "000000" * 5 + "0010" * 4
    raw = frame(0x0C, whole[: 2 * (9 + cut)])
    values = CODEC.read(raw, profile).fields["units"][0]["values"]
    assert values["clock"] == "2026-11-22 11:30"
    assert ("power_total" in values) is (cut >= 3)


def test_what_a_meter_behind_answers_is_its_own_reading() -> None:
    inner = seal_645("201611223344", 0x91, bytes.fromhex("000101020122"))
    raw = frame(0x10, "00000100" + "02" + len(inner).to_bytes(2, "little").hex() + inner.hex())
    columns = CODEC.decode(Batch.of([raw], 7))
    assert columns.meters == ("201611223344",)
    assert columns.blocks[0].values["voltage_a"].tolist() == [220.1]
    names = [field.name for field in CODEC.explain(raw, None)]
    assert "645 电压 A相 voltage, phase A" in names


def test_a_meter_behind_that_answers_nonsense_is_refused() -> None:
    inner = seal_645("201611223344", 0x91, bytes.fromhex("000101020f22"))
    raw = frame(0x10, "00000100" + "02" + len(inner).to_bytes(2, "little").hex() + inner.hex())
    columns = CODEC.decode(Batch.of([raw], 7))
    assert [entry.kind for entry in columns.refused] == [Refusal.DECODE]
    assert columns.blocks == ()
    assert "0 to 9" in CODEC.read(raw, profile).fields["units"][0]["forwarded"]["error"]


def test_a_question_of_645_goes_through_a_terminal() -> None:
    question = request("201611223344", "02010100")
    message = CODEC.read(forward(METER, question, 5), profile)
    assert (message.kind, message.fields["number"]) == ("forward", 5)
    (unit,) = message.fields["units"]
    assert unit["values"]["frame"] == question.hex()
    assert unit["forwarded"]["di"] == "02010100"


def test_a_curve_is_asked_for_by_start_density_and_points() -> None:
    values = {"Td": "2026-11-22 10:00", "density": 1, "points": 4}
    raw = ask(METER, (0x0D, 89, 1), 3, values)
    assert raw.hex().endswith("0d63" + "0101010b" + "0010221126" + "0104" + raw.hex()[-4:])
    (unit,) = CODEC.read(raw, profile).fields["units"]
    assert unit["values"] == values


def test_a_question_for_fn_of_no_table_does_not_hide_the_next() -> None:
    raw = frame(0x0C, "0101011f" + "01010103", 0x4B, 0x61)
    assert [unit["Fn"] for unit in CODEC.read(raw, profile).fields["units"]] == [249, 25]


def test_data_of_no_known_layout_are_not_read_as_further_units() -> None:
    harmonics = "01010103" + CLOCK + "000100"
    raw = frame(0x0C, "01010107" + harmonics)
    (unit,) = CODEC.read(raw, profile).fields["units"]
    assert (unit["Fn"], unit["values"]) == (57, {"rest": harmonics})
    assert blocks(raw) == ()


def test_parameters_of_no_known_layout_leave_the_password_to_itself() -> None:
    message = CODEC.read(frame(0x04, "04010208" + "4100150002" + "12" * 16, 0x4A), profile)
    (unit,) = message.fields["units"]
    assert (unit["Pn"], unit["Fn"], unit["values"]) == (3, 66, {"rest": "4100150002"})
    assert message.fields["PW"] == "12" * 16


def test_an_identifier_that_names_no_point_is_shown_with_what_follows() -> None:
    message = CODEC.read(frame(0x05, "01000100" + "14", 0x4A), profile)
    assert (message.fields["units"], message.fields["rest"]) == ([], "0100010014")


def test_units_of_a_frame_are_bounded() -> None:
    message = CODEC.read(frame(0x0C, "ff01ff00" * 1000, 0x4B), profile)
    assert len(message.fields["units"]) <= MOST_UNITS + 64
    assert message.fields["rest"]


def test_a_group_is_no_meter() -> None:
    body = bytes([0x44]) + bytes.fromhex("0132" + "0500" + "03") + b"\x05\x60"
    message = CODEC.read(ft12.seal(body + bytes.fromhex("00000400"), 2), profile)
    assert message.meter is None


def test_events_are_named_and_carry_their_time() -> None:
    data = "00000100" + "02000002" + "0e05" + CLOCK + "0403" + "010203" + "0c"
    message = CODEC.read(frame(0x0E, data), profile)
    values = message.fields["units"][0]["values"]
    assert values["ERC"] == [14, 4]
    assert values["at"] == ["2026-11-22 11:30"]
    assert values["detail"] == ["010203"]
    assert values["events"] == [event_name(14), event_name(4)]
    assert event_name(99) == ""
    assert message.fields["rest"] == "0c"


@pytest.mark.parametrize("size", [600, 5000])
def test_a_frame_beyond_the_head_is_known_by_its_header(size: int) -> None:
    raw = frame(0x0F, "00000100" + "00" * size)
    assert CODEC.recognise(raw[:512]) is Claim.YES
    assert CODEC.read(raw, profile).kind == "file_reply"


def test_bytes_that_are_frames_of_645_and_376_1_are_of_the_one_that_ends_first() -> None:
    # An address whose digits repeat, as a length would; 376.1 would need 1552 bytes.
    raw = seal_645("116818201820", 0x91, bytes.fromhex("000101020122"))
    assert raw.startswith(bytes.fromhex("682018201868"))
    claims = [name for name, codec in load_codecs().items() if codec.recognise(raw) is Claim.YES]
    assert claims == ["dlt645"]
    assert CODEC.recognise(raw[:12]) is Claim.MORE


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param("", Refusal.UNKNOWN, id="nothing"),
        pytest.param("6832", Refusal.LENGTH, id="a header cut short"),
        pytest.param("683200330068", Refusal.UNKNOWN, id="lengths that differ"),
        pytest.param("681200120068010203040a16", Refusal.LENGTH, id="too short for an AFN"),
    ],
)
def test_what_frames_no_frame_is_refused_for_its_fault(raw: str, kind: Refusal) -> None:
    with pytest.raises(ProtocolError) as refusal:
        CODEC.read(bytes.fromhex(raw), profile)
    assert refusal.value.kind is kind
