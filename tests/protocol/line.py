"""A session of two protocols on a fake clock, and what came of it."""

from collections.abc import Iterable

from tests.protocol.fakes import (
    SECOND,
    FakeProtocol,
    brace_protocol,
    braced,
    counted,
    hash_protocol,
)

from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.events import Closing, Event, LoggedIn, Received, SessionLimits, Skipped
from wattwarden.protocol.session import Session

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
