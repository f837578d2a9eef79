"""One connection on a fake clock: what the bytes meant, what is answered, and when it ends."""

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocol.fakes import (
    SECOND,
    FakeProtocol,
    anything_seems,
    brace_protocol,
    braced,
    counted,
    denying_protocols,
    hash_protocol,
)

from wattwarden.protocol.codec import Claim, default_profile
from wattwarden.protocol.session import (
    MAX_HEAD_BYTES,
    NEVER,
    Closing,
    Event,
    LoggedIn,
    Received,
    Session,
    SessionLimits,
    Skipped,
)

LIMITS = SessionLimits(
    pre_login_s=30.0, partial_frame_s=20.0, noise_before_login_bytes=100, noise_bytes=300
)
LOGIN, DATA = braced(b"L007"), braced(b"D1")
HASH_LOGIN, HASH_DATA = counted(b"L042"), counted(b"D1")
UNKNOWN = "no codec knows it"
UNENDED = "frame without its end"


class Line:
    """A session with two protocols, and what came of it."""

    def __init__(self, *protocols: FakeProtocol, limits: SessionLimits = LIMITS) -> None:
        self.brace = next((p for p in protocols if p.name == "brace"), brace_protocol())
        self.hash = next((p for p in protocols if p.name == "hash"), hash_protocol())
        self.codecs = [self.brace.codec(), self.hash.codec()]
        self.session = Session(self.codecs, default_profile, limits, now=0)

    def events(self) -> list[Event]:
        return list(iter(self.session.next_event, None))

    def send(self, *segments: bytes, at_s: float = 0) -> list[Event]:
        for segment in segments:
            self.session.receive_data(segment, round(at_s * SECOND))
        return self.events()

    def tick(self, at_s: float) -> list[Event]:
        self.session.tick(round(at_s * SECOND))
        return self.events()

    def deadline_s(self) -> float:
        return self.session.next_deadline() / SECOND

    def logged_in(self, identity: str = "007") -> LoggedIn:
        return LoggedIn(self.codecs[0], identity)

    def received(self, *frames: bytes) -> Received:
        return Received(self.codecs[0], list(frames))

    def hash_received(self, *frames: bytes) -> Received:
        return Received(self.codecs[1], list(frames))


def frames_of(events: Iterable[Event]) -> list[bytes]:
    return [frame for event in events if isinstance(event, Received) for frame in event.frames]


def skipped(events: Iterable[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Skipped))


def closings(events: Iterable[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Closing)]


# --- from the first byte to the login


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


# --- strangers

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


# --- time


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


# --- noise


def test_too_much_noise_before_the_login_ends_the_session() -> None:
    line = Line()
    reason = "more than 100 bytes without a frame"
    assert line.send(b"." * 100) == [Skipped(b"." * 100, UNKNOWN)]
    assert line.send(b".") == [Skipped(b".", UNKNOWN), Closing(reason)]
    line = Line()
    events = line.send(b"." * 101 + LOGIN)
    assert skipped(events) == b"." * 101 + LOGIN
    assert closings(events) == [reason]
    assert events[-1] == Closing(reason)


def test_frames_without_a_login_earn_no_more_credit() -> None:
    line = Line()
    line.send(DATA)
    assert closings(line.send(b"." * 109)) == ["more than 100 bytes without a frame"]


def test_frames_make_up_for_as_much_noise() -> None:
    line = Line()
    line.send(LOGIN)
    for _ in range(100):
        assert closings(line.send(b"." * 8, DATA)) == []
    assert closings(line.send(b"." * 300)) == []
    assert closings(line.send(DATA, b"." * 8)) == []
    assert closings(line.send(b".")) == ["more than 300 bytes without a frame"]


def test_a_flood_of_heads_is_asked_about_no_further_than_the_credit_reaches() -> None:
    line = Line()
    line.send(LOGIN)
    asked = len(line.hash.asked)
    events = line.send(b"#" * 100_000)
    assert closings(events) == ["more than 300 bytes without a frame"]
    assert len(skipped(events)) == 100_000
    assert len(line.hash.asked) - asked <= 302
    assert all(len(head) <= MAX_HEAD_BYTES for head in line.hash.asked)


def test_a_flood_of_heads_before_the_login_is_asked_about_no_further_than_the_credit() -> None:
    protocols = denying_protocols()
    line = Line(*protocols)
    events = line.send(b"#" * 100_000)
    assert closings(events) == ["more than 100 bytes without a frame"]
    assert len(skipped(events)) == 100_000
    assert [len(protocol.asked) for protocol in protocols] == [101, 101]


# --- another protocol on the same connection


def test_a_peer_may_change_its_protocol() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA, at_s=50) == [line.hash_received(HASH_DATA)]
    assert (line.session.codec, line.session.identity) == (line.codecs[1], None)
    assert line.deadline_s() == 80
    assert line.send(HASH_LOGIN, at_s=51) == [
        LoggedIn(line.codecs[1], "042"),
        line.hash_received(HASH_LOGIN),
    ]
    assert line.send(LOGIN, at_s=52) == [line.logged_in(), line.received(LOGIN)]
    assert (len(line.brace.dialogues), len(line.hash.dialogues)) == (2, 1)


def test_only_a_frame_of_another_protocol_changes_the_conversation() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA[:-1] + b"!") == [Skipped(HASH_DATA[:-1] + b"!", UNKNOWN)]
    assert line.session.identity == "007"
    assert line.send(DATA) == [line.received(DATA)]
    assert line.send(HASH_DATA[:-1], at_s=1) == []
    assert line.session.identity == "007"
    assert line.tick(21) == [Skipped(HASH_DATA[:-1], UNENDED)]
    assert line.send(DATA, at_s=22) == [line.received(DATA)]
    assert (len(line.brace.dialogues), len(line.hash.dialogues)) == (1, 0)


def test_frames_behind_what_looked_like_another_protocols_are_found_at_its_deadline() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"##0050", at_s=1) == []
    assert line.send(DATA, at_s=2) == []
    assert line.tick(21) == [line.received(DATA), Skipped(b"##0050", UNENDED)]
    assert line.session.identity == "007"


def test_a_change_of_protocol_may_come_in_drips_and_behind_noise() -> None:
    line = Line()
    line.send(LOGIN)
    stream = b"noise" + HASH_LOGIN
    events = line.send(*(stream[at : at + 1] for at in range(len(stream))))
    assert skipped(events) == b"noise"
    assert events[-2:] == [LoggedIn(line.codecs[1], "042"), line.hash_received(HASH_LOGIN)]


def test_a_new_protocol_is_not_lost_when_its_frame_ends_like_the_head_of_the_old() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA + b"{") == [line.hash_received(HASH_DATA), Skipped(b"{", UNKNOWN)]


def test_noise_that_another_protocol_might_claim_interrupts_no_conversation() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"#") == []
    assert line.send(DATA) == [Skipped(b"#", UNKNOWN), line.received(DATA)]
    assert line.send(b"#.") == [Skipped(b"#.", UNKNOWN)]
    assert line.send(DATA) == [line.received(DATA)]
    assert len(line.brace.dialogues) == 1
    assert line.session.identity == "007"


def test_noise_before_half_a_frame_leaves_the_half_where_it_is() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"ab" + DATA[:4]) == [Skipped(b"ab", UNKNOWN)]
    assert line.send(DATA[4:]) == [line.received(DATA)]


def test_half_a_frame_behind_noise_is_not_given_away_for_what_stands_inside_it() -> None:
    line = Line()
    line.send(LOGIN)
    frame = braced(b"D" + HASH_DATA)
    assert line.send(b"ab" + frame[:-1]) == [Skipped(b"ab", UNKNOWN)]
    assert line.send(frame[-1:]) == [line.received(frame)]


def test_half_a_head_of_another_protocol_is_given_up_in_time() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"#", at_s=1) == []
    assert line.deadline_s() == 21
    assert line.send(b"", at_s=2) == []
    assert line.tick(21) == [Skipped(b"#", UNENDED)]
    assert line.deadline_s() == 60
    assert line.send(DATA, at_s=22) == [line.received(DATA)]
    assert len(line.brace.dialogues) == 1


# --- checksums that fail afterwards


def deferred() -> FakeProtocol:
    return hash_protocol(seems=anything_seems)


def test_a_rejected_frame_gives_up_the_neighbour_it_had_swallowed() -> None:
    line = Line(deferred())
    line.send(HASH_LOGIN)
    swallowing = b"##0012ab" + HASH_DATA + b"!!"
    assert line.send(swallowing) == [line.hash_received(swallowing)]
    line.session.reject(swallowing, now=5 * SECOND)
    assert line.events() == [
        line.hash_received(HASH_DATA),
        Skipped(b"##0012ab!!", "checksum does not fit"),
    ]
    assert line.deadline_s() == 65


def test_a_peer_whose_every_frame_is_rejected_is_closed() -> None:
    line = Line(deferred())
    line.send(HASH_LOGIN)
    broken = HASH_DATA[:-1] + b"!"
    reasons: Sequence[str] = []
    count = 0
    while not reasons:
        count += 1
        line.send(broken)
        line.session.reject(broken, now=0)
        reasons = closings(line.events())
    assert count == 300 // len(broken) + 1
    assert reasons == ["more than 300 bytes without a frame"]


def test_a_rejected_frame_takes_back_no_more_than_it_made_up_for() -> None:
    line = Line(deferred())
    broken = HASH_DATA[:-1] + b"!"
    line.send(HASH_LOGIN, b"." * 295)
    line.send(broken)
    line.session.reject(broken, now=0)
    assert closings(line.events()) == ["more than 300 bytes without a frame"]
    line = Line(deferred())
    line.send(HASH_LOGIN, broken, b"." * 285)
    line.session.reject(broken, now=0)
    assert closings(line.events()) == []


def test_rejecting_before_anything_was_recognised_does_nothing() -> None:
    line = Line()
    line.session.reject(DATA, now=0)
    assert line.events() == []


# --- the end


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


stretches = st.one_of(
    st.sampled_from(
        [
            LOGIN,
            DATA,
            HASH_LOGIN,
            HASH_DATA,
            braced(b"D" + HASH_DATA),
            counted(b"D" + DATA),
            DATA[:-1],
            DATA[:-3] + b"0}}",
            HASH_DATA[:-1],
            HASH_DATA[:-1] + b"!",
            b"##0050",
            b"{{L",
            b"GET",
            b"SSH-",
            b"." * 40,
        ]
    ),
    st.text("{}#0.LD", max_size=6).map(str.encode),
)


@settings(max_examples=200)
@given(st.lists(stretches, max_size=14))
def test_the_short_way_for_whole_frames_says_the_same(segments: list[bytes]) -> None:
    long, short = Line(), Line()
    for segment in filter(None, segments):
        long.session.receive_data(segment, 0)
        frames = short.session.take_frames(segment, 0)
        if frames is None:
            short.session.receive_data(segment, 0)
        events = short.session.take_events()
        if frames:
            assert events == []
            codec = short.session.codec
            assert codec is not None
            events = [Received(codec, frames)]
        assert [_told(event) for event in events] == [_told(event) for event in long.events()]
        assert short.session.identity == long.session.identity
        assert short.session.unsent == long.session.unsent
        assert short.session.data_to_send() == long.session.data_to_send()
        assert short.session.next_deadline() == long.session.next_deadline()
        assert short.session.is_over == long.session.is_over


def test_the_short_way_is_taken_once_the_peer_is_known() -> None:
    line = Line()
    assert line.session.take_frames(LOGIN, 0) is None
    line.send(LOGIN)
    assert line.session.take_frames(DATA + DATA, 7 * SECOND) == [DATA, DATA]
    assert line.events() == []
    assert line.deadline_s() == 67
    assert line.session.take_frames(DATA + DATA[:3], 0) is None
    assert line.session.take_frames(braced(b"L008"), 0) == []
    assert line.events() == [line.logged_in("008"), line.received(braced(b"L008"))]


def _told(event: Event) -> tuple[object, ...]:
    """What an event says, with the codec by name: two lines have two codecs of each name."""
    match event:
        case LoggedIn(codec, identity):
            return (LoggedIn, codec.name, identity)
        case Received(codec, frames, asked):
            return (Received, codec.name, frames, dict(asked))
        case _:
            return (event,)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(stretches, st.integers(0, 25)), max_size=14),
    st.sampled_from([1, 1000]),
)
def test_no_byte_is_lost_and_no_deadline_is_empty(
    script: list[tuple[bytes, int]], size: int
) -> None:
    line = Line(brace_protocol(poll_s=15.0))
    session = line.session
    now = 0
    taken = b""
    events: list[Event] = []

    def pass_until(then: int) -> None:
        nonlocal now
        while session.next_deadline() <= then:
            deadline = session.next_deadline()
            session.tick(deadline - 1)
            assert session.next_event() is None
            assert session.data_to_send() == b""
            session.tick(deadline)
            assert session.next_deadline() > deadline
            events.extend(line.events())
            session.data_to_send()
        now = then

    for data, seconds in script:
        pass_until(now + seconds * SECOND)
        for at in range(0, len(data), size):
            if session.next_deadline() == NEVER:
                break
            piece = data[at : at + size]
            taken += piece
            session.receive_data(piece, now)
            events.extend(line.events())
            session.data_to_send()
    pass_until(now + 1000 * SECOND)
    assert sum(map(len, frames_of(events))) + len(skipped(events)) == len(taken)
    assert len(closings(events)) == 1
    assert isinstance(events[-1], Closing)
    for before, after in pairwise(events):
        assert not (isinstance(before, LoggedIn) and isinstance(after, LoggedIn))
