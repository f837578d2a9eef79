"""How much noise a session bears, and frames that are rejected afterwards."""

from tests.protocol.fakes import (
    SECOND,
    FakeProtocol,
    anything_seems,
    denying_protocols,
    hash_protocol,
)
from tests.protocol.line import DATA, HASH_DATA, HASH_LOGIN, LOGIN, UNKNOWN, Line, closings, skipped

from wattwarden.protocol.events import Closing, Skipped
from wattwarden.protocol.recognition import MAX_HEAD_BYTES


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
    reasons: list[str] = []
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


def test_what_a_frame_made_up_for_is_taken_back_once() -> None:
    line = Line(deferred())
    broken = HASH_DATA[:-1] + b"!"
    line.send(HASH_LOGIN, b"." * (300 - 2 * len(broken)), broken)
    line.session.reject(broken, now=0)
    line.session.reject(broken, now=0)
    assert closings(line.events()) == []
    line.session.reject(b"!", now=0)
    assert closings(line.events()) == ["more than 300 bytes without a frame"]
