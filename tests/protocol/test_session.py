"""One connection: from its first byte to its login, strangers, and the end."""

import dataclasses

import pytest
from tests.protocol.fakes import FakeDialogue, FakeProtocol, brace_protocol, braced, hash_protocol
from tests.protocol.line import (
    DATA,
    HASH_DATA,
    HASH_LOGIN,
    LIMITS,
    LOGIN,
    UNKNOWN,
    Line,
    closings,
    frames_of,
    skipped,
)

from wattwarden.protocol.asking import Denial, Doubting
from wattwarden.protocol.codec import Claim, default_profile
from wattwarden.protocol.events import Closing, Skipped
from wattwarden.protocol.recognition import MAX_HEAD_BYTES
from wattwarden.protocol.session import Session
from wattwarden.protocol.stream import NEVER


def test_a_login_is_told_before_its_frame_and_answered_at_once() -> None:
    line = Line()
    assert line.send(LOGIN) == [line.logged_in(), line.received(LOGIN)]
    assert (line.session.codec, line.session.identity) == (line.codecs[0], "007")
    assert line.session.data_to_send() == b"hello 007"
    assert line.session.data_to_send() == b""


def test_a_frame_may_come_before_the_login() -> None:
    line = Line()
    assert line.send(DATA) == [line.received(DATA)]
    assert (line.session.codec, line.session.identity) == (line.codecs[0], None)
    assert line.send(LOGIN) == [line.logged_in(), line.received(LOGIN)]


def test_frames_of_one_segment_come_as_one_event() -> None:
    line = Line()
    assert line.send(LOGIN + DATA * 500) == [line.logged_in(), line.received(LOGIN, *[DATA] * 500)]


def test_a_peer_may_log_in_again_as_another() -> None:
    line = Line()
    line.send(LOGIN)
    again = braced(b"L008")
    assert line.send(LOGIN, again) == [
        line.received(LOGIN),
        line.logged_in("008"),
        line.received(again),
    ]


@pytest.mark.parametrize("stream", [LOGIN + DATA, HASH_LOGIN + HASH_DATA], ids=["brace", "hash"])
def test_the_codec_is_recognised_wherever_its_first_frame_is_cut(stream: bytes) -> None:
    whole = Line()
    whole.send(stream)
    for place in range(1, len(stream)):
        line = Line()
        events = line.send(stream[:place], stream[place:])
        assert b"".join(frames_of(events)) == stream
        assert (line.session.identity, skipped(events)) == (whole.session.identity, b"")
        assert line.session.data_to_send() == b"hello " + line.session.identity.encode()  # type: ignore[union-attr]  # logged in above


@pytest.mark.parametrize("noise", [b"\0\xff", b"{", b"#{{z##a", b"G{{"])
def test_noise_before_the_first_frame_is_skipped(noise: bytes) -> None:
    line = Line()
    events = line.send(noise + LOGIN)
    assert skipped(events) == noise
    assert [event for event in events if not isinstance(event, Skipped)] == [
        line.logged_in(),
        line.received(LOGIN),
    ]


def test_noise_in_drips_before_the_first_frame_is_skipped() -> None:
    line = Line()
    noise = b"\0#{#"
    stream = noise + LOGIN
    events = line.send(*(stream[at : at + 1] for at in range(len(stream))))
    assert skipped(events) == noise
    assert events[-2:] == [line.logged_in(), line.received(LOGIN)]


def test_a_head_that_keeps_its_codec_guessing_is_given_up() -> None:
    class Undecided(FakeProtocol):
        def recognise(self, _head: bytes) -> Claim:
            return Claim.MORE

    undecided = Undecided("hash", hash_protocol().outline, body_at=6)
    line = Line(undecided, limits=dataclasses.replace(LIMITS, noise_before_login_bytes=4096))
    head = b"##".ljust(MAX_HEAD_BYTES - 1, b"0")
    assert line.send(head) == []
    assert line.send(b"0") == [Skipped(head + b"0", UNKNOWN)]
    assert line.send(LOGIN) == [line.logged_in(), line.received(LOGIN)]


def test_the_head_of_a_frame_that_is_none_is_noise() -> None:
    line = Line()
    broken = HASH_DATA[:-1] + b"!"
    assert line.send(broken) == [Skipped(broken, UNKNOWN)]
    assert line.send(broken) == [Skipped(broken, UNKNOWN)]
    assert line.send(HASH_LOGIN)[1:] == [line.hash_received(HASH_LOGIN)]


def test_with_no_codec_at_all_everything_is_noise() -> None:
    session = Session([], default_profile, LIMITS, now=0)
    session.receive_data(b"abc", 0)
    assert session.next_event() == Skipped(b"abc", UNKNOWN)


STRANGERS = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS ClientHello", id="tls"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP request", id="http"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP request", id="http2"),
    pytest.param(
        b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=hello\r\n",
        "RDP connection request",
        id="rdp",
    ),
    pytest.param(b"SSH-2.0-Go\r\n", "SSH banner", id="ssh"),
]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("hello", "name"), STRANGERS)
def test_strangers_are_sent_away_by_name(hello: bytes, name: str, size: int) -> None:
    line = Line()
    events = line.send(*(hello[at : at + size] for at in range(0, len(hello), size)))
    reason = f"{name} on the meter port"
    assert events[-1] == Closing(reason)
    assert closings(events) == [reason]
    assert hello.startswith(skipped(events))
    assert len(skipped(events)) >= 3


@pytest.mark.parametrize(("hello", "name"), STRANGERS)
def test_strangers_are_known_by_their_first_bytes_alone(hello: bytes, name: str) -> None:
    line = Line()
    assert line.send(b"!" + hello) == [Skipped(b"!" + hello, UNKNOWN)]
    line = Line()
    assert line.send(b"!", hello) == [Skipped(b"!", UNKNOWN), Skipped(hello, UNKNOWN)], name
    line = Line()
    line.send(LOGIN)
    assert line.send(hello) == [Skipped(hello, UNKNOWN)]


def test_what_only_begins_like_a_stranger_is_noise() -> None:
    line = Line()
    assert line.send(b"GE", b"N") == []
    assert line.send(b"ERATOR" + LOGIN)[0] == Skipped(b"GENERATOR", UNKNOWN)


@pytest.mark.parametrize(
    ("said", "left", "frames"),
    [
        pytest.param([], b"", [], id="nothing"),
        pytest.param([b"{"], b"{", [], id="half a head"),
        pytest.param([DATA[:4]], DATA[:4], [], id="half a frame"),
        pytest.param([LOGIN, b"#"], b"#", [LOGIN], id="half a head of another protocol"),
        pytest.param([b"##0050" + HASH_DATA], b"##0050", [HASH_DATA], id="a frame inside another"),
        pytest.param([DATA], b"", [DATA], id="nothing left"),
    ],
)
def test_what_a_peer_leaves_behind_when_it_hangs_up_is_not_lost(
    said: list[bytes], left: bytes, frames: list[bytes]
) -> None:
    line = Line()
    events = line.send(*said)
    line.session.end(now=0)
    events += line.events()
    assert frames_of(events) == frames
    assert skipped(events) == left
    assert events[-1] == Closing("the peer hung up")
    line.session.end(now=0)
    assert line.events() == []


def test_closing_is_final() -> None:
    line = Line(brace_protocol(poll_s=1.0))
    line.send(LOGIN)
    line.session.data_to_send()
    assert closings(line.tick(60)) == ["silent beyond the protocol's limit"]
    line.session.data_to_send()
    line.session.reject(DATA, now=0)
    assert line.send(LOGIN, b"noise" * 100, at_s=61) == []
    assert line.tick(1000) == []
    assert line.session.data_to_send() == b""
    assert line.session.next_deadline() == NEVER


def test_noise_that_ends_the_session_at_a_deadline_ends_it_once() -> None:
    line = Line(limits=dataclasses.replace(LIMITS, noise_before_login_bytes=5, pre_login_s=20.0))
    line.send(b"##0030ab")
    events = line.tick(20)
    assert skipped(events) == b"##0030ab"
    assert closings(events) == ["more than 5 bytes without a frame"]


def test_nothing_is_routine_of_a_peer_that_is_not_known() -> None:
    line = Line()
    assert line.session.routine_codec is None
    line.send(DATA)
    assert line.session.routine_codec is None
    # Known, it is of a protocol that has no routine.
    line.send(LOGIN)
    assert line.session.routine_codec is None


def test_a_session_is_over_once_its_end_was_told() -> None:
    line = Line()
    assert line.session.is_over is False
    line.session.end(now=0)
    assert line.session.is_over is True


class Distrusting(FakeDialogue, Doubting):
    """Believes nobody."""

    denial = Denial("007", "the password does not fit")


def test_nothing_is_told_behind_the_end_of_a_peer_that_is_denied() -> None:
    line = Line()
    codec = dataclasses.replace(line.codecs[0], dialogue=lambda _: Distrusting(2))
    session = Session([codec], default_profile, LIMITS, now=0)
    session.receive_data(LOGIN + b"noise", 0)
    *_, last = session.take_events()
    assert last == Closing("the password does not fit")
    assert session.is_over
