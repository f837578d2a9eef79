"""What the vectors of DL/T 698.45 do not show."""

import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fuzz.grammar import draw
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs.dlt698 import CODEC, request
from wattwarden.codecs.dlt698.data import DATA
from wattwarden.codecs.dlt698.frame import (
    FIRST,
    FRAGMENTED,
    LAST,
    MIDDLE,
    MOST_BYTES,
    PLACE_SHIFT,
    seal,
    take_apart,
)
from wattwarden.codecs.dlt698.objects import quantity_of
from wattwarden.codecs.dlt698.pieces import MOST_JOINED_BYTES
from wattwarden.codecs.dlt698.services import (
    OF_OBJECT,
    RECEIVED,
    ROWS,
    SERVICES,
    Service,
    columns_of,
)
from wattwarden.codecs.tables import read_table
from wattwarden.protocol.codec import Batch, Claim, Columns, Message, default_profile
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import QUANTITIES, Unit

METER = "202611220001"
SPECIAL = {
    id(OF_OBJECT): lambda rng: rng.randbytes(4).hex().upper(),
    id(ROWS): lambda _rng: [],
    id(RECEIVED): lambda rng: [rng.randbytes(rng.randrange(4)).hex()],
}


def framed(name: str) -> bytes:
    [vector] = [one for one in vectors_of("dlt698") if str(one) == f"dlt698-{name}"]
    return vector.raw


def written(kind: str, **fields: Any) -> bytes:
    return CODEC.encode(Message(kind, METER, fields=fields))


def values_of(columns: Columns) -> dict[str, list[float]]:
    return {
        name: values.tolist() for block in columns.blocks for name, values in block.values.items()
    }


def fill(fields: Any, rng: Random) -> None:
    """Give every record a row that fits its columns."""
    if isinstance(fields, list):
        for element in fields:
            fill(element, rng)
    elif isinstance(fields, dict):
        if "rcsd" in fields and "rows" in (fields.get("result") or {}):
            columns = columns_of(fields["rcsd"])
            fields["result"]["rows"] = [[draw(DATA, rng, SPECIAL) for _ in columns]]
        for element in fields.values():
            fill(element, rng)


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.kind)
def test_what_is_written_of_a_service_says_it_again(service: Service) -> None:
    rng = Random(service.kind)
    for _ in range(12):
        fields = draw(service.fields, rng, SPECIAL)
        fill(fields, rng)
        if service.kind == "link_request":
            fields["type"] = 9
        frame = written(service.kind, **fields)
        message = CODEC.read(frame, default_profile)
        assert message.kind == service.kind
        assert CODEC.encode(message) == frame
        assert b"".join(field.raw for field in CODEC.explain(frame, None)) == frame


# --- links ----------------------------------------------------------------------------------------


def test_a_heartbeat_says_how_long_silence_is_no_loss() -> None:
    dialogue = CODEC.dialogue(default_profile)
    dialogue.receive([framed("heartbeat")], NOW)
    assert dialogue.idle_limit_s == 3 * 300
    dialogue.receive([written("heartbeat", heartbeat_s=10, time="2026-11-22 11:00:00.000")], NOW)
    assert dialogue.idle_limit_s == 300
    dialogue.receive([written("heartbeat", heartbeat_s=0, time="2026-11-22 11:00:00.000")], NOW)
    assert dialogue.idle_limit_s == 300


def test_a_response_tells_when_the_request_was_sent_received_and_answered() -> None:
    dialogue = CODEC.dialogue(default_profile)
    answer = CODEC.read(dialogue.receive([framed("logout")], NOW + 7_000), default_profile)
    assert answer.fields["requested"] == "2026-11-22 11:00:00.000 dow=0"
    assert answer.fields["replied"] == "2026-11-22 11:00:00.007 dow=0"


def test_a_request_of_ours_that_comes_back_is_not_answered() -> None:
    dialogue = CODEC.dialogue(default_profile)
    assert dialogue.receive([framed("link_request")], NOW) == b""
    assert dialogue.identity is None


def test_a_meter_that_logs_in_under_another_address_is_another() -> None:
    dialogue = CODEC.dialogue(default_profile)
    dialogue.receive([framed("login"), framed("report-instants")], NOW)
    assert dialogue.identity == "000000000322"
    dialogue.receive([framed("login-8")], NOW)
    assert dialogue.identity == "000000000084"


# --- fragments ------------------------------------------------------------------------------------


def pieces_of(frame: bytes, bounds: list[int]) -> list[bytes]:
    """Cut the APDU of a frame into frames of their own."""
    link = take_apart(frame)
    ends = [*bounds, len(link.apdu)]
    places = [FIRST, *[MIDDLE] * (len(ends) - 2), LAST]
    return [
        seal(
            link._replace(
                control=link.control | FRAGMENTED,
                fragment=7 + number | place << PLACE_SHIFT,
                apdu=link.apdu[begin:end],
            )
        )
        for number, (begin, end, place) in enumerate(zip([0, *bounds], ends, places, strict=True))
    ]


def received(frames: list[bytes]) -> Batch:
    """What the journal holds of frames that came one by one."""
    dialogue = CODEC.dialogue(default_profile)
    asked: dict[int, bytes] = {}
    for index, frame in enumerate(frames):
        dialogue.receive([frame], NOW)
        if dialogue.asked:
            asked[index] = dialogue.asked[0]
    return Batch.of(frames, NOW, identity=METER, asked=asked)


WHOLE = framed("report-instants")


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([0, 1, 2], id="in order"),
        pytest.param([0, 0, 1, 1, 2], id="each again as its confirmation was lost"),
        pytest.param([1, 0, 1, 2], id="an end of something else before"),
    ],
)
def test_a_report_in_pieces_says_what_the_whole_says_with_its_last(order: list[int]) -> None:
    pieces = pieces_of(WHOLE, [20, 60])
    batch = received([pieces[number] for number in order])
    whole = Batch.of([WHOLE], NOW, identity=METER)
    columns = CODEC.decode(batch)
    assert values_of(columns) == values_of(CODEC.decode(whole)) != {}
    assert {frame for block in columns.blocks for frame in block.frame.tolist()} == {len(order) - 1}
    answers = CODEC.acknowledge(batch)
    assert all(answers)
    assert answers[-1].endswith(CODEC.acknowledge(whole)[0])


def test_a_last_piece_that_comes_again_is_answered_again() -> None:
    pieces = pieces_of(WHOLE, [20])
    batch = received([*pieces, pieces[-1]])
    *_, before, again = CODEC.acknowledge(batch)
    assert before == again
    assert values_of(CODEC.decode(batch))["voltage_a"] == pytest.approx([220.3, 220.3])


def test_a_last_piece_without_its_beginning_says_nothing_and_is_no_fault() -> None:
    batch = received(pieces_of(WHOLE, [20])[1:])
    columns = CODEC.decode(batch)
    assert (columns.blocks, columns.refused) == ((), ())
    assert len(CODEC.acknowledge(batch)[0]) == 19


def test_pieces_are_not_kept_without_end() -> None:
    link = take_apart(WHOLE)
    part = link._replace(control=link.control | FRAGMENTED, apdu=bytes(2000))
    frames = [seal(part._replace(fragment=FIRST << PLACE_SHIFT))]
    frames += [seal(part._replace(fragment=1 + n | MIDDLE << PLACE_SHIFT)) for n in range(9)]
    frames += [seal(part._replace(fragment=10 | LAST << PLACE_SHIFT))]
    assert received(frames).requests == ()
    assert MOST_JOINED_BYTES < 9 * 2000


def test_a_piece_that_the_client_confirms_or_sends_is_not_confirmed() -> None:
    link = take_apart(pieces_of(WHOLE, [20])[0])
    assert CODEC.acknowledge(received([seal(link._replace(control=0x23))])) == [b""]
    assert CODEC.acknowledge(received([framed("fragment-confirmation")])) == [b""]


# --- framing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "claim"),
    [
        pytest.param(b"", Claim.MORE, id="nothing"),
        pytest.param(WHOLE[:10], Claim.MORE, id="half a header"),
        pytest.param(WHOLE[:-1], Claim.MORE, id="all but the end"),
        pytest.param(WHOLE[:-1] + b"\x17", Claim.NO, id="another end"),
        pytest.param(
            bytes.fromhex("68443322111620689108333334334444333337c716"), Claim.NO, id="DL/T 645"
        ),
        pytest.param(
            bytes.fromhex("6832003200 68c9010203040502700000010 04216".replace(" ", "")),
            Claim.NO, id="Q/GDW 376.1",
        ),
        pytest.param(b"\x16" + WHOLE, Claim.NO, id="something before"),
    ],
)  # fmt: skip
def test_frames_are_known_by_their_checksums(head: bytes, claim: Claim) -> None:
    assert CODEC.recognise(head) is claim


def test_a_frame_longer_than_what_is_looked_at_is_known_by_its_header() -> None:
    frame = written("other", apdu="8a" * 800, control="C3")
    assert CODEC.recognise(frame[:512]) is Claim.YES
    assert CODEC.recognise(frame[:511]) is Claim.YES
    broken = frame[:20] + bytes([frame[20] ^ 1]) + frame[21:]
    framer = Framer(CODEC.outline)
    assert framer.feed(broken) == []


def test_a_length_in_kibibytes_is_one_of_1024_bytes() -> None:
    apdu = "8a" * (1024 - 15)
    frame = written("other", apdu=apdu, control="C3", length_flags=1)
    assert len(frame) == 1026
    assert Framer(CODEC.outline).feed(frame) == [frame]
    assert CODEC.read(frame, default_profile).fields["length_flags"] == 1
    with pytest.raises(ValueError, match="KiB"):
        written("other", apdu=apdu + "00", control="C3", length_flags=1)


def test_nothing_longer_than_a_length_can_say_is_written() -> None:
    with pytest.raises(ValueError, match="at most"):
        written("other", apdu="00" * MOST_BYTES, control="C3")


def test_twice_the_heads_that_lead_nowhere_take_twice_the_time() -> None:
    from fuzz.work import Work  # noqa: PLC0415  # beside the test that needs it

    spent = []
    for count in (2000, 4000):
        work = Work(CODEC.outline)
        Framer(work).feed(b"\x68\x10\x00\x83\x05" * count)
        spent.append(work.cuts + work.looked_at_bytes)
    assert spent[1] <= 2.2 * spent[0]


# --- contents -------------------------------------------------------------------------------------


def test_an_object_of_no_table_is_shown_and_refused_by_nobody() -> None:
    frame = written("report", items=[{"oad": "FE010200", "result": {"data": {"long-unsigned": 7}}}])
    columns = CODEC.decode(Batch.of([frame], NOW))
    assert (columns.blocks, columns.refused) == ((), ())
    assert CODEC.read(frame, default_profile).fields["values"] == [{"oad": "FE010200", "name": ""}]


def test_a_value_of_floating_point_is_the_value_itself() -> None:
    data = {"array": [{"float32": 220.5}, None, {"long-unsigned": 2211}]}
    frame = written("report", items=[{"oad": "20000200", "result": {"data": data}}])
    found = values_of(CODEC.decode(Batch.of([frame], NOW)))
    assert found == {"voltage_a": [220.5], "voltage_c": [pytest.approx(221.1)]}


def test_an_element_of_an_attribute_is_its_own_quantity() -> None:
    items = [
        {"oad": oad, "result": {"data": {"double-long": 1000}}}
        for oad in ("20040201", "20040204", "00100205", "20010203")
    ]
    found = values_of(CODEC.decode(Batch.of([written("report", items=items)], NOW)))
    assert found == {
        "power_total": [100.0], "power_c": [100.0], "energy_forward_valley": [10_000],
        "current_c": [1.0],
    }  # fmt: skip


def test_the_clock_among_the_values_dates_them() -> None:
    items = [
        {"oad": "20000201", "result": {"data": {"long-unsigned": 2200}}},
        {"oad": "40000200", "result": {"data": {"date_time_s": "2026-11-22 10:59:00"}}},
    ]
    [block] = CODEC.decode(Batch.of([written("report", items=items)], NOW)).blocks
    assert block.at.tolist() == [NOW - 60_000_000]


def test_a_request_asks_for_one_object_or_for_several() -> None:
    one = CODEC.read(request(METER, ["00100200"]), default_profile)
    assert (one.kind, one.meter, one.fields["oad"]) == ("get_request", METER, "00100200")
    two = CODEC.read(request(METER, ["00100200", "20000200"], 5), default_profile)
    assert (two.kind, two.fields["items"]) == ("get_request_list", ["00100200", "20000200"])
    assert two.fields["piid"] == 5
    with pytest.raises(ValueError, match="due"):
        request(METER, ["0010"])


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message("no such kind", METER), id="kind"),
        pytest.param(Message("report", METER, fields={"items": 3}), id="items"),
        pytest.param(Message("get_request", "x"), id="address"),
        pytest.param(Message("get_request", METER, fields={"control": "63"}), id="control"),
        pytest.param(
            Message("fragment", METER, fields={"fragment": {"no": 5000, "type": 0}}), id="fragment"
        ),
        pytest.param(Message("login", METER, fields={"time": "2026-11-22"}), id="time"),
    ],
)
def test_what_no_frame_can_carry_is_not_written(message: Message) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says what it found
        CODEC.encode(message)


def test_a_fragment_too_short_for_its_number_is_refused() -> None:
    link = take_apart(WHOLE)
    frame = seal(link._replace(control=link.control | FRAGMENTED, apdu=b"\1"))
    with pytest.raises(ProtocolError, match="number"):
        CODEC.read(frame, default_profile)


# --- tables ---------------------------------------------------------------------------------------

OBJECTS = read_table("dlt698_objects")
SCALES = {"V": Unit.VOLT, "A": Unit.AMPERE, "W": Unit.WATT, "var": Unit.VAR, "VA": Unit.VOLT_AMPERE,
          "": Unit.ONE, "%": Unit.ONE, "Hz": Unit.HERTZ, "kWh": Unit.WATT_HOUR,
          "kvarh": Unit.VAR_HOUR}  # fmt: skip


def test_every_object_is_named_in_both_languages_once() -> None:
    assert [row for row in OBJECTS if not (row["name_zh"] and row["name_en"])] == []
    assert len({(row["oi"], row["attribute"]) for row in OBJECTS}) == len(OBJECTS)


@pytest.mark.parametrize(
    "row", [row for row in OBJECTS if row["quantity"]], ids=lambda row: row["oi"] + row["attribute"]
)
def test_an_object_of_electricity_has_the_unit_of_its_quantity(row: dict[str, str]) -> None:
    found = {
        quantity_of(row["quantity"], member)
        for member in ("", "total", "phase_a", "phase_b", "phase_c", "sharp", "deep_valley")
    } - {""}
    assert {QUANTITIES[name].unit for name in found} == {SCALES[row["unit"]]}
    assert float(row["scale"]) > 0


def test_records_that_are_asked_for_are_marked_and_those_of_a_report_are_not() -> None:
    name = "dlt698-report-records-one-column-of-an-object"
    report = next(vector.raw for vector in vectors_of("dlt698") if str(vector) == name)
    said = CODEC.read(report, default_profile).fields
    fields = {"control": "C3", "SA": said["SA"], "CA": 0, "piid": 9, **said["items"][0]}
    answer = CODEC.encode(Message("get_response_record", None, None, fields))
    blocks = CODEC.decode(Batch.of([report, answer], NOW)).blocks
    marks = {
        (frame, mark)
        for block in blocks
        for frame, mark in zip(block.frame.tolist(), block.quality.tolist(), strict=True)
    }
    assert marks == {(0, 0), (1, int(Quality.BACKFILL))}


def proxied(address: str) -> bytes:
    """A concentrator says that phase A of a meter, whose TSA is given in hex, has 220.1 V."""
    frame = framed("proxy-get-response")
    link = take_apart(frame)
    tsa = bytes.fromhex(address)
    item = b"\1" + bytes.fromhex("20000201") + b"\1" + b"\x12" + (2201).to_bytes(2, "big")
    apdu = link.apdu[:3] + b"\1" + bytes([len(tsa)]) + tsa + item + b"\0\0"
    return seal(link._replace(apdu=apdu))


@pytest.mark.parametrize(
    ("tsa", "meter"),
    [
        ("05000000123456", "000000123456"),
        ("15000000123456", "000000123456"),  # its logical address is 1
        ("2602000000123456", "000000123456"),  # and here 2
        ("260a000000123456", "000000123456"),
        ("0f" + "12" * 16, "12" * 16),
    ],
)
def test_a_reading_is_of_the_meter_whose_address_the_concentrator_says(
    tsa: str, meter: str
) -> None:
    columns = CODEC.decode(Batch.of([proxied(tsa)], NOW))
    (block,) = columns.blocks
    assert [columns.meters[place] for place in block.meter] == [meter]
    assert block.values["voltage_a"].tolist() == [pytest.approx(220.1)]


@pytest.mark.parametrize(
    "tsa",
    [
        "",
        "05",
        "0500000012345678",  # longer than it says
        "450000001234aa",  # an address of a group
        "2002",  # a logical address alone
        "05aa0000123456",  # one that stands for many
        "20000201" * 16,
    ],
)
def test_a_reading_of_nobody_in_particular_is_refused_and_nobodys(tsa: str) -> None:
    columns = CODEC.decode(Batch.of([proxied(tsa)], NOW))
    assert columns.blocks == ()
    (refused,) = columns.refused
    assert "no meter's address" in refused.message


def test_what_nobody_says_by_itself_is_not_refused_where_it_is_no_reading() -> None:
    """Whoever asks who is on the line asks the wildcard."""
    link = take_apart(proxied("05aaaaaaaaaaaa"))
    apdu = link.apdu.replace(bytes.fromhex("20000201"), bytes.fromhex("40010200"))
    columns = CODEC.decode(Batch.of([seal(link._replace(apdu=apdu))], NOW))
    assert (columns.blocks, columns.refused) == ((), ())


def recorded(*addresses: str) -> bytes:
    """A report of records: each address, its TSA in hex, with a voltage of its own."""
    columns = [{"oad": "202A0200"}, {"oad": "20000201"}]
    rows = [
        [{"TSA": address}, {"long-unsigned": 2201 + number}]
        for number, address in enumerate(addresses)
    ]
    record = {"oad": "60120300", "rcsd": columns, "result": {"rows": rows}}
    fields = {"control": "83", "SA": METER, "CA": 16, "piid": 1, "items": [record]}
    return CODEC.encode(Message("report_records", None, None, fields))


@pytest.mark.parametrize("strange", ["AAAAAAAAAAAA", ":000000123457", ":"])
def test_a_broken_address_in_an_archive_costs_the_others_nothing(strange: str) -> None:
    frame = recorded("000000123456", strange, "000000123458")
    columns = CODEC.decode(Batch.of([frame], NOW))
    (block,) = columns.blocks
    assert [columns.meters[place] for place in block.meter] == ["000000123456", "000000123458"]
    (refused,) = columns.refused
    assert "no meter's address" in refused.message
