"""A vendor that is a declaration alone: what its frames say, and what is refused of them.

K kind 1 | length 1 | body | sum8 1 | .        kind 1 reports, 2 tells that it is there
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from construct import Int32ub, Struct

from wattwarden.protocol.checksum import sum8
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    Batch,
    Claim,
    Profile,
    default_profile,
)
from wattwarden.protocol.declared import DEFAULT_IDLE_S, Body, Declaration, codec_of
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import Unit
from wattwarden.protocol.wire import BinaryClock, FixedText, Scaled

NOW = 1_795_316_400_000_000
BEGIN = 3


def wrap(kind: int, body: bytes) -> bytes:
    covered = b"K" + bytes([kind, len(body)]) + body
    return covered + bytes([sum8(covered)]) + b"."


def is_sound(frame: bytes) -> bool:
    return frame[-2] == sum8(frame[:-2])


REPORT = Struct(
    "serial" / FixedText(4),
    "energy_forward" / Scaled(Int32ub, "10", Unit.WATT_HOUR),
    "clock" / BinaryClock("yMdhms"),
)
COUNT = Struct("energy_forward" / Scaled(Int32ub, "1", Unit.WATT_HOUR))
BODIES = {
    1: Body("report", REPORT, "what was measured", b"OK"),
    2: Body("here", Struct("serial" / FixedText(4)), "that it is there"),
    3: Body("count", COUNT, "what was counted"),
}
DECLARED = Declaration(
    name="kay", title="Kay", head=b"K", begin=BEGIN, behind=2, kind_at=1, length_at=2,
    sound=is_sound, wrap=wrap, bodies=BODIES,
)  # fmt: skip
KAY = codec_of(DECLARED)
AT = LocalTime(2026, 11, 22, 11, 4, 5)


def report(serial: str = "M001", energy_wh: int = 1230, at: LocalTime = AT) -> bytes:
    return wrap(1, REPORT.build({"serial": serial, "energy_forward": energy_wh, "clock": at}))


def refused_of(frame: bytes) -> tuple[Refusal, str, int]:
    with pytest.raises(ProtocolError) as refusal:
        KAY.read(frame, default_profile)
    return refusal.value.kind, refusal.value.message, refusal.value.offset


def test_a_vendor_is_known_by_a_whole_sound_frame() -> None:
    frame = report()
    assert [KAY.recognise(frame[:size]) for size in range(len(frame))] == [Claim.MORE] * len(frame)
    assert KAY.recognise(frame) is Claim.YES
    assert KAY.recognise(frame[:-2] + b"\0.") is Claim.NO
    assert KAY.recognise(b"X" + frame) is Claim.NO
    assert KAY.recognise(b"K\x09") is Claim.NO
    assert KAY.recognise(b"K\x01\x05") is Claim.NO


def test_a_frame_is_no_longer_than_the_longest_body() -> None:
    assert KAY.outline.most_bytes == len(report())


def test_a_frame_is_judged_by_its_own_bytes_wherever_it_stands() -> None:
    frames = [report(), report("M002"), wrap(2, b"M003")]
    assert Framer(KAY.outline).feed(b"?" + b"".join(frames)) == frames


@pytest.mark.parametrize(
    ("frame", "refused"),
    [
        pytest.param(
            b"X" + report()[1:], (Refusal.UNKNOWN, "no frame begins like 58 01 0e", 0),
            id="head",
        ),
        pytest.param(
            wrap(9, b"\0"), (Refusal.UNKNOWN, "no frame begins like 4b 09 01", 0), id="kind"
        ),
        pytest.param(
            b"K\x01", (Refusal.LENGTH, "the frame is 0 bytes by its header, got 2", 2),
            id="cut in its header",
        ),
        pytest.param(
            report() + b"!", (Refusal.LENGTH, "the frame is 19 bytes by its header, got 20", 2),
            id="longer than it says",
        ),
        pytest.param(
            report()[:-2] + b"\0.", (Refusal.CHECKSUM, "the checksum does not fit", 17),
            id="checksum",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_frame_is_said_with_its_place(
    frame: bytes, refused: tuple[Refusal, str, int]
) -> None:
    kind, message, offset = refused_of(frame)
    assert (kind, offset) == (refused[0], refused[2])
    assert message.startswith(refused[1])


def test_a_frame_is_read_in_the_zone_of_its_meter() -> None:
    east = Profile(zone=timezone(timedelta(hours=8)))
    west = Profile(zone=UTC)
    message = KAY.read(report(), lambda name: west if name == "M001" else east)
    assert (message.kind, message.meter) == ("report", "M001")
    assert message.at == datetime(2026, 11, 22, 11, 4, 5, tzinfo=UTC)
    assert message.fields["energy_forward"] == 1230
    assert KAY.encode(message) == report()


def test_what_has_no_clock_is_read_without_a_time() -> None:
    message = KAY.read(wrap(2, b"M001"), default_profile)
    assert (message.kind, message.meter, message.at) == ("here", "M001", None)


def test_each_kind_has_its_answer() -> None:
    assert KAY.acknowledge(Batch.of([report(), wrap(2, b"M001")], NOW)) == [b"OK", b""]


def test_frames_of_a_kind_become_a_block_and_the_others_none() -> None:
    frames = [wrap(2, b"M001"), report("M002"), report("M001", 50), wrap(3, b"\0\0\0\x07")]
    columns = KAY.decode(replace(Batch.of(frames, NOW), identities=("S9",)))
    reports, counts = columns.blocks
    assert (reports.frame.tolist(), counts.frame.tolist()) == ([1, 2], [3])
    assert [columns.meters[at] for at in reports.meter.tolist()] == ["M002", "M001"]
    assert [columns.meters[at] for at in counts.meter.tolist()] == ["S9"]
    assert reports.values["energy_forward"].tolist() == [1230, 50]
    assert reports.values["energy_forward"].dtype == np.int64
    assert (counts.at.tolist(), counts.quality.tolist()) == ([NOW], [int(Quality.NO_CLOCK)])
    assert reports.quality.tolist() == [0, 0]
    assert columns.refused == ()


def test_who_names_nobody_is_whoever_the_session_is() -> None:
    columns = KAY.decode(replace(Batch.of([report("")], NOW), identities=("S9",)))
    assert columns.meters == ("S9",)


def test_what_nobody_has_sent_is_refused_with_what_has_no_sense_in_the_order_of_frames() -> None:
    never = report(at=LocalTime(2026, 13, 1, 0, 0, 0))
    frames = [wrap(3, b"\0\0\0\x07"), never, wrap(9, b""), report()]
    columns = KAY.decode(Batch.of(frames, NOW))
    assert [(one.frame, one.kind) for one in columns.refused] == [
        (0, Refusal.UNKNOWN), (1, Refusal.DECODE), (2, Refusal.UNKNOWN)
    ]  # fmt: skip
    assert columns.refused[0].message == "the frame names no meter, nor did its session"
    assert columns.refused[1].message.startswith("no such time 2026-13-01")
    (block,) = columns.blocks
    assert block.frame.tolist() == [3]


def test_a_broken_frame_is_explained_as_far_as_it_can_be_followed() -> None:
    def told(frame: bytes) -> list[tuple[int, str, object]]:
        return [(one.offset, one.name, one.value) for one in KAY.explain(frame, None)]

    frame = report()
    assert told(frame)[0] == (0, "head", "report")
    assert told(frame)[-1] == (len(frame) - 2, "checksum", "fits")
    assert told(frame[:-2] + b"\0.")[-1] == (len(frame) - 2, "checksum", "! does not fit")
    assert told(b"K") == [(0, "head", "! no such kind")]
    assert told(b"K\x09\x01x") == [(0, "head", "! no such kind"), (3, "rest", "")]
    assert told(b"K\x01\x0eM0") == [(0, "head", "report"), (3, "rest", "")]
    assert next(one.raw for one in KAY.explain(frame, None)) == frame[:3]
    assert b"".join(one.raw for one in KAY.explain(frame, None)) == frame


def test_who_speaks_stays_whoever_spoke_first() -> None:
    dialogue = KAY.dialogue(lambda _: DEFAULT_PROFILE)
    assert dialogue.idle_limit_s == DEFAULT_IDLE_S == 2700
    dialogue.receive([wrap(9, b""), wrap(3, b"\0\0\0\x07")], NOW)
    assert dialogue.identity is None
    dialogue.receive([report("M002"), report("M001")], NOW)
    assert dialogue.identity == "M002"
