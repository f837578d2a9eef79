"""What a target of a codec begins with: one stream, cut, claimed, read, decoded and answered."""

from random import Random
from typing import NamedTuple

from fuzz.contract import (
    RECEIVED_AT,
    batch_of,
    check_acknowledged,
    check_columns,
    check_conversation,
    check_recognised,
    check_singly,
    cut_checked,
    zone_of,
)
from fuzz.work import Work

from wattwarden.protocol.codec import Batch, Codec, Columns, ProfileOf
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.recognition import MAX_HEAD_BYTES


class Heard(NamedTuple):
    """The frames of a stream as a batch, and what they mean."""

    batch: Batch
    columns: Columns


def hear(codec: Codec, data: bytes, rng: Random, profile_of: ProfileOf = zone_of) -> Heard | None:
    """Hold what every codec promises for one stream; None when no frame is in it."""
    check_recognised(codec, data[:MAX_HEAD_BYTES], rng)
    frames = cut_checked(codec, data, profile_of)
    batch = batch_of(frames, profile_of, rng)
    columns = codec.decode(batch)
    check_columns(batch, columns)
    if not frames:
        return None
    check_conversation(codec, frames, profile_of, RECEIVED_AT)
    check_acknowledged(codec, batch, rng)
    if len(frames) > 1:
        check_singly(codec, batch, columns, rng)
    return Heard(batch, columns)


def check_work(codec: Codec, data: bytes, most_a_byte: int) -> None:
    """Framing looks at each byte so many times at most, whatever the bytes are."""
    work = Work(codec.outline)
    Framer(work).feed(data)
    assert work.looked_at_bytes <= most_a_byte * len(data), "framing costs more than linear"
