import numpy as np
from tests.storage.fakes import NOON

from wattwarden.protocol.envelope import Envelope, SessionRow
from wattwarden.storage.rows.gathering import Placed, gather


def envelope(frames: list[bytes], sessions: list[str], requests: list[bytes]) -> Envelope:
    count = len(frames)
    asked = [place if place < len(requests) else -1 for place in range(count)]
    return Envelope(
        1,
        "fake",
        "c",
        1,
        b"",
        NOON,
        [SessionRow(1, f"{name}:1", name) for name in sessions],
        requests,
        np.arange(NOON, NOON + count, dtype="<i8").tobytes(),
        np.array([len(frame) for frame in frames], "<u4").tobytes(),
        (np.arange(count, dtype="<u4") % len(sessions)).astype("<u4").tobytes(),
        np.array(asked, "<i4").tobytes(),
        b"".join(frames),
    )


FIRST = envelope([b"a", b"bb", b""], ["s1", "s2"], [b"?1"])
SECOND = envelope([b"cc", b"ddd"], ["s3"], [b"?2"])


def test_envelopes_become_one_batch_that_remembers_where_each_frame_was() -> None:
    gathered = gather("fake", 1, [Placed(7, 3, FIRST), Placed(9, 4, SECOND)])

    assert gathered.batch.frames() == [b"a", b"bb", b"", b"cc", b"ddd"]
    assert gathered.sequence.tolist() == [7, 7, 7, 9, 9]
    assert gathered.index.tolist() == [0, 1, 2, 0, 1]
    assert gathered.step.tolist() == [3, 3, 3, 4, 4]
    assert gathered.batch.received_at.tolist() == [NOON, NOON + 1, NOON + 2, NOON, NOON + 1]
    frames = range(5)
    assert [gathered.identity(frame) for frame in frames] == ["s1", "s2", "s1", "s3", "s3"]
    assert [gathered.peer(frame) for frame in frames] == ["s1:1", "s2:1", "s1:1", "s3:1", "s3:1"]
    assert [gathered.request(frame) for frame in frames] == [b"?1", None, None, b"?2", None]


def test_a_part_of_a_batch_is_a_batch() -> None:
    gathered = gather("fake", 1, [Placed(7, 3, FIRST), Placed(9, 4, SECOND)])

    part = gathered.part(1, 4)

    assert part.frames() == [b"bb", b"", b"cc"]
    assert part.received_at.tolist() == [NOON + 1, NOON + 2, NOON]
    assert [part.identities[place] for place in part.session] == ["s2", "s1", "s3"]
    assert gathered.part(0, 5) is gathered.batch
