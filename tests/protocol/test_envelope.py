"""Envelopes come back as they went in, and one that contradicts itself is refused."""

import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.codec import Profile
from wattwarden.protocol.envelope import (
    FORMAT,
    MAX_ENVELOPE_FRAMES,
    Alive,
    Envelope,
    Occurrence,
    Occurrences,
    SessionRow,
    Tick,
    decode_alive,
    decode_envelope,
    decode_occurrences,
    decode_tick,
    digest,
    encode,
)

SESSIONS = [SessionRow(1, "127.0.0.1:5000", "007"), SessionRow(2, "[::1]:5000", None, 3, "key-9")]


def envelope_of(frames: list[bytes], **changes: Any) -> Envelope:
    count = len(frames)
    envelope = Envelope(
        format=FORMAT,
        codec="brace",
        chain="gateway-1/0",
        number=1,
        previous=b"",
        sealed_at=1_700_000_000_000_000,
        sessions=SESSIONS,
        requests=[b"ask"],
        received_at=np.arange(count, dtype="<i8").tobytes(),
        lengths=np.array([len(frame) for frame in frames], "<u4").tobytes(),
        session=(np.arange(count) % 2).astype("<u4").tobytes(),
        request=(np.arange(count) % 2 - 1).astype("<i4").tobytes(),
        data=b"".join(frames),
    )
    return msgspec.structs.replace(envelope, **changes)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_an_envelope_comes_back_as_it_went_in(frames: list[bytes]) -> None:
    envelope = envelope_of(frames)
    again = decode_envelope(encode(envelope))
    assert again == envelope
    assert len(again) == len(frames)
    batch = again.batch()
    assert batch.frames() == frames
    assert batch.received_at.tolist() == list(range(len(frames)))
    assert [batch.identities[row] for row in batch.session] == [
        SESSIONS[index % 2].identity for index in range(len(frames))
    ]
    assert batch.request.tolist() == [index % 2 - 1 for index in range(len(frames))]
    assert batch.requests == (b"ask",)


def test_the_batch_of_an_envelope_takes_the_profiles_it_is_given() -> None:
    profile = Profile(cycle_s=60)
    assert envelope_of([b"a"]).batch(lambda _address: profile).profile_of("007") is profile


def test_the_fullest_envelope_comes_back_with_every_frame_in_its_place() -> None:
    frames = [b"%04d" % index for index in range(MAX_ENVELOPE_FRAMES)]
    assert decode_envelope(encode(envelope_of(frames))).batch().frames() == frames


def test_reasons_come_back_with_what_no_framer_accepted() -> None:
    envelope = envelope_of([b"a", b"b"], codec="unknown", reasons=["noise", "HTTP request"])
    assert decode_envelope(encode(envelope)) == envelope


COLUMN = np.array([0, 0], "<u4").tobytes()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"format": 2}, "format 2, 1 is known", id="another format"),
        pytest.param({"lengths": COLUMN[:7]}, "differ in length", id="a broken column of lengths"),
        pytest.param({"received_at": COLUMN}, "differ in length", id="too few times"),
        pytest.param({"session": COLUMN + COLUMN}, "differ in length", id="too many sessions"),
        pytest.param({"request": COLUMN[:5]}, "differ in length", id="a broken column of requests"),
        pytest.param({"data": b"ab"}, "do not sum", id="too few bytes"),
        pytest.param({"data": b"abcd"}, "do not sum", id="too many bytes"),
        pytest.param({"reasons": ["noise"]}, "1 reasons for 2 frames", id="too few reasons"),
        pytest.param({"sessions": SESSIONS[:1]}, "session that is not listed", id="no session"),
        pytest.param({"requests": []}, "request that is not listed", id="no such request"),
        pytest.param(
            {"request": np.array([-2, 0], "<i4").tobytes()},
            "request that is not listed",
            id="a request before the first",
        ),
    ],
)
def test_an_envelope_that_contradicts_itself_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    payload = encode(envelope_of([b"ab", b"c"], **changes))
    with pytest.raises(ValueError, match=complaint) as caught:
        decode_envelope(payload)
    assert "gateway-1/0:1" in str(caught.value)


def test_an_envelope_with_too_many_frames_is_refused() -> None:
    payload = encode(envelope_of([b""] * (MAX_ENVELOPE_FRAMES + 1)))
    with pytest.raises(ValueError, match="4097 frames, at most 4096"):
        decode_envelope(payload)


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90", encode(Tick(FORMAT, 1, 2, 3))])
def test_what_is_no_envelope_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_envelope(payload)


def test_every_other_entry_comes_back_as_it_went_in() -> None:
    tick = Tick(FORMAT, number=7, second=1_700_000_000, covers_s=3)
    assert decode_tick(encode(tick)) == tick
    occurrences = Occurrences(
        FORMAT,
        "gateway-1",
        [
            Occurrence(1, 1, "open", "127.0.0.1:5000"),
            Occurrence(2, 1, "login", "127.0.0.1:5000", "brace", "007"),
            Occurrence(3, 1, "close", "127.0.0.1:5000", "brace", "007", "silent"),
        ],
    )
    assert decode_occurrences(encode(occurrences)) == occurrences
    alive = Alive(FORMAT, "gateway-1", at=5, sessions=2, refused=[(1, 4, "journal full")])
    assert decode_alive(encode(alive)) == alive


def test_a_digest_is_the_sha_256_of_the_payload() -> None:
    payload = encode(envelope_of([b"ab"]))
    assert digest(payload) == hashlib.sha256(payload).digest()
    assert digest(payload) != digest(encode(envelope_of([b"ac"])))
