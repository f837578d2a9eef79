"""DLMS part by part: compact arrays, times, what is explained of a list, frames that say little."""

from typing import Any

import pytest
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs.dlms import CODEC
from wattwarden.codecs.dlms.data import MOST_VALUES_A_BYTE
from wattwarden.codecs.dlms.frame import LLC_REQUEST, LLC_RESPONSE, seal, take_apart
from wattwarden.protocol.codec import Batch, Message, default_profile
from wattwarden.protocol.quality import Quality

PUSH = next(one.raw for one in vectors_of("dlms") if str(one) == "dlms-push-of-registers-hdlc")
LINK = take_apart(PUSH)
METER = "20260001"
BROKEN = PUSH[:-2] + bytes([PUSH[-2] ^ 1]) + PUSH[-1:]
VOLTAGE = {"octet-string": "0100200700ff"}


def pushed(body: Any, time: Any = None) -> bytes:
    fields = {"long_invoke_id_and_priority": "00000001", "date_time": time, "body": body}
    return CODEC.encode(Message("data_notification", fields=fields))


def body_of(frame: bytes) -> Any:
    return CODEC.read(frame, default_profile).fields["body"]


# --- compact arrays

PAIR = {"array": [2, "long-unsigned"]}


@pytest.mark.parametrize(
    ("kind", "raw", "contents", "elements"),
    [
        pytest.param(
            PAIR, "01000212", "00010002fffe0003",
            [{"array": [{"long-unsigned": 1}, {"long-unsigned": 2}]},
             {"array": [{"long-unsigned": 0xFFFE}, {"long-unsigned": 3}]}],
            id="arrays",
        ),
        pytest.param(
            {"array": [1, PAIR]}, "01000101000212", "00010002",
            [{"array": [{"array": [{"long-unsigned": 1}, {"long-unsigned": 2}]}]}],
            id="arrays of arrays",
        ),
        pytest.param(
            {"structure": ["unsigned", PAIR]}, "02021101000212", "0700010002",
            [{"structure": [{"unsigned": 7},
                            {"array": [{"long-unsigned": 1}, {"long-unsigned": 2}]}]}],
            id="structures that hold arrays",
        ),
        pytest.param(
            {"structure": ["null-data", "unsigned"]}, "02020011", "0708",
            [{"structure": [None, {"unsigned": 7}]}, {"structure": [None, {"unsigned": 8}]}],
            id="structures that hold nothing besides",
        ),
    ],
)  # fmt: skip
def test_elements_of_a_compact_array_are_of_the_type_that_is_said_once(
    kind: Any, raw: str, contents: str, elements: list[Any]
) -> None:
    body = {"compact-array": {"type": kind, "elements": elements}}
    frame = pushed(body)
    written = f"13{raw}{len(contents) // 2:02x}{contents}"
    assert take_apart(frame).information.hex().endswith(written)
    assert body_of(frame) == body


def nulls(*counts: int) -> Any:
    kind: Any = "null-data"
    for count in counts:
        kind = {"array": [count, kind]}
    return kind


@pytest.mark.parametrize(
    ("kind", "contents"),
    [
        pytest.param(PAIR, "000100", id="half an element"),
        pytest.param("null-data", "00", id="no bytes in an element"),
        pytest.param({"structure": []}, "00", id="nothing in an element"),
        pytest.param(
            {"structure": [nulls(MOST_VALUES_A_BYTE - 2), "unsigned"]}, "07", id="one too many"
        ),
        pytest.param(
            {"structure": [nulls(300, 300), "unsigned"]}, "07", id="ninety thousand of a byte"
        ),
    ],
)
def test_what_does_not_read_as_its_type_stays_as_bytes(kind: Any, contents: str) -> None:
    body = {"compact-array": {"type": kind, "contents": contents}}
    assert body_of(pushed(body)) == body


def test_as_many_values_as_a_byte_may_stand_for_are_read() -> None:
    count = MOST_VALUES_A_BYTE - 3
    kind = {"structure": [nulls(count), "unsigned"]}
    element = {"structure": [{"array": [None] * count}, {"unsigned": 7}]}
    body = {"compact-array": {"type": kind, "elements": [element] * 2}}
    assert body_of(pushed(body)) == body


# --- times


@pytest.mark.parametrize(("kind", "size"), [("date-time", 12), ("date", 5), ("time", 4)])
def test_a_time_that_is_not_given_is_written_as_unspecified(kind: str, size: int) -> None:
    assert body_of(pushed({kind: None})) == {kind: "ff" * size}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param({"date": "20261122"}, "a time of 5 bytes is due, got '20261122'", id="hex"),
        pytest.param(
            {"time": "11:00:00:00 hundredths=255"}, "a time of 4 bytes is due", id="five numbers"
        ),
        pytest.param({"date-time": "2026-11-22 dow=0"}, "no such time as '2026-11-22 dow=0'",
                     id="a date alone"),
        pytest.param({"date": "2026-11 dow=0"}, "not enough values", id="no day"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_time_of_its_kind_is_not_written(body: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pushed(body)


FIRST = "0001-01-01 00:00:00 dow=1 hundredths=255 deviation=-32768 status=0"
LAST = "9999-12-31 23:59:59 dow=5 hundredths=255 deviation={} status=0"


@pytest.mark.parametrize(
    ("time", "stated"),
    [
        pytest.param(FIRST, None, id="before the first year"),
        pytest.param(LAST.format(60), None, id="after the last year"),
        pytest.param(LAST.format(0), "9999-12-31T23:59:59+00:00", id="after it in the zone alone"),
    ],
)
def test_a_push_of_a_time_beyond_the_calendar_is_of_when_it_came(
    time: str, stated: str | None
) -> None:
    scaler = {"structure": [{"integer": -1}, {"enum": 35}]}
    frame = pushed({"array": [{"structure": [VOLTAGE, {"long-unsigned": 2300}, scaler]}]}, time)
    at = CODEC.read(frame, default_profile).at
    assert (at and at.isoformat()) == stated
    columns = CODEC.decode(Batch.of([frame], NOW, identity="m"))
    (block,) = columns.blocks
    assert (block.at.tolist(), block.quality.tolist()) == ([NOW], [Quality.NO_CLOCK])
    assert (block.values["voltage_a"].tolist(), columns.refused) == ([230.0], ())


# --- conversation


def test_a_broken_frame_names_nobody_and_ends_no_segments() -> None:
    pieces = [
        seal(LINK._replace(segmented=True, information=LINK.information[:30])),
        BROKEN,
        seal(LINK._replace(information=LINK.information[30:])),
    ]
    dialogue = CODEC.dialogue(default_profile)
    assert dialogue.receive(pieces[:2], NOW) == b""
    assert dialogue.identity is None
    dialogue.receive(pieces[1:], NOW)
    assert dict(dialogue.asked) == {1: LINK.information[:30]}
    assert dialogue.identity == METER


def test_what_came_before_a_frame_is_told_once() -> None:
    dialogue = CODEC.dialogue(default_profile)
    begun = seal(LINK._replace(segmented=True, information=LINK.information[:30]))
    dialogue.receive([begun, seal(LINK._replace(information=LINK.information[30:]))], NOW)
    assert dict(dialogue.asked) == {1: LINK.information[:30]}
    dialogue.receive([PUSH, PUSH], NOW)
    assert dict(dialogue.asked) == {}


# --- frames that say little


@pytest.mark.parametrize("llc", [LLC_REQUEST, LLC_RESPONSE])
def test_a_frame_that_ends_with_the_link_control_says_no_service(llc: bytes) -> None:
    frame = seal(LINK._replace(information=llc))
    fields = CODEC.explain(frame, None)
    assert b"".join(field.raw for field in fields) == frame
    names = [field.name for field in fields]
    assert names[-4:] == ["帧头校验 HCS", "逻辑链路控制 LLC", "帧校验 FCS", "标志 flag"]
    assert CODEC.decode(Batch.of([frame], NOW, identity="m")).refused == ()


def test_a_wrapper_without_an_apdu_is_not_written() -> None:
    fields = {"source_port": 1, "destination_port": 16, "apdu": ""}
    with pytest.raises(ValueError, match="an APDU has some"):
        CODEC.encode(Message("other", fields=fields))


def test_values_behind_one_that_has_parts_are_named_as_they_are() -> None:
    scaler = {"structure": [{"integer": -1}, {"enum": 35}]}
    profile = {"octet-string": "0100630100ff"}
    parts = {"structure": [{"unsigned": 1}, {"unsigned": 2}]}
    body = {
        "array": [
            {"structure": [profile, parts]},
            {"structure": [VOLTAGE, {"long-unsigned": 2301}, scaler]},
        ]
    }
    fields = CODEC.explain(pushed(body), None)
    told = {field.raw.hex(): (field.name, field.value, field.unit) for field in fields}
    assert told["1208fd"] == ("1.0.32.7.0.255 A相电压 phase A voltage", "230.1", "V")
    assert [told[raw][1] for raw in ("1101", "1102")] == ["unsigned 1", "unsigned 2"]
