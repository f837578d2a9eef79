"""HJ 212: where frames begin and end."""

import pytest
from tests.codecs.hj212_frames import MN, batch, frame, upload, with_key
from tests.codecs.hj212_vectors import SECRET, TIME, every_good
from tests.codecs.mischief import Vector

from wattwarden.codecs.hj212.frame import MAX_SEGMENT_BYTES, OUTLINE, recognise
from wattwarden.codecs.hj212.message import read
from wattwarden.codecs.hj212.proof import confirm
from wattwarden.protocol.codec import Claim, default_profile
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import FRAME, MORE, NOISE


@pytest.mark.parametrize(
    ("head", "claim"),
    [
        (b"", Claim.MORE), (b"#", Claim.MORE), (b"##", Claim.MORE), (b"##010", Claim.MORE),
        (b"##0101", Claim.YES), (b"##0101QN=", Claim.YES), (b"##4096", Claim.YES),
        (b"##4097", Claim.NO), (b"##9999", Claim.NO), (b"##01x", Claim.NO), (b"###", Claim.NO),
        (b"#a", Claim.NO), (b"{{", Claim.NO), (b"GET / HTTP/1.1", Claim.NO),
    ],
)  # fmt: skip
def test_a_connection_is_known_by_two_hashes_and_a_length(head: bytes, claim: Claim) -> None:
    assert recognise(head) is claim


FORGETFUL = SECRET[:-15] + SECRET[-8:-2]


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(b"\r\n", id="nothing"),
        pytest.param(b"\r\n" + upload(TIME), id="a neighbour"),
        pytest.param(b"\r&&ABCD\r\n", id="what looks like its end"),
    ],
)
def test_ciphertext_ends_where_its_tail_was_forgotten_whatever_follows(
    behind: bytes, size: int
) -> None:
    stream = FORGETFUL + behind
    assert len(SECRET.rstrip()) - len(FORGETFUL) == len(TIME) % 16 == 7
    framer = Framer(OUTLINE)
    drips = [stream[at : at + size] for at in range(0, len(stream), size)]
    frames = [raw.rstrip() for drip in drips for raw in framer.feed(drip)]
    assert frames[0] == FORGETFUL


def test_a_length_beyond_the_bound_waits_for_nothing() -> None:
    framer = Framer(OUTLINE)
    assert framer.feed(b"##9999QN=2026") == []
    assert framer.pending_bytes == 0


def test_the_longest_segment_is_taken() -> None:
    room = MAX_SEGMENT_BYTES - len(upload("")) + 12
    raw = upload("x" * room)
    assert raw[2:6] == b"4096"
    assert Framer(OUTLINE).feed(raw) == [raw.rstrip()]


@pytest.mark.parametrize("tail", [b"", b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("case", [bytes.upper, bytes.lower], ids=["upper", "lower"])
def test_the_end_of_line_and_the_case_of_the_checksum_are_free(tail: bytes, case: object) -> None:
    whole = upload(TIME).rstrip()
    crc_text = whole[-4:].lower() if case is bytes.lower else whole[-4:].upper()
    raw = whole[:-4] + crc_text + tail
    assert Framer(OUTLINE).feed(raw * 3) == [raw] * 3
    assert confirm(batch(raw)).tolist() == [True]
    assert read(raw, default_profile).meter == MN


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        pytest.param(upload(TIME), FRAME, id="text"),
        pytest.param(upload(TIME).replace(b"2026", b"2027"), NOISE, id="changed text"),
        pytest.param(SECRET, FRAME, id="ciphertext"),
        pytest.param(SECRET.replace(b"Flag=9", b"Flag=5"), NOISE, id="ciphertext before 2025"),
        pytest.param(upload(TIME)[:-8], MORE, id="cut short"),
        pytest.param(frame("CN=2011;MN=1"), NOISE, id="no CP"),
    ],
)
def test_strict_cutting_leaves_no_checksum_open_but_that_of_ciphertext(
    raw: bytes, verdict: object
) -> None:
    assert OUTLINE.cut_strictly(raw, 0)[0] is verdict


@every_good
def test_damaged_text_never_passes_for_ciphertext(vector: Vector) -> None:
    if "key" in vector.record:
        return
    for place in range(6, len(vector.raw.rstrip()) - 4):
        broken = bytearray(vector.raw)
        broken[place] ^= 0x80
        assert OUTLINE.cut_strictly(bytes(broken), 0)[0] is NOISE


def test_confirming_many_frames_finds_the_broken_ones() -> None:
    raw = upload(TIME)
    broken = [
        raw.replace(b"2026", b"2027"), raw[:-8], b"", b"##", b"##00x1", raw[:-6] + b"00G0\r\n",
        raw + b"x", raw[1:], b"##4000" + raw[6:], b"##0000FFFE", raw.replace(b"##", b"#x"),
    ]  # fmt: skip
    frames = [raw, *broken, raw.rstrip(), SECRET]
    one = batch(*frames, profile_of=with_key())
    assert confirm(one).tolist() == [True, *[False] * len(broken), True, True]
    for index, found in enumerate(frames):
        alone = confirm(batch(found, profile_of=with_key()))
        assert alone.tolist() == [confirm(one)[index]]
