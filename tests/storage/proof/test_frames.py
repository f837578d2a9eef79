import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from tests.storage.proof.scene import START, entries

from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.envelope import Envelope, SessionRow, decode_envelope
from wattwarden.storage.moments import us_of
from wattwarden.storage.proof import frames as module
from wattwarden.storage.proof.day import Taken
from wattwarden.storage.proof.frames import (
    Block,
    Sent,
    blocks_of,
    gathered,
    read_blocks,
    written,
)
from wattwarden.storage.proof.statement import LeafKind

BLOCK = Block(
    shard=0, sequence=7, stored_at=8, peer="10.0.0.1:4", profile_version=2, requests=[b"ask"],
    index=np.array([3, 5], "<u4").tobytes(), received_at=np.array([1, 2], "<i8").tobytes(),
    lengths=np.array([2, 3], "<u4").tobytes(), request=np.array([0, -1], "<i4").tobytes(),
    data=b"aabbb",
)  # fmt: skip


def interleaved() -> Envelope:
    """Frames of two connections in turn; the second answers something."""
    frames = [b"a1", b"bb1", b"a2", b"bb2"]
    return Envelope(
        1, "x", "g.0", 1, b"", 9,
        [SessionRow(1, "p:1", "A"), SessionRow(2, "p:2", None, 4)],
        [b"q0", b"q1"],
        np.arange(4, dtype="<i8").tobytes(),
        np.array([len(one) for one in frames], "<u4").tobytes(),
        np.array([0, 1, 0, 1], "<u4").tobytes(),
        np.array([-1, 1, -1, -1], "<i4").tobytes(),
        b"".join(frames),
    )  # fmt: skip


def test_an_envelope_is_cut_by_connection_and_put_together_again() -> None:
    (first, a), (second, b) = blocks_of(interleaved(), 0, 5, 100)
    assert (first, second) == ("A", None)
    assert (a.data, b.data) == (b"a1a2", b"bb1bb2")
    assert (a.requests, b.requests, b.profile_version) == ([], [b"q0", b"q1"], 4)

    sent = [
        Sent("x", "A", read_blocks(written(a))),
        Sent("x", None, read_blocks(written(b) + written(b))),
    ]
    whole = gathered("x", sent, default_profile)
    frames = whole.batch.frames()
    assert sorted(frames) == [b"a1", b"a2", b"bb1", b"bb1", b"bb2", b"bb2"]
    for number, data in enumerate(frames):
        assert whole.identity(number) == ("A" if data.startswith(b"a") else None)
        assert whole.request(number) == (b"q1" if data == b"bb1" else None)
    assert set(zip(frames, whole.index.tolist(), strict=True)) == {
        (b"a1", 0), (b"bb1", 1), (b"a2", 2), (b"bb2", 3),
    }  # fmt: skip


def test_the_hash_of_a_senders_leaf_is_that_of_its_file() -> None:
    taken = Taken(lambda _, identity: identity is not None and identity.endswith("1"))
    some = entries()[:5]
    taken.take(0, some)

    ((name, data),) = taken.kept().items()
    (leaf,) = [one for one in taken.leaves() if one.name == ":".join(map(str, name))]
    assert leaf.sha256 == hashlib.sha256(data).hexdigest()
    assert leaf.count == read_blocks(data).frames == 5
    (shard,) = [one for one in taken.leaves() if one.kind is LeafKind.SHARD]
    assert shard.count == taken.records == 5
    assert taken.frames == sum(len(decode_envelope(one.payload)) for one in some)
    assert taken.received[0] == us_of(START) + 1_000_000
    (extent,) = taken.extents
    assert (extent.first, extent.last) == (1, 5)


def changed(**parts: object) -> Callable[[], bytes]:
    fields = {name: getattr(BLOCK, name) for name in Block.__struct_fields__}
    return lambda: written(Block(**{**fields, **parts}))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: b"\xff\xff\xff\xff", "MAX_BLOCK_BYTES"),
        (lambda: b"\0\0\0\0", "MAX_BLOCK_BYTES"),
        (lambda: written(BLOCK)[:-1], "MAX_BLOCK_BYTES"),
        (lambda: b"\0\0\0\1\xc0", "Expected"),
        (changed(index=b"\0\0\0\0"), "differ in length"),
        (changed(lengths=b"\0\0\0\0\0"), "differ in length"),
        (changed(data=b"aabb"), "do not sum"),
        (changed(request=np.array([1, -1], "<i4").tobytes()), "not listed"),
        (changed(request=np.array([0, -2], "<i4").tobytes()), "not listed"),
        (changed(index=b"", received_at=b"", lengths=b"", request=b"", data=b""), "without frames"),
    ],
    ids=[
        "giant length", "no length", "cut", "no block", "short column", "odd column", "short data",
        "request", "request before the first", "empty block",
    ],
)  # fmt: skip
def test_blocks_that_contradict_themselves_are_refused(
    made: Callable[[], bytes], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read_blocks(made())


def test_too_many_frames_are_refused_by_the_limits_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FRAMES", 1)
    with pytest.raises(ValueError, match="MAX_FRAMES"):
        read_blocks(written(BLOCK))
    assert read_blocks(b"").frames == 0
