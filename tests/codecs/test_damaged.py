"""What is left of a frame that was damaged is explained byte by byte, and read or refused."""

from collections.abc import Iterator

from fuzz.contract import check_explained, check_written, read_checked
from tests.codecs.mischief import Vector, all_vectors, of_each

from wattwarden.codecs import load_codecs

CODECS = load_codecs()
every = of_each(vector for vector in all_vectors() if vector.codec in CODECS)


def damaged(raw: bytes) -> Iterator[bytes]:
    """The frame cut short, longer, with another first or last byte, and with another inside."""
    size = len(raw)
    yield from (raw[:end] for end in sorted({*range(min(size, 12)), size // 2, size - 2, size - 1}))
    yield raw + b"\0"
    yield raw + raw
    yield bytes([raw[0] ^ 0xFF]) + raw[1:]
    yield raw[:-1] + bytes([raw[-1] ^ 0xFF])
    for place in range(1, min(size, 14)):
        yield raw[:place] + bytes([raw[place] ^ 0x41]) + raw[place + 1 :]


@every
def test_every_byte_of_a_damaged_frame_is_explained(vector: Vector) -> None:
    for data in damaged(vector.raw):
        check_explained(CODECS[vector.codec], data)


@every
def test_a_damaged_frame_is_read_or_refused(vector: Vector) -> None:
    for data in damaged(vector.raw):
        read_checked(CODECS[vector.codec], data, vector.profile_of)


@every
def test_what_is_read_of_a_frame_is_written_and_read_again(vector: Vector) -> None:
    codec = CODECS[vector.codec]
    message = read_checked(codec, vector.raw, vector.profile_of)
    if message is not None and vector.accepted:
        check_written(codec, message, vector.profile_of)
