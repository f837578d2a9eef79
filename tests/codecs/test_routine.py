"""What a codec calls routine is what a session makes of it, frame for frame, and no more."""

import random
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import pytest
from tests.codecs.hj212_frames import upload
from tests.codecs.mischief import NOW, all_vectors

from wattwarden.codecs import load_codecs
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, TIME, UPLOAD, seal
from wattwarden.codecs.acrel.message import encode
from wattwarden.protocol.codec import Codec, Message, Routine, default_profile
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.session import Session

CODECS = load_codecs()
ROUTINES = [codec for codec in CODECS.values() if codec.routine is not None]
ACREL, HJ212 = CODECS["acrel"], CODECS["hj212"]
LOGINS = {
    "acrel": seal(REGISTER, b"1".ljust(20, b"\0") + b"8" * 36),
    "hj212": upload("DataTime=20261122110000;a34004-Rtd=1,a34004-Flag=N"),
}
REPORT = encode(Message("upload", fields={"serial": "1", "sections": []}))
DATA = upload("DataTime=20261122110000;a34004-Rtd=14,a34004-Flag=N")

every_codec = pytest.mark.parametrize("codec", ROUTINES, ids=lambda codec: codec.name)


def routine_of(codec: Codec, segments: Sequence[bytes]) -> Routine | None:
    assert codec.routine is not None
    return codec.routine(segments)


def session_of(codec: Codec) -> Session:
    """A session whose next segment the codec may judge."""
    session = Session((codec,), default_profile, SessionLimits(), NOW)
    session.receive_data(LOGINS[codec.name], NOW)
    session.take_events()
    session.data_to_send()
    assert session.routine_codec is codec
    return session


def frames_of(routine: Routine) -> list[list[bytes]]:
    """The frames of each segment."""
    bounds = accumulate(routine.lengths, initial=0)
    frames = [routine.data[begin:end] for begin, end in pairwise(bounds)]
    counts = accumulate(routine.counts, initial=0)
    return [frames[begin:end] for begin, end in pairwise(counts)]


def check(codec: Codec, segments: Sequence[bytes]) -> bool:
    """Hold the routine's frames against those of sessions; whether there was a routine."""
    found = routine_of(codec, segments)
    if found is None:
        return False
    for segment, frames in zip(segments, frames_of(found), strict=True):
        session = session_of(codec)
        session.receive_data(segment, NOW)
        told = session.take_events()
        received = [event for event in told if isinstance(event, Received) and not event.asked]
        assert len(received) == len(told)
        assert [frame for event in received for frame in event.frames] == frames
        assert session.data_to_send() == b""
        assert session.routine_codec is codec
    return True


@pytest.mark.parametrize(
    ("codec", "segments"),
    [
        pytest.param(ACREL, [REPORT], id="an upload"),
        pytest.param(ACREL, [REPORT, REPORT * 8, seal(0x94)], id="glued uploads, a heartbeat"),
        pytest.param(HJ212, [DATA], id="HJ 212"),
        pytest.param(HJ212, [DATA * 3, DATA], id="HJ 212 glued"),
    ],
)
def test_what_meters_send_all_day_is_routine(codec: Codec, segments: list[bytes]) -> None:
    assert check(codec, segments)


@pytest.mark.parametrize(
    ("codec", "segment"),
    [
        pytest.param(ACREL, LOGINS["acrel"], id="a login"),
        pytest.param(ACREL, seal(TIME), id="a request for the time"),
        pytest.param(ACREL, REPORT + seal(TIME), id="one glued to an upload"),
        pytest.param(ACREL, REPORT[:-1], id="half a frame"),
        pytest.param(ACREL, REPORT[1:], id="a frame without its head"),
        pytest.param(ACREL, REPORT[:-4] + b"\0\0}}", id="a checksum that does not fit"),
        pytest.param(ACREL, b"{{\x91}}" + REPORT, id="a frame too short for a checksum"),
        pytest.param(ACREL, seal(0x7F), id="a command that is none"),
        pytest.param(HJ212, DATA[:-2], id="no CR LF"),
        pytest.param(HJ212, DATA[:-3] + b"\r\n", id="a length that does not fit"),
        pytest.param(HJ212, DATA[:-6] + b"xyz0\r\n", id="no checksum"),
        pytest.param(HJ212, upload("PolId=a34004", cn="1013"), id="a request for the clock"),
        pytest.param(HJ212, upload("a=1", more="PNUM=2;PNO=1;"), id="a part of a packet"),
        pytest.param(HJ212, upload("a=\r1"), id="a CR inside"),
    ],
)
def test_what_wants_an_answer_or_a_second_look_is_none(codec: Codec, segment: bytes) -> None:
    assert routine_of(codec, [segment]) is None


def test_a_frame_that_goes_on_in_the_segment_of_another_is_no_routine() -> None:
    assert routine_of(ACREL, [REPORT[:9], REPORT[9:]]) is None
    assert routine_of(HJ212, [DATA[:40], DATA[40:]]) is None


@every_codec
def test_whatever_comes_is_judged_as_a_session_judges_it(codec: Codec) -> None:
    chance = random.Random(f"routine {codec.name}")
    raws = [vector.raw for vector in all_vectors() if vector.codec == codec.name]
    raws += [ACKS[UPLOAD], REPORT] if codec is ACREL else [DATA]
    mischiefs: list[Callable[[bytes], bytes]] = [
        lambda raw: raw,
        lambda raw: raw,
        lambda raw: raw + chance.choice(raws),
        lambda raw: raw[: chance.randrange(len(raw))],
        lambda raw: raw[chance.randrange(len(raw)) :],
        lambda raw: flipped(raw, chance),
    ]
    judged = [
        check(codec, [chance.choice(mischiefs)(chance.choice(raws)) for _ in range(size)])
        for size in (1, 1, 2, 3)
        for _ in range(300)
    ]
    assert 0 < sum(judged) < len(judged)


def flipped(raw: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(8 * len(raw))
    changed = bytearray(raw)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
