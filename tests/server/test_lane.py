"""Segments of one turn: together where they are routine, by their session where they are not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.server.fakes import FakeJournal, FakeSource

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.frame import ACKS, REGISTER, UPLOAD, seal
from wattwarden.codecs.acrel.message import encode
from wattwarden.protocol.codec import Codec, Message, Routine, default_profile
from wattwarden.protocol.envelope import decode_envelope
from wattwarden.protocol.events import SessionLimits
from wattwarden.protocol.session import Session
from wattwarden.server.chain import Chain
from wattwarden.server.lane import MOST_SEGMENTS, RECEIVE_BYTES, Lane

NOW = 1_795_316_400_000_000
FRAME = encode(Message("upload", fields={"serial": "1", "sections": []}))
LOGIN = seal(REGISTER, b"7" * 56)
LONGEST = seal(UPLOAD, b"." * (RECEIVE_BYTES - 7))


class FakePeer(FakeSource):
    """A connection whose lane is full, and that remembers what it was left to hear."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.session = Session((CODEC,), default_profile, SessionLimits(), 0)
        self.heard: list[bytes] = []

    def hear(self, data: bytes, now: int) -> None:
        assert now == NOW
        self.heard.append(data)


async def kept(
    peers: list[FakePeer], segments: list[bytes], codec: Codec = CODEC
) -> list[tuple[str, bytes]]:
    """Name and bytes of each frame that a turn with these segments brings into the journal."""
    journal = FakeJournal()
    chain = Chain(journal, 0, "gw", lambda _: default_profile, lambda: NOW, lambda *_: None)
    lane = Lane(codec, chain)
    lane.sources += peers
    lane.segments += segments
    lane.end_turn(NOW)
    assert (lane.sources, lane.segments) == ([], [])
    chain.close()
    await asyncio.wait_for(chain.run(), 60)
    batches = [decode_envelope(payload).batch() for _, _, payload, _ in journal.stored]
    envelopes = [decode_envelope(payload) for _, _, payload, _ in journal.stored]
    return [
        (envelope.sessions[number].peer, frame)
        for envelope, batch in zip(envelopes, batches, strict=True)
        for number, frame in zip(batch.session.tolist(), batch.frames(), strict=True)
    ]


@pytest.mark.parametrize("strange", [[], [0], [2], [4], [1, 2], [0, 1, 2, 3, 4]])
async def test_only_what_is_no_routine_is_left_to_its_session(strange: list[int]) -> None:
    peers = [FakePeer(str(number)) for number in range(5)]
    usual = [FRAME, FRAME + FRAME, FRAME, FRAME * 3, FRAME]
    segments = [LOGIN if number in strange else data for number, data in enumerate(usual)]
    found = await kept(peers, segments)
    assert found == [
        (peer.name, FRAME)
        for number, (peer, data) in enumerate(zip(peers, usual, strict=True))
        if number not in strange
        for _ in range(data.count(FRAME))
    ]
    for number, (peer, data) in enumerate(zip(peers, usual, strict=True)):
        assert peer.heard == ([LOGIN] if number in strange else [])
        assert peer.session.heard_at == (0 if number in strange else NOW)
        assert b"".join(peer.sent) == (
            b"" if number in strange else ACKS[UPLOAD] * data.count(FRAME)
        )


async def test_a_turn_that_fills_several_envelopes_is_kept_whole() -> None:
    peers = [FakePeer(str(number)) for number in range(3 * MOST_SEGMENTS)]
    found = await kept(peers, [LONGEST] * len(peers))
    assert found == [(peer.name, LONGEST) for peer in peers]
    assert all(peer.sent == [ACKS[UPLOAD]] for peer in peers)


async def test_what_the_routine_stumbles_over_is_left_to_its_session() -> None:
    def judge(segments: Sequence[bytes]) -> Routine | None:
        if b"poison" in segments:
            raise ZeroDivisionError
        return CODEC.routine(segments) if CODEC.routine is not None else None

    peers = [FakePeer(str(number)) for number in range(3)]
    codec = replace(CODEC, routine=judge)
    found = await kept(peers, [FRAME, b"poison", FRAME], codec)
    assert [peer.heard for peer in peers] == [[], [b"poison"], []]
    assert found == [("0", FRAME), ("2", FRAME)]
