"""What meters said, read out of frames anew."""

import numpy as np
import pytest
from tests.storage.fakes import DEADLY, FAKE, NOON, reading

from wattwarden.protocol.codec import default_profile
from wattwarden.protocol.envelope import Envelope, SessionRow
from wattwarden.storage.proof.frames import Sent, blocks_of, read_blocks, written
from wattwarden.storage.proof.said import Terms, decode_sent
from wattwarden.storage.rows.binding import ClockBounds

BOUNDS = ClockBounds(ahead_s=300, retention_days=1100)


def sent_by(identity: str, frames: list[bytes]) -> Sent:
    envelope = Envelope(
        1, FAKE.name, "g.0", 1, b"", NOON,
        [SessionRow(1, "p:1", identity)],
        [],
        np.full(len(frames), NOON, "<i8").tobytes(),
        np.array([len(one) for one in frames], "<u4").tobytes(),
        np.zeros(len(frames), "<u4").tobytes(),
        np.full(len(frames), -1, "<i4").tobytes(),
        b"".join(frames),
    )  # fmt: skip
    blocks = b"".join(written(block) for _, block in blocks_of(envelope, 0, 1, NOON))
    return Sent(FAKE.name, identity, read_blocks(blocks))


@pytest.mark.parametrize("how", ["SIGSEGV", "exit"])
def test_a_frame_that_ends_its_decoder_is_counted_and_its_neighbours_are_read(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("wattwarden.storage.proof.said.load_codecs", lambda: {FAKE.name: FAKE})
    sent = [sent_by("m1", [reading("m1"), DEADLY[how]]), sent_by("m2", [reading("m2")])]
    names = [f"{FAKE.name}:m1", f"{FAKE.name}:m2"]

    decoded = decode_sent(sent, names, Terms({FAKE.name: default_profile}, BOUNDS))

    assert decoded.refused == 1
    assert [len(decoded.said[name].readings["at"]) for name in names] == [1, 1]
