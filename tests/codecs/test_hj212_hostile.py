"""HJ 212: whatever a peer sends is read or refused."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.hj212_frames import KEY, NOW, batch, frame, with_key
from tests.codecs.hj212_vectors import GOOD

from wattwarden.codecs.hj212 import CODEC
from wattwarden.codecs.hj212.answer import acknowledge
from wattwarden.codecs.hj212.dialogue import Hj212Dialogue
from wattwarden.codecs.hj212.explanation import explain
from wattwarden.codecs.hj212.frame import recognise
from wattwarden.codecs.hj212.message import read
from wattwarden.codecs.hj212.proof import confirm
from wattwarden.codecs.hj212.uploads import decode
from wattwarden.protocol.codec import Block, FactorBlock, Message
from wattwarden.protocol.errors import ProtocolError, Refusal

PIECES = st.sampled_from(
    [
        b"&&", b";", b",", b"=", b"CP=&&", b"MN=M;", b"PNUM=2;PNO=1;", b"Flag=11;", b"Flag=9;",
        b"RF=1;", b"CN=2011;", b"CN=2051;", b"CN=1013;", b"CN=9021;", b"CN=3020;", b"ST=44;",
        b"DataTime=20261122105900;", b"DataTime=00010101000000;", b"DataTime=99991231235959999;",
        b"DataTime=20260230000000;", b"-Rtd=", b"d10001-Rtd=1e308,d10001-Flag=D;", b"1_0", b"nan",
        b"i33201-Info=99999999999999999999;", b"g10201-Avg=3;", b"//", b"=//", b"\xff", b"\0", b"a",
    ]
)  # fmt: skip


SEGMENTS = st.lists(PIECES | st.binary(max_size=4), max_size=24).map(b"".join)


WRAPPED = (SEGMENTS | SEGMENTS.map(lambda raw: b"CN=2011;MN=M;CP=&&" + raw + b"&&")).map(frame)


MUTATED = st.builds(
    lambda vector, place, piece, drop: frame(
        vector.raw[6 : 6 + place] + piece + vector.raw[6 + place + drop : -6]
    ),
    st.sampled_from(GOOD), st.integers(0, 300), PIECES, st.integers(0, 20),
)  # fmt: skip


ANYTHING = (
    WRAPPED | MUTATED | st.binary(max_size=60) | MUTATED.map(lambda raw: raw[: len(raw) // 2])
)


KEYS = st.sampled_from([None, KEY, b"short"])


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(ANYTHING, max_size=4), key=KEYS)
def test_whatever_a_peer_sends_many_frames_are_taken_or_refused(
    frames: list[bytes], key: bytes | None
) -> None:
    one = batch(*frames, identity="me", profile_of=with_key(key))
    columns = decode(one)
    assert len(acknowledge(one)) == len(frames)
    assert [entry.frame for entry in columns.refused] == sorted(
        entry.frame for entry in columns.refused
    )
    sound = confirm(one)
    found: tuple[Block | FactorBlock, ...] = (*columns.blocks, *columns.factors)
    for block in found:
        assert all(sound[block.frame])
        assert len(block.at) == len(block.frame) == len(block.quality) == len(block.meter)
    Hj212Dialogue(with_key(key)).receive(frames, NOW)


def attempt(raw: bytes, key: bytes | None) -> Message | ProtocolError:
    try:
        return read(raw, with_key(key))
    except ProtocolError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(raw=ANYTHING, key=KEYS)
def test_whatever_a_peer_sends_one_frame_is_read_or_refused(raw: bytes, key: bytes | None) -> None:
    recognise(raw)
    assert b"".join(field.raw for field in explain(raw, None)) == raw
    sound = bool(confirm(batch(raw, profile_of=with_key(key)))[0])
    outcome = attempt(raw, key)
    if isinstance(outcome, Message):
        assert sound
        assert outcome.kind in CODEC.kinds
    else:
        assert (outcome.kind == Refusal.DECODE) is sound
        assert 0 <= outcome.offset <= max(len(raw), 2)
