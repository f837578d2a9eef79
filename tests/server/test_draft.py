"""An envelope while it fills: what frames continue stays with them."""

import pytest
from tests.server.fakes import FakeSource

from wattwarden.codecs.hj212 import CODEC
from wattwarden.protocol.codec import Routine, default_profile
from wattwarden.protocol.envelope import decode_envelope, encode
from wattwarden.server.draft import Draft

NOW = 1_795_316_400_000_000


def made_draft(*segments: tuple[list[bytes], dict[int, bytes]]) -> Draft:
    draft = Draft(CODEC, NOW)
    source = FakeSource("a")
    for frames, asked in segments:
        draft.ask(asked)
        draft.add(source, frames, NOW)
    return draft


def told(draft: Draft) -> dict[bytes, bytes | None]:
    """What each frame of the envelope continues; the batch of the live frames says the same."""
    frozen = draft.freeze()
    live = frozen.batch(default_profile)
    kept = decode_envelope(encode(frozen.envelope("c", 1, b"", NOW))).batch()
    assert live.request.tolist() == kept.request.tolist()
    assert live.requests == kept.requests
    numbers = kept.request.tolist()
    return {
        frame: kept.requests[number] if number >= 0 else None
        for frame, number in zip(kept.frames(), numbers, strict=True)
    }


def test_what_frames_continue_is_kept_in_a_table() -> None:
    draft = made_draft(([b"a", b"b"], {1: b"x"}), ([b"c"], {}), ([b"d", b"e"], {0: b"y", 1: b"x"}))
    assert told(draft) == {b"a": None, b"b": b"x", b"c": None, b"d": b"y", b"e": b"x"}
    assert draft.freeze().requests == (b"x", b"y")


@pytest.mark.parametrize("taken", [[0], [1], [0, 2], [1, 2, 3], [0, 1, 2, 3]])
def test_frames_taken_out_take_along_what_they_continue(taken: list[int]) -> None:
    draft = made_draft(([b"a", b"b"], {1: b"x"}), ([b"c", b"d"], {0: b"y"}))
    before = told(draft)
    gone = {frame for _, frame in draft.take_out(taken)}
    assert told(draft) == {frame: text for frame, text in before.items() if frame not in gone}


@pytest.mark.parametrize("taken", [[], [0], [1], [2]])
def test_replies_and_rows_keep_to_their_connections_whatever_is_taken_out(taken: list[int]) -> None:
    draft = Draft(CODEC, NOW)
    sources = [FakeSource("a"), FakeSource("b"), FakeSource("a again")]
    for source, frames in zip(sources, ([b"1", b"2"], [b"3"], [b"4"]), strict=True):
        draft.add(source, frames, NOW)
    draft.take_out(taken)
    frozen = draft.freeze()
    peers = [frozen.rows[number].peer for number in frozen.session]
    of = {b"1": "a", b"2": "a", b"3": "b", b"4": "a again"}
    assert peers == [of[frame] for frame in draft.frames()]
    draft.send(draft.frames())
    sent = {source.name: b"".join(source.sent) for source in sources}
    assert "".join(sorted(b"".join(sent.values()).decode())) == b"".join(draft.frames()).decode()
    assert all(of[bytes([byte])] == name for name, data in sent.items() for byte in data)


def test_segments_added_together_read_back_as_if_added_one_by_one() -> None:
    single, together = Draft(CODEC, NOW), Draft(CODEC, NOW)
    sources = [FakeSource("a"), FakeSource("b"), FakeSource("c")]
    for source, frames in zip(sources, ([b"1"], [b"22", b"3"], [b"4"]), strict=True):
        single.add(source, frames, NOW)
    together.add_many(sources, Routine(b"12234", [1, 2, 1, 1], [1, 2, 1]), NOW)
    one, other = (draft.freeze().envelope("c", 1, b"", NOW) for draft in (single, together))
    assert encode(one) == encode(other)
    together.send([b"x", b"y", b"z", b""])
    assert [source.sent for source in sources] == [[b"x"], [b"yz"], []]


@pytest.mark.parametrize("taken", [[], [0], [1, 2], [0, 1, 2, 3, 4]])
def test_each_frame_keeps_the_time_at_which_its_turn_came(taken: list[int]) -> None:
    draft = Draft(CODEC, NOW)
    source = FakeSource("a")
    draft.add(source, [b"1", b"2"], NOW)
    draft.add(source, [b"3"], NOW)
    draft.add_many([source, source], Routine(b"45", [1, 1], [1, 1]), NOW + 7)
    draft.take_out(taken)
    times = [at for index, at in enumerate([NOW] * 3 + [NOW + 7] * 2) if index not in taken]
    frozen = draft.freeze()
    assert frozen.received_at.tolist() == times
    assert [at for at, count in frozen.spans for _ in range(count)] == times
    assert draft.last_at == NOW + 7
