"""Whatever comes in whatever pieces: no byte is lost, and the short way says the same."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.protocol.fakes import SECOND, brace_protocol, braced, counted
from tests.protocol.line import (
    DATA,
    HASH_DATA,
    HASH_LOGIN,
    LOGIN,
    Line,
    closings,
    frames_of,
    skipped,
)

from wattwarden.protocol.events import Closing, Event, LoggedIn, Received
from wattwarden.protocol.stream import NEVER

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
