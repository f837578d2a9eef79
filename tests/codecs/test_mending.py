"""Masters' requests with a wrong checksum: read by whoever looks, and by no connection."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.codecs.mischief import NOW, Vector, all_vectors

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Codec, default_profile
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.framer import Framer
from wattwarden.tools.decoding import Decoded, Decoder

MENDING: Final = [codec for codec in load_codecs().values() if codec.mend is not None]
# As published: the sums do not fit.
WRITE: Final = bytes.fromhex("011010020001020003b683")
QUERY: Final = bytes.fromhex(
    "6839013901684b02438b07140d6f02010114251211020104142512110401011425121110010414251211080101142512"
    "110801041425121110010114251211100104142512112001011425121120010414251211e916"
)
COILS: Final = bytes.fromhex("110f0013000a02cd010000")
SOUND: Final = [
    vector for vector in all_vectors() if vector.accepted and vector.codec in ("gdw376", "modbus")
]


def mended(codec: Codec, frame: bytes) -> bytes | None:
    assert codec.mend is not None
    return codec.mend(frame)


@pytest.mark.parametrize(
    ("frame", "kind", "told"),
    [
        (WRITE, "write_registers", {"start": 4098, "registers": [3]}),
        (QUERY, "query_class2", {"AFN": "0D", "A2": 1931}),
    ],
)
def test_a_request_is_shown_with_what_is_wrong_with_it(
    frame: bytes, kind: str, told: dict[str, object]
) -> None:
    decoder = Decoder([*load_codecs().values()], default_profile)
    [result] = decoder.decode(frame, NOW)
    assert isinstance(result, Decoded)
    assert result.message.kind == kind
    assert told.items() <= result.message.fields.items()
    assert [fault.kind for fault in result.refused] == [Refusal.CHECKSUM]
    assert not result.values
    assert not result.reply


@pytest.mark.parametrize("frame", [WRITE, QUERY])
def test_no_connection_reads_it(frame: bytes) -> None:
    for codec in MENDING:
        assert Framer(codec.outline).feed(frame) == []
        with pytest.raises(ProtocolError):
            codec.read(frame, default_profile)


def test_only_the_checksum_is_mended() -> None:
    [modbus] = [codec for codec in MENDING if codec.name == "modbus"]
    for frame in (WRITE, COILS):
        whole = mended(modbus, frame)
        assert whole is not None
        assert whole[:-2] == frame[:-2]
        assert modbus.read(whole, default_profile).kind.startswith("write_")
        assert mended(modbus, whole) is None
        for broken in (frame[:-1], frame + b"\0", frame[:5] + b"\x63" + frame[6:], frame[:6]):
            assert mended(modbus, broken) is None


@pytest.mark.parametrize(
    "frame",
    [
        QUERY[:-2] + b"\x00\x17",
        bytes.fromhex("aa1012340000000000"),
        bytes.fromhex("000f000000040101010f"),
        bytes.fromhex("010f000007b9f7") + bytes(0xF7 + 2),
    ],
    ids=["another tail", "nothing is written", "Modbus TCP", "too many coils"],
)
def test_what_lacks_more_is_not_mended(frame: bytes) -> None:
    assert [mended(codec, frame) for codec in MENDING] == [None, None]


def is_up(vector: Vector) -> bool:
    return bool(vector.raw[6] & 0x80)


def test_what_meters_say_is_never_mended() -> None:
    [gdw376] = [codec for codec in MENDING if codec.name == "gdw376"]
    frames = [vector for vector in SOUND if vector.codec == "gdw376"]
    ups = [vector for vector in frames if is_up(vector)]
    downs = [vector for vector in frames if not is_up(vector)]
    assert ups
    assert downs
    for vector, is_mended in [(one, False) for one in ups] + [(one, True) for one in downs]:
        wrong = bytearray(vector.raw)
        wrong[-2] ^= 1
        assert (mended(gdw376, bytes(wrong)) == vector.raw) is is_mended, vector
        assert mended(gdw376, vector.raw) is None


@given(st.binary(max_size=64), st.sampled_from([WRITE, QUERY, COILS]), st.integers(0, 90))
def test_what_is_mended_is_a_frame(noise: bytes, frame: bytes, place: int) -> None:
    for codec in MENDING:
        for raw in (noise, frame[:place] + noise + frame[place + len(noise) :]):
            whole = mended(codec, raw)
            if whole is not None:
                assert Framer(codec.outline).feed(whole)[:1] == [whole]
                assert len(whole) == len(raw)
                assert whole[:-2] == raw[:-2]
