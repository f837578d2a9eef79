"""The answers to uploads, made once the journal has them."""

import numpy as np

from wattwarden.codecs.hj212.cipher import BLOCK_BYTES, begins_sealed, encrypt, is_ciphertext
from wattwarden.codecs.hj212.frame import framed
from wattwarden.codecs.hj212.header import (
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    VERSION_2025,
    facts_of,
    number_and_rest,
    read_header,
    version_of,
)
from wattwarden.protocol.checksum import hj212_many
from wattwarden.protocol.codec import DEFAULT_PROFILE, Batch, Profile, ProfileOf
from wattwarden.protocol.errors import ProtocolError


def profile_for(meter: str | None, profile_of: ProfileOf) -> Profile:
    """Return the profile of a meter, the default for a frame that names none."""
    return DEFAULT_PROFILE if meter is None else profile_of(meter)


def seal(segment: bytes, crc: int, profile: Profile) -> bytes:
    """Make the frame of a segment, its data encrypted when those of the meter are."""
    if profile.key is not None:
        head, mark, data = segment.partition(CP_BEGIN)
        if version_of(read_header(head)) < VERSION_2025:
            return framed(segment, crc)
        try:
            segment = head + mark + encrypt(data[: -len(CP_END)], profile.key) + CP_END
        except ProtocolError:  # a key of the wrong size: what cannot be encrypted is not said
            return b""
    return framed(segment, crc)


def acknowledge(batch: Batch) -> list[bytes]:
    """Return the 9014 for each upload that wants an answer, b"" for every other frame.

    For frames that ``confirm`` has confirmed.  Each part of a split packet is answered by itself;
    what nobody could decrypt, and so nobody could check, is not answered.
    """
    answers = [b""] * len(batch)
    waiting: list[tuple[int, bytes, Profile]] = []
    for index, frame in enumerate(batch.frames()):
        at = frame.find(CP_BEGIN)
        number, rest = number_and_rest(frame[HEAD_BYTES:at])
        facts = facts_of(rest)
        if not facts.answer:
            continue
        profile = profile_for(facts.address, batch.profile_of)
        if facts.may_be_sealed and profile.key is None and _is_ciphertext(frame, at):
            continue
        data = str(profile.options.get("ack_cp", "")).encode() if profile.options else b""
        waiting.append((index, number + facts.answer + data + CP_END, profile))
    if not waiting:
        return answers
    segments = [segment for _, segment, _ in waiting]
    ends = np.cumsum([len(segment) for segment in segments])
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    checksums = hj212_many(np.frombuffer(b"".join(segments), np.uint8), starts, ends).tolist()
    for (index, segment, profile), crc in zip(waiting, checksums, strict=True):
        answers[index] = seal(segment, crc, profile)
    return answers


def _is_ciphertext(frame: bytes, data_mark: int) -> bool:
    """Whether the data of a frame, behind the mark at which they begin, look encrypted."""
    data = data_mark + len(CP_BEGIN)
    if not begins_sealed(frame[data : data + BLOCK_BYTES]):
        return False
    return is_ciphertext(frame[HEAD_BYTES : frame.rfind(CP_END) + len(CP_END)])
