"""Envelopes come back as they went in, and one that contradicts itself is refused."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fuzz.contract import RECEIVED_AT
from fuzz.envelope import (
    CONTRADICTIONS,
    NESTED_TOO_DEEP,
    check_contradiction,
    check_envelope,
    envelope_of,
    with_one_more,
)
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


def mixed(frames: list[bytes]) -> Envelope:
    """Frames of both sessions in turn, every other one asked for."""
    numbers = np.arange(len(frames)) % 2
    return envelope_of(
        frames,
        sessions=SESSIONS,
        requests=[b"ask"],
        session=numbers.astype("<u4").tobytes(),
        request=(numbers - 1).astype("<i4").tobytes(),
    )


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_an_envelope_comes_back_as_it_went_in(frames: list[bytes]) -> None:
    batch = check_envelope(mixed(frames)).batch()
    assert batch.frames() == frames
    assert batch.received_at.tolist() == [RECEIVED_AT + index for index in range(len(frames))]
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


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_an_envelope_that_contradicts_itself_is_refused(what: str) -> None:
    check_contradiction(mixed([b"ab", b"c"]), what)


TICK = Tick(FORMAT, number=7, second=1_700_000_000, covers_s=3)
OCCURRENCES = Occurrences(
    FORMAT,
    "gateway-0",
    [
        Occurrence(1, 1, "open", "127.0.0.1:5000"),
        Occurrence(2, 1, "login", "127.0.0.1:5000", "brace", "007"),
        Occurrence(3, 1, "close", "127.0.0.1:5000", "brace", "007", "silent"),
    ],
)
ALIVE = Alive(FORMAT, "gateway-0", at=5, sessions=2, refused=[(1, 4, "journal full")])
ENTRIES = [
    pytest.param(decode_envelope, mixed([b"ab"]), id="envelope"),
    pytest.param(decode_tick, TICK, id="tick"),
    pytest.param(decode_occurrences, OCCURRENCES, id="occurrences"),
    pytest.param(decode_alive, ALIVE, id="alive"),
]
Reader = Callable[[bytes], Any]
Entry = Envelope | Tick | Occurrences | Alive

every_entry = pytest.mark.parametrize(("reader", "entry"), ENTRIES)


@every_entry
def test_an_entry_comes_back_as_it_went_in(reader: Reader, entry: Entry) -> None:
    assert reader(encode(entry)) == entry


@every_entry
@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90"])
def test_what_is_none_is_refused(reader: Reader, entry: Entry, payload: bytes) -> None:
    for other in (payload, encode(entry)[:-1], encode(ALIVE if entry is TICK else TICK)):
        with pytest.raises(ValueError, match=r"Expected|truncated|malformed"):
            reader(other)


@every_entry
def test_an_entry_with_a_thousand_arrays_in_one_another_is_refused(
    reader: Reader, entry: Entry
) -> None:
    with pytest.raises(ValueError, match="recursion"):
        reader(with_one_more(encode(entry), NESTED_TOO_DEEP))


@pytest.mark.parametrize(("reader", "entry"), [each for each in ENTRIES if each.id != "tick"])
def test_an_entry_with_a_text_that_is_not_utf_8_is_refused(reader: Reader, entry: Entry) -> None:
    payload = encode(entry)
    assert b"gateway-0" in payload
    with pytest.raises(ValueError, match="utf-8") as caught:
        reader(payload.replace(b"gateway-0", b"gateway-\xff"))
    assert type(caught.value) is ValueError


def test_a_digest_is_the_sha_256_of_the_payload() -> None:
    payload = encode(envelope_of([b"ab"]))
    assert digest(payload) == hashlib.sha256(payload).digest()
    assert digest(payload) != digest(encode(envelope_of([b"ac"])))
