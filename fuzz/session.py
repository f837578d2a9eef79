"""Invariant: a session never raises, loses no byte, always ends, and is silent once it has ended.

No exception is allowed.  Whatever a peer sends, in whatever drips, with whatever pauses: what is
received, skipped and between frames is what was sent, and less than a frame is kept meanwhile;
after ``tick`` the next deadline lies ahead; ticks alone end the session; a stream without noise
means the same whole and in drips.
"""

from collections import Counter
from random import Random
from typing import Final
from zlib import crc32

from fuzz.acrel import TARGET as ACREL
from fuzz.contract import RECEIVED_AT, zone_of
from fuzz.harness import Target
from fuzz.hj212 import TARGET as HJ212

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import Batch, Codec
from wattwarden.protocol.events import Closing, Denied, LoggedIn, Received, SessionLimits, Skipped
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.session import Session
from wattwarden.protocol.stream import NEVER

# Limits that inputs of a few hundred bytes can reach.
TIGHT: Final = SessionLimits(noise_before_login_bytes=64, noise_bytes=256)
PAUSES_S: Final = (0, 0, 0, 1, 21, 31, 700, 4000)
BETWEEN_FRAMES: Final = b"\r\n"
LONGEST_BYTES: Final = max(codec.outline.most_bytes for codec in port_codecs())
FOREIGN: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-Go\r\n",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00Cookie: ",
)  # fmt: skip


class Log:
    """What a session has said, and whether it may still say anything."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.received: list[bytes] = []
        self.skipped: list[bytes] = []
        self.codecs: list[Codec] = []
        self.sent = b""
        self.closed = False

    def drain(self) -> list[tuple[Codec, bytes]]:
        """Take all events; return the frames that are new."""
        frames: list[tuple[Codec, bytes]] = []
        while (event := self.session.next_event()) is not None:
            assert not self.closed, f"{event} after the end"
            if isinstance(event, Received):
                assert event.frames, "no frame is received"
                assert all(event.frames), "an empty frame is received"
                self.received += event.frames
                frames += ((event.codec, frame) for frame in event.frames)
            elif isinstance(event, Skipped):
                assert event.data, "nothing is skipped"
                self.skipped.append(event.data)
            elif isinstance(event, LoggedIn):
                assert event.identity, "a login of nobody"
                self.codecs.append(event.codec)
            elif isinstance(event, Denied):
                assert event.reason, "a denial without a reason"
            else:
                assert isinstance(event, Closing), "an event of no kind"
                assert event.reason, "an end without a reason"
                self.closed = True
        self.sent += self.session.data_to_send()
        return frames


def run(data: bytes) -> None:
    """Hold the invariant for one peer."""
    rng = Random(crc32(data))
    _check_drips(data, rng)
    _check_storm(data, rng)


def _open(limits: SessionLimits) -> Log:
    return Log(Session(port_codecs(), zone_of, limits, RECEIVED_AT))


def _check_drips(data: bytes, rng: Random) -> None:
    """A stream without noise gives the same frames, login and answers however it arrives."""
    whole = _open(SessionLimits())
    whole.session.receive_data(data, RECEIVED_AT)
    whole.drain()
    if whole.skipped or whole.closed:
        return
    drips = _open(SessionLimits())
    at = 0
    width = rng.choice((1, 8, 64, 512))
    while at < len(data):
        size = 1 + int(rng.random() * max(width, len(data) // 40))
        drips.session.receive_data(data[at : at + size], RECEIVED_AT)
        drips.drain()
        at += size
    assert not drips.skipped, f"drips make noise of {drips.skipped}"
    assert not drips.closed, "drips end the session"
    # Whether a separator belongs to the frame before it depends on whether it came with it.
    frames = [[frame.rstrip(BETWEEN_FRAMES) for frame in log.received] for log in (whole, drips)]
    assert frames[0] == frames[1], "drips give other frames"
    assert drips.session.identity == whole.session.identity, "drips log in another meter"
    assert drips.sent == whole.sent, "drips are answered otherwise"


def _check_storm(data: bytes, rng: Random) -> None:
    """Drips, pauses, late ticks, frames taken back: every byte is accounted for, and it ends."""
    log = _open(rng.choice((TIGHT, SessionLimits())))
    session = log.session
    now, at = RECEIVED_AT, 0
    width = rng.choice((2, 30, 300, 5000))
    while at < len(data) and not log.closed:
        size = 1 + int(rng.random() * max(width, len(data) // 30))
        session.receive_data(data[at : at + size], now)
        at += size
        _take_back(log, rng, now)
        _check_held(data[:at], log)
        now += rng.choice(PAUSES_S) * SECOND_US
        if rng.random() < 0.5:
            session.tick(now)
            assert session.next_deadline() > now, "a deadline that tick did not settle"
            _take_back(log, rng, now)
    _check_end(log, now, len(data))
    _check_bytes(data[:at], log)
    _check_silence(log, data)


def _check_held(sent: bytes, log: Log) -> None:
    """What a session keeps is less than the longest frame there is."""
    said = sum(map(len, log.received)) + sum(map(len, log.skipped))
    between = sum(map(sent.count, (b"\r", b"\n")))
    assert len(sent) - said < LONGEST_BYTES + between, "a session keeps more than a frame"


def _take_back(log: Log, rng: Random, now: int) -> None:
    """Do what the gateway does: reject what is not confirmed, at times even what is."""
    for codec, frame in log.drain():
        confirmed = codec.confirm is None or bool(
            codec.confirm(Batch.of([frame], now, profile_of=zone_of))[0]
        )
        if (not confirmed or rng.random() < 0.02) and not log.closed:
            log.received.remove(frame)
            log.session.reject(frame, now)
            log.drain()


def _check_end(log: Log, now: int, most_steps: int) -> None:
    """Ticks alone, each when it is due, end the session."""
    session = log.session
    for _ in range(most_steps + 10):
        if log.closed:
            return
        deadline = session.next_deadline()
        assert deadline > now or deadline <= now < NEVER, "no deadline"
        now = max(now, deadline)
        session.tick(now)
        log.drain()
    assert log.closed, "a session that does not end"


def _check_bytes(sent: bytes, log: Log) -> None:
    said = Counter(b"".join([*log.received, *log.skipped]))
    had = Counter(sent)
    assert said <= had, f"bytes came from nowhere: {said - had}"
    lost = had - said
    assert lost.keys() <= set(BETWEEN_FRAMES), f"bytes were lost: {lost}"


def _check_silence(log: Log, data: bytes) -> None:
    session = log.session
    now = RECEIVED_AT + 10**13
    session.receive_data(data, now)
    session.tick(now)
    session.reject(data, now)
    log.drain()
    assert session.next_deadline() == NEVER, "a deadline after the end"
    assert session.next_event() is None, "an event after the end"
    assert session.data_to_send() == b"", "an answer after the end"


TARGET: Final = Target(
    "session",
    run,
    lambda: [*ACREL.seeds(), *HJ212.seeds(), *FOREIGN],
    lambda data, rng: rng.choice((ACREL, HJ212)).mend(data, rng),
    (*ACREL.tokens, *HJ212.tokens, *FOREIGN),
)
