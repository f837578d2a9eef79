"""What a replay sends, and over which connection."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.tools.captures import AT, conversation, pcap
from tests.tools.fakes import OTHER, TINY, frame

from wattwarden.protocol.codec import Message, ProfileOf
from wattwarden.tools import shots as shots_module
from wattwarden.tools.shots import KeyRing, Shot, Source

CODECS = (TINY, OTHER)
BROKEN = frame("r")[:-1] + b"\0"


def source(port: int = 0) -> Source:
    return Source(CODECS, KeyRing({}), port)


def shot(data: bytes, one: Source | None = None) -> list[Shot]:
    return list((one or source()).shots("f", io.BufferedReader(io.BytesIO(data))))


def lines(*parts: bytes) -> bytes:
    return b"\n".join(part.hex().encode() for part in parts)


def test_frames_of_one_meter_share_a_connection() -> None:
    found = shot(lines(frame("r", "A"), frame("r", "B") + frame("r", "A")))
    assert [(one.raw, one.group) for one in found] == [
        (frame("r", "A"), ("tiny", "A")),
        (frame("r", "B"), ("tiny", "B")),
        (frame("r", "A"), ("tiny", "A")),
    ]


def test_a_frame_without_name_follows_the_one_before_it() -> None:
    found = shot(lines(frame("n"), frame("h", "M"), frame("n")))
    assert [one.group for one in found] == [("f", 1), ("tiny", "M"), ("tiny", "M")]


def test_a_frame_that_cannot_be_read_follows_too() -> None:
    found = shot(lines(frame("h", "M"), frame("r", "A", 255)))
    assert [one.group for one in found] == [("tiny", "M")] * 2


def test_what_is_no_frame_goes_alone() -> None:
    found = shot(lines(b"xx" + frame("r", "A") + BROKEN))
    assert [(one.raw, one.group) for one in found] == [
        (b"xx", ("f", 1, 0)),
        (frame("r", "A"), ("tiny", "A")),
        (BROKEN, ("f", 1, 9)),
    ]


def jsonl(*rows: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.mark.parametrize(
    "mark", [{"accept": False}, {"kind": "negative_as_published"}], ids=["accept", "kind"]
)
def test_a_frame_that_must_be_refused_goes_alone_and_unanswered(mark: dict[str, object]) -> None:
    (found,) = shot(jsonl({"hex": frame("r").hex(), **mark}))
    assert found == Shot(frame("r"), ("f", 1), silent=True)


def test_a_sound_frame_with_an_impossible_value_may_be_answered() -> None:
    (found,) = shot(jsonl({"hex": frame("r").hex(), "accept": False, "error": "decode"}))
    assert found == Shot(frame("r"), ("tiny", "A"))


def test_frames_of_a_jsonl_file_are_grouped_like_lines() -> None:
    found = shot(jsonl({"hex": frame("r", "A").hex(), "accept": True}, {"hex": "7878"}))
    assert found == [Shot(frame("r", "A"), ("tiny", "A")), Shot(b"xx", ("f", 2, 0))]


def test_a_file_may_bring_keys() -> None:
    seen: list[bytes | None] = []

    def read(raw: bytes, profile_of: ProfileOf) -> Message:
        seen.append(profile_of("A").key)
        return TINY.read(raw, profile_of)

    keys = KeyRing({"B": b"b"})
    one = Source((replace(TINY, read=read),), keys)
    shot(jsonl({"hex": frame("r").hex(), "key": {"A": "00ff"}}), one)
    assert seen == [b"\x00\xff"]
    assert keys.profile_of("B").key == b"b"
    assert keys.profile_of("C").key is None


@pytest.mark.parametrize(
    "line",
    [b"7bx", b"{", b'{"hex": 5}', b'{"hex": "zz"}', b"{}", b'{"hex":"00","key":{"A":"z"}}'],
)
def test_a_bad_line_is_counted_with_its_place_and_the_others_are_sent(line: bytes) -> None:
    one = source()
    found = shot(line + b"\n" + lines(frame("r")), one)
    assert [s.raw for s in found] == [frame("r")]
    assert one.counters.bad_lines == 1
    assert one.counters.first_fault.startswith("f, line 1: ")


def captured(packets: Sequence[bytes], one: Source | None = None) -> list[Shot]:
    return shot(pcap(packets), one)


def test_a_capture_is_cut_into_frames_with_their_times_and_connections() -> None:
    said = frame("r", "A", 1) + frame("r", "A", 2)
    found = captured(conversation(said[:5], said[5:], frame("r", "A", 3)))
    assert [one.raw for one in found] == [frame("r", "A", n) for n in (1, 2, 3)]
    assert {one.group for one in found} == {("f", 1)}
    assert found[0].at == AT + 4000
    assert found[2].at == AT + 6000


def test_noise_between_frames_of_a_capture_is_sent_as_it_was() -> None:
    found = captured(conversation(frame("r") + b"xx" + frame("r")))
    assert b"".join(sorted(one.raw for one in found)) == b"".join(
        sorted([frame("r"), b"xx", frame("r")])
    )


def test_a_connection_of_another_protocol_is_left_out_and_counted() -> None:
    one = source()
    http = conversation(b"GET / HTTP/1.1\r\n\r\n", client=50_000)
    assert [s.raw for s in captured(http + conversation(frame("r")), one)] == [frame("r")]
    assert one.counters.foreign_flows == 1


def test_a_port_of_the_capture_can_be_chosen() -> None:
    both = conversation(frame("r", "A")) + conversation(frame("r", "B"), server=99, client=50_000)
    assert [s.raw for s in captured(both, source(port=99))] == [frame("r", "B")]


def test_connections_of_a_capture_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots_module, "MAX_SESSIONS", 1)
    both = conversation(frame("r", "A")) + conversation(frame("r", "B"), client=50_000)
    assert len(captured(both)) == 2
