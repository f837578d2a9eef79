"""When a session ends, gives up half a frame, and polls."""

import dataclasses

import pytest
from tests.protocol.fakes import brace_protocol
from tests.protocol.line import (
    DATA,
    HASH_DATA,
    HASH_LOGIN,
    LIMITS,
    LOGIN,
    UNENDED,
    Line,
    closings,
    frames_of,
    skipped,
)

from wattwarden.protocol.events import Closing, Skipped
from wattwarden.protocol.stream import NEVER


def test_a_peer_that_says_nothing_is_closed_at_the_login_deadline() -> None:
    line = Line()
    assert line.deadline_s() == 30
    assert line.tick(29.999999) == []
    assert line.tick(30) == [Closing("no login before the deadline")]
    assert line.session.next_deadline() == NEVER


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param(b"{", b"{", id="half a head"),
        pytest.param(b"{{L", b"", id="half a frame, given up before"),
        pytest.param(DATA, b"", id="frames, but not who it is"),
        pytest.param(b"GE", b"GE", id="half a stranger"),
    ],
)
def test_whatever_else_it_says_a_peer_logs_in_by_the_deadline(said: bytes, left: bytes) -> None:
    line = Line()
    line.send(said)
    line.tick(20)
    assert line.deadline_s() == 30
    reason = "no login before the deadline"
    expected = [Skipped(left, reason)] if left else []
    assert line.tick(30) == [*expected, Closing(reason)]


def test_a_login_in_the_frame_that_was_being_waited_for_counts() -> None:
    line = Line(limits=dataclasses.replace(LIMITS, partial_frame_s=40.0))
    line.send(b"##0050" + HASH_LOGIN)
    events = line.tick(30)
    assert frames_of(events) == [HASH_LOGIN]
    assert closings(events) == []
    assert line.deadline_s() == 90


def test_a_silent_meter_is_closed_at_its_protocols_limit() -> None:
    line = Line()
    line.send(LOGIN, at_s=5)
    assert line.deadline_s() == 65
    line.send(DATA, at_s=50)
    assert line.deadline_s() == 110
    assert line.tick(109.9) == []
    assert line.tick(110) == [Closing("silent beyond the protocol's limit")]


def test_noise_does_not_count_as_a_sign_of_life() -> None:
    line = Line()
    line.send(LOGIN)
    line.send(b"noise", at_s=59)
    assert line.tick(60) == [Closing("silent beyond the protocol's limit")]


def test_half_a_frame_then_silence_is_given_up_while_the_session_goes_on() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(DATA[:4], at_s=10) == []
    assert line.deadline_s() == 30
    assert line.tick(30) == [Skipped(DATA[:4], UNENDED)]
    assert line.send(DATA, at_s=31) == [line.received(DATA)]
    assert line.deadline_s() == 91


def test_drips_do_not_put_off_the_deadline_of_a_frame() -> None:
    line = Line()
    line.send(HASH_LOGIN)
    line.send(b"##0050", at_s=1)
    for second in range(2, 21):
        line.send(b".", at_s=second)
    assert line.deadline_s() == 21
    assert skipped(line.tick(21)) == b"##0050" + b"." * 19


def test_a_frame_that_begins_behind_a_broken_one_has_its_own_time() -> None:
    line = Line()
    line.send(HASH_LOGIN)
    line.send(b"##0012ab", at_s=1)
    assert skipped(line.send(b"cdefghij!!" + HASH_DATA[:7], at_s=15)) == b"##0012abcdefghij!!"
    assert line.deadline_s() == 35
    assert line.send(HASH_DATA[7:], at_s=22) == [line.hash_received(HASH_DATA)]
    assert line.deadline_s() == 82


def test_frames_inside_one_that_never_ends_are_found_at_its_deadline() -> None:
    line = Line()
    line.send(HASH_LOGIN)
    assert line.send(b"##0050" + HASH_DATA + HASH_DATA[:4], at_s=1) == []
    assert line.tick(21) == [
        line.hash_received(HASH_DATA),
        Skipped(b"##0050", UNENDED),
    ]
    assert line.deadline_s() == 41
    assert line.send(HASH_DATA[4:], at_s=22) == [line.hash_received(HASH_DATA)]


def test_polls_are_sent_when_they_are_due() -> None:
    line = Line(brace_protocol(poll_s=15.0))
    assert line.deadline_s() == 30
    line.send(LOGIN)
    line.session.data_to_send()
    assert line.deadline_s() == 15
    line.tick(14)
    assert line.session.data_to_send() == b""
    line.tick(15)
    line.tick(16)
    assert line.session.data_to_send() == b"poll"
    assert line.deadline_s() == 30
