"""Whose frames are whose: on the port, and for ``decode``."""

from tests.codecs.mischief import Vector, all_vectors, of_each

from wattwarden.codecs import load_codecs, port_codecs
from wattwarden.protocol.codec import Claim
from wattwarden.tools.decoding import NAMELESS, Decoder

CODECS = load_codecs()
PORT = port_codecs()
GOOD = [vector for vector in all_vectors() if vector.accepted and vector.codec in CODECS]

every = of_each(GOOD)


@every
def test_on_the_port_a_frame_has_one_codec_and_modbus_none(vector: Vector) -> None:
    claims = {codec.name for codec in PORT if codec.recognise(vector.raw) is Claim.YES}
    assert claims == ({vector.codec} if CODECS[vector.codec].is_guessed else set())


@every
def test_decode_gives_each_frame_its_own_codec(vector: Vector) -> None:
    who = vector.identity or NAMELESS
    decoder = Decoder(list(CODECS.values()), vector.profile_of, nameless=who)
    owners = {piece.codec.name if piece.codec else None for piece in decoder.cut(vector.raw)}
    assert owners == {vector.codec}


def test_only_whole_frames_that_name_their_meter_may_come_as_datagrams() -> None:
    datagrams = {name for name, codec in CODECS.items() if codec.is_datagram}
    assert datagrams == {"acrel", "dlt645", "dlt698", "gdw376"}


def test_modbus_is_never_guessed() -> None:
    assert not CODECS["modbus"].is_guessed
    assert {codec.name for codec in PORT} == {
        name for name, codec in CODECS.items() if codec.is_guessed
    }
