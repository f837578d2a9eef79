"""Bytes that may stand before a frame, and what hostile streams of such frames cost."""

import pytest
from fuzz.work import Work

from wattwarden.codecs.dlt645.frame import OUTLINE as DLT645
from wattwarden.codecs.dlt645.frame import seal
from wattwarden.codecs.gdw376.frame import OUTLINE as GDW376
from wattwarden.protocol import ft12
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.outline import Outline

FRAME = seal("201611223344", 0x91, bytes.fromhex("000101020122"))


def drips(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("count", [0, 1, 4, 40])
def test_a_preamble_belongs_to_no_frame_and_is_no_noise(count: int) -> None:
    stream = (b"\xfe" * count + FRAME) * 3
    for pieces in ([stream], drips(stream)):
        framer = Framer(DLT645)
        assert [frame for piece in pieces for frame in framer.feed(piece)] == [FRAME] * 3
        assert framer.take_noise() == b""


def test_a_preamble_behind_noise_is_noise() -> None:
    framer = Framer(DLT645)
    assert framer.feed(b"\x00\xfe\xfe" + FRAME) == [FRAME]
    assert framer.take_noise() == b"\x00\xfe\xfe"


def hostile(size: int) -> bytes:
    """Headers of 376.1 on each other's heels, each of a frame that ends with 16 and fails."""
    header = bytes.fromhex("68163f163f68")
    return (header * (size // len(header) + 1))[:size]


@pytest.mark.parametrize(
    ("outline", "most_a_byte"),
    [(DLT645, DLT645.most_bytes), (GDW376, ft12.MOST_BYTES // 5)],
    ids=["dlt645", "gdw376"],
)
def test_twice_the_garbage_is_no_more_than_twice_the_work(
    outline: Outline, most_a_byte: int
) -> None:
    looked_at = []
    for size in (40_000, 80_000):
        work = Work(outline)
        Framer(work).feed(hostile(size // 2) + b"\x68" * (size // 2))
        looked_at.append(work.looked_at_bytes / size)
        assert work.cuts <= size
    assert looked_at[1] <= most_a_byte
    assert looked_at[1] <= 2.2 * max(1.0, looked_at[0])
